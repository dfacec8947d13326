"""Draws dashboard.svg: the graphs that StreamDashboard defines, with an hour of example data."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, StreamDashboard, VideoStream

PICTURE = Path(__file__).with_suffix(".svg")
WIDTH, HEIGHT, GAP = 350, 170, 14
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 34, 44
COLOURS = ("#3b7dd8", "#d9822b", "#2e9d5f", "#b3321b")
# Readable on white and on black.
GREY = "#6f86ad"

# A value for each 5 minutes. The lobby's camera is unplugged for a while; later the yard's producer loses its
# permission to write images.
UNPLUGGED = [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1]
FORBIDDEN = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
WAVE = [0, 3, 1, 4, 2, 0, 3, 2, 4, 1, 0, 2, 3]
DATA: dict[tuple[str, str], Sequence[float | None]] = {
    ("IncomingFragments", "lobby"): [150 * on for on in UNPLUGGED],
    ("IncomingFragments", "yard"): [149 for _ in WAVE],
    ("IncomingBytes", "lobby"): [(18 + wave / 4) * 1e6 * on for wave, on in zip(WAVE, UNPLUGGED, strict=True)],
    ("IncomingBytes", "yard"): [(11 + wave / 3) * 1e6 for wave in reversed(WAVE)],
    ("Success", "lobby"): [1 if on else None for on in UNPLUGGED],
    ("Success", "yard"): [0.99 for _ in WAVE],
    ("ErrorAckCount", "lobby"): [0 for _ in WAVE],
    ("ErrorAckCount", "yard"): [0 for _ in WAVE],
    ("ConnectionErrors", "lobby"): [0, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0, 0, 0],
    ("ConnectionErrors", "yard"): [0 for _ in WAVE],
    ("FragmentPersistLatency", "lobby"): [
        310 + 25 * wave if on else None for wave, on in zip(WAVE, UNPLUGGED, strict=True)
    ],
    ("FragmentPersistLatency", "yard"): [280 + 15 * wave for wave in WAVE],
    ("TriggeredRules", "lobby/"): [100 * on for on in UNPLUGGED],
    ("TriggeredRules", "yard/"): [99 * on for on in FORBIDDEN],
}


def widgets() -> list[dict[str, Any]]:
    """Return the properties of the widgets that CloudWatch gets for two streams."""
    app = App()
    stack = Stack(app, "Cameras")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "camera-images")
    streams = {name: VideoStream.from_stream_name(stack, name, name) for name in ("lobby", "yard")}
    images = [
        ImageGeneration(stack, f"{name}-images", stream=stream, bucket=bucket, prefix=f"{name}/")
        for name, stream in streams.items()
    ]
    for image in images:
        image.on_image_delivered("OnImage")
    StreamDashboard(stack, "Dashboard", streams=list(streams.values()), images=images)
    template = app.synth().get_stack_by_name("Cameras").template
    (body,) = (r["Properties"]["DashboardBody"] for r in template["Resources"].values() if "Dashboard" in r["Type"])
    text = "".join(part if isinstance(part, str) else "…" for part in body["Fn::Join"][1])
    return [widget["properties"] for widget in json.loads(text)["widgets"]]


def lines_of(widget: dict[str, Any]) -> list[tuple[str, list[float | None]]]:
    """Return the label and the data of each line of a graph."""
    lines: list[tuple[str, list[float | None]]] = []
    for metric in widget["metrics"]:
        label = metric[-1]["label"]
        lines.append((label, [*DATA[metric[1].rpartition(".")[2], label.split()[0]]]))
    return lines


def draw(widget: dict[str, Any], x: int, y: int) -> str:
    """Draw a graph."""
    lines = lines_of(widget)
    values = [value for _, data in lines for value in data if value is not None]
    top = max(*values, 1) * 1.15
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def point(index: int, value: float) -> str:
        return f"{LEFT + width * index / (len(WAVE) - 1):.1f},{TOP + height * (1 - value / top):.1f}"

    parts = [
        f'<g transform="translate({x},{y})">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="none" stroke="{GREY}"/>',
        f'<text x="12" y="21" font-size="13" font-weight="bold" fill="{GREY}">{escape(widget["title"])}</text>',
    ]
    for share in (0, 0.5, 1):
        value = max(*values, 1) * share
        level = TOP + height * (1 - value / top)
        shown = f"{value / 1e6:.0f}M" if value >= 1e6 else f"{value:g}" if value < 10 else f"{value:.0f}"
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}" stroke="{GREY}" opacity="0.35"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{level + 4:.1f}" font-size="10" text-anchor="end" fill="{GREY}">{shown}</text>'
        )
    for number, (label, data) in enumerate(lines):
        colour = COLOURS[number]
        run: list[str] = []
        for index, measured in enumerate([*data, None]):
            if measured is not None:
                run.append(point(index, measured))
            elif run:
                parts.append(f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
                run = []
        at = LEFT + number % 2 * (WIDTH - LEFT) // 2
        row = HEIGHT - 24 + number // 2 * 14
        parts.append(f'<rect x="{at}" y="{row - 8}" width="9" height="9" fill="{colour}"/>')
        parts.append(f'<text x="{at + 14}" y="{row}" font-size="11" fill="{GREY}">{escape(label)}</text>')
    return "".join([*parts, "</g>"])


def picture() -> str:
    """Draw all graphs, two a row."""
    drawn = [
        draw(widget, number % 2 * (WIDTH + GAP), number // 2 * (HEIGHT + GAP))
        for number, widget in enumerate(widgets())
    ]
    size = (2 * WIDTH + GAP, (len(drawn) + 1) // 2 * (HEIGHT + GAP) - GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" viewBox="-1 -1 {size[0] + 2} '
        f'{size[1] + 2}" font-family="Helvetica, Arial, sans-serif">{"".join(drawn)}</svg>\n'
    )


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PICTURE.write_text(picture())
    elif PICTURE.read_text() != picture():
        sys.exit("docs/diagrams/dashboard.svg has changed; run make diagrams")
