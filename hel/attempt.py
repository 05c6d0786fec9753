"""How one attempt of a request ends, at the API or at a token server: taken, given up, or to be made again."""

import msgspec

from hel.errors import SourceError
from hel.policy import rate_headers, retry
from hel.policy.rate_headers import HeaderNames
from hel.policy.retry import Backoff
from hel.policy.verdict import Action, Verdict
from hel.records import Reply
from hel.transport.client import Bounds


class Rules(msgspec.Struct, frozen=True):
    """How one source's requests are policed.

    Attributes:
        bounds: How long one request may take, and how much its answer may be.
        max_attempts: Sends of one request, the first and those after a 429 included.
        backoff: Between them, where the server does not say.
        respect_headers: Wait as the server's headers ask.
        max_wait_s: The longest wait for a reset; a longer `Retry-After` ends the tick.
        rate_headers: What the API calls its rate-limit headers.
    """

    bounds: Bounds
    max_attempts: int
    backoff: Backoff
    respect_headers: bool
    max_wait_s: float
    rate_headers: HeaderNames = rate_headers.NAMES


class AttemptError(Exception):
    """An attempt failed.

    Args:
        error: What ends the tick if it was the last attempt.
        may_pass: Another attempt may mend it.
        asked_wait_s: How long the server asks to be left alone; None where it does not say.
    """

    def __init__(self, error: SourceError, *, may_pass: bool, asked_wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.may_pass = may_pass
        self.asked_wait_s = asked_wait_s


def failure(judged: Verdict, reply: Reply | None, rules: Rules) -> AttemptError:
    """What a verdict other than TAKE raises."""
    asked = None
    if reply is not None and rules.respect_headers:
        asked = retry.asked_wait_s(reply, rules.max_wait_s, rules.rate_headers)
    error = judged.error or SourceError("the answer was refused")
    return AttemptError(error, may_pass=judged.action is Action.AGAIN, asked_wait_s=asked)
