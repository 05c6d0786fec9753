"""When a failing source is left alone. A law: a transition table, driven by what its owner reports."""

from enum import StrEnum

from hel.errors import CircuitOpenError


class Circuit(StrEnum):
    """A circuit breaker's state."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class _Report(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    REST_IS_OVER = "rest_is_over"


# state, report -> next state, where the count that the report adds to has reached its threshold
_TRANSITIONS = {
    (Circuit.CLOSED, _Report.FAILURE): Circuit.OPEN,
    (Circuit.OPEN, _Report.REST_IS_OVER): Circuit.HALF_OPEN,
    (Circuit.HALF_OPEN, _Report.SUCCESS): Circuit.CLOSED,
    (Circuit.HALF_OPEN, _Report.FAILURE): Circuit.OPEN,
}


class Breaker:
    """One source's circuit breaker; it counts requests after their retries, and half open it lets one pass at a time.

    Args:
        failure_threshold: Failures in a row that open it.
        success_threshold: Successes in a row that close it again once it is half open.
        rest_s: How long it stays open before a probe.
    """

    def __init__(self, failure_threshold: int, success_threshold: int, rest_s: float) -> None:
        self._thresholds = {
            (Circuit.CLOSED, _Report.FAILURE): failure_threshold,
            (Circuit.HALF_OPEN, _Report.SUCCESS): success_threshold,
        }
        self.rest_s = rest_s
        self._count = 0
        self._opened_at = 0.0
        self._probing = False
        self.circuit = Circuit.CLOSED

    def admit(self, now: float) -> bool:
        """Let a request pass, the first one after a rest as a probe; True if that changed the circuit.

        Args:
            now: Monotonic seconds.

        Raises:
            CircuitOpenError: The source is being left alone.
        """
        if self._probing:
            raise CircuitOpenError("left alone until the probe that is under way is answered")
        left_s = self._opened_at + self.rest_s - now
        if self.circuit is Circuit.OPEN and left_s > 0:
            raise CircuitOpenError(
                f"left alone for {left_s:.0f} s more after repeated failures",
                "the first failure's own message says what to do",
            )
        is_changed = self.circuit is Circuit.OPEN and self._report(_Report.REST_IS_OVER, now)
        self._probing = self.circuit is Circuit.HALF_OPEN
        return is_changed

    def succeeded(self, now: float) -> bool:
        """A request was answered; True if that changed the circuit."""
        self._probing = False
        return self._report(_Report.SUCCESS, now)

    def failed(self, now: float) -> bool:
        """A request failed after its retries; True if that changed the circuit."""
        self._probing = False
        return self._report(_Report.FAILURE, now)

    def said_nothing(self) -> None:
        """A request ended in a way that tells nothing of the source: a rate limit, a cancellation."""
        self._probing = False

    def _report(self, report: _Report, now: float) -> bool:
        following = _TRANSITIONS.get((self.circuit, report))
        if following is None:  # a success while closed: the row of failures is broken
            self._count = 0
            return False
        self._count += 1
        if self._count < self._thresholds.get((self.circuit, report), 1):
            return False
        self.circuit, self._count = following, 0
        if following is Circuit.OPEN:
            self._opened_at = now
        return True
