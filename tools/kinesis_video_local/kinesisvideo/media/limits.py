"""The limits of PutMedia.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/limits.html and
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_dataplane_PutMedia.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a connection and a fragment may have; the defaults are the service's."""

    connection_seconds: float = 45 * 60
    """How long a connection may be open."""
    fragment_milliseconds: int = 20_000
    """How long a fragment may be."""
    fragment_bytes: int = 50_000_000
    """How large a fragment may be."""
    tracks: int = 3
    """How many tracks the header may have."""
    tags: int = 10
    """How many tags a fragment may have, the end-of-fragment tag among them."""
    tag_name_bytes: int = 128
    """How long the name of a tag may be."""
    tag_value_bytes: int = 256
    """How long the value of a tag may be."""
    bytes_per_second: float = 12_500_000
    """How fast a connection is read."""
    fragments_per_second: int = 5
    """How many fragments of a connection are read in a second."""
    idle_seconds: float = 30
    """How long a connection may bring no data."""
    idle_acknowledgement_seconds: float = 10
    """How often a connection without data is told so."""


SERVICE_LIMITS = Limits()
"""The service's own."""
