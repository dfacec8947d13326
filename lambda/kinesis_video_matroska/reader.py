"""Reads Matroska from bytes in pieces of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from . import ids
from .model import Cluster, Element, Frame, Segment, SimpleTag, Tags, Track, Tracks

# The elements with which a stream may begin. AWS's C producer sends Tags alone after an ERROR acknowledgement.
_FIRST = frozenset({ids.EBML, ids.SEGMENT, ids.TAGS, ids.VOID, ids.CRC_32})
# The elements that are read as a whole; all others but Segment and Cluster are skipped.
_WHOLE = frozenset({ids.INFO, ids.TRACKS, ids.TIMECODE, ids.SIMPLE_BLOCK, ids.BLOCK_GROUP, ids.TAGS})
# The elements without frames, which become many small objects: the service allows 3 tracks and 10 tags of 384 bytes.
_SMALL = frozenset({ids.INFO, ids.TRACKS, ids.TIMECODE, ids.TAGS})
_MAX_SMALL_ELEMENT = 1_000_000
_MAX_TRACKS, _MAX_TAGS = 100, 1_000

_OF_A_TRACK = (
    *(ids.TRACK_NUMBER, ids.CODEC_ID, ids.CODEC_PRIVATE, ids.TRACK_TYPE, ids.TRACK_NAME, ids.CONTENT_ENCODINGS),
    ids.VIDEO,
)
_T = TypeVar("_T")

_LACING = 0x06
_DEFAULT_TIMECODE_SCALE = 1_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


class MatroskaError(ValueError):
    """The bytes are not Matroska."""


class ElementTooLargeError(MatroskaError):
    """An element has more bytes than the reader's limit."""


class Reader:
    """Finds elements in a Matroska stream whose bytes come in pieces, cut anywhere.

    Segment and Cluster are entered, whether their sizes are known or not; every other element is taken as a whole.
    The reader keeps no more than one such element and the piece that it was given.

    Parameters
    ----------
    max_element_size
        The most bytes of an element that is read as a whole; the default is 50,000,000, the service's limit of a
        fragment. An element without frames has at most 1,000,000, with 100 tracks or 1,000 tags. A skipped element may
        have any number.
    """

    def __init__(self, *, max_element_size: int = 50_000_000) -> None:
        self._max_element_size = max_element_size
        self._buffer = bytearray()
        self._position = 0
        self._needed = 0
        self._skipping = 0
        self._begun = False
        self._scale = _DEFAULT_TIMECODE_SCALE
        self._cluster: int | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Element]:
        """Take the next bytes and find the elements that they complete.

        Parameters
        ----------
        data
            The next bytes, any number of them.

        Returns
        -------
        An iterator over the elements. Elements that are not taken from it come from the next one.

        Raises
        ------
        MatroskaError
            From the iterator, after the elements before the fault: `ElementTooLargeError` if an element is too large.
        """
        del self._buffer[: self._position]
        self._position = 0
        self._buffer += data
        return self._elements()

    def close(self) -> None:
        """Take the end of the stream.

        Raises
        ------
        MatroskaError
            If the stream has ended within an element.
        """
        if self._skipping or self._position < len(self._buffer):
            raise MatroskaError("the stream ends within an element")

    def _elements(self) -> Iterator[Element]:
        while True:
            skipped = min(self._skipping, len(self._buffer) - self._position)
            self._skipping -= skipped
            self._position += skipped
            if self._skipping or len(self._buffer) - self._position < self._needed:
                return
            header = _header(self._buffer, self._position)
            if header is None:
                self._needed = 0
                return
            id_, size, begin = header
            if not self._begun and id_ not in _FIRST:
                raise MatroskaError(f"the stream begins with the element {id_:X}, which no Matroska stream begins with")
            self._begun = True
            if id_ in (ids.SEGMENT, ids.CLUSTER):
                self._position, self._needed, self._cluster = begin, 0, None
                if id_ == ids.SEGMENT:
                    self._scale = _DEFAULT_TIMECODE_SCALE
                    yield Segment()
                continue
            if size is None:
                raise MatroskaError(f"the element {id_:X} has an unknown size, which only Segment and Cluster may have")
            if id_ not in _WHOLE:
                self._position, self._needed, self._skipping = begin, 0, size
                continue
            limit = min(_MAX_SMALL_ELEMENT, self._max_element_size) if id_ in _SMALL else self._max_element_size
            if size > limit:
                raise ElementTooLargeError(f"the element {id_:X} has {size} bytes, and the limit is {limit} bytes")
            if begin + size > len(self._buffer):
                # The header of an incomplete element is read once, not again for each piece.
                self._needed = begin + size - self._position
                return
            body = bytes(memoryview(self._buffer)[begin : begin + size])
            element = self._read(id_, body)
            self._position, self._needed = begin + size, 0
            if element is not None:
                yield element

    def _read(self, id_: int, body: bytes) -> Element | None:
        match id_:
            case ids.INFO:
                for child, content in _children(body):
                    if child == ids.TIMECODE_SCALE:
                        self._scale = _unsigned(content)
            case ids.TRACKS:
                entries = (_track(entry) for id_, entry in _children(body) if id_ == ids.TRACK_ENTRY)
                return Tracks(tuple(_limited(entries, _MAX_TRACKS, "tracks")))
            case ids.TIMECODE:
                self._cluster = _unsigned(body)
                return Cluster(self._milliseconds(self._cluster))
            case ids.SIMPLE_BLOCK:
                return self._frame(body)
            case ids.BLOCK_GROUP:
                children = _chosen(body, ids.BLOCK, ids.REFERENCE_BLOCK)
                if ids.BLOCK in children:
                    return self._frame(children[ids.BLOCK], key=ids.REFERENCE_BLOCK not in children)
            case ids.TAGS:
                return Tags(tuple(_limited(_simple_tags(body), _MAX_TAGS, "tags")))
        return None

    def _frame(self, block: bytes, key: bool | None = None) -> Frame:
        if self._cluster is None:
            raise MatroskaError("a block comes before the timecode of its cluster")
        number, begin = _size(block, 0) or (None, 0)
        if number is None or len(block) < begin + 3:
            raise MatroskaError(f"a block of {len(block)} bytes is too short for its header, or has no track")
        timecode = int.from_bytes(block[begin : begin + 2], signed=True)
        return Frame(
            number,
            self._milliseconds(self._cluster + timecode),
            bool(block[begin + 2] & 0x80) if key is None else key,
            block[begin + 3 :],
            block[begin + 2] & _LACING,
        )

    def _milliseconds(self, ticks: int) -> int:
        return ticks * self._scale // _NANOSECONDS_PER_MILLISECOND


def _header(data: bytes | bytearray, position: int) -> tuple[int, int | None, int] | None:
    """Read the id of an element, its size (None: unknown) and the start of its content; None: more bytes are needed."""
    if position >= len(data):
        return None
    length = 9 - data[position].bit_length()
    if length > 4:
        raise MatroskaError(f"the byte {data[position]:02X} begins no element's id")
    if position + length >= len(data):
        return None
    size = _size(data, position + length)
    return None if size is None else (int.from_bytes(data[position : position + length]), *size)


def _size(data: bytes | bytearray, position: int) -> tuple[int | None, int] | None:
    """Read a number of variable length (None: all ones) and its end; None: more bytes are needed."""
    if position >= len(data):
        return None
    length = 9 - data[position].bit_length()
    if length > 8:
        raise MatroskaError("the byte 00 begins no element's size")
    if position + length > len(data):
        return None
    ones = (1 << 7 * length) - 1
    value = int.from_bytes(data[position : position + length]) & ones
    return (None if value == ones else value), position + length


def _children(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        id_, size, begin = _header(data, position) or (0, None, 0)
        if size is None or begin + size > len(data):
            raise MatroskaError("an element is longer than the one that it lies in")
        position = begin + size
        yield id_, data[begin:position]


def _chosen(data: bytes, *wanted: int) -> dict[int, bytes]:
    """Read the children with these ids, the last one of each; there may be any number of others."""
    return {id_: content for id_, content in _children(data) if id_ in wanted}


def _limited(elements: Iterator[_T], limit: int, name: str) -> Iterator[_T]:
    for number, element in enumerate(elements):
        if number == limit:
            raise MatroskaError(f"an element has more than {limit} {name}")
        yield element


def _track(entry: bytes) -> Track:
    children = _chosen(entry, *_OF_A_TRACK)
    video = _chosen(children.get(ids.VIDEO, b""), ids.PIXEL_WIDTH, ids.PIXEL_HEIGHT)
    return Track(
        number=_unsigned(children.get(ids.TRACK_NUMBER, b"")),
        codec_id=_text(children.get(ids.CODEC_ID, b"")),
        codec_private=children.get(ids.CODEC_PRIVATE, b""),
        width=_unsigned(video.get(ids.PIXEL_WIDTH, b"")),
        height=_unsigned(video.get(ids.PIXEL_HEIGHT, b"")),
        type=_unsigned(children.get(ids.TRACK_TYPE, b"")),
        name=_text(children.get(ids.TRACK_NAME, b"")),
        encoded=ids.CONTENT_ENCODINGS in children,
    )


def _simple_tags(tags: bytes) -> Iterator[SimpleTag]:
    for id_, tag in _children(tags):
        if id_ == ids.TAG:
            for child, simple_tag in _children(tag):
                if child == ids.SIMPLE_TAG:
                    content = _chosen(simple_tag, ids.TAG_NAME, ids.TAG_STRING)
                    yield SimpleTag(_text(content.get(ids.TAG_NAME, b"")), _text(content.get(ids.TAG_STRING, b"")))


def _unsigned(data: bytes) -> int:
    if len(data) > 8:
        raise MatroskaError(f"a number has {len(data)} bytes, and 8 are allowed")
    return int.from_bytes(data)


def _text(data: bytes) -> str:
    # Matroska pads strings with zeros.
    return data.rstrip(b"\0").decode(errors="replace")
