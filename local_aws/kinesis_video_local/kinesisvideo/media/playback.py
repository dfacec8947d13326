"""Video for players: clips in MP4, and sessions of HLS, of the service ``kinesis-video-archived-media``.

See https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_reader_GetClip.html and
https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_reader_GetHLSStreamingSessionURL.html
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from urllib.parse import urlencode

from ...service.errors import ServiceError, invalid_argument
from ...service.http import Answer
from ...service.http import Request as HttpRequest
from ...service.operation import Operation
from ..streams import Request, Response, Stream, Streams
from .decoder import video_track
from .fragments import FragmentStore, MediaFragment
from .mp4 import UnplayableError, frame_milliseconds, write_clip, write_parts

_CLIP_FRAGMENTS, _CLIP_BYTES = 200, 100_000_000
_MAX_RANGE_MS = 24 * 3_600_000
_DEFAULT_EXPIRES, _DEFAULT_FRAGMENTS = 300, 5_000
# The most sessions of one stream: when one more begins, the oldest ends.
_SESSIONS = 10
_PLAYLIST_TYPE, _VIDEO_TYPE = "application/x-mpegURL", "video/mp4"
_H264 = ("V_MPEG4/ISO/AVC", "V_MPEG/ISO/AVC")
_ERRORS = {
    "NotAuthorizedException": 403,
    "ResourceNotFoundException": 404,
    "InvalidArgumentException": 400,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}


@dataclass(frozen=True)
class _Session:
    """A session of HLS, as its playlists show it."""

    stream: Stream
    numbers: Sequence[str]
    expires: float
    by_producer: bool
    discontinuities: str
    timestamps: bool


class Sessions:
    """The sessions of HLS that are open."""

    def __init__(self, store: FragmentStore) -> None:
        self._store = store
        self._sessions: dict[str, _Session] = {}

    def open(self, session: _Session) -> str:
        """Open a session, and return its token."""
        now = time.monotonic()
        self._sessions = {token: other for token, other in self._sessions.items() if other.expires > now}
        of_stream = [token for token, other in self._sessions.items() if other.stream is session.stream]
        for token in of_stream[: len(of_stream) + 1 - _SESSIONS]:
            del self._sessions[token]
        token = secrets.token_urlsafe(48)
        self._sessions[token] = session
        return token

    def operations(self) -> list[Operation]:
        """Return the operations for players; the token in the URL replaces a signature."""

        def operation(name: str, path: str, answer: Callable[[Mapping[str, str], _Session], Answer]) -> Operation:
            async def run(request: HttpRequest, _body: bytes) -> Answer:
                session = self._sessions.get(request.query.get("SessionToken", ""))
                if session is None or session.expires <= time.monotonic():
                    raise ServiceError("NotAuthorizedException", "The session has expired, or its token is none")
                return await asyncio.to_thread(answer, request.query, session)

            return Operation(name, "GET", f"/hls/v1/{path}", _ERRORS, run, signed=False)

        return [
            operation("GetHLSMasterPlaylist", "getHLSMasterPlaylist.m3u8", self._master_playlist),
            operation("GetHLSMediaPlaylist", "getHLSMediaPlaylist.m3u8", self._media_playlist),
            operation("GetMP4InitFragment", "getMP4InitFragment.mp4", self._init_fragment),
            operation("GetMP4MediaFragment", "getMP4MediaFragment.mp4", self._media_fragment),
        ]

    def clear(self) -> None:
        """End every session."""
        self._sessions.clear()

    def _fragments(self, session: _Session) -> list[MediaFragment]:
        kept = {fragment.number: fragment for fragment in self._store.of(session.stream)}
        fragments = [kept[number] for number in session.numbers if number in kept]
        if not fragments:
            raise _no_fragments()
        return fragments

    def _master_playlist(self, query: Mapping[str, str], session: _Session) -> Answer:
        fragments = self._fragments(session)
        track = video_track(fragments[0].tracks)
        assert track
        seconds = sum(_seconds(fragment) for fragment in fragments)
        attributes = [f"BANDWIDTH={round(8 * sum(fragment.size for fragment in fragments) / seconds)}"]
        if track.codec_id in _H264:
            attributes.append(f'CODECS="avc1.{track.codec_private[1:4].hex()}"')
        if track.width and track.height:
            attributes.append(f"RESOLUTION={track.width}x{track.height}")
        uri = _uri("getHLSMediaPlaylist.m3u8", query, TrackNumber=str(track.number))
        return _playlist(["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-STREAM-INF:{','.join(attributes)}", uri])

    def _media_playlist(self, query: Mapping[str, str], session: _Session) -> Answer:
        fragments = self._fragments(session)
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            f"#EXT-X-TARGETDURATION:{max(round(_seconds(fragment) + 0.5) for fragment in fragments)}",
            "#EXT-X-MEDIA-SEQUENCE:1",
            f'#EXT-X-MAP:URI="{_uri("getMP4InitFragment.mp4", query)}"',
        ]
        end, mode = 0.0, session.discontinuities
        for fragment in fragments:
            begin = fragment.time(session.by_producer) / 1000
            apart = abs(begin - end) > frame_milliseconds(fragment.video) / 1000
            if end and (mode == "ALWAYS" or (mode == "ON_DISCONTINUITY" and apart)):
                lines.append("#EXT-X-DISCONTINUITY")
            if session.timestamps:
                at = datetime.fromtimestamp(begin, UTC).isoformat(timespec="milliseconds")
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{at.replace('+00:00', 'Z')}")
            lines.append(f"#EXTINF:{_seconds(fragment):.3f},")
            lines.append(_uri("getMP4MediaFragment.mp4", query, FragmentNumber=fragment.number))
            end = begin + _seconds(fragment)
        return _playlist([*lines, "#EXT-X-ENDLIST"])

    def _init_fragment(self, query: Mapping[str, str], session: _Session) -> Answer:
        header, _ = write_parts(self._fragments(session)[0], 0)
        return Answer(200, {"Content-Type": _VIDEO_TYPE}, header)

    def _media_fragment(self, query: Mapping[str, str], session: _Session) -> Answer:
        fragments = self._fragments(session)
        number = query.get("FragmentNumber", "")
        fragment = next((fragment for fragment in fragments if fragment.number == number), None)
        if fragment is None:
            raise _no_fragments()
        begin = fragment.time(session.by_producer) - fragments[0].time(session.by_producer)
        _, part = write_parts(fragment, max(begin, 0))
        return Answer(200, {"Content-Type": _VIDEO_TYPE}, part)


@dataclass
class Playback:
    """The operations on the streams of one account in one Region.

    Each is the method of its name: it takes the parsed request and returns the response.
    """

    streams: Streams
    store: FragmentStore
    sessions: Sessions
    endpoint_url: str
    """The address at which players find the sessions."""

    async def get_clip(self, request: Request) -> Answer:
        """Return the fragments of a time range as one MP4 file."""
        fragments = self._select(self.streams.find(request), request["ClipFragmentSelector"])[:_CLIP_FRAGMENTS]
        fitting = sum(size <= _CLIP_BYTES for size in accumulate(fragment.size for fragment in fragments))
        fragments = fragments[: max(fitting, 1)]
        try:
            clip = await asyncio.to_thread(write_clip, fragments)
        except UnplayableError as error:
            raise ServiceError("InvalidMediaFrameException", str(error)) from None
        return Answer(200, {"Content-Type": _VIDEO_TYPE}, clip)

    def get_hls_streaming_session_url(self, request: Request) -> Response:
        """Open a session of HLS on the fragments of a time range."""
        stream = self.streams.find(request)
        _only(request, "PlaybackMode", "ON_DEMAND", default="LIVE")
        _only(request, "ContainerFormat", "FRAGMENTED_MP4")
        if "HLSFragmentSelector" not in request:
            raise invalid_argument("ON_DEMAND needs HLSFragmentSelector")
        selector = request["HLSFragmentSelector"]
        fragments = self._select(stream, selector)
        session = _Session(
            stream,
            [fragment.number for fragment in fragments][
                : request.get("MaxMediaPlaylistFragmentResults", _DEFAULT_FRAGMENTS)
            ],
            time.monotonic() + request.get("Expires", _DEFAULT_EXPIRES),
            _by_producer(selector),
            request.get("DiscontinuityMode", "ALWAYS"),
            request.get("DisplayFragmentTimestamp") == "ALWAYS",
        )
        query = {"SessionToken": self.sessions.open(session)}
        return {"HLSStreamingSessionURL": f"{self.endpoint_url}/hls/v1/{_uri('getHLSMasterPlaylist.m3u8', query)}"}

    def get_dash_streaming_session_url(self, request: Request) -> Response:
        """Refuse the request: the local AWS has no DASH."""
        self.streams.find(request)
        raise invalid_argument("The local AWS has no DASH, use GetHLSStreamingSessionURL with ON_DEMAND, or GetClip")

    def _select(self, stream: Stream, selector: Request) -> list[MediaFragment]:
        """Return the fragments that begin in a time range, in order; refuse those that a player can't play."""
        stream.check_retention()
        if "FragmentSelectorType" not in selector or "TimestampRange" not in selector:
            raise invalid_argument("The selector needs FragmentSelectorType and TimestampRange")
        begin, end = (
            round(selector["TimestampRange"].get(name, 0) * 1000) for name in ("StartTimestamp", "EndTimestamp")
        )
        if not begin < end <= begin + _MAX_RANGE_MS:
            raise invalid_argument("EndTimestamp must be after StartTimestamp, by 24 hours at most")
        by_producer = _by_producer(selector)
        found = {
            fragment.time(by_producer): fragment
            for fragment in self.store.of(stream)
            if begin <= fragment.time(by_producer) <= end
        }
        fragments = [fragment for _, fragment in sorted(found.items())]
        if not fragments:
            raise _no_fragments()
        privates = set()
        for track in (video_track(fragment.tracks) for fragment in fragments):
            if track is None:
                raise ServiceError("UnsupportedStreamMediaTypeException", "The video is neither H.264 nor H.265")
            if not track.codec_private:
                raise ServiceError("MissingCodecPrivateDataException", "The video has no codec private data")
            privates.add((track.codec_id, track.codec_private))
        if len(privates) > 1:
            raise ServiceError("InvalidCodecPrivateDataException", "The codec private data changes in the time range")
        return fragments


def _only(request: Request, member: str, value: str, *, default: str | None = None) -> None:
    if (given := request.get(member, default or value)) != value:
        raise invalid_argument(f"The local AWS has no {member} {given}, use {value}")


def _by_producer(selector: Request) -> bool:
    return bool(selector["FragmentSelectorType"] == "PRODUCER_TIMESTAMP")


def _no_fragments() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "No fragments found in the stream for the streaming request")


def _seconds(fragment: MediaFragment) -> float:
    frames = fragment.video
    timecodes = [frame.timecode for frame in frames]
    return (max(timecodes) - min(timecodes) + frame_milliseconds(frames)) / 1000


def _uri(path: str, query: Mapping[str, str], **more: str) -> str:
    return f"{path}?{urlencode({'SessionToken': query['SessionToken'], **more})}"


def _playlist(lines: Sequence[str]) -> Answer:
    return Answer(200, {"Content-Type": _PLAYLIST_TYPE}, "\n".join([*lines, ""]).encode())
