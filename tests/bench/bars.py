"""Every figure that `make bench` shows, in its order, and the bars that it must hold: one table.

The median decides. A figure without a bar is shown so that the others can be understood.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.spread import spread

Figures = Mapping[str, Sequence[float]]
"""A figure's values by its key, one a round."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure.

    Attributes:
        key: The part that measures it, and its name there.
        words: What it says.
        unit: Behind the number.
        at_least: The bar below which it must not fall.
        at_most: The bar above which it must not rise.
    """

    key: str
    words: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bar(self) -> str:
        """The bar in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}{self.unit}"
        return f"at most {self.at_most:g}{self.unit}" if self.at_most is not None else ""

    def holds(self, values: Sequence[float]) -> bool:
        """Whether the median does."""
        found = spread(values).median
        return (self.at_least is None or found >= self.at_least) and (self.at_most is None or found <= self.at_most)


TABLE = (
    Line(
        "throughput.against_grove",
        "Events per CPU second, whole process, times Grove's",
        "x",
        at_least=12,
    ),
    Line("throughput.against_grove_file", "… times Grove's when it writes compressed files", "x"),
    Line("throughput.against_grove_http", "… times Grove's when it posts them", "x"),
    Line("throughput.dedupe_against_grove", "… times Grove's, where both leave out what is repeated (`dedupe`)", "x"),
    Line("throughput.against_floor", "Speed once started, of the floor's", " %", at_least=60),
    Line("throughput.hel_peak", "Peak memory, 100,000 events", " MB", at_most=80),
    Line("throughput.hel_dedupe_peak", "… with `dedupe`", " MB"),
    Line("throughput.grove_peak", "… of Grove, 30,000 events", " MB"),
    Line("throughput.floor_peak", "… of the floor", " MB"),
    Line("throughput.hel_rate", "Events per CPU second, whole process", ""),
    Line("throughput.hel_dedupe_rate", "… with `dedupe`", ""),
    Line("throughput.grove_rate", "… of Grove", ""),
    Line("throughput.grove_file_rate", "… of Grove, compressed files", ""),
    Line("throughput.grove_http_rate", "… of Grove, which posts them and keeps nothing", ""),
    Line("throughput.floor_rate", "… of the floor", ""),
    # A third above what was measured last: what a start costs is kept from growing.
    Line("start.help", "CPU of `hel --help`, times that of Python with asyncio, json and sqlite3", "x", at_most=1.2),
    Line("start.version", "… of `hel --version`", "x", at_most=1.2),
    Line("start.validate", "… of `hel validate`", "x", at_most=3.6),
    Line("start.once", "… of `hel run --once`, one empty page by plain http", "x", at_most=6),
    Line("start.once_tls", "… of `hel run --once`, one empty page by TLS", "x", at_most=6.8),
    Line("start.help_ms", "CPU of `hel --help` beyond `python -c pass`", " ms"),
    Line("start.version_ms", "… of `hel --version`", " ms"),
    Line("start.validate_ms", "… of `hel validate`", " ms"),
    Line("start.once_ms", "… of `hel run --once`, one empty page by plain http", " ms"),
    Line("start.once_tls_ms", "… of `hel run --once`, one empty page by TLS", " ms"),
    Line("stalled.cpu", "CPU while nobody reads, of a core", " %", at_most=0.5),
    Line("hanging.ticks", "Ticks of 90 sources beside 10 that hang, of those when none hangs", " %", at_least=98),
    Line("hanging.p99", "How late their requests are, p99", " ms", at_most=250),
    Line("hanging.p99_alone", "… when none hangs", " ms"),
    Line("growth.cost", "CPU of 20 pages after 10 million events, times that after 100,000", "x", at_most=1.15),
    Line("growth.page_ms", "CPU of a page then, with `dedupe`", " ms"),
    Line("growth.state", "State file then", " MB", at_most=64),
    Line("growth.memory", "Peak memory then", " MB"),
    Line("growth.memory_young", "… after 100,000", " MB"),
    Line("sources.memory_1000", "Peak memory, 1,000 sources", " MB", at_most=200),
    Line("sources.memory_100", "… 100 sources", " MB"),
    Line("sources.memory_10", "… 10 sources", " MB"),
    Line("sources.memory_1", "… one source", " MB"),
    Line("sources.cpu_1000", "CPU of 1,000 sources once signed in, interval 60 s, of a core", " %", at_most=25),
    Line("sources.late_1000", "Start of a tick after it was due, p99, 1,000 sources", " ms", at_most=250),
    Line("sources.late_first_1000", "… first ticks, while all sign in", " ms"),
    Line("sources.late_then_1000", "… later ones", " ms"),
    Line("sources.late_100", "… 100 sources", " ms"),
    Line("sources.late_10", "… 10 sources", " ms"),
    Line("sources.late_1", "… one source", " ms"),
    Line("sources.stop_s_1000", "Time to stop, 1,000 sources", " s"),
    Line("idle.start_s", "10,000 idle sources: time until the server listens", " s"),
    Line("idle.cpu_s", "… CPU until each was asked once", " s"),
    Line("idle.memory", "… peak memory", " MB"),
    Line("idle.stop_s", "… time to stop", " s"),
)


def fallen(figures: Figures, parts: Collection[str]) -> list[Line]:
    """The lines of these parts whose bar was not held."""
    return [
        line
        for line in TABLE
        if line.key.partition(".")[0] in parts and line.key in figures and not line.holds(figures[line.key])
    ]


PARTS = tuple(dict.fromkeys(line.key.partition(".")[0] for line in TABLE))
"""Those that measure, in the table's order."""
