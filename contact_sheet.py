"""The demo's contact sheet: a PNG of images side by side, each with its key, its time and its size."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 5
_WIDTH, _HEIGHT = 152, 86
_MARGIN, _GAP = 8, 12
# The sheet is transparent, and its colours are legible on white and on black.
_CLEAR, _TEXT, _BORDER = "#6f7b9000", "#6f7b90", "#d9442b"
_TITLE_SIZE, _HEADING_SIZE, _TEXT_SIZE, _KEY_SIZE = 24, 18, 14, 12
# A palette preserves flat colours, and keeps the PNG small.
_COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """A picture with its caption."""

    key: str
    """The key of its object."""
    timestamp: datetime
    """Its time."""
    data: bytes
    """A JPEG or a PNG."""

    @property
    def caption(self) -> str:
        """Its time and its size in kilobytes."""
        return f"{self.timestamp:%H:%M:%S}.{self.timestamp.microsecond // 1000:03d} · {len(self.data) / 1000:.1f} kB"


@dataclass(frozen=True)
class Section:
    """Pictures that belong together."""

    heading: str
    """The heading of the section."""
    text: str
    """The explanation below the heading."""
    pictures: Sequence[Picture]
    """The pictures. Without pictures the sheet says "no image"."""


def contact_sheet(title: str, text: str, sections: Sequence[Section]) -> bytes:
    """Return a PNG of the sections below a title and a line of text, with a transparent background."""
    # Drawn twice: the first time to measure its height.
    width = 2 * _MARGIN + _COLUMNS * _WIDTH + (_COLUMNS - 1) * _GAP
    height = _Drawing(Image.new("RGBA", (width, 1))).draw(title, text, sections)
    paper = Image.new("RGBA", (width, height), _CLEAR)
    _Drawing(paper).draw(title, text, sections)
    written = io.BytesIO()
    paper.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


class _Drawing:
    """Draws the sheet from top to bottom."""

    def __init__(self, paper: Image.Image) -> None:
        self._paper = paper
        self._draw = ImageDraw.Draw(paper)
        self._font = ImageFont.load_default
        self._y = _MARGIN

    def draw(self, title: str, text: str, sections: Sequence[Section]) -> int:
        """Draw the sheet, and return its height."""
        self._line(title, _TITLE_SIZE)
        self._line(text, _TEXT_SIZE)
        for section in sections:
            self._y += _GAP
            self._line(section.heading, _HEADING_SIZE)
            self._line(section.text, _TEXT_SIZE)
            self._y += _GAP // 2
            if not section.pictures:
                self._nothing()
            for begin in range(0, len(section.pictures), _COLUMNS):
                self._row(section.pictures[begin : begin + _COLUMNS])
        return self._y + _MARGIN - _GAP

    def _line(self, text: str, size: int, x: int = _MARGIN) -> None:
        self._draw.text((x, self._y), text, fill=_TEXT, font=self._font(size))
        self._y += size * 3 // 2

    def _nothing(self) -> None:
        end = self._paper.width - _MARGIN, self._y + 2 * _HEADING_SIZE
        self._draw.rectangle((_MARGIN, self._y, *end), outline=_BORDER)
        self._draw.text((_MARGIN + _GAP, self._y + 8), "no image", fill=_BORDER, font=self._font(_TEXT_SIZE))
        self._y = end[1] + _GAP

    def _row(self, pictures: Sequence[Picture]) -> None:
        top, bottom = self._y, self._y
        for column, picture in enumerate(pictures):
            x = _MARGIN + column * (_WIDTH + _GAP)
            self._y = top
            with Image.open(io.BytesIO(picture.data)) as image:
                small = image.convert("RGB").resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)
            self._paper.paste(small, (x, top))
            self._y += _HEIGHT + 5
            self._line(picture.caption, _TEXT_SIZE, x)
            for line in self._wrapped(picture.key):
                self._line(line, _KEY_SIZE, x)
            bottom = max(bottom, self._y)
        self._y = bottom + _GAP

    def _wrapped(self, key: str) -> Iterator[str]:
        """Split a key into lines that fit below its picture."""
        font = self._font(_KEY_SIZE)
        line = ""
        for character in key:
            if font.getlength(line + character) > _WIDTH:
                yield line
                line = ""
            line += character
        yield line
