"""The declaration for a stream, and its differences from the stream's configuration.

The properties of a custom resource are the API's request, under the API's names: `StreamARN` or `StreamName`, and the
configuration. CloudFormation turns every scalar into a string; this module turns numbers back into numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kinesis_video_contract.configurations import FEATURES, STREAM_ARN, STREAM_NAME, Feature, Fields

from .text import shown

_QUALITY = "FormatConfig.JPEGQuality"


@dataclass(frozen=True)
class Declaration:
    """A stream and the configuration that it should have."""

    feature: Feature
    stream: Mapping[str, str]
    """`StreamARN` or `StreamName`, as in the API's request."""
    configuration: Mapping[str, Any]

    @classmethod
    def parse(cls, resource_type: str, properties: Mapping[str, Any], *, ignore_unknown: bool = False) -> Declaration:
        """Read the properties of a custom resource, as CloudFormation sends them.

        It ignores unknown properties beside the configuration, and with `ignore_unknown` unknown fields inside it, too.

        Raises
        ------
        ValueError
            If a property can't be read; the message names it.
        """
        feature = FEATURES.get(resource_type)
        if feature is None:
            raise ValueError(f"the resource type {resource_type!r} is unknown, allowed are {', '.join(FEATURES)}")
        stream = {name: properties[name] for name in (STREAM_ARN, STREAM_NAME) if properties.get(name)}
        if len(stream) != 1 or not all(isinstance(value, str) for value in stream.values()):
            raise ValueError("exactly one of `StreamARN` and `StreamName` must be given, as text")
        # Without a configuration in the request, the API would delete the stream's.
        if not properties.get(feature.configuration):
            raise ValueError(f"`{feature.configuration}` must be given")
        found = properties[feature.configuration]
        return cls(feature, stream, _parse_fields(feature.configuration, found, feature.fields, ignore_unknown))


def _parse_fields(path: str, value: Any, fields: Fields, ignore_unknown: bool) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"`{path}` is {shown(value)}, it must be a map")
    unknown = [str(name) for name in value if name not in fields]
    if unknown and not ignore_unknown:
        raise ValueError(
            f"`{path}.{unknown[0]}` is unknown to this version of cdk-kinesis-video, allowed are {', '.join(fields)}"
        )
    return {
        name: _parse_value(f"{path}.{name}", value[name], kind, ignore_unknown)
        for name, kind in fields.items()
        if name in value
    }


def _parse_value(path: str, value: Any, kind: type[str] | type[int] | Fields, ignore_unknown: bool) -> Any:
    if isinstance(kind, Mapping):
        return _parse_fields(path, value, kind, ignore_unknown)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"`{path}` is {shown(value)}, it must be text or a number")
    try:
        # Python refuses to write a number with thousands of digits.
        return kind(str(value))
    except ValueError:
        raise ValueError(f"`{path}` is {shown(value)}, it must be a whole number") from None


def differences(feature: Feature, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the fields in which two configurations differ, among those that this version knows.

    All code that asks "is it as declared" or "is it mine" uses this function, which gives the same answer in both
    directions. It is not documented how the service stores its input, so these make no difference: a number for its
    text, 0 or an empty field for none, a JPEG quality of 80, which is the default, any quality of a PNG, and one slash
    at the end of a URI.
    """
    texts, others = (_texts(feature, configuration) for configuration in (one, other))
    return [name for name in texts if texts[name] != others[name]]


def _texts(feature: Feature, configuration: Mapping[str, Any]) -> dict[str, str]:
    texts = _flat(feature.fields, configuration, "")
    # https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationConfiguration.html
    image_format = texts.get("Format")
    if image_format == "PNG" or (image_format and not texts[_QUALITY]):
        texts[_QUALITY] = "80"
    return texts


def _flat(fields: Fields, configuration: Mapping[str, Any], path: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, kind in fields.items():
        value = configuration.get(name)
        if isinstance(kind, Mapping):
            texts |= _flat(kind, value or {}, f"{path}{name}.")
        else:
            text = "" if value is None else str(value)
            texts[path + name] = "" if text == "0" else text.removesuffix("/") if name == "Uri" else text
    return texts
