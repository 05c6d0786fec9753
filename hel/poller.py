"""One source's task: a tick when one is due, and what is said when it fails.

There are never two ticks of one source at once, and none that fails ends the others.
"""

import random
from typing import Any

import anyio

from hel.clock import Clock
from hel.errors import CircuitOpenError, SourceError
from hel.follower import Follower
from hel.schedule import Pace, first_start, next_start
from hel.standing import Standing
from hel.telemetry.log import Log
from hel.tick import Tick


class Poller:
    """Polls one source.

    Args:
        name: The source's name.
        follower: Follows its pages.
        pace: How often.
        clock: Times the ticks.
        log: The source's log.
        standing: Of one that ran before under this name.
    """

    def __init__(
        self, name: str, follower: Follower, pace: Pace, clock: Clock, log: Log, standing: Standing | None = None
    ) -> None:
        self.name = name
        self._follower = follower
        self._pace = pace
        self._clock = clock
        self._log = log
        self._standing = standing or Standing()
        self._nap: anyio.CancelScope | None = None
        self._is_asked = False
        self.due_at: float | None = None
        """When the next tick starts, in monotonic seconds; None while one is under way."""
        self._wanted_at = 0.0

    async def run(self) -> None:
        """Tick after tick, until cancelled or a bounded source is finished."""
        pace = self._pace
        due = first_start(self._clock.monotonic(), pace.jitter_s, random.random())  # noqa: S311  # spread, not secrecy
        while not self._follower.is_finished:
            await self._rest(due)
            started = self._clock.monotonic()
            self._log.debug("tick.started", late_s=round(max(0.0, started - self._wanted_at), 4))
            await self.attempt()
            draw = random.random()  # noqa: S311  # spread, not secrecy
            due = next_start(started, self._clock.monotonic(), pace.interval_s, pace.jitter_s, draw)
        ended = (
            "the bounded query was read to its end; change `until` to go on"
            if self._follower.is_bounded
            else "a descending query ends, and this one was read to its end; for a live log leave sortOrder out"
        )
        self._log.info("source.finished", fix=ended)

    async def _rest(self, due: float) -> None:
        """Wait until the next start, or until somebody asks for it."""
        self.due_at = self._wanted_at = due
        with anyio.CancelScope() as self._nap:
            if self._is_asked:
                self._wanted_at = self._clock.monotonic()
            else:
                await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        self.due_at, self._is_asked = None, False

    def poke(self) -> bool:
        """Let the next tick start now, or as soon as the one that is under way has ended; False where none will."""
        self._is_asked = True
        if self.due_at is not None and self._nap is not None:
            self._wanted_at = min(self.due_at, self._clock.monotonic())
            self._nap.cancel()
        return not self._follower.is_finished

    async def attempt(self) -> Tick | SourceError:
        """One tick; what ended it early is logged and returned, for it must not stop other sources."""
        try:
            tick = await self._follower.tick()
        except CircuitOpenError as error:
            self._log.debug("tick.skipped", because=error.message)
            return error
        except SourceError as error:
            self._say_failed("tick.failed", error)
            return error
        except Exception as error:  # noqa: BLE001  # a fault in one source must not stop the others
            fault = SourceError(f"a fault in Hel: {type(error).__name__}", "please report it with this log")
            self._say_failed("tick.crashed", fault, exc_info=error)
            return fault
        if over := self._standing.succeeded(self._clock.monotonic()):
            self._log.info("source.recovered", failures=over.failures, after_s=round(over.after_s, 1))
        return tick

    def _say_failed(self, event: str, error: SourceError, **more: Any) -> None:
        """Say it where it is news, with the count; the rest is for who looks for a fault."""
        is_news = self._standing.failed(error, self._clock.monotonic())
        say = self._log.error if is_news else self._log.debug
        say(event, because=error.message, fix=error.fix, failures=self._standing.failures, **more)
