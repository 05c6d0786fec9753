"""The line at the terminal's end while `hel run --once` or a replay works: how much came, how fast, how long it takes.

It hears what the log hears. The rule: nothing is said that is not known, and of what does not fit the least important
is left out.
"""

import asyncio
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TextIO

import msgspec

from hel.cli.wording import counted, lasting
from hel.telemetry.printable import printable
from hel.telemetry.stderr import BottomLine

_WINDOW_S = 20.0
"""Over how long a rate is measured."""

_SHORTEST_S = 2.0
"""What is shorter says nothing of a rate."""

_CLOSING = 1.5
"""So much faster than the clock must the newest event's time go for the end to be foreseen."""

_CAUGHT_UP_S = 120.0
"""A newest event that is younger than this is no lag to speak of."""

_WIDTH = 80
"""Of a terminal that does not say."""

_REDRAWN_S = 0.1
_TICK_S = 1.0


class _Source(msgspec.Struct):
    """What is known of one source.

    Attributes:
        max_pages: What ends its tick at the latest.
        pages: Read.
        done: Its tick has ended.
        waits_until: When a wait that it told of is over, on the monotonic clock.
        newest: The newest event's time at moments of the monotonic clock, both in seconds.
    """

    max_pages: int
    pages: int = 0
    done: bool = False
    waits_until: float = 0.0
    newest: deque[tuple[float, float]] = msgspec.field(default_factory=deque)

    def lag_s(self, wall: float) -> float | None:
        """The newest event's age."""
        return max(0.0, wall - self.newest[-1][1]) if self.newest else None

    def left_s(self, now: float, wall: float, began: float) -> float | None:
        """How long its tick will still take; None where nothing tells."""
        lag = self.lag_s(wall)
        if lag is None or lag < _CAUGHT_UP_S or len(self.newest) < 3:
            return None
        (from_, oldest), (to, newest) = self.newest[0], self.newest[-1]
        if to - from_ < _SHORTEST_S or (newest - oldest) / (to - from_) < _CLOSING:
            return None
        by_lag = lag / ((newest - oldest) / (to - from_) - 1)
        return min(by_lag, (self.max_pages - self.pages) * (now - began) / self.pages if self.pages else by_lag)


class Progress:
    """What came so far, in one line.

    Args:
        max_pages: Of each source, by name.
        now: The monotonic clock, in seconds.
        wall: The time, epoch seconds.
    """

    def __init__(
        self,
        max_pages: Mapping[str, int],
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._now, self._wall = now, wall
        self._began = now()
        self._sources = {name: _Source(most) for name, most in max_pages.items()}
        self._events = 0
        self._came: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._bottom: BottomLine | None = None
        self._fd = -1
        self._drawn_at = -1.0

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take in an event of the log."""
        now, source = self._now(), self._sources.get(fields.get("source", ""))
        if event == "batch.committed":
            self._note_newest(now, fields.get("by_source", {}))
        elif source is None:
            return
        elif event == "page.fetched":
            source.pages += 1
            source.waits_until = 0.0
            self._events += fields["new"]
            self._came.append((now, self._events))
            _forget(self._came, now)
        elif event in {"request.retried", "limit.paused"}:
            source.waits_until = now + fields["wait_s"]
        elif event in {"tick.finished", "tick.failed", "tick.crashed"}:
            source.done = True
        self._draw()

    def line(self, width: int) -> str:
        """What there is to say, in so many characters at most."""
        now, wall = self._now(), self._wall()
        parts = sorted(self._parts(now, wall), key=lambda part: part[0])
        for kept in range(len(parts), 0, -1):
            most_important = sorted(parts[:kept], key=lambda part: part[1])
            text = ", ".join(text for *_, text in most_important)
            if len(text) <= width:
                return text
        return ""

    def _parts(self, now: float, wall: float) -> Iterator[tuple[int, int, str]]:
        """Each part's importance (0 is the highest), its place, and its text."""
        at = count()
        running = {name: source for name, source in self._sources.items() if not source.done}
        if len(self._sources) > 1:
            yield 3, next(at), f"{len(self._sources) - len(running)} of {len(self._sources)} sources done"
        yield 4, next(at), counted(sum(source.pages for source in self._sources.values()), "page")
        yield 0, next(at), f"{self._events:,} {'event' if self._events == 1 else 'events'}"
        if (rate := self._rate(now)) is not None:
            yield 2, next(at), f"{rate:,.0f}/s"
        lags = {name: lag for name, source in running.items() if (lag := source.lag_s(wall)) is not None}
        if lags:
            name = max(lags, key=lambda name: lags[name])
            whose = f"{printable(name)} " if len(self._sources) > 1 else ""
            yield 5, next(at), f"{whose}newest {lasting(lags[name])} ago"
        waits = [source.waits_until - now for source in running.values()]
        left = [source.left_s(now, wall, self._began) for source in running.values()]
        if waits and min(waits) > 0:
            yield 1, next(at), f"waiting {math.ceil(min(waits))} s"
        elif left and None not in left and (most := max(each for each in left if each is not None)) >= 1:
            yield 1, next(at), f"about {lasting(most)} left"

    def _rate(self, now: float) -> float | None:
        """Events per second."""
        since, before = self._came[0]
        return (self._events - before) / (now - since) if now - since >= _SHORTEST_S else None

    def _note_newest(self, now: float, by_source: Mapping[str, Mapping[str, Any]]) -> None:
        for name, part in by_source.items():
            at = part.get("newest_at")
            if at is not None and name in self._sources:
                self._sources[name].newest.append((now, at))
                _forget(self._sources[name].newest, now)

    @contextmanager
    def shown(self, terminal: TextIO) -> Iterator[None]:
        """Keep it on the terminal, as long as the event loop's work inside lasts."""
        self._bottom, self._fd = BottomLine(terminal), terminal.fileno()
        timer = asyncio.create_task(self._keep_drawing())
        try:
            yield
        finally:
            timer.cancel()
            self._bottom.remove()
            self._bottom = None

    async def _keep_drawing(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(_TICK_S)

    def _draw(self) -> None:
        if self._bottom is None or self._now() - self._drawn_at < _REDRAWN_S:
            return
        self._drawn_at = self._now()
        with suppress(OSError):  # the terminal is gone, and nobody looks at it any more
            self._bottom.show(self.line((os.get_terminal_size(self._fd).columns or _WIDTH) - 1))


def is_of_use(log_format: str, lines_go_to_stdout: bool) -> bool:
    """Whether there is a person at a terminal to look at it, and nothing else that is written there."""
    return (
        log_format != "json"
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") != "dumb"
        and not (lines_go_to_stdout and sys.stdout.isatty())
    )


def _forget(samples: deque[Any], now: float) -> None:
    """Leave out what is too old to tell of a rate, but keep two."""
    while len(samples) > 2 and now - samples[1][0] > _WINDOW_S:
        samples.popleft()
