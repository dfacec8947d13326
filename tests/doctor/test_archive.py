"""The tags and the tracks in what the archive hands out, wherever it is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kinesis_video_doctor.archive import read_media
from kinesis_video_matroska import (
    Frame,
    SimpleTag,
    TagName,
    Tags,
    Track,
    write_cluster,
    write_frame,
    write_header,
    write_tags,
)

TRACK = Track(1, "V_MPEG4/ISO/AVC", b"\x01\x42\xc0\x1f", 640, 480)
HEADER = write_header([TRACK], segment_uid=bytes(16))
OTHERS = [Tags((SimpleTag("AWS_KINESISVIDEO_FRAGMENT_NUMBER", "1"),)), Tags((SimpleTag("person", "yes"),))]
SEGMENT, CLUSTER = bytes.fromhex("18538067"), bytes.fromhex("1f43b675")


@st.composite
def archives(draw: st.DrawFn) -> tuple[bytes, list[bool]]:
    """Draw fragments, each a stream of its own or one after the other, with tags or without, of known size or not."""
    whole, tagged = HEADER, []
    for number in range(draw(st.integers(1, 4))):
        if number and draw(st.booleans()):
            whole += HEADER
        frame = write_frame(Frame(1, number * 1000, True, draw(st.binary(max_size=40))), number * 1000)
        cluster = write_cluster(number * 1000) + frame
        if draw(st.booleans()):
            size = len(cluster) - len(CLUSTER) - 1
            cluster = CLUSTER + (size | 1 << 56).to_bytes(8) + cluster[len(CLUSTER) + 1 :]
        tags = draw(st.lists(st.sampled_from(OTHERS), max_size=2))
        tagged.append(draw(st.booleans()))
        if tagged[-1]:
            tags.insert(draw(st.integers(0, len(tags))), Tags((SimpleTag(TagName.IMAGE_GENERATION),)))
        whole += cluster + b"".join(map(write_tags, tags))
    return whole, tagged


@settings(deadline=None)
@given(archives(), st.data())
def test_tags_and_tracks_are_read_wherever_the_pieces_are_cut_and_the_end_is_cut_off(
    archive: tuple[bytes, list[bool]], data: st.DataObject
) -> None:
    whole, tagged = archive
    end = data.draw(st.just(len(whole)) | st.integers(0, len(whole)))
    cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=8)))
    tracks, fragments = read_media([whole[begin:stop] for begin, stop in pairwise([0, *cuts, end])])
    seen = [TagName.IMAGE_GENERATION in fragment for fragment in fragments]
    if end == len(whole):
        assert [track.codec_id for track in tracks] == ["V_MPEG4/ISO/AVC"]
        assert seen == tagged
    # Only the last one's tag may be cut off, and none is another fragment's.
    assert seen[:-1] == tagged[: len(seen)][:-1]
    assert len(seen) <= len(tagged)
    assert not seen or seen[-1] <= tagged[len(seen) - 1]
