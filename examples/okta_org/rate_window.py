"""Okta's rate limit: so many requests in a window, counted per endpoint. Rule: time is the org's clock.

https://developer.okta.com/docs/reference/rl-best-practices/
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from examples.okta_org.records import Headers


@dataclass(frozen=True, slots=True)
class Reading:
    """What one request found.

    Attributes:
        limit: Requests a window.
        remaining: Left in this one.
        reset_at: When the next window starts, whole epoch seconds.
        exceeded: This request was one too many.
    """

    limit: int
    remaining: int
    reset_at: int
    exceeded: bool = False

    @property
    def headers(self) -> Headers:
        return rate_headers(self.limit, self.remaining, self.reset_at)


def rate_headers(limit: int, remaining: int, reset_at: int) -> Headers:
    """The three headers that every answer carries."""
    return (
        ("x-rate-limit-limit", str(limit)),
        ("x-rate-limit-remaining", str(remaining)),
        ("x-rate-limit-reset", str(reset_at)),
    )


class RateWindows:
    """One window per endpoint.

    Args:
        limit: Requests a window.
        window_s: How long a window is.
        now: The org's clock, epoch seconds.
    """

    def __init__(self, limit: int, window_s: float, now: Callable[[], float]) -> None:
        self.limit = limit
        self.window_s = window_s
        self._now = now
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def take(self, path: str, count: int = 1) -> Reading:
        """Count a request (or what somebody else asked) against an endpoint's window."""
        with self._lock:
            now = self._now()
            start, used = self._windows.get(path, (now, 0))
            if now >= start + self.window_s:
                start, used = now, 0
            used += count
            self._windows[path] = (start, used)
            return Reading(
                self.limit, max(0, self.limit - used), math.ceil(start + self.window_s), exceeded=used > self.limit
            )
