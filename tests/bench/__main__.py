"""Measure Hel: speed, memory and lateness, against peers and against what it promises, with a bar for each.

Ratios are made within a round, for a machine's speed changes from minute to minute; the median decides. It ends with 1
where a bar was not held. From the results, `python -m tests.bench.report` prints the table again, and `--only plot`
draws the plot.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import growth, hanging, idle, report, results, sources, stalled, start, throughput
from tests.bench.bars import TABLE
from tests.bench.children import BenchError
from tests.bench.results import Results
from tests.bench.stage import Stage

PARTS = {
    "throughput": throughput.measure,
    "start": start.measure,
    "stalled": stalled.measure,
    "hanging": hanging.measure,
    "growth": growth.measure,
    "sources": sources.measure,
    "idle": idle.measure,
}

PLOT = "plot"
"""Is drawn when all else is done."""


def main() -> int:
    """Measure what is asked for, and say what it came to."""
    wanted = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing that was started is left behind
    try:
        kept = results.on_this_machine(wanted.results)
        if PLOT in wanted.only:
            report.check_plotter()
        for part in wanted.only:
            _measure(part, wanted.rounds, kept)
            kept.save(wanted.results)
        if PLOT in wanted.only:
            report.plot(wanted.results)
    except BenchError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted: what was measured before is kept")
        return 130
    print(report.table(kept))  # noqa: T201  # a report
    if fell := report.verdict(kept, wanted.only):
        _say(fell)
    return bool(fell)


def _measure(part: str, rounds: int, kept: Results) -> None:
    if part == PLOT:
        return
    began = time.monotonic()
    _say(f"{part} …")
    with tempfile.TemporaryDirectory(prefix="hel-bench-") as folder:
        figures = PARTS[part](Stage(Path(folder), rounds, _say))
    barred = {line.key for line in TABLE if line.bar and line.key.startswith(f"{part}.")}
    if missing := sorted(barred - {f"{part}.{name}" for name in figures}):
        raise BenchError(f"no figure for the bar of {', '.join(missing)}")
    kept.add(part, figures)
    _say(f"{part}: {time.monotonic() - began:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=_rounds, default=5, metavar="N", help="of what is short (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        type=_parts,
        default=[*PARTS, PLOT],
        metavar="PART,…",
        help=f"some of {', '.join([*PARTS, PLOT])} (default: all)",
    )
    parser.add_argument("--results", type=Path, default=results.PATH, metavar="FILE", help="default: %(default)s")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - {*PARTS, PLOT}):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)} (there are {', '.join([*PARTS, PLOT])})")
    return names


def _rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"not a number of rounds: {text}")
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # a report


if __name__ == "__main__":
    sys.exit(main())
