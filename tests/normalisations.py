"""How the service may store what it is given, for whoever asks whether a stream has what is declared.

Nobody knows what the service makes of a configuration, so each row is tried by all who compare: Delete and a hand-over
(tests/handler), the monitor, its repair and the command `diff` (tests/drift), a fleet (tests/fleet), and in both
directions (tests/configuration).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest


class Normalisation(NamedTuple):
    what: str
    declared: dict[str, Any]
    """What the declaration has in the place of `DECLARED`'s fields; None for a field that is left out."""
    found: dict[str, Any]
    """What Describe has in the place of the declared fields, likewise."""
    fields: list[str]
    """In which the two differ; none of them if it is neutral."""

    def configurations(self, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is declared and what is found, made of this configuration."""
        declared = {name: value for name, value in {**given, **self.declared}.items() if value is not None}
        found = {name: value for name, value in {**declared, **self.found}.items() if value is not None}
        return declared, found


def _uri(end: str) -> dict[str, Any]:
    return {"DestinationConfig": {"Uri": f"s3://camera-images{end}", "DestinationRegion": "us-east-1"}}


PNG = {"Format": "PNG", "FormatConfig": None}
WITHOUT_REGION = {"DestinationConfig": {"Uri": "s3://camera-images/front-door/"}}
UNSIZED = {"WidthPixels": None, "HeightPixels": None}
QUALITY, REGION = "FormatConfig.JPEGQuality", "DestinationConfig.DestinationRegion"
TABLE = [
    # A number for its text.
    Normalisation("the quality as a number", {}, {"FormatConfig": {"JPEGQuality": 80}}, []),
    Normalisation("the interval as text", {}, {"SamplingInterval": "3000"}, []),
    Normalisation("the width as text", {}, {"WidthPixels": "640"}, []),
    # 80 is the documented default.
    Normalisation("the quality left out", {}, {"FormatConfig": None}, []),
    Normalisation("an empty map for the quality", {}, {"FormatConfig": {}}, []),
    Normalisation("an empty quality", {}, {"FormatConfig": {"JPEGQuality": ""}}, []),
    Normalisation("the default filled in", {"FormatConfig": None}, {"FormatConfig": {"JPEGQuality": "80"}}, []),
    Normalisation("another quality", {}, {"FormatConfig": {"JPEGQuality": "81"}}, [QUALITY]),
    Normalisation("a lost quality", {"FormatConfig": {"JPEGQuality": "50"}}, {"FormatConfig": {}}, [QUALITY]),
    # A PNG has no quality.
    Normalisation("a PNG with the default", PNG, {"FormatConfig": {"JPEGQuality": "80"}}, []),
    Normalisation("a PNG with another quality", PNG, {"FormatConfig": {"JPEGQuality": 50}}, []),
    Normalisation("a PNG with an empty map", PNG, {"FormatConfig": {}}, []),
    # 0 is no size: it stands for one that is not given.
    Normalisation("a width of 0", UNSIZED, {"WidthPixels": 0}, []),
    Normalisation("a height of 0", UNSIZED, {"HeightPixels": 0}, []),
    Normalisation("an added width", UNSIZED, {"WidthPixels": 640}, ["WidthPixels"]),
    Normalisation("a lost height", {}, {"HeightPixels": 0}, ["HeightPixels"]),
    # One slash at the end; two make another folder.
    Normalisation("without the last slash", {}, _uri("/front-door"), []),
    Normalisation("a bucket with a slash", _uri(""), _uri("/"), []),
    Normalisation("two slashes", {}, _uri("/front-door//"), ["DestinationConfig.Uri"]),
    # These have no documented default, and the API has no such status.
    Normalisation("a selector left out", {}, {"ImageSelectorType": ""}, ["ImageSelectorType"]),
    Normalisation("no interval", {}, {"SamplingInterval": 0}, ["SamplingInterval"]),
    Normalisation("no Region of the destination", {}, WITHOUT_REGION, [REGION]),
    Normalisation("the status in small letters", {}, {"Status": "enabled"}, ["Status"]),
]

each_normalisation = pytest.mark.parametrize("row", TABLE, ids=[row.what for row in TABLE])
