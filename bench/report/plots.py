"""Draws the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..comparisons.footprint import COUNTS, MAX_INLINE_POLICY_BYTES, MAX_RESOURCES
from ..comparisons.handler import FLOOR
from ..machinery.rounds import Spread
from ..peers import AWS_CUSTOM_RESOURCE, OURS, TOOLS

# Okabe and Ito's colours, which differ for every kind of sight.
COLOURS = dict(zip(TOOLS, ("#0072B2", "#E69F00", "#009E73", "#CC79A7"), strict=True)) | {FLOOR: "#999999"}
# Three of the lines lie on each other.
WIDTHS = dict(zip(TOOLS, (7, 2, 4, 1.5), strict=True))
MARKERS = dict(zip(TOOLS, "osD^", strict=True))


def draw(figures: Mapping[str, Any], directory: Path) -> None:
    """Write one file for each plot."""
    directory.mkdir(exist_ok=True)
    plt.rcParams.update(
        {"svg.hashsalt": "bench", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    for name, figure in (
        ("footprint", _footprint(figures["footprint"])),
        ("cost", _cost(figures["one_camera"], figures["synth"], figures["handler"])),
        ("deploy", _deploy(figures["deploy"])),
    ):
        figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def _footprint(grown: Mapping[str, Mapping[str, Sequence[int]]]) -> Figure:
    figure: Figure
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for panel, name, limit, title in (
        (axes[0], "resources", MAX_RESOURCES, "resources in the stack"),
        (axes[1], "inline_policy_bytes", MAX_INLINE_POLICY_BYTES, "bytes of IAM policy"),
    ):
        for tool in TOOLS:
            panel.plot(
                COUNTS, grown[name][tool], color=COLOURS[tool], marker=MARKERS[tool], label=tool, linewidth=WIDTHS[tool]
            )
        panel.axhline(limit, color="black", linestyle="--", linewidth=1)
        end = COUNTS[-1] * 1.05
        panel.annotate(
            f"AWS's limit: {limit:,}", (end, limit), xytext=(0, 4), textcoords="offset points", ha="right", fontsize=9
        )
        panel.set(xlabel="streams in one stack", ylabel=title, ylim=(0, limit * 1.6), xlim=(0, end))
        panel.yaxis.set_major_formatter("{x:,.0f}")
    axes[0].legend(frameon=False, loc="upper left")
    return figure


def _cost(
    one_camera: Mapping[str, Spread], synth: Mapping[str, Spread], handler: Mapping[str, Mapping[str, Spread]]
) -> Figure:
    figure: Figure
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
    of_peer, of_floor = f"CPU time, {AWS_CUSTOM_RESOURCE} = 1", "CPU time, floor = 1"
    _bars(axes[0, 0], one_camera, "App of one camera, validation off", of_peer)
    _bars(axes[0, 1], synth, "Synth of a further stream", of_peer)
    _bars(axes[1, 0], handler["cold CPU"], "Cold start and first event", of_floor)
    _bars(axes[1, 1], handler["warm CPU"], "Warm event", of_floor)
    return figure


def _bars(panel: Axes, spreads: Mapping[str, Spread], title: str, label: str) -> None:
    for name, spread in reversed(list(spreads.items())):
        whisker = [[spread.median - spread.low], [spread.high - spread.median]]
        short = name.partition(":")[0]
        panel.barh(short, spread.median, xerr=whisker, color=COLOURS[name], ecolor="black", capsize=3)
        panel.annotate(f"{spread.median:.2f}", (spread.high, short), xytext=(5, -4), textcoords="offset points")
    panel.set(title=title, xlabel=label, xlim=(0, 1.2 * max(spread.high for spread in spreads.values())))


def _deploy(times: Mapping[str, Mapping[int, Spread | None]]) -> Figure:
    figure: Figure
    figure, panel = plt.subplots(figsize=(8, 3.6), layout="constrained")
    width = 0.8 / len(TOOLS)
    for place, tool in enumerate(TOOLS):
        for group, count in enumerate(COUNTS):
            x, spread = group + (place - (len(TOOLS) - 1) / 2) * width, times[tool][count]
            label = tool if group == 0 else None
            if spread is None:
                panel.annotate("fails", (x, 0.03), rotation=90, ha="center", va="bottom", color=COLOURS[tool])
                continue
            whisker = [[spread.median - spread.low], [spread.high - spread.median]]
            panel.bar(x, spread.median, width * 0.9, yerr=whisker, color=COLOURS[tool], label=label, capsize=2)
    panel.set(
        xlabel="streams in the stack",
        ylabel=f"time to create it, {OURS} = 1",
        xticks=range(len(COUNTS)),
        xticklabels=COUNTS,
    )
    figure.legend(frameon=False, ncols=len(TOOLS), loc="outside upper center")
    return figure
