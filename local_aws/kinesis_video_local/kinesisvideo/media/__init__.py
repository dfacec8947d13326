"""The media plane: video in by PutMedia, and out as images, notifications, metrics, fragments and GetMedia.

What AWS documents, or what its own producers were seen to need, is done that way; docs/local-aws.md lists what is done
beyond that. What a change here adds to it belongs there.
"""

from __future__ import annotations

from .media_plane import FAULTS, MediaPlane
from .metrics import Record

__all__ = ["FAULTS", "MediaPlane", "Record"]
