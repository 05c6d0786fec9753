"""What the sources of one origin, path and credential may send together: the law's limiter, and a rate if one is set.

Waiting is done here, so that the limiter stays a law.
"""

from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from hel.clock import Clock
from hel.events import utc_text
from hel.policy.limiter import Limiter
from hel.telemetry.log import Log

_RECHECK_S = 1.0  # a reply to another source's request may shorten a pause


def throttle(requests_per_s: float, burst: int) -> AsyncLimiter:
    """A leaky bucket: `burst` requests at once, and `requests_per_s` in the long run."""
    return AsyncLimiter(burst, burst / requests_per_s)


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget.

    Attributes:
        limiter: What the server's window leaves.
        throttle: What the configuration allows; None where it sets no rate.
    """

    limiter: Limiter
    throttle: AsyncLimiter | None = None

    async def reserve(self, clock: Clock, log: Log) -> None:
        """Wait until a request may be sent, and take its place.

        Nothing comes between the last look at the window and the taking: with a place left in its bucket,
        `AsyncLimiter.acquire` does not yield, and where it did, the window is looked at again.
        """
        await self._wait(clock, log)
        while self.throttle is not None:
            await self.throttle.acquire()
            if self.limiter.delay(clock.monotonic()) <= 0:
                break
            await self._wait(clock, log)
        self.limiter.sent()

    async def _wait(self, clock: Clock, log: Log) -> None:
        """Wait for the window; an answer to another request may shorten it."""
        said = False
        while (delay := self.limiter.delay(clock.monotonic())) > 0:
            if not said and delay > _RECHECK_S:
                log.info("limit.paused", wait_s=round(delay, 1), until=utc_text(clock.now() + delay))
                said = True
            await clock.sleep(min(delay, _RECHECK_S))
