"""The table for the README, from what was measured: `python -m tests.bench.report` prints it anew."""

import argparse
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.bench import results
from tests.bench.bars import PARTS, TABLE, Line, fallen
from tests.bench.children import HERE, ROOT, BenchError
from tests.bench.results import Results
from tests.bench.spread import spread

PLOTTED = ("throughput", "sources")
PLOTTER = ROOT / ".bench/plot/bin/python"


def table(found: Results) -> str:
    """Markdown: a line a figure, and below it the machine and the command."""
    rows = [_row(line, found.figures[line.key]) for line in TABLE if line.key in found.figures]
    head = ["| what | median | spread | bar |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", f"{found.machine} Made by `make bench`."])


def verdict(found: Results, parts: Collection[str] = PARTS) -> str:
    """What did not hold its bar, a line each; empty where all did."""
    return "\n".join(
        f"not held: {line.words}: {spread(found.figures[line.key]).median:.4g}{line.unit}, bar: {line.bar} ({line.key})"
        for line in fallen(found.figures, parts)
    )


def check_plotter() -> None:
    """See whether the plot can be drawn, before all is measured.

    Raises:
        BenchError: It can't.
    """
    if not PLOTTER.exists():
        raise BenchError(f"{PLOTTER.relative_to(ROOT)} is not there: `make bench` installs it")


def plot(found: Path) -> None:
    """Draw the plot anew: the README's, or beside results that are kept elsewhere.

    Raises:
        BenchError: Not everything that is in it was measured.
    """
    figures = results.load(found).figures
    if missing := [part for part in PLOTTED if not any(key.startswith(f"{part}.") for key in figures)]:
        raise BenchError(
            f"what is drawn was not measured yet: {', '.join(missing)} (try: make bench ONLY={missing[0]})"
        )
    drawn = HERE / "bench.png" if found == results.PATH else found.with_suffix(".png")
    subprocess.run([PLOTTER, HERE / "plot.py", found, drawn], check=True)


def _row(line: Line, values: Sequence[float]) -> str:
    found = spread(values)
    between = f"{_number(found.low)} to {_number(found.high)}" if len(values) > 1 else ""
    return f"| {line.words} | {_number(found.median)}{line.unit} | {between} | {line.bar} |"


def _number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def main() -> int:
    """Print table and verdict; 1 where a bar was not held."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.report", description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=results.PATH, help="default: %(default)s")
    try:
        found = results.load(parser.parse_args().results)
    except BenchError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a report
        return 1
    print(table(found))  # noqa: T201  # a report
    if fell := verdict(found):
        print(fell, file=sys.stderr)  # noqa: T201  # a report
    return bool(fell)


if __name__ == "__main__":
    sys.exit(main())
