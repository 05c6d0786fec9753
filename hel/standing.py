"""Whether a source succeeds or fails, and which tick of a failing one is news. A law: outcomes in, news out.

A source that fails for a night is a line when it begins, one when it fails in another way, one an hour as a reminder,
and one when it is over; not one a tick.
"""

import re

import msgspec

from hel.errors import SourceError

REMIND_S = 3600.0
"""After so long a failure that goes on is said again."""

_NUMBERS = re.compile(r"\d+")


class Recovered(msgspec.Struct, frozen=True):
    """The end of a row of failures.

    Attributes:
        failures: Ticks that failed in a row.
        after_s: From the first one's end to the success.
    """

    failures: int
    after_s: float


class Standing:
    """One source's standing."""

    def __init__(self) -> None:
        self.failures = 0
        self._failing_since = 0.0
        self._said: str | None = None
        self._said_at = 0.0

    def failed(self, error: SourceError, now: float) -> bool:
        """A tick failed; whether that is news: the first time, in another way, or again after an hour.

        Args:
            error: What ended it.
            now: Monotonic seconds.
        """
        self.failures += 1
        if self.failures == 1:
            self._failing_since = now
        kind = _kind(error)
        if kind == self._said and now - self._said_at < REMIND_S:
            return False
        self._said, self._said_at = kind, now
        return True

    def succeeded(self, now: float) -> Recovered | None:
        """A tick succeeded; what was over by that, if anything was.

        Args:
            now: Monotonic seconds.
        """
        if not self.failures:
            return None
        over = Recovered(self.failures, now - self._failing_since)
        self.failures, self._said = 0, None
        return over


def _kind(error: SourceError) -> str:
    """What tells one failure from another: its class and its fix. Messages quote what the API says, which may vary."""
    return f"{type(error).__name__} {_NUMBERS.sub('', error.fix)}"
