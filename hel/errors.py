"""What can go wrong, by who handles it. Every message says what happened, where, and what to do.

`ConfigError` ends the program with exit 2 and `StateLockedError` with 3; a `SourceError` ends one tick of one
source; `SinkError` and `StateError` stop the delivery, which is then tried again.
"""

from enum import StrEnum


class Trouble(StrEnum):
    """What can go wrong with a request; `policy.verdict` says of each what it means.

    Those up to TIMEOUT leave no answer, those up to ASTRAY an answer that is of no use, the rest are statuses.
    """

    DNS = "dns"
    CONNECT = "connect"
    CERTIFICATE = "certificate"
    TLS = "tls"
    RESET = "reset"
    CUT = "cut"
    TIMEOUT = "timeout"
    UNSENDABLE = "unsendable"
    CODING = "coding"
    TOO_LARGE = "too_large"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    ASTRAY = "astray"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    PASSING = "passing"
    REFUSED = "refused"


class HelError(Exception):
    """Any failure that Hel itself names.

    Args:
        message: One sentence: what happened and where.
        fix: What to do about it, one or more sentences; empty where nothing is to be done.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message

    @property
    def told(self) -> tuple[str, ...]:
        """All that is wrong, a line each."""
        return (str(self),)


class ConfigError(HelError):
    """Usage or configuration: nothing was requested (exit 2).

    Args:
        message: The first problem, or a summary.
        fix: What to do about it.
        problems: One line for each problem in a file, `FILE:LINE:COLUMN: path.to.key: what is wrong (and the fix)`.
    """

    def __init__(self, message: str, fix: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, fix)
        self.problems = problems

    @property
    def told(self) -> tuple[str, ...]:
        """All that is wrong, a line each."""
        return self.problems or super().told


class StateError(HelError):
    """The state file can't be read, written or understood."""


class StateLockedError(StateError):
    """Another running Hel holds the state (exit 3)."""


class SinkError(HelError):
    """The output can't be written."""


class ClosedOutputError(SinkError):
    """Nobody reads the output any more; trying again is of no use."""


class SourceError(HelError):
    """Ends one tick of one source; other sources go on.

    Attributes:
        counts: Whether the circuit breaker counts it as a failure of the API.
    """

    counts = False
    _place = ""

    def locate(self, place: str, fix: str) -> None:
        """Add where it happened, unless that was said already, and a fix where there is none.

        Args:
            place: A URL without its query.
            fix: What to do about it.
        """
        if not self._place:
            self._place = place
            self.message = f"{self.message}, at {place}"
            self.fix = self.fix or fix


class AuthError(SourceError):
    """The credential was refused, or no token could be had for it."""

    counts = True


class ThrottledError(SourceError):
    """The rate limit did not let the request through in the attempts allowed, or for longer than may be waited."""


class RefusedError(SourceError):
    """The API understood the request and will not answer it (4xx).

    Args:
        message: What happened and where.
        fix: What to do about it.
        status: The HTTP status; 0 where the request was not even sent.
    """

    counts = True

    def __init__(self, message: str, fix: str = "", status: int = 0) -> None:
        super().__init__(message, fix)
        self.status = status


class TroubleError(SourceError):
    """A request that left no answer, or one of no use.

    Args:
        message: What happened and where.
        fix: What to do about it.
        trouble: What it was; default: the class's usual one.
    """

    counts = True
    trouble: Trouble

    def __init__(self, message: str, fix: str = "", trouble: Trouble | None = None) -> None:
        super().__init__(message, fix)
        if trouble is not None:
            self.trouble = trouble


class UnreachableError(TroubleError):
    """No answer, or a part of one, or 5xx to the end."""

    trouble = Trouble.PASSING


class ReplyError(TroubleError):
    """The answer is not what the API's documentation promises."""

    trouble = Trouble.FOREIGN


class LineTooLongError(SourceError):
    """An event's line is longer than `limits.max_line_bytes`, and is not to be skipped."""


class PagingLoopError(SourceError):
    """A `next` link leads back to a page of the same tick."""


class NoStartError(SourceError):
    """The stored link no longer serves, and nothing that is known says where to go on without loss or repetition."""


class CircuitOpenError(SourceError):
    """The source failed too often and is left alone for a while."""
