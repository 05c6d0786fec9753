"""What was collected before costs nothing: the same twenty pages, before and after ten million events.

Two Hels take turns at the end, so that the machine's mood hits both: one that has delivered ten million events in its
one process, and one that has delivered just so many that its `dedupe` is full. Both write a file that rotates.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.bars import Figures
from tests.bench.children import HEL, BenchError, Live, live, until
from tests.bench.load_server import order
from tests.bench.pages import EVENTS_PER_PAGE
from tests.bench.spread import ratios
from tests.bench.stage import Stage, configure, served, source

CAPACITY = 100_000
EVENTS = 10_000_000
PAGES = 20
"""Of real events, as an hour of a large org: what is measured."""

STEP = 250
"""Pages of small events that the old one takes at a time; those that only make it old."""

REPEATS = 21


def measure(stage: Stage) -> Figures:
    """One pass takes minutes, so the repeats at its end are the rounds."""
    with (
        served("load_server", str(PAGES)) as port,
        _hel(stage, port, "old") as old,
        _hel(stage, port, "young") as young,
    ):
        for collector, events in ((old, EVENTS), (young, CAPACITY)):
            collector.age(events // EVENTS_PER_PAGE, stage)
        for collector in (old, young):
            collector.burst()  # the first burst after many small pages meets other sizes of memory than the next
        found: dict[Collector, list[float]] = {old: [], young: []}
        for number in range(REPEATS):
            for collector in list(found)[:: -1 if number % 2 else 1]:
                found[collector].append(collector.burst())
        figures = {
            "cost": ratios(found[old], found[young]),
            "page_ms": [1000 * cpu_s / PAGES for cpu_s in found[old]],
            "state": [old.state_mb()],
            "memory": [old.hel.memory_mb("VmHWM")],
            "memory_young": [young.hel.memory_mb("VmHWM")],
        }
        for collector in (old, young):
            collector.hel.stop()
            collector.check()
    return figures


class Collector:
    """A Hel that goes on, and the log that it reads."""

    def __init__(self, hel: Live, port: int, log: str, room: Path) -> None:
        self.hel = hel
        self._port = port
        self._log = log
        self._room = room
        self._given = self._dropped = 0

    def age(self, pages: int, stage: Stage) -> None:
        """Deliver so many pages of small events."""
        for done in range(0, pages, STEP):
            self._take(real=0, small=min(STEP, pages - done))
            for path in self._room.glob("events.*"):
                self._dropped += path.read_bytes().count(b"\n")
                path.unlink()
            if done % 1000 == 0:
                stage.say(f"{self._log}: {done * EVENTS_PER_PAGE:,} events, {self.hel.cpu_s():.1f} CPU s so far")

    def burst(self) -> float:
        """The CPU seconds of the twenty pages, with the two empty ones that follow."""
        before_s = self.hel.cpu_s()
        self._take(real=PAGES, small=0)
        return self.hel.cpu_s() - before_s

    def check(self) -> None:
        """Each event was written once.

        Raises:
            BenchError: It is not so.
        """
        written = self._dropped + sum(path.read_bytes().count(b"\n") for path in self._room.glob("events*"))
        if written != self._given:
            raise BenchError(f"{self._log}: {written} events written of {self._given}")

    def state_mb(self) -> float:
        """The state's file with all that SQLite keeps beside it."""
        return sum(path.stat().st_size for path in self._room.glob("hel-state.db*")) / 2**20

    def _take(self, real: int, small: int) -> None:
        """Let the log grow, until the tick after the one that reached its end: what was read is committed then."""
        self._given += (real + small) * EVENTS_PER_PAGE
        seen = order(self._port, "grow", log=self._log, real=real, small=small)["caught_up"]
        until(
            self.hel,
            lambda: order(self._port, "look", log=self._log)["caught_up"] >= seen + 2,
            f"{self._log} catches up",
            within_s=300,
        )


@contextmanager
def _hel(stage: Stage, port: int, name: str) -> Iterator[Collector]:
    room = stage.room(name)
    keys: dict[str, Any] = {
        "schedule": {"interval_secs": 0.5, "jitter_secs": 0},
        "dedupe": {"id_path": "uuid", "capacity": CAPACITY},
    }
    configure(room, {"okta-audit": source(f"http://127.0.0.1:{port}", **keys)})
    command = [HEL, "run", "--output", "events", "--output-rotate", "size:500"]
    with live(command, room, {"OKTA_API_TOKEN": f"grows.{name}"}) as hel:
        log = f"grows.{name}"
        until(hel, lambda: order(port, "look", log=log)["caught_up"] > 2, f"{name} asks")
        yield Collector(hel, port, log, room)
