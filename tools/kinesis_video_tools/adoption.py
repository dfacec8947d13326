"""Writes the CDK app that declares the existing configurations of streams.

The first deployment of the app sets each configuration to its current values. The app imports the streams, so they keep
their owner, and retains the configurations, so deleting the stack leaves them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION, Feature, printable
from kinesis_video_contract.destinations import (
    MAX_BUCKET_NAME_LENGTH,
    MAX_URI_LENGTH,
    MIN_BUCKET_NAME_LENGTH,
    PREFIX_MISTAKES,
)
from kinesis_video_contract.images import (
    DEFAULT_SAMPLING_INTERVAL_MILLIS,
    ENABLED,
    FORMATS,
    IMAGE_SELECTOR_TYPES,
    MAX_HEIGHT_PIXELS,
    MAX_JPEG_QUALITY,
    MAX_SAMPLING_INTERVAL_MILLIS,
    MAX_WIDTH_PIXELS,
    MIN_HEIGHT_PIXELS,
    MIN_JPEG_QUALITY,
    MIN_SAMPLING_INTERVAL_MILLIS,
    MIN_WIDTH_PIXELS,
    PNG,
    PRODUCER_TIMESTAMP,
    STATUSES,
)
from kinesis_video_contract.streams import STREAM_NAME_PATTERN

MAX_CONFIGURATIONS = 490
"""The maximum in a stack: CloudFormation's 500 resources, minus the stack's other resources."""

# What the constructs accept beyond the bounds of the contract; tests/tools/test_adoption.py shows that they accept it.
_URI = re.compile(r"s3://(?P<bucket>[^/]+)(?P<path>/.*)?", re.DOTALL)
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9]+((\.|-+)[a-z0-9]+)*")
# The constructs would treat the first as a token of the CDK, and Python can't write the others.
_NO_TEXT = re.compile(r"\$\{Token\[|[\ud800-\udfff]")
_STREAM_ARN = re.compile(
    r"arn:[a-z-]+:kinesisvideo:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):"
    rf"stream/(?P<name>{STREAM_NAME_PATTERN})/\d+"
)
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,256}")

# The fields that become props. A configuration with any other field becomes a comment.
_FIELDS_OF_NOTIFICATIONS = ("Status", "DestinationConfig.Uri")
_FIELDS_OF_IMAGES = (
    *_FIELDS_OF_NOTIFICATIONS,
    "ImageSelectorType",
    "DestinationConfig.DestinationRegion",
    "SamplingInterval",
    "Format",
    "FormatConfig.JPEGQuality",
    "WidthPixels",
    "HeightPixels",
)

DEFAULT_STACK_NAME = "AdoptedStreams"

_LINE = 88
"""The longest line, as for formatters."""

_HEADER = '''\
"""The configurations of existing streams, as `kinesis-video adopt` found them.

The first deployment changes nothing, and deleting the stack leaves everything. Drop `adopt_existing` in the deployment
after the first, and `removal_policy` if deleting the stack is to remove them.
"""
'''


@dataclass(frozen=True)
class ExistingStream:
    """A stream and its configurations."""

    name: str
    arn: str
    data_retention_in_hours: int
    image_generation: Mapping[str, Any] | None = None
    notification: Mapping[str, Any] | None = None
    declared_by: Mapping[str, str] = field(default_factory=dict)
    """Who declares the configurations, by the resource type."""
    problem: str = ""
    """Why the stream could not be read."""


class NothingToAdoptError(Exception):
    """No configuration can be declared; `left_out` has a sentence for each stream with one, or that can't be read."""

    def __init__(self, left_out: Sequence[str]) -> None:
        super().__init__(
            "none of the configurations can be adopted"
            if left_out
            else "no stream has a configuration, so there is nothing to adopt"
        )
        self.left_out = left_out


class _NotExpressibleError(Exception):
    """The constructs can't declare a configuration; the message says why."""


@dataclass(frozen=True)
class _Block:
    """A declaration that several streams share."""

    construct: str
    destination: str
    """The bucket's name, or the topic's ARN."""
    props: tuple[tuple[str, str], ...]
    """The other props, each with its value as Python, in which `name` is the stream's."""


def write_app(streams: Iterable[ExistingStream], stack_name: str = DEFAULT_STACK_NAME) -> tuple[str, Sequence[str]]:
    """Write the app for the streams of one account and Region.

    Returns
    -------
    The Python of the app, and its comments about the configurations that are left out.

    Raises
    ------
    NothingToAdoptError
        If nothing is left to declare.
    ValueError
        If the streams have more configurations than a stack can hold.
    """
    blocks: dict[_Block, list[str]] = {}
    left_out: list[str] = []
    account = region = ""
    # A stream can be on two pages if others are deleted meanwhile.
    for stream in {stream.arn: stream for stream in streams}.values():
        arn = _STREAM_ARN.fullmatch(stream.arn)
        if stream.problem or arn is None or arn["name"] != stream.name:
            problem = stream.problem or f"the service gives it the ARN {stream.arn!r}"
            left_out.append(printable(f"{stream.name}: without its configurations, since {problem}"))
            continue
        account, region = arn["account"], arn["region"]
        for feature, configuration, block_of in (
            (IMAGE_GENERATION, stream.image_generation, _images),
            (FRAGMENT_NOTIFICATION, stream.notification, _notification),
        ):
            if configuration is None:
                continue
            try:
                _require_expressible(stream, feature, configuration)
                blocks.setdefault(block_of(stream, configuration), []).append(stream.name)
            except _NotExpressibleError as problem:
                left_out.append(printable(f"{stream.name}: without its {feature.noun}, since {problem}"))
            except (AttributeError, KeyError, TypeError):
                said = f"{stream.name}: without its {feature.noun}, since it isn't in the form that the API documents"
                left_out.append(printable(said))
    count = sum(map(len, blocks.values()))
    if count == 0:
        raise NothingToAdoptError(left_out)
    if count > MAX_CONFIGURATIONS:
        raise ValueError(
            f"the streams have {count} configurations, a stack holds {MAX_CONFIGURATIONS}, select fewer of them with "
            "--prefix"
        )
    variables = _variables(blocks)
    body = [
        *(f"        # {sentence}" for sentence in left_out),
        *(_imported(destination, variable) for destination, variable in variables.items()),
        *(_loop(block, variables[block.destination], names) for block, names in blocks.items()),
    ]
    app = f'''{_HEADER}
{_lines(_imports(blocks))}


class AdoptedStreams(Stack):
    """The configurations of streams that the stack only imports."""

    def __init__(self, scope: Construct, construct_id: str, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env)
{_lines(body)}


app = App()
AdoptedStreams(
    app,
    {_literal(stack_name)},
    env=Environment(account={_literal(account)}, region={_literal(region)}),
)
app.synth()
'''
    return app, left_out


def _require_expressible(stream: ExistingStream, feature: Feature, configuration: Mapping[str, Any]) -> None:
    """Check the requirements of both kinds."""
    owner = stream.declared_by.get(feature.resource_type)
    _require(owner is None, f"{owner} declares it already")
    _require(bool(stream.data_retention_in_hours), "the stream's data retention is 0, so it delivers nothing")
    text = json.dumps(configuration, default=str, ensure_ascii=False)
    _require("{{resolve:" not in text, "CloudFormation would interpret a part of it as a dynamic reference: {{resolve:")
    _require(_NO_TEXT.search(text) is None, "the CDK or Python would not interpret a part of it as text")


def _images(stream: ExistingStream, configuration: Mapping[str, Any]) -> _Block:
    _require_printed(configuration, _FIELDS_OF_IMAGES)
    destination = configuration["DestinationConfig"]
    region = stream.arn.split(":")[3]
    _require(destination["DestinationRegion"] == region, f"its bucket is in {destination['DestinationRegion']!r}")
    uri = _URI.fullmatch(destination["Uri"])
    shown = f"its destination is {destination['Uri']!r}"
    _require(uri is not None, shown)
    assert uri is not None
    bucket = uri["bucket"]
    _require(
        MIN_BUCKET_NAME_LENGTH <= len(bucket) <= MAX_BUCKET_NAME_LENGTH and _BUCKET.fullmatch(bucket) is not None, shown
    )
    _require("*" not in destination["Uri"] and len(destination["Uri"]) <= MAX_URI_LENGTH, shown)
    interval = _number(configuration, "SamplingInterval", MIN_SAMPLING_INTERVAL_MILLIS, MAX_SAMPLING_INTERVAL_MILLIS)
    selector = _value(configuration, "ImageSelectorType", IMAGE_SELECTOR_TYPES)
    props = {
        "prefix": _prefix(uri["path"] or "", stream.name),
        "sampling_interval": None if interval == DEFAULT_SAMPLING_INTERVAL_MILLIS else f"Duration.millis({interval})",
        "format": _format(configuration),
        "width_pixels": _pixels(configuration, "WidthPixels", MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS),
        "height_pixels": _pixels(configuration, "HeightPixels", MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS),
        "image_selector_type": None if selector == PRODUCER_TIMESTAMP else f"ImageSelectorType.{selector}",
        "enabled": _enabled(configuration),
    }
    return _block("ImageGeneration", bucket, props)


def _notification(stream: ExistingStream, configuration: Mapping[str, Any]) -> _Block:
    _require_printed(configuration, _FIELDS_OF_NOTIFICATIONS)
    topic = configuration["DestinationConfig"]["Uri"]
    _require(_TOPIC.fullmatch(topic) is not None, f"its destination is {topic!r}")
    return _block("FragmentNotification", topic, {"enabled": _enabled(configuration)})


def _block(construct: str, destination: str, props: Mapping[str, str | None]) -> _Block:
    return _Block(construct, destination, tuple((name, text) for name, text in props.items() if text is not None))


def _require(expressible: bool, problem: str) -> None:
    if not expressible:
        raise _NotExpressibleError(problem)


def _require_printed(configuration: Mapping[str, Any], printed: Collection[str]) -> None:
    others = sorted(set(_paths(configuration)) - set(printed))
    _require(not others, f"no construct declares its {', '.join(others)}")


def _paths(configuration: Mapping[str, Any], parent: str = "") -> Iterator[str]:
    for name, value in configuration.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{parent}{name}.")
        else:
            yield f"{parent}{name}"


def _prefix(path: str, stream_name: str) -> str | None:
    """Return the prefix that declares the path of a destination; None for the default."""
    if path == "":
        return None
    prefix = path.removeprefix("/")
    # The construct adds a slash at the end of text, and refuses one at its start.
    is_text = prefix.endswith("/") and not any(pattern.search(prefix) for pattern, _, _ in PREFIX_MISTAKES)
    return _named(prefix, stream_name) if is_text else f"DestinationPath({_named(path, stream_name)})"


def _named(path: str, stream_name: str) -> str:
    """Replace the stream's name in a path by a variable, so that streams with their own folders have equal props."""
    folders = path.split("/")
    if stream_name not in folders:
        return _literal(path)
    doubled = (folder.replace("{", "{{").replace("}", "}}") for folder in folders)
    return "f" + _literal("/".join("{name}" if folder == stream_name else folder for folder in doubled))


def _format(configuration: Mapping[str, Any]) -> str | None:
    options = configuration.get("FormatConfig") or {}
    if _value(configuration, "Format", FORMATS) == PNG:
        _require(not options, "it has a JPEG quality and its Format is PNG")
        return "ImageFormat.png()"
    if not options:
        return None
    qualities = list(map(str, range(MIN_JPEG_QUALITY, MAX_JPEG_QUALITY + 1)))
    return f"ImageFormat.jpeg(quality={_value(options, 'JPEGQuality', qualities)})"


def _pixels(configuration: Mapping[str, Any], name: str, minimum: int, maximum: int) -> str | None:
    return str(_number(configuration, name, minimum, maximum)) if name in configuration else None


def _enabled(configuration: Mapping[str, Any]) -> str | None:
    return None if _value(configuration, "Status", STATUSES) == ENABLED else "False"


def _value(configuration: Mapping[str, Any], name: str, allowed: Sequence[object]) -> Any:
    value = configuration[name]
    _require(value in allowed, f"its {name} is {value!r}")
    return value


def _number(configuration: Mapping[str, Any], name: str, minimum: int, maximum: int) -> int:
    number = configuration[name]
    _require(isinstance(number, int) and minimum <= number <= maximum, f"its {name} is {number!r}")
    return int(number)


def _variables(blocks: Mapping[_Block, Any]) -> dict[str, str]:
    """Name a variable for each destination, with a number if there are several."""
    named: dict[str, str] = {}
    for construct, name in (("ImageGeneration", "bucket"), ("FragmentNotification", "topic")):
        destinations = list(dict.fromkeys(block.destination for block in blocks if block.construct == construct))
        numbers = [str(number) for number in range(1, len(destinations) + 1)] if len(destinations) > 1 else [""]
        named.update((destination, name + number) for destination, number in zip(destinations, numbers, strict=False))
    return named


def _imports(blocks: Mapping[_Block, Any]) -> Iterator[str]:
    used = {word for block in blocks for _, text in block.props for word in re.findall(r"^[A-Z]\w+(?=[.(])", text)}
    constructs = {block.construct for block in blocks}
    yield _import("aws_cdk", {"App", "Environment", "RemovalPolicy", "Stack"} | used & {"Duration"})
    if "ImageGeneration" in constructs:
        yield "from aws_cdk import aws_s3 as s3"
    if "FragmentNotification" in constructs:
        yield "from aws_cdk import aws_sns as sns"
    yield _import("cdk_kinesis_video", constructs | {"VideoStream"} | used - {"Duration"})
    yield "from constructs import Construct"


def _import(module: str, names: set[str]) -> str:
    line = f"from {module} import {', '.join(sorted(names))}"
    return (
        line if len(line) <= _LINE else f"from {module} import (\n{_lines(f'    {name},' for name in sorted(names))}\n)"
    )


def _imported(destination: str, variable: str) -> str:
    method = "sns.Topic.from_topic_arn" if destination.startswith("arn:") else "s3.Bucket.from_bucket_name"
    return f"""\
        {variable} = {method}(
            self,
            {_literal(variable.capitalize())},
            {_literal(destination)},
        )"""


def _loop(block: _Block, variable: str, names: Sequence[str]) -> str:
    images = block.construct == "ImageGeneration"
    own, imported = ("Images", "Stream") if images else ("Notification", "Notified")
    props = {
        "stream": f'VideoStream.from_stream_name(self, f"{imported}-{{name}}", name)',
        "bucket" if images else "topic": variable,
        **dict(block.props),
        "removal_policy": "RemovalPolicy.RETAIN",
        "adopt_existing": "True",
    }
    return f"""\
        for name in [
{_lines(f"            {_literal(name)}," for name in names)}
        ]:
            {block.construct}(
                self,
                f"{own}-{{name}}",
{_lines(f"                {prop}={text}," for prop, text in props.items())}
            )"""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _literal(text: str) -> str:
    """Write text as Python with the quotes of formatters: double quotes, unless these need more escapes."""
    if text.count('"') > text.count("'"):
        return repr(text)
    # With a leading double quote, repr chooses single quotes and escapes them; both are corrected here.
    escaped = repr('"' + text)[2:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{escaped}"'
