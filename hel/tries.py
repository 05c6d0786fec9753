"""One thing tried again until it succeeds: stamina counts the attempts, `policy.retry` says how long to wait between.

What a server asks to be left alone for is never undercut; where that is longer than may be waited, there is no other
attempt.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from hel.attempt import AttemptError, Rules
from hel.clock import Clock
from hel.telemetry.log import Log
from hel.timestamps import utc_text

stamina.instrumentation.set_on_retry_hooks([])  # retries are said once, here, with their reason

T = TypeVar("T")


class Tries:
    """How the attempts of one kind of request follow each other.

    Args:
        rules: How many, and how far apart.
        hold: Told until when (monotonic seconds) the server asks to be left alone.
        clock: Times the waits.
        log: Told of each further attempt.
    """

    def __init__(self, rules: Rules, hold: Callable[[float], None], clock: Clock, log: Log) -> None:
        self._rules = rules
        self._hold = hold
        self._clock = clock
        self._log = log

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempt until it succeeds or the attempts are used up.

        Raises:
            SourceError: What the last attempt failed by.
        """
        tries = 0

        def wait_s(error: Exception) -> bool | float:
            return self._wait_s(error, tries) if isinstance(error, AttemptError) else False

        try:
            async for again in stamina.retry_context(on=wait_s, attempts=self._rules.max_attempts, timeout=None):
                with again:
                    tries += 1
                    return await attempt()
        except AttemptError as last:
            raise last.error from last.error.__cause__
        raise AssertionError("stamina yields an attempt or raises")

    def _wait_s(self, failed: AttemptError, tries: int) -> bool | float:
        """How long to wait before the next attempt, or False for none."""
        wait, rules = failed.asked_wait_s, self._rules
        if wait is not None:
            self._hold(self._clock.monotonic() + wait)
            if wait > rules.max_wait_s:
                failed.error.message += f"; it asks to be left alone until {utc_text(self._clock.now() + wait)}"
                return False
        if not failed.may_pass or tries >= rules.max_attempts:
            return False
        if wait is None:
            wait = rules.backoff.wait_s(tries, random.random())  # noqa: S311  # spread, not secrecy
        self._log.warning(
            "request.retried",
            because=str(failed),
            attempt=tries,
            of=rules.max_attempts,
            wait_s=round(wait, 1),
            until=utc_text(self._clock.now() + wait),
        )
        return float(wait)
