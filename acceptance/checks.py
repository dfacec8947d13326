"""The checks, one function for each group of findings. The assumed results are those of the local AWS."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from email.header import decode_header, make_header
from functools import partial
from typing import Any

from PIL import Image

from kinesis_video_configuration.retries import CallError
from kinesis_video_images import parse_image_metadata
from kinesis_video_matroska import Fragment, TagName, write_header
from kinesis_video_tools.camera import fragment_tags
from kinesis_video_tools.delivered_images import DeliveredImage

from . import bodies
from .run import Check, Finding, Findings
from .site import HEIGHT, WIDTH, Site, new_token

_PERSISTED = "BUFFERING RECEIVED PERSISTED"
_TOO_MANY_TAGS = "BUFFERING ERROR 4009 FRAGMENT_METADATA_LIMIT_REACHED"
_EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png"}
# Four a second: the service allows five for each stream.
_READINGS, _BETWEEN_READINGS_SECONDS = 8, 0.25
_LAMBDA_INIT = re.compile(r'"initDurationMs":\s*([\d.]+)')


def an_image_arrives(site: Site) -> Findings:
    """Check that video made without an encoder yields an image, and describe the image's object."""
    yield Finding("the configuration, read back, is what is declared", site.verified, "true")
    begin = time.monotonic()
    site.send_until(site.declared, lambda image: True)
    yield Finding("an image arrives, with the permissions of `grant_put_media`", "yes", "yes")
    yield Finding("time from the deployment to the first image", _seconds(begin))
    token = new_token()
    begin = time.monotonic()
    site.send(site.declared, token, metadata={"Door": "east", "street": "Bäckerstraße"})
    image = site.wait(token)[0]
    site.delay = time.monotonic() - begin
    yield Finding("time from a fragment to its image, at most", _seconds(begin))
    yield Finding("its key, with the destination `declared/`", _key(site, image), _form("declared/"))
    with Image.open(io.BytesIO(site.images.read(image))) as picture:
        seen = f"{picture.format} of {picture.width}x{picture.height}"
    yield Finding("its picture, of H.264 with I_PCM macroblocks", seen, f"JPEG of {WIDTH}x{HEIGHT}")
    told = site.s3.head_object(Bucket=site.bucket, Key=image.key)
    yield Finding("its content type", told["ContentType"], "image/jpeg")
    yield Finding("its encryption", told.get("ServerSideEncryption", "none"))
    acl = site.s3.get_object_acl(Bucket=site.bucket, Key=image.key)
    grants = [(grant["Permission"], grant["Grantee"].get("ID") == acl["Owner"]["ID"]) for grant in acl["Grants"]]
    seen = ", ".join(f"{permission} of {'its owner' if owner else 'another'}" for permission, owner in grants)
    yield Finding("its ACL", seen, "FULL_CONTROL of its owner")
    custom = sorted(parse_image_metadata(told["Metadata"]).custom.items())
    seen = ", ".join(f"{name}: {make_header(decode_header(value))}" for name, value in custom)
    statement = "its metadata of the tags `Door: east` and `street: Bäckerstraße`, the values decoded as RFC 2047 says"
    yield Finding(statement, seen, "door: east, street: Bäckerstraße")


def the_sampling_interval(site: Site) -> Findings:
    """Find which frames of two fragments of 2.5 s an interval of 1 s selects, and the times in their keys."""
    token = new_token()
    site.send(site.declared, token, fragment_seconds=2.5)
    site.wait(token)
    images = site.wait_until_silence(token)
    times = [image.timecode for image in images]
    produced = [int(parse_image_metadata(site.images.metadata(image)).producer_timestamp) for image in images]
    seen = ", ".join(str(at - times[0]) for at in times)
    yield Finding("images of two fragments of 2.5 s, one a second, in ms", seen, "0, 1000, 2000, 2500, 3500, 4500")
    seen = ", ".join(str(timestamp - at) for timestamp, at in zip(produced, times, strict=True))
    yield Finding("the producer's timestamp in their metadata minus the time in the key", seen, "0, 0, 0, 0, 0, 0")


def the_fragment_of_a_tag(site: Site) -> Findings:
    """Send tags at places where no page says to which fragment they belong."""
    token = new_token()
    video = site.video(1)
    tags = fragment_tags(prefix=token)
    first, second = (bodies.written(fragment, tags) for fragment in bodies.fragments(video, 2))
    site.put_media(write_header([video.track]) + bodies.tag("before") + first + bodies.tag("after") + second)
    images = site.wait(token, count=2)
    custom = [parse_image_metadata(site.images.metadata(image)).custom for image in images]

    def fragments_with(name: str) -> str:
        return ", ".join(str(number) for number, names in enumerate(custom, 1) if name in names) or "none"

    yield Finding("of two fragments, has a tag before the first cluster", fragments_with("before"), "1")
    yield Finding("of two fragments, has a tag after the end of the first", fragments_with("after"), "2")


def the_limit_of_ten_tags(site: Site) -> Findings:
    """Send the maximum number of tags of a fragment, counted in three ways."""
    image = TagName.IMAGE_GENERATION
    for statement, tags in (
        ("ten tags, and the end-of-fragment tag", [bodies.event_tags(image, 9)]),
        ("an image event with ten pairs, which AWS's SDKs allow", [bodies.event_tags(image, 10)]),
        (
            "image and notification with the same four pairs, and the end-of-fragment tag",
            [bodies.event_tags(name, 4) for name in (TagName.NOTIFICATION, image)],
        ),
    ):
        yield Finding(statement, _said(site, partial(bodies.written, tags=tags)), _TOO_MANY_TAGS)


def unusual_bodies(site: Site) -> Findings:
    """Send bodies that no producer sends on purpose."""
    yield Finding("a body of tags alone, without a header", site.put_media(bodies.tag("name")), "nothing")
    seen = _said(site, lambda fragment: bodies.written(replace(fragment, frames=fragment.frames[:2])))
    yield Finding("a fragment of less than a second", seen, _PERSISTED)
    yield Finding("a cluster of known size", _said(site, bodies.of_known_size), _PERSISTED)
    token = new_token()
    tags = fragment_tags(prefix=token)

    def undecodable(fragment: Fragment) -> bytes:
        frames = [replace(frame, data=b"no picture") for frame in fragment.frames]
        return bodies.written(replace(fragment, frames=frames), tags)

    seen = f"{_said(site, undecodable)}, images: {len(site.wait_until_silence(token))}"
    yield Finding("a fragment that can't be decoded", seen, f"{_PERSISTED}, images: 0")


def open_groups_of_pictures(site: Site) -> Findings:
    """Send fragments whose first frames refer to the previous fragment, and find which frames become images."""
    token = new_token()
    track, fragments = bodies.open_groups(2)
    tags = fragment_tags(prefix=token)
    site.put_media(write_header([track]) + b"".join(bodies.written(fragment, tags) for fragment in fragments))
    site.wait(token)
    times = [image.timecode for image in site.wait_until_silence(token)]
    for number, fragment in enumerate(fragments, 1):
        own = [at - fragment.timecode for at in times if fragment.timecode <= at < fragment.timecode + 2000]
        seen = ", ".join(map(str, own)) or "none"
        statement = (
            f"images of fragment {number} of 2 of an open group of pictures, one a second, in ms from its key frame"
        )
        yield Finding(statement, seen, "0, 1000")


def what_describe_returns(site: Site) -> Findings:
    """Set a configuration with every field and one with the required ones only, and read both back."""
    uri = f"s3://{site.bucket}/describe/"
    whole = {
        **site.required(uri),
        "ImageSelectorType": "SERVER_TIMESTAMP",
        "SamplingInterval": 3000,
        "FormatConfig": {"JPEGQuality": "90"},
        "WidthPixels": 640,
        "HeightPixels": 360,
    }
    site.configure(uri, **whole)
    told = site.described()
    for name, value in whole.items():
        statement = f"`{name}`, read back"
        yield Finding(statement, _text(site, told.get(name, "left out")), _text(site, value))
    site.configure(uri)
    more = {name: value for name, value in site.described().items() if name not in site.required(uri)}
    yield Finding("fields that weren't sent, read back", _text(site, more) if more else "left out", "left out")
    # These mean the same as leaving the field out, and may be returned differently.
    for sent, assumed in (
        ({}, "InvalidArgumentException"),
        ({"JPEGQuality": "80"}, '{"JPEGQuality": "80"}'),
        ({"JPEGQuality": "080"}, '{"JPEGQuality": "080"}'),
    ):
        seen = _answer(partial(site.configure, uri, FormatConfig=sent))
        if seen == "accepted":
            seen = _text(site, site.described().get("FormatConfig", "left out"))
        yield Finding(f"`FormatConfig` {json.dumps(sent)}, read back", seen, assumed)


def a_stale_describe(site: Site) -> Findings:
    """Read a configuration several times right after it was set, and find out whether an old one is returned."""
    uri = f"s3://{site.bucket}/describe/"
    longest = 0.0
    for width in (320, 640, 320, 640):
        site.configure(uri, WidthPixels=width, HeightPixels=width * 3 // 4)
        begin = time.monotonic()
        # All readings are made, since an old configuration can follow a new one.
        for _ in range(_READINGS):
            if site.described().get("WidthPixels") != width:
                longest = max(longest, time.monotonic() - begin)
            time.sleep(_BETWEEN_READINGS_SECONDS)
    seen = f"no, still after {longest:.1f} s" if longest else "yes"
    yield Finding("Describe returns a configuration as soon as it is set", seen, "yes")


def destinations(site: Site) -> Findings:
    """Let the scratch stream deliver to the bucket, with a slash, and under a prefix without one."""
    # The formats alternate, so that the file shows which configuration made an image.
    for end, image_format in (("", "PNG"), ("/", "JPEG"), ("/door", "PNG")):
        told, image = _delivered(site, end, image_format)
        yield Finding(f"`s3://BUCKET{end}`, read back", told.replace(site.bucket, "BUCKET"), f"s3://BUCKET{end}")
        yield Finding(f"the key of an image of `s3://BUCKET{end}`", _key(site, image), _form(end[1:], image_format))
    told = site.s3.head_object(Bucket=site.bucket, Key=image.key)
    yield Finding("the content type of a PNG", told["ContentType"], "image/png")


def refused_configurations(site: Site) -> Findings:
    """Set configurations whose acceptance is not documented."""
    nowhere, here = f"s3://no-bucket-{new_token()}/", f"s3://{site.bucket}/"
    seen = _answer(lambda: site.configure(nowhere))
    yield Finding("a destination that doesn't exist", seen, "accepted")
    seen = _answer(lambda: site.configure(here, Format="PNG", FormatConfig={"JPEGQuality": "80"}))
    yield Finding("`JPEGQuality` with PNG", seen, "InvalidArgumentException")


def a_configuration_in_an_open_session(site: Site) -> Findings:
    """Change the configuration while a producer sends on one connection."""
    _delivered(site, "/before/")
    token = new_token()
    with site.streaming(site.scratch, token):
        site.wait(token)
        begin = time.monotonic()
        site.configure(f"s3://{site.bucket}/after/")
        seen = _whether(lambda: site.wait(token, lambda image: image.key.startswith("after/")))
    yield Finding("an open session follows a new configuration", seen, "yes")
    yield Finding("after", _seconds(begin))


def permissions_in_an_open_session(site: Site) -> Findings:
    """Revoke the permission on the bucket while a producer sends on one connection, and restore it."""
    _delivered(site, "/permissions/")
    token = new_token()
    with site.streaming(site.scratch, token):
        site.wait(token)
        with site.changed_permissions(lambda statements: [s for s in statements if "s3:" not in str(s["Action"])]):
            begin = time.monotonic()
            seen = _whether(lambda: site.wait_until_silence(token))
        yield Finding("images stop in an open session if the permission is revoked", seen, "yes")
        yield Finding("after at most", _seconds(begin))
        known = site.images_of(token)
        begin = time.monotonic()
        seen = _whether(lambda: site.wait(token, lambda image: image not in known))
    yield Finding("they continue if it is restored", seen, "yes")
    yield Finding("after", _seconds(begin))


def a_new_permission(site: Site) -> Findings:
    """Grant a producer another permission, and check when the service applies it."""
    kinesis_video = site.as_producer(site.scratch).client("kinesisvideo")
    describe = partial(kinesis_video.describe_image_generation_configuration, StreamName=site.scratch)
    permission = {"Effect": "Allow", "Action": "kinesisvideo:DescribeImageGenerationConfiguration", "Resource": "*"}
    with site.changed_permissions(lambda statements: [*statements, permission]):
        begin = time.monotonic()
        site.wait_until_allowed(describe)
        seconds = time.monotonic() - begin
    # The function waits for a minute.
    yield Finding("a new permission reaches the service within a minute", "yes" if seconds < 60 else "no", "yes")
    yield Finding("after", f"{seconds:.0f} s")


def the_function_starts(site: Site) -> Findings:
    """Read the duration of the function's start from its log."""
    pages = site.session.client("logs").get_paginator("filter_log_events").paginate(logGroupName=site.log_group)
    messages = [event["message"] for page in pages for event in page["events"]]
    found = [match[1] for message in messages if (match := _LAMBDA_INIT.search(message))]
    yield Finding("the function's start in milliseconds", ", ".join(found) or "not in its log")


def what_describe_stream_leaves_out(site: Site) -> Findings:
    """Describe a stream that names no key, no device and no media type."""
    stream = site.stream()
    key = str(stream.get("KmsKeyId", "left out"))
    seen = re.sub(r"arn:[^:]+:kms:[^:]+:\d+:key/.*", "the ARN of a key", re.sub(r".*(?=alias/)", "", key))
    yield Finding("`KmsKeyId` of a stream without a key of its own", seen, "alias/aws/kinesisvideo")
    seen = ", ".join(name for name in ("DeviceName", "MediaType") if name not in stream) or "none"
    yield Finding("`DeviceName` and `MediaType` that have no value and are left out", seen, "DeviceName, MediaType")


def a_stream_without_retention(site: Site) -> Findings:
    """Delete, and disable, the configuration of a stream whose retention is 0."""
    stream = site.stream()
    site.call(
        "update_data_retention",
        CurrentVersion=stream["Version"],
        Operation="DECREASE_DATA_RETENTION",
        DataRetentionChangeInHours=stream["DataRetentionInHours"],
    )

    def keeps_nothing() -> bool:
        stream = site.stream()
        return stream["Status"] == "ACTIVE" and not stream.get("DataRetentionInHours")

    site.wait_until(keeps_nothing, "the retention is not 0")
    stream = site.stream()
    yield Finding("`DataRetentionInHours` that is 0", str(stream.get("DataRetentionInHours", "left out")), "0")
    seen = _answer(site.described)
    yield Finding("without retention, describing the configuration", seen, "accepted")
    seen = _answer(lambda: site.configure(f"s3://{site.bucket}/", Status="DISABLED"))
    yield Finding("without retention, setting a configuration that is DISABLED", seen, "NoDataRetentionException")
    seen = _answer(lambda: site.call("update_image_generation_configuration"))
    yield Finding("without retention, deleting the configuration", seen, "NoDataRetentionException")


def what_cloudtrail_records(site: Site) -> Findings:
    """Look for the calls of this run in CloudTrail's event history, whose records are some minutes late."""
    documented, ours = "UpdateDataRetention", "UpdateImageGenerationConfiguration"
    try:
        site.wait_for_record(documented)
    except TimeoutError as error:
        # Without this record, the absence of the other means nothing.
        yield Finding(f"CloudTrail records `{ours}`", f"unknown: {error}")
        return
    seen = _whether(lambda: site.wait_for_record(ours))
    yield Finding(f"CloudTrail records `{ours}`", seen, "yes")


CHECKS: Sequence[Check] = (
    an_image_arrives,
    the_sampling_interval,
    the_fragment_of_a_tag,
    the_limit_of_ten_tags,
    unusual_bodies,
    open_groups_of_pictures,
    what_describe_returns,
    a_stale_describe,
    destinations,
    refused_configurations,
    a_configuration_in_an_open_session,
    permissions_in_an_open_session,
    a_new_permission,
    the_function_starts,
    what_describe_stream_leaves_out,
    a_stream_without_retention,
    what_cloudtrail_records,
)
"""The order matters: after `a_stream_without_retention` the scratch stream yields no images, and a record exists."""


def _key(site: Site, image: DeliveredImage) -> str:
    """Return the key of an image with the names of its parts instead of their values."""
    key = re.sub(r"t[0-9a-f]{8}", "TAG", image.key, count=1)
    key = re.sub(rf"_{image.timecode}_[A-Za-z0-9-]+\.", "_TIME_ID.", key)
    return re.sub(f"{site.account}_({re.escape(site.declared)}|{re.escape(site.scratch)})", "ACCOUNT_STREAM", key)


def _form(prefix: str, image_format: str = "JPEG") -> str:
    return f"{prefix}TAG_ACCOUNT_STREAM_TIME_ID{_EXTENSIONS[image_format]}"


def _text(site: Site, value: Any) -> str:
    """Return a value as text, without the bucket's name."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text.replace(site.bucket, "BUCKET")


def _delivered(site: Site, end: str, image_format: str = "JPEG") -> tuple[str, DeliveredImage]:
    """Deliver the scratch stream's images to `s3://BUCKET` + `end`; return the Uri read back, and the first image."""
    told = site.configure(f"s3://{site.bucket}{end}", Format=image_format)
    begin, extension = end[1:], _EXTENSIONS[image_format]
    return told, site.send_until(site.scratch, lambda i: i.key.startswith(begin) and i.key.endswith(extension))


def _said(site: Site, write: Callable[[Fragment], bytes]) -> str:
    """Send a fragment as `write` encodes it, and return the service's acknowledgements."""
    video = site.video(1)
    (fragment,) = bodies.fragments(video, 1)
    return site.put_media(write_header([video.track]) + write(fragment))


def _answer(call: Callable[[], object]) -> str:
    try:
        call()
    except CallError as error:
        return error.code
    return "accepted"


def _seconds(begin: float) -> str:
    return f"{time.monotonic() - begin:.0f} s"


def _whether(call: Callable[[], object]) -> str:
    try:
        call()
    except TimeoutError:
        return "no"
    return "yes"
