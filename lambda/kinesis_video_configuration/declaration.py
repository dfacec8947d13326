"""What is declared for a stream, and how it differs from what the stream has.

The properties of a custom resource are the request of the API itself, in its own names: `StreamARN` or `StreamName`,
and the configuration. CloudFormation turns every scalar into a string on the way; here numbers become numbers again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .features import FEATURES, Feature, Fields


@dataclass(frozen=True)
class Declaration:
    """Which stream shall have which configuration."""

    feature: Feature
    stream: Mapping[str, str]
    """`StreamARN` or `StreamName`, as the API takes it."""
    configuration: Mapping[str, Any]

    @classmethod
    def parse(cls, resource_type: str, properties: Mapping[str, Any]) -> Declaration:
        """Read the properties of a custom resource. Names that are not known here are ignored.

        Raises
        ------
        ValueError
            If a property can't be read; the message names it.
        """
        feature = FEATURES.get(resource_type)
        if feature is None:
            raise ValueError(f"the resource type {resource_type!r} is unknown, allowed are {', '.join(FEATURES)}")
        stream = {name: properties[name] for name in ("StreamARN", "StreamName") if properties.get(name)}
        if len(stream) != 1 or not all(isinstance(value, str) for value in stream.values()):
            raise ValueError("exactly one of `StreamARN` and `StreamName` must be given, as text")
        # Left out, the API would delete the configuration of the stream.
        if not properties.get(feature.configuration):
            raise ValueError(f"`{feature.configuration}` must be given")
        configuration = _parse_fields(feature.configuration, properties[feature.configuration], feature.fields)
        return cls(feature, stream, configuration)


def _parse_fields(path: str, value: Any, fields: Fields) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"`{path}` is {value!r}, it must be a map")
    return {name: _parse_value(f"{path}.{name}", value[name], kind) for name, kind in fields.items() if name in value}


def _parse_value(path: str, value: Any, kind: type[str] | type[int] | Fields) -> Any:
    if isinstance(kind, Mapping):
        return _parse_fields(path, value, kind)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"`{path}` is {value!r}, it must be text or a number")
    if kind is str:
        return str(value)
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"`{path}` is {value!r}, it must be a whole number") from None


def differences(declared: Mapping[str, Any], actual: Mapping[str, Any], path: str = "") -> list[str]:
    """Name the declared fields that the stream has otherwise. What only the service filled in is no difference."""
    names: list[str] = []
    for name, value in declared.items():
        other = actual.get(name)
        if isinstance(value, Mapping):
            names += differences(value, other if isinstance(other, Mapping) else {}, f"{path}{name}.")
        elif _comparable(name, value) != _comparable(name, other):
            names.append(f"{path}{name}")
    return names


def _comparable(name: str, value: Any) -> Any:
    # Whether the service stores the last slash of a URI is not documented, and it is the same place.
    return value.rstrip("/") if name == "Uri" and isinstance(value, str) else value
