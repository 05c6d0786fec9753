"""Kill the real program at random moments, let it finish, and compare what it wrote with what the org holds.

Used by a journey (a few dozen kills) and by `make soak` (hundreds; `python -m tests.journeys.crashes`).
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from examples.okta_org import Org, running
from tests.journeys.workshop import SSWS, Workshop, source

PAGES = {"limit": "50"}
PACE: dict[str, Any] = {"schedule": {"interval_secs": 0.05, "jitter_secs": 0}, "query_params": PAGES}
BY_ID = {"id_path": "uuid", "capacity": 100_000}
VARIANTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "without dedupe": ({"okta": source(SSWS, **PACE)}, []),
    "with dedupe": ({"okta": source(SSWS, **PACE, dedupe=BY_ID)}, []),
    "rotation": ({"okta": source(SSWS, **PACE)}, ["--output-rotate", "size:0.2"]),
    "two sources in one file": ({"one": source(SSWS, **PACE), "two": source(SSWS, **PACE, dedupe=BY_ID)}, []),
    "whole ticks": ({"okta": source(SSWS, **PACE, checkpoint="end_of_tick")}, []),
}


@dataclass(frozen=True, slots=True)
class Report:
    """How it went."""

    kills: int
    served: int
    written: int
    torn: int


def crash_and_recover(workshop: Workshop, variant: str, kills: int, seed: int) -> Report:
    """Kill it so often, let it finish, and check what it wrote.

    Raises:
        AssertionError: An event is missing, was written twice, or is not byte for byte what the org holds.
    """
    sources, flags = VARIANTS[variant]
    workshop.configure(sources)
    command = ["run", "--output", "events.ndjson", *flags]
    draw = random.Random(seed)  # noqa: S311  # to be repeatable, not secret
    torn = 0
    for _ in range(kills):
        workshop.org.log.append(draw.randrange(120))
        requests = len(workshop.org.ledger.requests)
        process = workshop.start(*command)
        while len(workshop.org.ledger.requests) == requests and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.random() ** 2 * 0.6)
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -9, err.decode()
        torn += workshop.output.exists() and workshop.output.read_bytes()[-1:] not in {b"", b"\n"}
    for _ in range(2):
        ended = workshop.hel(*command, "--once")
        assert ended.code == 0, ended.err
    return check(workshop, list(sources), f"after {kills} kills (seed {seed})", Report(kills, 0, 0, torn))


def check(workshop: Workshop, names: list[str], when: str, report: Report) -> Report:
    """Compare what was written with what the org holds."""
    lines = list(written_lines(workshop.folder))
    wanted = Counter(
        f'"source":"{name}","endpoint":"/api/v1/logs","event":'.encode() + event
        for name in names
        for event in workshop.org.log.events
    )
    got = Counter(line[line.index(b'"source":') : line.rindex(b',"meta":')] for line in lines)
    missing, doubled = wanted - got, got - wanted
    assert not missing, f"{missing.total()} events are missing {when}"
    assert not doubled, f"{doubled.total()} lines are doubled or changed {when}"
    return replace(report, served=len(workshop.org.ledger.served), written=len(lines))


def written_lines(folder: Path) -> Iterator[bytes]:
    """Every line of the output and its rotated files, in the order of their names; each of them must be whole."""
    for path in sorted(folder.glob("events.ndjson*"), key=lambda path: (path.name == "events.ndjson", path.name)):
        text = path.read_bytes()
        assert text.endswith(b"\n") or not text, f"{path.name} ends in a torn line"
        yield from text.splitlines()


def soak(kills: int, seed: int) -> None:
    """Many kills of every variant, with a report."""
    print(f"seed {seed}, {kills} kills of each variant")  # noqa: T201  # a report
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory() as folder, running(Org(events=500, rate_limit=10_000_000)) as server:
            began = time.monotonic()
            report = crash_and_recover(Workshop(Path(folder), server), variant, kills, seed)
            took_s = time.monotonic() - began
        print(f"{variant}: {report}, {took_s:.0f} s: every event once, byte for byte")  # noqa: T201  # a report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each variant")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    wanted = parser.parse_args()
    soak(wanted.kills, wanted.seed)
    sys.exit(0)
