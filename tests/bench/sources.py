"""Many sources in one process, each with its own org, client and DPoP, asked every minute: memory, CPU and lateness.

Lateness is what Hel says itself, at `/metrics`, about the starts of its ticks.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import metrics
from tests.bench.bars import Figures
from tests.bench.children import BenchError, Live
from tests.bench.crowd import check, crowd
from tests.bench.metrics import Scraper
from tests.bench.org_server import EVENTS
from tests.bench.spread import percentile
from tests.bench.stage import Stage

COUNTS = (1, 10, 100, 1000)
FIRST_S = 55
"""Until then there are first ticks only, for the interval is a minute."""

WATCHED_S = 150
TICKS = 3
"""At least, of each: even with all of its jitter the third starts within 150 of the 205 seconds."""


def measure(stage: Stage) -> Figures:
    """Once, whatever the rounds, for it takes minutes: the small ones side by side, then a thousand."""
    figures: dict[str, list[float]] = {}
    for counts in (COUNTS[:-1], COUNTS[-1:]):
        for count, seen in _watch(stage, counts).items():
            stage.say(f"{count} sources: " + ", ".join(f"{name} {value:.3g}" for name, value in seen.items()))
            figures.update({f"{name}_{count}": [value] for name, value in seen.items()})
    return figures


def _watch(stage: Stage, counts: tuple[int, ...]) -> dict[int, dict[str, float]]:
    """A Hel for each count, side by side."""
    looks = {}
    with crowd(stage, sum(counts)) as orgs, ExitStack() as running:
        numbers = iter(range(sum(counts)))
        for count in counts:
            own = [next(numbers) for _ in range(count)]
            sources = {f"source-{number}": orgs.source(number, orgs.client(number)) for number in own}
            environment = {f"CLIENT_{number}": f"client-{number}" for number in own}
            hel, scraper = running.enter_context(orgs.hel(sources, environment))
            looks[count] = Look(hel, scraper, stage.folder / f"hel-{count}")
        time.sleep(FIRST_S)
        for look in looks.values():
            look.begin()
        time.sleep(WATCHED_S)
        return {count: look.end(count) for count, look in looks.items()}


@dataclass
class Look:
    """At one Hel, after its first ticks and at the end."""

    hel: Live
    scraper: Scraper
    folder: Path
    first: Mapping[float, float] = field(default_factory=dict)
    began: float = 0.0
    before_s: float = 0.0

    def begin(self) -> None:
        """What the first ticks were like; what follows is measured."""
        self.first = self.scraper.take().buckets(metrics.DELAY)
        self.began, self.before_s = time.monotonic(), self.hel.cpu_s()

    def end(self, count: int) -> dict[str, float]:
        """What it was like, and stop it."""
        cpu = 100 * (self.hel.cpu_s() - self.before_s) / (time.monotonic() - self.began)
        memory = self.hel.memory_mb("VmHWM")  # before the text of a scrape, which is long where sources are many
        last = self.scraper.take()
        check(last, count, TICKS)
        written = (self.folder / "events").read_bytes().count(b"\n")
        if written < count * TICKS * EVENTS:
            raise BenchError(f"{count} sources wrote {written} events of at least {count * TICKS * EVENTS}")
        late = last.buckets(metrics.DELAY)
        return {
            "cpu": cpu,
            "memory": memory,
            "late_first": 1000 * percentile(metrics.between({}, self.first), 0.99),
            "late_then": 1000 * percentile(metrics.between(self.first, late), 0.99),
            "late": 1000 * percentile(metrics.between({}, late), 0.99),
            "stop_s": self.hel.stop(),
        }
