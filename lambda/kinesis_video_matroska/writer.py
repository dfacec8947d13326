"""Writes Matroska in the layout of AWS's C producer, byte by byte.

Segment and Cluster have an unknown size, the tags come after the cluster that they belong to, and sizes take the number
of bytes that the C producer gives them. The service is known to accept this layout.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from . import ids
from .model import Frame, Tags, Track

_UNKNOWN_SIZE = b"\xff"
_APPLICATION = b"cdk-kinesis-video"


def write_header(
    tracks: Iterable[Track],
    *,
    segment_uid: bytes | None = None,
    title: bytes = b"Kinesis Video",
    application: bytes = _APPLICATION,
) -> bytes:
    """Write the start of a stream: the EBML header, the start of the segment, its description and its tracks.

    Parameters
    ----------
    tracks
        The tracks of the stream.
    segment_uid
        16 bytes that identify the segment; random by default.
    title
        The segment's title.
    application
        The program that writes the stream.
    """
    ebml = (
        _unsigned(ids.EBML_VERSION, 1)
        + _unsigned(ids.EBML_READ_VERSION, 1)
        + _unsigned(ids.EBML_MAX_ID_LENGTH, 4)
        + _unsigned(ids.EBML_MAX_SIZE_LENGTH, 8)
        + _element(ids.DOC_TYPE, b"matroska")
        + _unsigned(ids.DOC_TYPE_VERSION, 2)
        + _unsigned(ids.DOC_TYPE_READ_VERSION, 2)
    )
    info = (
        _element(ids.SEGMENT_UID, os.urandom(16) if segment_uid is None else segment_uid)
        + _unsigned(ids.TIMECODE_SCALE, 1_000_000, 8)
        + _element(ids.TITLE, title)
        + _element(ids.MUXING_APP, application)
        + _element(ids.WRITING_APP, application)
    )
    return (
        _element(ids.EBML, ebml)
        + _id(ids.SEGMENT)
        + _UNKNOWN_SIZE
        + _element(ids.INFO, info, 2)
        + _element(ids.TRACKS, b"".join(_track(track) for track in tracks), 4)
    )


def write_cluster(timecode: int) -> bytes:
    """Write the start of a cluster.

    Parameters
    ----------
    timecode
        Milliseconds, since 1970 or since the start of the stream.
    """
    return _id(ids.CLUSTER) + _UNKNOWN_SIZE + _unsigned(ids.TIMECODE, timecode, 8) + _unsigned(ids.POSITION, 0)


def write_frame(frame: Frame, cluster_timecode: int) -> bytes:
    """Write a frame.

    Parameters
    ----------
    frame
        The frame.
    cluster_timecode
        The timecode of its cluster on the scale of the frame's: at most 32,767 milliseconds before it.
    """
    timecode = (frame.timecode - cluster_timecode).to_bytes(2, signed=True)
    flags = bytes([0x80 * frame.key | frame.lacing])
    return _element(ids.SIMPLE_BLOCK, _size(frame.track) + timecode + flags + frame.data, 8)


def write_tags(tags: Tags) -> bytes:
    """Write tags, which belong to the cluster before them.

    Parameters
    ----------
    tags
        The tags; they become one Tags element.
    """
    simple_tags = b"".join(
        _element(
            ids.SIMPLE_TAG,
            _element(ids.TAG_NAME, tag.name.encode(), 8) + _element(ids.TAG_STRING, tag.value.encode(), 8),
            8,
        )
        for tag in tags.tags
    )
    return _element(ids.TAGS, _element(ids.TAG, simple_tags, 8), 8)


def _track(track: Track) -> bytes:
    entry = (
        _unsigned(ids.TRACK_NUMBER, track.number)
        + _unsigned(ids.TRACK_UID, track.number, 8)
        + _unsigned(ids.TRACK_TYPE, track.type)
        + _element(ids.TRACK_NAME, track.name.encode())
        + _element(ids.CODEC_ID, track.codec_id.encode())
    )
    if track.width:
        size = _unsigned(ids.PIXEL_WIDTH, track.width, 2) + _unsigned(ids.PIXEL_HEIGHT, track.height, 2)
        entry += _element(ids.VIDEO, size, 4)
    if track.codec_private:
        entry += _element(ids.CODEC_PRIVATE, track.codec_private, 1 if len(track.codec_private) < 127 else 4)
    return _element(ids.TRACK_ENTRY, entry, 4)


def _element(id_: int, content: bytes, size_length: int = 1) -> bytes:
    """Write an element whose size takes that many bytes, or more if it needs them."""
    return _id(id_) + _size(len(content), size_length) + content


def _unsigned(id_: int, value: int, length: int = 1) -> bytes:
    return _element(id_, value.to_bytes(max(length, (value.bit_length() + 7) // 8)))


def _size(number: int, length: int = 1) -> bytes:
    # All ones are the unknown size.
    length = max(length, ((number + 1).bit_length() + 6) // 7)
    return (number | 1 << 7 * length).to_bytes(length)


def _id(id_: int) -> bytes:
    return id_.to_bytes((id_.bit_length() + 7) // 8)
