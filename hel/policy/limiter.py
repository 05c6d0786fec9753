"""How many requests a window takes. A law: what was sent and answered in, how long the next one must wait out.

One budget serves every source with the same origin, path and credential. Requests in flight count against it, and
where nothing is known of a window, one request goes ahead and the others wait for what it brings.
"""

from hel.policy.rate_headers import RateReading

RESET_MARGIN_S = 1.0
"""A reset names a whole second, so the window is new only when that second is over."""

ASK_AGAIN_S = 0.1
"""While a request is out that will tell more."""


class Limiter:
    """One rate-limit budget.

    Args:
        max_wait_s: A reset further ahead than this is not believed.
        reserve: Requests of each window that are left to others; one a window is sent all the same.
    """

    def __init__(self, max_wait_s: float, reserve: int = 0) -> None:
        self.max_wait_s = max_wait_s
        self.reserve = reserve
        self._limit = 0
        self._remaining: int | None = None  # None: no answer has named a window
        self._window: float | None = None  # its reset by the server's clock, which is its name
        self._reset_at: float | None = None  # the same in monotonic seconds; None once that has passed
        self._held_until = 0.0
        self._in_flight = 0
        self._heard = False

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent, 0.0 for at once; ask again after a reply, it may be sooner.

        Args:
            now: Monotonic seconds.
        """
        if now < self._held_until:
            return self._held_until - now
        if self._reset_at is not None and now >= self._reset_at:  # a new window: its size is known, its end is not
            self._remaining, self._reset_at = self._limit, None
        if self._has_room():
            return 0.0
        if self._reset_at is not None:
            return self._reset_at - now
        return ASK_AGAIN_S if self._in_flight else 0.0

    def is_of_use(self, now: float) -> bool:
        """Whether it knows of anything that is still to be waited for.

        Args:
            now: Monotonic seconds.
        """
        return self._held_until > now or (self._reset_at is not None and self._reset_at > now)

    def window(self, now: float) -> tuple[int, int] | None:
        """How many requests the server's window takes, and how many are left of it; None where none is known.

        Args:
            now: Monotonic seconds.
        """
        if self._remaining is None:
            return None
        is_over = self._reset_at is not None and now >= self._reset_at
        return self._limit, self._limit if is_over else self._remaining

    def sent(self) -> None:
        """A request is on its way; call it in the same breath as the `delay` that was 0.0."""
        self._in_flight += 1

    def answered(self, reading: RateReading | None, now: float) -> None:
        """A request was answered.

        Args:
            reading: What the headers said; a concurrency limit's zeros say nothing about the window.
            now: Monotonic seconds.
        """
        self._heard = True
        if reading is None or reading.is_concurrency:
            self.lost()
            return
        self._in_flight -= 1
        self._learn(reading, now)

    def withdrawn(self) -> None:
        """A request was not sent after all: its place is free again."""
        self._in_flight -= 1

    def lost(self) -> None:
        """A request will not be answered; the server may have counted it all the same."""
        self._in_flight -= 1
        if self._remaining:
            self._remaining -= 1

    def hold(self, until: float) -> None:
        """Send nothing before `until` (monotonic seconds), whatever the window says."""
        self._held_until = max(self._held_until, until)

    def _has_room(self) -> bool:
        if self._remaining is None:
            return self._heard
        return self._remaining - self._in_flight > self.reserve

    def _learn(self, reading: RateReading, now: float) -> None:
        if self._window is not None and reading.reset_at <= self._window + reading.blur_s:
            is_same = reading.reset_at >= self._window - reading.blur_s
            if is_same and self._reset_at is not None and self._remaining is not None:
                self._remaining = min(self._remaining, reading.remaining)  # answers may overtake each other
            return  # else it speaks of a window that is over
        wait_s = max(reading.reset_in_s, 0.0) + RESET_MARGIN_S
        self._window = reading.reset_at if wait_s <= self.max_wait_s else None
        self._limit, self._remaining = max(reading.limit, reading.remaining), reading.remaining
        self._reset_at = now + min(wait_s, self.max_wait_s)
