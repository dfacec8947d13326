"""Reads the time from the pixels of a picture of `ClockVideo`."""

from __future__ import annotations

from datetime import UTC, datetime

from PIL import Image

from kinesis_video_tools.camera.font import GLYPH_HEIGHT, GLYPH_WIDTH, glyph

MARGIN = 8
ROW = 16


def read_clock(image: Image.Image, width: int, height: int) -> int:
    """Return the time that a picture shows, in milliseconds since 1970.

    The picture may be stretched, and lossy: it was drawn with that width and height.
    """
    gray = image.convert("L").resize((width, height))
    scale = min((width - 2 * MARGIN) // 72, height // 40)
    clock_rows = -(-GLYPH_HEIGHT * scale // ROW)
    time = read_line(gray, ROW, clock_rows, scale, "dd:dd:dd.ddd")
    date_scale = max(2, scale // 2)
    date = read_line(gray, ROW + clock_rows * ROW, -(-GLYPH_HEIGHT * date_scale // ROW), date_scale, "dddd-dd-dd")
    shown = datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=UTC)
    return round(shown.timestamp() * 1000)


def read_line(gray: Image.Image, top: int, rows: int, scale: int, pattern: str) -> str:
    """Read a line of digits (d) and known characters."""
    low, high = gray.getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    top += (rows * ROW - GLYPH_HEIGHT * scale) // 2
    text = ""
    for index, expected in enumerate(pattern):
        dots = []
        for row in range(GLYPH_HEIGHT):
            for column in range(GLYPH_WIDTH):
                x = MARGIN + (index * (GLYPH_WIDTH + 1) + column) * scale + scale // 2
                value = gray.getpixel((x, top + row * scale + scale // 2))
                assert isinstance(value, int)
                dots.append(value > (low + high) / 2)
        likeness = {character: likeness_of(character, dots) for character in "0123456789"}
        text += max(likeness, key=likeness.__getitem__) if expected == "d" else expected
    return text


def likeness_of(character: str, dots: list[bool]) -> int:
    return sum((dot == "#") == seen for dot, seen in zip("".join(glyph(character)), dots, strict=True))
