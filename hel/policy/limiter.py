"""How many requests a window takes. A law: it is told what was sent and what the headers said, and says how long
the next request must wait.

One budget serves every source with the same origin, path and credential; requests in flight count against it.
"""

from hel.policy.rate_headers import RateReading

RESET_MARGIN_S = 1.0
"""A reset names a whole second, so the window is new only when that second is over."""


class Limiter:
    """One rate-limit budget.

    Args:
        max_wait_s: A reset further ahead than this is not believed.
        reserve: Requests of the window that are left to others.
    """

    def __init__(self, max_wait_s: float, reserve: int = 0) -> None:
        self._max_wait_s = max_wait_s
        self._reserve = reserve
        self._remaining: int | None = None
        self._reset_at = 0.0
        self._held_until = 0.0
        self._in_flight = 0

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent, 0.0 for at once; ask again after a reply, it may be sooner.

        Args:
            now: Monotonic seconds.
        """
        if now < self._held_until:
            return self._held_until - now
        if self._remaining is None or now >= self._reset_at:
            return 0.0
        if self._remaining - self._in_flight > self._reserve:
            return 0.0
        return self._reset_at - now

    def sent(self) -> None:
        """A request is on its way."""
        self._in_flight += 1

    def answered(self) -> None:
        """It came back, or never will."""
        self._in_flight -= 1

    def learn(self, reading: RateReading, now: float) -> None:
        """Believe an answer's headers; a concurrency limit's zeros say nothing about the window.

        Args:
            reading: What the headers said.
            now: Monotonic seconds at the answer.
        """
        if reading.is_concurrency:
            return
        self._remaining = reading.remaining
        self._reset_at = now + min(max(reading.reset_in_s, 0.0) + RESET_MARGIN_S, self._max_wait_s)

    def hold(self, until: float) -> None:
        """Send nothing before `until` (monotonic seconds), whatever the window says."""
        self._held_until = max(self._held_until, until)
