"""The reader and the writer of Matroska."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_matroska import (
    Cluster,
    Element,
    ElementTooLargeError,
    Fragment,
    FragmentCollector,
    Frame,
    MatroskaError,
    Reader,
    Segment,
    SimpleTag,
    TagName,
    Tags,
    Track,
    Tracks,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)

VIDEO = Track(1, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1f", 640, 480)
END_OF_FRAGMENT = Tags((SimpleTag(TagName.END_OF_FRAGMENT),))

# As AWS's C producer lays it out, element by element.
ON_THE_WIRE = bytes.fromhex(
    "1a45dfa3 a3"  # EBML
    "  4286 81 01"  # EBMLVersion
    "  42f7 81 01"  # EBMLReadVersion
    "  42f2 81 04"  # EBMLMaxIDLength
    "  42f3 81 08"  # EBMLMaxSizeLength
    "  4282 88 6d6174726f736b61"  # DocType matroska
    "  4287 81 02"  # DocTypeVersion
    "  4285 81 02"  # DocTypeReadVersion
    "18538067 ff"  # Segment of unknown size
    "1549a966 403f"  # Info
    "  73a4 90 000102030405060708090a0b0c0d0e0f"  # SegmentUID
    "  2ad7b1 88 00000000000f4240"  # TimecodeScale 1,000,000
    "  7ba9 8d 4b696e6573697320566964656f"  # Title Kinesis Video
    "  4d80 85 61626364 65"  # MuxingApp abcde
    "  5741 85 61626364 65"  # WritingApp abcde
    "1654ae6b 1000004d"  # Tracks
    "  ae 10000048"  # TrackEntry
    "    d7 81 01"  # TrackNumber
    "    73c5 88 0000000000000001"  # TrackUID
    "    83 81 01"  # TrackType video
    "    536e 8f 6b76735f766964656f5f747261636b"  # Name kvs_video_track
    "    86 8f 565f4d504547342f49534f2f415643"  # CodecID
    "    e0 10000008"  # Video
    "      b0 82 0280"  # PixelWidth
    "      ba 82 01e0"  # PixelHeight
    "    63a2 84 0142c01f"  # CodecPrivate
    "1f43b675 ff"  # Cluster of unknown size
    "  e7 88 000001a1fd5d2d98"  # Timecode
    "  a7 81 00"  # Position
    "  a3 0100000000000007 81 0000 80 010203"  # SimpleBlock of a key frame
    "  a3 0100000000000005 81 0028 00 04"  # SimpleBlock, 40 ms later
    "1254c367 0100000000000088"  # Tags
    "  7373 010000000000007e"  # Tag
    "    67c8 0100000000000035"  # SimpleTag
    "      45a3 0100000000000021 4157535f4b494e45534953564944454f5f494d4147455f47454e45524154494f4e"  # TagName
    "      4487 0100000000000000"  # TagString, empty
    "    67c8 0100000000000035"  # SimpleTag
    "      45a3 010000000000001d 4157535f4b494e45534953564944454f5f494d4147455f505245464958"  # TagName
    "      4487 0100000000000004 646f6f72"  # TagString door
    "1254c367 0100000000000048"  # Tags
    "  7373 010000000000003e"  # Tag
    "    67c8 0100000000000034"  # SimpleTag
    "      45a3 0100000000000020 4157535f4b494e45534953564944454f5f454e445f4f465f465241474d454e54"  # TagName
    "      4487 0100000000000000"  # TagString, empty
)
TIMECODE = 1795252104600
ELEMENTS: list[Element] = [
    Segment(),
    Tracks((VIDEO,)),
    Cluster(TIMECODE),
    Frame(1, TIMECODE, True, b"\1\2\3"),
    Frame(1, TIMECODE + 40, False, b"\4"),
    Tags((SimpleTag(TagName.IMAGE_GENERATION), SimpleTag(TagName.IMAGE_PREFIX, "door"))),
    END_OF_FRAGMENT,
]


def read(pieces: Iterable[bytes], **limits: int) -> list[Element]:
    reader = Reader(**limits)
    elements = [element for piece in pieces for element in reader.feed(piece)]
    reader.close()
    return elements


def write(elements: Sequence[Element], header: bytes) -> bytes:
    written, cluster = header, 0
    for element in elements:
        match element:
            case Cluster(cluster):
                written += write_cluster(cluster)
            case Frame():
                written += write_frame(element, cluster)
            case Tags():
                written += write_tags(element)
    return written


def fragments_of(elements: Iterable[Element]) -> list[Fragment]:
    collector = FragmentCollector()
    ended = [collector.add(element) for element in elements]
    return [fragment for fragment in [*ended, collector.close()] if fragment]


def element(id_: str, content: bytes, size_length: int = 8) -> bytes:
    return bytes.fromhex(id_) + (len(content) | 1 << 7 * size_length).to_bytes(size_length) + content


def test_the_writer_has_the_c_producers_layout() -> None:
    header = write_header([VIDEO], segment_uid=bytes(range(16)), application=b"abcde")
    assert write(ELEMENTS, header).hex() == ON_THE_WIRE.hex()


def test_the_reader_reads_it_at_once_and_byte_by_byte() -> None:
    assert read([ON_THE_WIRE]) == ELEMENTS
    assert read(bytes([byte]) for byte in ON_THE_WIRE) == ELEMENTS


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
tags = st.builds(Tags, st.lists(st.builds(SimpleTag, texts, texts), max_size=4).map(tuple))
tracks = st.builds(
    Track,
    st.integers(1, 70_000),
    st.sampled_from(["V_MPEG4/ISO/AVC", "V_MPEGH/ISO/HEVC", "A_AAC", "V" * 127]),
    st.binary(max_size=200),
    st.integers(1, 70_000),
    st.integers(1, 2160),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=130),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Track], list[Element]]:
    described = draw(st.lists(tracks, min_size=1, max_size=3))
    elements: list[Element] = []
    for timecode in draw(st.lists(st.integers(0, 1 << 42), min_size=1, max_size=4)):
        elements.append(Cluster(timecode))
        for _ in range(draw(st.integers(0, 4))):
            offset = draw(st.integers(-0x8000, 0x7FFF))
            elements.append(
                Frame(
                    draw(st.sampled_from([1, 126, 127, 128, 20_000])),
                    timecode + offset,
                    draw(st.booleans()),
                    draw(st.binary(max_size=300)),
                    draw(st.sampled_from([0, 2, 4, 6])),
                )
            )
        elements += draw(st.lists(tags, max_size=2))
    return described, elements


@settings(deadline=None)
@given(streams(), st.data())
def test_what_is_written_is_read_in_pieces_of_any_size(
    stream: tuple[list[Track], list[Element]], data: st.DataObject
) -> None:
    described, elements = stream
    written = write(elements, write_header(described))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=8)))
    pieces = [written[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    assert read(pieces) == [Segment(), Tracks(tuple(described)), *elements]


@settings(deadline=None)
@given(st.sampled_from([1, 2, 4, 8]), st.booleans(), st.booleans(), st.integers(1, 50))
def test_known_and_unknown_sizes_voids_and_unknown_elements_are_the_same_to_the_reader(
    size_length: int, segment_known: bool, cluster_known: bool, piece: int
) -> None:
    void, unknown = element("ec", b"\0" * 20, size_length), element("4dbb", b"\xff" * 9, size_length)
    content = element("e7", b"\x07", size_length) + void + element("a3", b"\x81\x00\x02\x80key", size_length) + unknown
    cluster = element("1f43b675", content) if cluster_known else b"\x1f\x43\xb6\x75\xff" + content
    body = void + cluster + unknown + cluster
    stream = element("18538067", body) if segment_known else b"\x18\x53\x80\x67\xff" + body
    found = read(stream[begin : begin + piece] for begin in range(0, len(stream), piece))
    assert found == [Segment(), *[Cluster(7), Frame(1, 9, True, b"key")] * 2]


def test_a_block_group_is_a_key_frame_if_it_refers_to_no_other() -> None:
    cluster = element("1f43b675", element("e7", b"\x0a"))
    key = element("a0", element("a1", b"\x81\x00\x00\x00first") + element("9b", b"\x28"))
    other = element("a0", element("a1", b"\x81\x00\x05\x00second") + element("fb", b"\xfb"))
    _, _, first, second = read([b"\x18\x53\x80\x67\xff" + cluster + key + other])
    assert (first, second) == (Frame(1, 10, True, b"first"), Frame(1, 15, False, b"second"))


def test_timecodes_are_milliseconds_whatever_the_scale() -> None:
    info = element("1549a966", element("2ad7b1", (100_000).to_bytes(4)))
    cluster = element("1f43b675", element("e7", (20_000).to_bytes(4)) + element("a3", b"\x81\x01\x90\x80x"))
    assert read([b"\x18\x53\x80\x67\xff" + info + cluster]) == [
        Segment(),
        Cluster(2_000),
        Frame(1, 2_040, True, b"x"),
    ]


def test_a_body_of_tags_alone_is_read() -> None:
    # What AWS's C producer sends after an ERROR acknowledgement.
    assert read([write_tags(ELEMENTS[5]) + write_tags(END_OF_FRAGMENT)]) == ELEMENTS[5:]  # type: ignore[arg-type] # Tags


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x00\x00\x00\x20ftypisom", "the byte 00 begins no element's id"),
        (b"GET / HTTP/1.1\r\n\r\n", "the stream begins with the element 4745, which no Matroska stream begins with"),
        (bytes.fromhex("1a45dfa3ff"), "the element 1A45DFA3 has an unknown size"),
        (bytes.fromhex("1a45dfa300"), "the byte 00 begins no element's size"),
        (bytes.fromhex("18538067ff 1f43b675ff a385 8100008001"), "a block comes before the timecode of its cluster"),
        (bytes.fromhex("18538067ff 1f43b675ff e78101 a382 8100"), "a block of 2 bytes is too short for its header"),
        (bytes.fromhex("18538067ff 1f43b675ff e789 010203040506070809"), "a number has 9 bytes, and 8 are allowed"),
        (bytes.fromhex("1254c36785 7373 9f 0000"), "an element is longer than the one that it lies in"),
    ],
)
def test_what_is_no_matroska_is_refused(stream: bytes, words: str) -> None:
    with pytest.raises(MatroskaError) as refusal:
        read([stream])
    assert str(refusal.value).startswith(words)


def test_the_elements_before_a_fault_are_found() -> None:
    elements = Reader().feed(ON_THE_WIRE + b"\x00")
    assert [next(elements) for _ in ELEMENTS] == ELEMENTS
    with pytest.raises(MatroskaError):
        next(elements)


def test_what_was_not_taken_comes_with_the_next_bytes() -> None:
    reader = Reader()
    first = next(reader.feed(ON_THE_WIRE))
    assert [first, *reader.feed(b"")] == ELEMENTS


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", ON_THE_WIRE[:40], ON_THE_WIRE[:45], ON_THE_WIRE[:350]]))
def test_garbage_is_refused_or_skipped(garbage: bytes, before: bytes) -> None:
    reader = Reader()
    try:
        list(reader.feed(before + garbage))
        reader.close()
    except MatroskaError:
        return


def test_a_stream_that_ends_within_an_element_is_said() -> None:
    reader = Reader()
    list(reader.feed(ON_THE_WIRE[:-1]))
    with pytest.raises(MatroskaError, match="the stream ends within an element"):
        reader.close()


def test_an_element_beyond_the_limit_is_refused_by_its_header_alone() -> None:
    reader = Reader(max_element_size=1000)
    header = b"\x18\x53\x80\x67\xff\x1f\x43\xb6\x75\xff\xe7\x81\x01"
    list(reader.feed(header + element("a3", b"\x81\x00\x00\x80" + bytes(996))))
    with pytest.raises(ElementTooLargeError, match="the element A3 has 1001 bytes, and the limit is 1000 bytes"):
        list(reader.feed(bytes.fromhex("a3 01000000000003e9")))


def test_the_memory_is_bounded_by_the_largest_element() -> None:
    frame = element("a3", b"\x81\x00\x00\x80" + bytes(100_000))
    # 60 MB that nobody needs, and more than an element may have that is read.
    void = bytes.fromhex("ec 0100000003938700")
    tracemalloc.start()
    reader = Reader()
    list(reader.feed(b"\x18\x53\x80\x67\xff\x1f\x43\xb6\x75\xff\xe7\x81\x01"))
    frames = 0
    for _ in range(160):
        for begin in range(0, len(frame), 1000):
            frames += sum(1 for _ in reader.feed(frame[begin : begin + 1000]))
    list(reader.feed(void))
    for _ in range(600):
        assert not list(reader.feed(bytes(100_000)))
    frames += sum(1 for _ in reader.feed(frame))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == 161
    assert peak < 1_500_000


IMAGE, PLAIN, KEPT = (Tags((SimpleTag(name),)) for name in (TagName.IMAGE_GENERATION, "plain", "kept"))
KEY = Frame(1, 0, True, b"key")


@pytest.mark.parametrize(
    ("elements", "tags_of_fragments"),
    [
        pytest.param(
            [Cluster(0), KEY, IMAGE, PLAIN, Cluster(1), KEY], [[IMAGE, PLAIN], []], id="to the cluster before"
        ),
        pytest.param([IMAGE, Cluster(0), KEY, PLAIN], [[IMAGE, PLAIN]], id="before the first cluster: to the first"),
        pytest.param(
            [Cluster(0), KEY, IMAGE, END_OF_FRAGMENT, KEPT, Cluster(1), KEY, END_OF_FRAGMENT, KEPT],
            [[IMAGE], [KEPT]],
            id="after an end-of-fragment tag: to the next",
        ),
        pytest.param([IMAGE, END_OF_FRAGMENT], [], id="tags alone"),
        pytest.param([Cluster(0), KEY, IMAGE, Segment(), Cluster(1), KEY], [[IMAGE], []], id="a second segment"),
    ],
)
def test_tags_belong_to_fragments(elements: list[Element], tags_of_fragments: list[list[Tags]]) -> None:
    assert [fragment.tags for fragment in fragments_of(elements)] == tags_of_fragments


def test_a_fragment_is_open_from_its_cluster_to_its_end() -> None:
    collector = FragmentCollector()
    assert collector.add(Cluster(5)) is None
    assert collector.open == Fragment(5)
    collector.add(KEY)
    assert collector.add(END_OF_FRAGMENT) == Fragment(5, [KEY])
    assert collector.open is None
    assert collector.close() is None
