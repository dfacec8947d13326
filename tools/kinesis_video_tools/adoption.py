"""The CDK app that declares what streams have already.

What it declares is what is there: the first deployment of the app sets each configuration to what it is. Streams are
imported, so nobody's stream changes hands, and configurations are retained, so deleting the stack leaves them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinesis_video_configuration import FRAGMENT_NOTIFICATION, IMAGE_GENERATION
from kinesis_video_contract.destinations import MAX_BUCKET_NAME_LENGTH, MIN_BUCKET_NAME_LENGTH, PREFIX_MISTAKES
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

MAX_CONFIGURATIONS = 490
"""Of one stack: CloudFormation's 500 resources, less what the stack has besides."""

# What the constructs take beside the bounds of the contract; tests/tools/test_adoption.py shows that they take it.
_URI = re.compile(r"s3://(?P<bucket>[^/]+)(?P<path>/.*)?", re.DOTALL)
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9]+([.-]?[a-z0-9]+|-+[a-z0-9]+)*")
# The constructs would take it for a token of CDK's, and Python can't write the others.
_NO_TEXT = re.compile(r"\$\{Token\[|[\ud800-\udfff]")
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,256}")

# The fields that become props. One that the API has since is a comment, whatever the contract says of it.
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

_LINE = 88
"""What formatters take for the longest line."""

_HEADER = '''\
"""What streams had already, as `kinesis-video adopt` found it.

The first deployment changes nothing, and deleting the stack leaves everything. Drop `adopt_existing` in the deployment
after the first, and `removal_policy` if the stack shall take its configurations with it.
"""
'''


@dataclass(frozen=True)
class ExistingStream:
    """A stream, and what it has."""

    name: str
    arn: str
    data_retention_in_hours: int
    image_generation: Mapping[str, Any] | None
    notification: Mapping[str, Any] | None


class _NotExpressibleError(Exception):
    """The constructs can't declare it; the message says what."""


@dataclass(frozen=True)
class _Block:
    """What is declared alike for several streams."""

    construct: str
    destination: str
    """The bucket's name, or the topic's ARN."""
    props: tuple[tuple[str, str], ...]
    """The other props, each with its value as Python, in which `name` is the stream's."""


def write_app(streams: Sequence[ExistingStream]) -> str:
    """Write the app.

    Parameters
    ----------
    streams
        Of one account and Region. What a construct can't declare becomes a comment.

    Returns
    -------
    The Python of the app.

    Raises
    ------
    ValueError
        If no stream has a configuration, or if they have more than a stack holds.
    """
    blocks: dict[_Block, list[str]] = {}
    comments: list[str] = []
    for stream in streams:
        for feature, configuration, block_of in (
            (IMAGE_GENERATION, stream.image_generation, _images),
            (FRAGMENT_NOTIFICATION, stream.notification, _notification),
        ):
            if configuration is None:
                continue
            try:
                if not stream.data_retention_in_hours:
                    raise _NotExpressibleError("the stream's data retention is 0, so it delivers nothing")
                blocks.setdefault(block_of(stream, configuration), []).append(stream.name)
            except _NotExpressibleError as problem:
                comments.append(f"        # {stream.name}: without its {feature.noun}, since {problem}")
    count = sum(map(len, blocks.values()))
    if count + len(comments) == 0:
        raise ValueError("no stream has a configuration, so there is nothing to adopt")
    if count > MAX_CONFIGURATIONS:
        raise ValueError(
            f"the streams have {count} configurations, a stack holds {MAX_CONFIGURATIONS}, take fewer of them with "
            "--prefix"
        )
    variables = _variables(blocks)
    _, _, _, region, account, _ = streams[0].arn.split(":")
    lines = [
        _HEADER,
        *_imports(blocks),
        "",
        "",
        "class AdoptedStreams(Stack):",
        '    """The configurations of streams that the stack only imports."""',
        "",
        "    def __init__(self, scope: Construct, construct_id: str, env: Environment) -> None:",
        "        super().__init__(scope, construct_id, env=env)",
        *comments,
        *(line for destination, variable in variables.items() for line in _imported(destination, variable)),
        *(line for block, names in blocks.items() for line in _loop(block, variables[block.destination], names)),
        "",
        "",
        "app = App()",
        "AdoptedStreams(",
        "    app,",
        '    "AdoptedStreams",',
        f"    env=Environment(account={_literal(account)}, region={_literal(region)}),",
        ")",
        "app.synth()",
    ]
    return "\n".join(lines) + "\n"


def _images(stream: ExistingStream, configuration: Mapping[str, Any]) -> _Block:
    _require_printed(configuration, _FIELDS_OF_IMAGES)
    destination = configuration["DestinationConfig"]
    region = stream.arn.split(":")[3]
    _require(destination["DestinationRegion"] == region, f"its bucket is in {destination['DestinationRegion']}")
    uri = _URI.fullmatch(destination["Uri"])
    shown = f"its destination is {destination['Uri']!r}"
    _require(uri is not None, shown)
    assert uri is not None
    bucket, prefix = uri["bucket"], (uri["path"] or "/").removeprefix("/")
    _require(
        MIN_BUCKET_NAME_LENGTH <= len(bucket) <= MAX_BUCKET_NAME_LENGTH and _BUCKET.fullmatch(bucket) is not None, shown
    )
    # A slash is added where there is none, and whether images go to the same place then is not documented.
    _require(prefix == "" or prefix.endswith("/"), f"{shown}, without a slash at its end")
    mistakes = [_NO_TEXT, *(pattern for pattern, _, _ in PREFIX_MISTAKES)]
    _require(not any(pattern.search(prefix) for pattern in mistakes), shown)
    interval = configuration["SamplingInterval"]
    _require(
        MIN_SAMPLING_INTERVAL_MILLIS <= interval <= MAX_SAMPLING_INTERVAL_MILLIS,
        f"its sampling interval is {interval} ms",
    )
    props = {
        "prefix": _prefix(prefix, stream.name) if prefix else None,
        "sampling_interval": None if interval == DEFAULT_SAMPLING_INTERVAL_MILLIS else f"Duration.millis({interval})",
        "format": _format(configuration),
        "width_pixels": _pixels(configuration, "WidthPixels", MIN_WIDTH_PIXELS, MAX_WIDTH_PIXELS),
        "height_pixels": _pixels(configuration, "HeightPixels", MIN_HEIGHT_PIXELS, MAX_HEIGHT_PIXELS),
        "image_selector_type": _selector(configuration["ImageSelectorType"]),
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


def _prefix(prefix: str, stream_name: str) -> str:
    """Write a prefix with the stream's name in it as that, so that streams with folders of their own are alike."""
    folders = prefix.split("/")
    if stream_name not in folders:
        return _literal(prefix)
    doubled = (folder.replace("{", "{{").replace("}", "}}") for folder in folders)
    return "f" + _literal("/".join("{name}" if folder == stream_name else folder for folder in doubled))


def _format(configuration: Mapping[str, Any]) -> str | None:
    options = configuration.get("FormatConfig") or {}
    quality = options.get("JPEGQuality", "")
    _require(configuration["Format"] in FORMATS, f"its format is {configuration['Format']!r}")
    if configuration["Format"] == PNG:
        _require(not options, "it has a JPEG quality and its format is PNG")
        return "ImageFormat.png()"
    if not options:
        return None
    _require(quality in map(str, range(MIN_JPEG_QUALITY, MAX_JPEG_QUALITY + 1)), f"its JPEG quality is {quality!r}")
    return f"ImageFormat.jpeg(quality={quality})"


def _pixels(configuration: Mapping[str, Any], name: str, minimum: int, maximum: int) -> str | None:
    pixels = configuration.get(name)
    _require(pixels is None or minimum <= pixels <= maximum, f"its {name} is {pixels}")
    return None if pixels is None else str(pixels)


def _enabled(configuration: Mapping[str, Any]) -> str | None:
    status = configuration["Status"]
    _require(status in STATUSES, f"its status is {status!r}")
    return None if status == ENABLED else "False"


def _selector(selector_type: str) -> str | None:
    _require(selector_type in IMAGE_SELECTOR_TYPES, f"its selector type is {selector_type!r}")
    return None if selector_type == PRODUCER_TIMESTAMP else f"ImageSelectorType.{selector_type}"


def _variables(blocks: Mapping[_Block, Any]) -> dict[str, str]:
    """Name the variable of each destination, with a number if there are several."""
    named: dict[str, str] = {}
    for construct, name in (("ImageGeneration", "bucket"), ("FragmentNotification", "topic")):
        destinations = list(dict.fromkeys(block.destination for block in blocks if block.construct == construct))
        numbers = [str(number) for number in range(1, len(destinations) + 1)] if len(destinations) > 1 else [""]
        named.update((destination, name + number) for destination, number in zip(destinations, numbers, strict=False))
    return named


def _imports(blocks: Mapping[_Block, Any]) -> Iterator[str]:
    used = {word for block in blocks for _, text in block.props for word in re.findall(r"^[A-Z]\w+(?=\.)", text)}
    constructs = {block.construct for block in blocks}
    retained = {"RemovalPolicy"} if blocks else set()
    yield _import("aws_cdk", {"App", "Environment", "Stack"} | used & {"Duration"} | retained)
    if "ImageGeneration" in constructs:
        yield "from aws_cdk import aws_s3 as s3"
    if "FragmentNotification" in constructs:
        yield "from aws_cdk import aws_sns as sns"
    if constructs:
        yield _import("cdk_kinesis_video", constructs | {"VideoStream"} | used - {"Duration"})
    yield "from constructs import Construct"


def _import(module: str, names: set[str]) -> str:
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= _LINE:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in sorted(names)), ")"])


def _imported(destination: str, variable: str) -> Iterator[str]:
    method = "sns.Topic.from_topic_arn" if destination.startswith("arn:") else "s3.Bucket.from_bucket_name"
    yield f"        {variable} = {method}("
    yield "            self,"
    yield f"            {_literal(variable.capitalize())},"
    yield f"            {_literal(destination)},"
    yield "        )"


def _loop(block: _Block, variable: str, names: Sequence[str]) -> Iterator[str]:
    images = block.construct == "ImageGeneration"
    own, imported = ("Images", "Stream") if images else ("Notification", "Notified")
    props = {
        "stream": f'VideoStream.from_stream_name(self, f"{imported}-{{name}}", name)',
        "bucket" if images else "topic": variable,
        **dict(block.props),
        "removal_policy": "RemovalPolicy.RETAIN",
        "adopt_existing": "True",
    }
    yield "        for name in ["
    yield from (f"            {_literal(name)}," for name in names)
    yield "        ]:"
    yield f"            {block.construct}("
    yield "                self,"
    yield f'                f"{own}-{{name}}",'
    yield from (f"                {prop}={text}," for prop, text in props.items())
    yield "            )"


def _literal(text: str) -> str:
    """Write text as Python, with the quotes that formatters choose: double ones, unless these take more escapes."""
    if text.count('"') > text.count("'"):
        return repr(text)
    # Of text with a double quote in front, repr chooses single quotes and escapes those; so both are put right here.
    escaped = repr('"' + text)[2:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{escaped}"'
