"""The tags by which a producer asks for images and notifications of a fragment."""

from __future__ import annotations

from collections.abc import Mapping

from kinesis_video_matroska import SimpleTag, TagName, Tags

# One of the ten that the service accepts is the end-of-fragment tag.
_MAX_TAGS = 9
_MAX_NAME_BYTES, _MAX_VALUE_BYTES = 128, 256


def fragment_tags(
    *,
    images: bool = True,
    notifications: bool = False,
    prefix: str = "",
    metadata: Mapping[str, str] | None = None,
) -> tuple[Tags, ...]:
    """Make the tags of a fragment, as AWS's producers write them.

    See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/s3-real-time-image-create.html and
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/notifications.html

    Parameters
    ----------
    images
        Whether the service makes images of the fragment; the default is True.
    notifications
        Whether the service publishes a notification of the fragment; the default is False.
    prefix
        The start of the keys of the images after the destination's own prefix, up to 256 bytes; the default is
        nothing.
    metadata
        Pairs that become metadata of the images and payload of the notifications: names up to 128 bytes that don't
        begin with AWS, values up to 256 bytes. A fragment has at most 9 tags: one each for images, prefix and
        notifications, and the pairs, which count twice with images and notifications.

    Raises
    ------
    ValueError
        If the tags exceed a limit of the service, or a prefix is given without images.
    """
    pairs = tuple(SimpleTag(name, value) for name, value in (metadata or {}).items())
    for name, value in pairs:
        if not 1 <= len(name.encode()) <= _MAX_NAME_BYTES or name.upper().startswith("AWS"):
            raise ValueError(
                f"`metadata` has the name {name!r}, and names have 1 to {_MAX_NAME_BYTES} bytes and don't begin with "
                "AWS; use another name"
            )
        _check_value("metadata", value)
    _check_value("prefix", prefix)
    if prefix and not images:
        raise ValueError(
            f"`prefix` is {prefix!r} without images, which alone have one; ask for images, or drop the prefix"
        )
    tags = []
    if notifications:
        tags.append(Tags((SimpleTag(TagName.NOTIFICATION), *pairs)))
    if images:
        prefixes = (SimpleTag(TagName.IMAGE_PREFIX, prefix),) if prefix else ()
        tags.append(Tags((SimpleTag(TagName.IMAGE_GENERATION), *prefixes, *pairs)))
    if not tags:
        tags = [Tags((pair,)) for pair in pairs]
    if (count := sum(len(element.tags) for element in tags)) > _MAX_TAGS:
        raise ValueError(
            f"`metadata` makes {count} tags a fragment, and {_MAX_TAGS} are allowed; give fewer pairs, which count "
            "twice with images and notifications"
        )
    return tuple(tags)


def _check_value(parameter: str, value: str) -> None:
    if len(value.encode()) > _MAX_VALUE_BYTES:
        raise ValueError(
            f"`{parameter}` has the value {value!r} of {len(value.encode())} bytes, and {_MAX_VALUE_BYTES} are "
            "allowed; use a shorter one"
        )
