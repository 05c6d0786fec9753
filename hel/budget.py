"""What the sources of one origin, path and credential may send together: the law's limiter, and a rate if one is set.

Waiting is done here, so that the limiter stays a law.
"""

import math
from typing import TYPE_CHECKING

import msgspec

from hel.clock import Clock
from hel.config.resilience import RateLimit
from hel.errors import ThrottledError
from hel.policy.limiter import Limiter
from hel.telemetry.log import Log
from hel.timestamps import utc_text

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

_RECHECK_S = 1.0  # a reply to another source's request may shorten a pause


def throttle(requests_per_s: float, burst: int) -> "AsyncLimiter":
    """A leaky bucket: `burst` requests at once, and `requests_per_s` in the long run."""
    from aiolimiter import AsyncLimiter  # noqa: PLC0415  # it looks up its version in all that is installed

    return AsyncLimiter(burst, burst / requests_per_s)


_SAY_AGAIN_S = 600.0
"""A budget that is used up in every window says so once in this time."""


class Budget(msgspec.Struct):
    """One budget.

    Attributes:
        limiter: What the server's window leaves.
        throttle: What the configuration allows; None where it sets no rate.
        said_at: When it last said that it is used up, in monotonic seconds.
    """

    limiter: Limiter
    throttle: "AsyncLimiter | None" = None
    said_at: float = -math.inf

    def settle(self, limit: RateLimit) -> None:
        """Take other settings; what is known of the server's window, and of what was sent, stays."""
        self.limiter.reserve, self.limiter.max_wait_s = limit.reserve, limit.max_wait_secs
        rate, known = limit.max_requests_per_second, self.throttle
        if rate is None:
            self.throttle = None
        elif known is None or (known.max_rate, known.time_period) != (limit.burst, limit.burst / rate):
            self.throttle = throttle(rate, limit.burst)

    def hold(self, until: float, clock: Clock, log: Log) -> None:
        """Send nothing before `until` (monotonic seconds), as the server asked, and say so."""
        self.limiter.hold(until)
        if (delay := until - clock.monotonic()) > _RECHECK_S:
            self._say_paused(delay, clock, log)

    async def reserve(self, clock: Clock, log: Log, max_wait_s: float) -> None:
        """Wait until a request may be sent, and take its place.

        Nothing comes between the last look at the window and the taking: with a place left in its bucket,
        `AsyncLimiter.acquire` does not yield, and where it did, the window is looked at again.

        Args:
            clock: Times the waits.
            log: Told of a long one.
            max_wait_s: The longest wait; what an API asks beyond it (`Retry-After`) is no wait within a tick.

        Raises:
            ThrottledError: It would be longer.
        """
        await self._wait(clock, log, max_wait_s)
        while self.throttle is not None:
            await self.throttle.acquire()
            if self.limiter.delay(clock.monotonic()) <= 0:
                break
            await self._wait(clock, log, max_wait_s)
        self.limiter.sent()

    async def _wait(self, clock: Clock, log: Log, max_wait_s: float) -> None:
        """Wait for the window; an answer to another request may shorten it."""
        said = False
        while (delay := self.limiter.delay(clock.monotonic())) > 0:
            if delay > max_wait_s + _RECHECK_S:
                raise ThrottledError(
                    f"the API asked to be left alone until {utc_text(clock.now() + delay)}",
                    "nothing to do: Hel asks again then; if it happens often, lower `pagination.max_pages` or raise "
                    "`schedule.interval_secs`",
                )
            if not said and delay > _RECHECK_S:
                self._say_paused(delay, clock, log)
                said = True
            await clock.sleep(min(delay, _RECHECK_S))

    def _say_paused(self, delay: float, clock: Clock, log: Log) -> None:
        is_news = clock.monotonic() - self.said_at >= _SAY_AGAIN_S
        if is_news:
            self.said_at = clock.monotonic()
        say = log.info if is_news else log.debug
        say("limit.paused", wait_s=round(delay, 1), until=utc_text(clock.now() + delay))
