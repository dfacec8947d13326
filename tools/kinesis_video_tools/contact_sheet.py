"""A contact sheet: images side by side, each with its key, its time and its size.

It is an HTML page that contains its pictures, or a PNG. The PNG needs Pillow, which kinesis-video-local installs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from kinesis_video_configuration import printable

if TYPE_CHECKING:
    from PIL.Image import Image

_COLUMNS = 5
_WIDTH, _HEIGHT = 152, 86
# A picture of a few bytes can claim any size. The service's images have at most 3840 by 2160 pixels.
_MAX_PIXELS = 10_000_000
_MARGIN, _GAP = 8, 12
_PAPER, _INK, _MUTED, _ACCENT = "#ffffff", "#16191f", "#687078", "#b3321b"
# The PNG is transparent, and its colours are legible on white and on black.
_CLEAR, _TEXT, _BORDER = "#6f7b9000", "#6f7b90", "#d9442b"
_TITLE_SIZE, _HEADING_SIZE, _TEXT_SIZE, _KEY_SIZE = 24, 18, 14, 12
# A palette preserves flat colours, and keeps the PNG small.
_COLOURS = 128

_STYLE = f"""
body {{ margin: 2rem auto; max-width: 80rem; padding: 0 1rem; background: {_PAPER}; color: {_INK};
  font: 1rem/1.4 system-ui, sans-serif; }}
p {{ color: {_MUTED}; margin: 0 0 1rem; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 0; }}
.images {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }}
img {{ display: block; width: 100%; }}
figcaption {{ font-size: .85rem; margin-top: .3rem; }}
code {{ display: block; color: {_MUTED}; font-size: .7rem; overflow-wrap: anywhere; }}
.none {{ color: {_ACCENT}; border: 1px dashed {_ACCENT}; padding: 1rem; }}
"""


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


@dataclass(frozen=True)
class ContactSheet:
    """The sheet."""

    title: str
    """The title."""
    text: str
    """The line below the title."""
    sections: Sequence[Section]
    """The sections, from top to bottom."""

    def html(self) -> str:
        """Return an HTML page with embedded pictures."""
        sections = "\n".join(_html_of(section) for section in self.sections)
        return (
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{_written(self.title)}</title>\n'
            f"<style>{_STYLE}</style>\n<h1>{_written(self.title)}</h1>\n<p>{_written(self.text)}</p>\n{sections}\n</html>\n"
        )

    def png(self) -> bytes:
        """Return a PNG of the sheet, with a transparent background.

        Raises
        ------
        ImportError
            If Pillow is missing.
        """
        from PIL import Image

        # Drawn twice: the first time to measure its height.
        width = 2 * _MARGIN + _COLUMNS * _WIDTH + (_COLUMNS - 1) * _GAP
        height = _Drawing(Image.new("RGBA", (width, 1))).draw(self)
        paper = Image.new("RGBA", (width, height), _CLEAR)
        _Drawing(paper).draw(self)
        written = io.BytesIO()
        paper.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            written, "PNG", optimize=True
        )
        return written.getvalue()


class _Drawing:
    """Draws the PNG from top to bottom."""

    def __init__(self, paper: Image) -> None:
        from PIL import ImageDraw, ImageFont

        self._paper = paper
        self._draw = ImageDraw.Draw(paper)
        self._font = ImageFont.load_default
        self._y = _MARGIN

    def draw(self, sheet: ContactSheet) -> int:
        """Draw the sheet, and return its height."""
        self._line(sheet.title, _TITLE_SIZE)
        self._line(sheet.text, _TEXT_SIZE)
        for section in sheet.sections:
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
        from PIL import Image

        top, bottom = self._y, self._y
        for column, picture in enumerate(pictures):
            x = _MARGIN + column * (_WIDTH + _GAP)
            self._y = top
            # For other formats Pillow starts programs such as Ghostscript.
            with Image.open(io.BytesIO(picture.data), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > _MAX_PIXELS:
                    self._draw.rectangle((x, top, x + _WIDTH, top + _HEIGHT), outline=_BORDER)
                    self._draw.text((x + _GAP, top + _GAP), "too large", fill=_BORDER, font=self._font(_TEXT_SIZE))
                else:
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


def _html_of(section: Section) -> str:
    figures = "\n".join(_figure(picture) for picture in section.pictures)
    pictures = f'<div class="images">\n{figures}\n</div>' if figures else '<div class="none">no image</div>'
    return f"<h2>{_written(section.heading)}</h2>\n<p>{_written(section.text)}</p>\n{pictures}"


def _written(text: str) -> str:
    return escape(printable(text))


def _figure(picture: Picture) -> str:
    kind = "png" if picture.key.endswith(".png") else "jpeg"
    data = base64.b64encode(picture.data).decode()
    return (
        f'<figure><img src="data:image/{kind};base64,{data}" alt="{escape(picture.caption)}">'
        f"<figcaption>{escape(picture.caption)}<code>{_written(picture.key)}</code></figcaption></figure>"
    )
