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
    why: str

    def configurations(self, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is declared and what is found, made of this configuration."""
        declared = {name: value for name, value in {**given, **self.declared}.items() if value is not None}
        found = {name: value for name, value in {**declared, **self.found}.items() if value is not None}
        return declared, found


def _uri(end: str) -> dict[str, Any]:
    return {"DestinationConfig": {"Uri": f"s3://camera-images{end}", "DestinationRegion": "us-east-1"}}


PNG = {"Format": "PNG", "FormatConfig": None}
UNSIZED = {"WidthPixels": None, "HeightPixels": None}
QUALITY = "FormatConfig.JPEGQuality"
DEFAULT = "80 is the documented default"
NOT_GIVEN = "0 is no size: it stands for one that is not given"
HAS_NONE = "a PNG has no quality"
TABLE = [
    Normalisation("the quality as a number", {}, {"FormatConfig": {"JPEGQuality": 80}}, [], "a number for its text"),
    Normalisation("the quality left out", {}, {"FormatConfig": None}, [], DEFAULT),
    Normalisation("an empty map for the quality", {}, {"FormatConfig": {}}, [], DEFAULT),
    Normalisation("an empty quality", {}, {"FormatConfig": {"JPEGQuality": ""}}, [], DEFAULT),
    Normalisation(
        "the default filled in", {"FormatConfig": None}, {"FormatConfig": {"JPEGQuality": "80"}}, [], DEFAULT
    ),
    Normalisation("a PNG with the default", PNG, {"FormatConfig": {"JPEGQuality": "80"}}, [], HAS_NONE),
    Normalisation("a PNG with another quality", PNG, {"FormatConfig": {"JPEGQuality": 50}}, [], HAS_NONE),
    Normalisation("a PNG with an empty map", PNG, {"FormatConfig": {}}, [], HAS_NONE),
    Normalisation("a width of 0", UNSIZED, {"WidthPixels": 0}, [], NOT_GIVEN),
    Normalisation("a height of 0", UNSIZED, {"HeightPixels": 0}, [], NOT_GIVEN),
    Normalisation("the interval as text", {}, {"SamplingInterval": "3000"}, [], "a number for its text"),
    Normalisation("the width as text", {}, {"WidthPixels": "640"}, [], "a number for its text"),
    Normalisation("without the last slash", {}, _uri("/front-door"), [], "one slash at the end"),
    Normalisation("a bucket with a slash", _uri(""), _uri("/"), [], "one slash at the end"),
    Normalisation("two slashes", {}, _uri("/front-door//"), ["DestinationConfig.Uri"], "another folder"),
    Normalisation("another quality", {}, {"FormatConfig": {"JPEGQuality": "81"}}, [QUALITY], "other images"),
    Normalisation(
        "a lost quality", {"FormatConfig": {"JPEGQuality": "50"}}, {"FormatConfig": {}}, [QUALITY], "it is 80"
    ),
    Normalisation("an added width", UNSIZED, {"WidthPixels": 640}, ["WidthPixels"], "somebody wants another size"),
    Normalisation("a lost height", {}, {"HeightPixels": 0}, ["HeightPixels"], "images of another size"),
    Normalisation("the status in small letters", {}, {"Status": "enabled"}, ["Status"], "the API has no such value"),
    Normalisation("a selector left out", {}, {"ImageSelectorType": ""}, ["ImageSelectorType"], "no documented default"),
    Normalisation("no interval", {}, {"SamplingInterval": 0}, ["SamplingInterval"], "no documented default"),
    Normalisation(
        "the destination's Region left out",
        {},
        {"DestinationConfig": {"Uri": "s3://camera-images/front-door/"}},
        ["DestinationConfig.DestinationRegion"],
        "no documented default",
    ),
]

each_normalisation = pytest.mark.parametrize("row", TABLE, ids=[row.what for row in TABLE])
