"""The plot for the README, from the results: `plot.py RESULTS PNG`, by the Python of `.bench/plot`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib import pyplot as plt  # type: ignore[import-not-found]  # it is in a venv of its own

INK, PALE, GRID = "#1f2937", "#6b7280", "#e5e7eb"
HEL, PEER, FLOOR, LATE = "#0f766e", "#b45309", "#9ca3af", "#7c3aed"
PEERS = (
    ("floor_rate", "the floor: fetch,\nsplit and write", FLOOR),
    ("hel_rate", "Hel", HEL),
    ("hel_dedupe_rate", "Hel with dedupe", HEL),
    ("grove_http_rate", "Grove 2.2.0,\nHTTP output", PEER),
    ("grove_file_rate", "Grove 2.2.0,\ncompressed files", PEER),
    ("grove_rate", "Grove 2.2.0,\nlines on stdout", PEER),
)
COUNTS = (1, 10, 100, 1000)
BOUND = 10_000
"""Of Hel's histogram: beyond it a time is not known."""

Figures = dict[str, Sequence[float]]


def draw(figures: Figures, path: Path) -> None:
    """Both halves into one PNG: white behind, so that it reads in light and dark."""
    plt.rcParams.update(
        {"font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": PALE, "axes.axisbelow": True}
        | {"xtick.color": INK, "ytick.color": INK, "axes.titlesize": 10, "axes.titlelocation": "left"}
        | {"axes.spines.top": False, "axes.spines.right": False, "grid.color": GRID}
    )
    figure = plt.figure(figsize=(10, 3.8), dpi=130, layout="constrained", facecolor="white")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1), wspace=0.04)
    _speed(left.subplots(), figures)
    upper, lower = right.subplots(2, 1, sharex=True)
    _crowd(upper, "memory", HEL, "peak memory\n(MB)", figures)
    _crowd(lower, "late", LATE, "p99 lateness,\nat most (ms)", figures)
    upper.set_title("Many sources in one process")
    lower.set_xlabel("sources, each asked every minute")
    figure.savefig(path, metadata={"Software": None})


def _speed(axes: Any, figures: Figures) -> None:
    """The medians, each with its spread over the rounds."""
    for at, (key, _, colour) in enumerate(reversed(PEERS)):
        values = figures[f"throughput.{key}"]
        middle = median(values)
        spread = [[middle - min(values)], [max(values) - middle]]
        axes.barh(at, middle, height=0.6, color=colour)
        axes.errorbar(middle, at, xerr=spread, color=INK, capsize=3, linewidth=1)
        axes.text(max(values) * 1.02, at, f"  {middle:,.0f}", va="center")
    axes.set_yticks(range(len(PEERS)), [words for _, words, _ in reversed(PEERS)])
    axes.set_xlim(0, 1.18 * max(max(figures[f"throughput.{key}"]) for key, _, _ in PEERS))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("events per CPU second, start included")
    axes.set_title("Real-sized events in pages of 1,000")
    axes.grid(axis="x")


def _crowd(axes: Any, key: str, colour: str, words: str, figures: Figures) -> None:
    """One figure against the number of sources."""
    values = [min(median(figures[f"sources.{key}_{count}"]), BOUND) for count in COUNTS]
    axes.plot(COUNTS, values, "o-", color=colour, linewidth=1.6, markersize=5)
    axes.set_ylim(0, 1.3 * max(values))
    for count, value in zip(COUNTS, values, strict=True):
        axes.annotate(f"{value:.0f}", (count, value), (0, 6), textcoords="offset points", ha="center", color=colour)
    axes.set_xscale("log")
    axes.set_xticks(COUNTS, [f"{count:,}" for count in COUNTS])
    axes.set_xlim(0.7, 1500)
    axes.minorticks_off()
    axes.set_ylabel(words)
    axes.grid(axis="y")


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text())["figures"], Path(sys.argv[2]))
