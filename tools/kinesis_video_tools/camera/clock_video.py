"""A test picture: a clock, the stream's name, and a colour for each fragment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from kinesis_video_matroska import Fragment, Frame, Track

from .font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph
from .h264 import MACROBLOCK, Encoder

_MARGIN = 8
_CHARACTER_WIDTH = GLYPH_WIDTH + 1
_CLOCK_WIDTH = len("00:00:00.000") * _CHARACTER_WIDTH
_MIN_SCALE = 2

_WHITE = 235
# Y, Cb, Cr of dark colours: blue, green, red, turquoise, purple, brown.
_COLOURS = ((41, 170, 115), (70, 105, 100), (60, 110, 165), (75, 135, 90), (55, 155, 145), (65, 100, 140))

_MIN_WIDTH, _MIN_HEIGHT = 160, 96
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ClockVideo:
    """Endless H.264 video that shows its own time in UTC, made without an encoder.

    Every picture shows the time of its own timecode, so what a picture shows can be compared with its timecode, and an
    image's key with its pixels. The text is white: the time, the date, the name. The background has a different colour
    in each of six successive fragments.

    Parameters
    ----------
    name
        The text below the clock, such as the stream's name; small letters are drawn as capitals.
    width
        The width in pixels, a multiple of 16, at least 160; the default is 320.
    height
        The height in pixels, a multiple of 16, at least 96; the default is 240.
    frame_rate
        Pictures a second, more than 0; the default is 10.
    fragment_seconds
        The length of a fragment in seconds, 1 to 20, the limits of the service; the default is 2.

    Raises
    ------
    ValueError
        If a parameter is out of its bounds.
    """

    def __init__(
        self,
        name: str,
        *,
        width: int = 320,
        height: int = 240,
        frame_rate: float = 10,
        fragment_seconds: float = 2,
    ) -> None:
        if width < _MIN_WIDTH or height < _MIN_HEIGHT:
            raise ValueError(
                f"`width` and `height` are {width} and {height}, and the clock needs at least {_MIN_WIDTH} and "
                f"{_MIN_HEIGHT} pixels; use a larger size, such as 320x240"
            )
        if not 1 <= fragment_seconds <= 20:
            raise ValueError(
                f"`fragment_seconds` is {fragment_seconds}, and the service takes fragments of 1 to 20 seconds; "
                "use a length between them, such as 2"
            )
        if not frame_rate * fragment_seconds >= 1:
            raise ValueError(
                f"`frame_rate` is {frame_rate}, and a fragment of {fragment_seconds} seconds needs a picture at least; "
                "use a higher rate or longer fragments"
            )
        self._encoder = Encoder(width, height)
        self._name = name
        self._columns, self._rows = width // MACROBLOCK, height // MACROBLOCK
        # As large as fits, so that it can also be read in a small image.
        self._clock_scale = min((width - 2 * _MARGIN) // _CLOCK_WIDTH, height // 40)
        self._text_scale = max(_MIN_SCALE, self._clock_scale // 2)
        self._frame_rate = frame_rate
        self._pictures_per_fragment = round(frame_rate * fragment_seconds)

    @property
    def track(self) -> Track:
        """The video's track."""
        width, height = self._columns * MACROBLOCK, self._rows * MACROBLOCK
        return Track(1, "V_MPEG4/ISO/AVC", self._encoder.codec_private, width, height)

    def duration(self, fragments: int | None) -> float | None:
        """Return the length of that many fragments in seconds; None if no number is given, since the video has no end.

        Parameters
        ----------
        fragments
            The number of fragments.
        """
        return None if fragments is None else fragments * self._pictures_per_fragment / self._frame_rate

    def fragments(self, start: int) -> Iterator[Fragment]:
        """Make fragments without an end, each when the caller takes it.

        Parameters
        ----------
        start
            The time of the first picture, in milliseconds since 1970.
        """
        number = 0
        while True:
            first = number * self._pictures_per_fragment
            timecodes = [
                start + round((first + index) * 1000 / self._frame_rate) for index in range(self._pictures_per_fragment)
            ]
            yield Fragment(timecodes[0], list(self._frames(timecodes, _COLOURS[number % len(_COLOURS)])))
            number += 1

    def _frames(self, timecodes: Sequence[int], colour: tuple[int, int, int]) -> Iterator[Frame]:
        picture = self._ground(colour)
        for timecode in timecodes:
            time = _EPOCH + timedelta(milliseconds=timecode)
            picture = list(picture)
            row = self._draw(picture, 1, f"{time:%H:%M:%S}.{timecode % 1000:03d}", self._clock_scale, colour)
            self._draw(picture, row, f"{time:%Y-%m-%d}", self._text_scale, colour)
            key = timecode == timecodes[0]
            data = self._encoder.encode_key_picture(picture) if key else self._encoder.encode_picture(picture)
            yield Frame(1, timecode, key, data)

    def _ground(self, colour: tuple[int, int, int]) -> list[bytes]:
        luma, cb, cr = colour
        picture = [bytes([luma]) * 256 + bytes([cb]) * 64 + bytes([cr]) * 64] * (self._columns * self._rows)
        row = 2 + _rows_of_text(self._clock_scale) + _rows_of_text(self._text_scale)
        length = (self._columns * MACROBLOCK - 2 * _MARGIN) // (_CHARACTER_WIDTH * self._text_scale)
        for begin in range(0, len(self._name), length):
            if row + _rows_of_text(self._text_scale) <= self._rows:
                row = self._draw(picture, row, self._name[begin : begin + length], self._text_scale, colour)
        return picture

    def _draw(self, picture: list[bytes], row: int, text: str, scale: int, colour: tuple[int, int, int]) -> int:
        """Draw a line of text that begins at a row of macroblocks, and return the row after it."""
        luma, cb, cr = colour
        ground = bytes([luma])
        dots = {"#": bytes([_WHITE]) * scale, ".": ground * scale}
        width, height = self._columns * MACROBLOCK, _rows_of_text(scale) * MACROBLOCK
        above = (height - GLYPH_HEIGHT * scale) // 2
        lines = [ground * width] * height
        for index in range(GLYPH_HEIGHT):
            dotted = ".".join(glyph(character)[index] for character in text)
            line = (ground * _MARGIN + b"".join(dots[dot] for dot in dotted)).ljust(width, ground)
            lines[above + index * scale : above + (index + 1) * scale] = [line] * scale
        chroma = bytes([cb]) * 64 + bytes([cr]) * 64
        # Whole rows of macroblocks, so that a line of text changes nothing beside it.
        for top in range(0, height, MACROBLOCK):
            for column in range(self._columns):
                part = slice(column * MACROBLOCK, (column + 1) * MACROBLOCK)
                luma_of_macroblock = b"".join(line[part] for line in lines[top : top + MACROBLOCK])
                picture[row * self._columns + column] = luma_of_macroblock + chroma
            row += 1
        return row


def _rows_of_text(scale: int) -> int:
    """Return how many rows of macroblocks a line of text takes."""
    return -(-GLYPH_HEIGHT * scale // MACROBLOCK)
