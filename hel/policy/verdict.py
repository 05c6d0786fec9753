"""What goes wrong with a request, and what that means: the one table. A law: an answer or an error in, a Verdict out.

Judged by HTTP status; Okta's error codes only help the words (https://developer.okta.com/docs/reference/error-codes/).
Only whether a 403 or a 503 is a rate limit's is asked of headers and body, for some APIs refuse so.
What is no trouble: 1xx answers before the final one, which are passed over (RFC 9110 §15.2), and an event that names a
key twice, which RFC 8259 §4 allows and which is delivered as it stands.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from hel.errors import (
    AuthError,
    RefusedError,
    ReplyError,
    SourceError,
    ThrottledError,
    Trouble,
    TroubleError,
    UnreachableError,
)
from hel.policy import diagnosis, rate_headers
from hel.policy.complaint import tells_of_limit
from hel.policy.diagnosis import Facts, Stage
from hel.policy.rate_headers import HeaderNames
from hel.records import Reply


class Action(StrEnum):
    """What to do with an answer."""

    TAKE = "take"
    AGAIN = "again"
    RENEW = "renew"
    REFUSE = "refuse"


class Ruling(NamedTuple):
    """What one kind of trouble means.

    Attributes:
        action: Ask again after a wait, renew the credential and ask again, or give up this tick.
        error: The class of what the operator reads if it ends the tick.
    """

    action: Action
    error: type[SourceError]

    @property
    def counts(self) -> bool:
        """Whether the circuit breaker counts it as a failure of the API."""
        return self.error.counts


TABLE = {
    # no answer, or not all of it
    Trouble.DNS: Ruling(Action.AGAIN, UnreachableError),
    Trouble.CONNECT: Ruling(Action.AGAIN, UnreachableError),  # refused, unreachable, the proxy's no
    Trouble.CERTIFICATE: Ruling(Action.REFUSE, UnreachableError),  # no second look makes a stranger a friend
    Trouble.TLS: Ruling(Action.AGAIN, UnreachableError),  # any other failure of the handshake
    Trouble.RESET: Ruling(Action.AGAIN, UnreachableError),  # before the answer or in its head; an unasked 101
    Trouble.CUT: Ruling(Action.AGAIN, UnreachableError),  # in its body, or only a part: 205, 206
    Trouble.TIMEOUT: Ruling(Action.AGAIN, UnreachableError),  # connecting, between two bytes, or as a whole
    # an answer that can't be used
    Trouble.UNSENDABLE: Ruling(Action.REFUSE, RefusedError),  # not even a request
    Trouble.CODING: Ruling(Action.REFUSE, ReplyError),  # compressed in a way that was not asked for
    Trouble.TOO_LARGE: Ruling(Action.REFUSE, ReplyError),  # body or head
    Trouble.DAMAGED: Ruling(Action.AGAIN, ReplyError),  # JSON that breaks off or is malformed, invalid UTF-8
    Trouble.FOREIGN: Ruling(Action.REFUSE, ReplyError),  # no JSON at all, or JSON that is no list of events
    Trouble.ASTRAY: Ruling(Action.REFUSE, ReplyError),  # a next link that leads away
    # statuses
    Trouble.REDIRECT: Ruling(Action.REFUSE, RefusedError),  # 3xx
    Trouble.UNAUTHORIZED: Ruling(Action.RENEW, AuthError),  # 401, once; a token server's is FORBIDDEN
    Trouble.FORBIDDEN: Ruling(Action.REFUSE, AuthError),  # 403
    Trouble.THROTTLED: Ruling(Action.AGAIN, ThrottledError),  # 429, and a 403 or 503 that says it is one
    Trouble.PASSING: Ruling(Action.AGAIN, UnreachableError),  # 408, 425, 5xx
    Trouble.REFUSED: Ruling(Action.REFUSE, RefusedError),  # 4xx, and 501 and 505, which are for good
}

_PARTIAL = frozenset({205, 206})
_PASSING = frozenset({408, 425})
_FOR_GOOD = frozenset({501, 505})
_MAYBE_LIMITS = frozenset({403, 503})


class Verdict(msgspec.Struct, frozen=True):
    """An answer, judged.

    Attributes:
        action: What to do.
        error: What the operator reads if it ends the tick; None for TAKE.
    """

    action: Action
    error: SourceError | None = None


TAKE = Verdict(Action.TAKE)


def judge(reply: Reply, stage: Stage, facts: Facts, names: HeaderNames = rate_headers.NAMES) -> Verdict:
    """Judge an answer by its status.

    Args:
        reply: The answer.
        stage: What was asked.
        facts: What the words depend on.
        names: The rate-limit headers' names.
    """
    if reply.is_success and reply.status not in _PARTIAL:
        return TAKE
    trouble = _trouble(reply, stage, names)
    action, error = TABLE[trouble]
    message, fix = diagnosis.explain(reply, stage, facts, is_throttled=trouble is Trouble.THROTTLED)
    if stage is Stage.TOKEN and action is Action.REFUSE:
        return Verdict(action, AuthError(message, fix))
    if error is RefusedError:
        return Verdict(action, RefusedError(message, fix, reply.status))
    return Verdict(action, error(message, fix))


def judge_failure(error: SourceError) -> Verdict:
    """Judge what left no answer, or one that is of no use."""
    trouble = error.trouble if isinstance(error, TroubleError) else Trouble.UNSENDABLE
    return Verdict(TABLE[trouble].action, error)


def _trouble(reply: Reply, stage: Stage, names: HeaderNames) -> Trouble:
    status = reply.status
    if status == 429 or (stage is Stage.API and _is_limit(reply, names)):
        return Trouble.THROTTLED
    if status in _PARTIAL:
        return Trouble.CUT
    if status in _PASSING or (status >= 500 and status not in _FOR_GOOD):
        return Trouble.PASSING
    if status == 401:
        return Trouble.UNAUTHORIZED if stage is Stage.API else Trouble.FORBIDDEN
    if status == 403:
        return Trouble.FORBIDDEN
    return Trouble.REDIRECT if status < 400 else Trouble.REFUSED


def _is_limit(reply: Reply, names: HeaderNames) -> bool:
    """Whether a refusal that may be for something else is for a rate limit: GitHub's headers, or Google's words."""
    if reply.status == 403 and rate_headers.is_exhausted(reply, names):
        return True
    return reply.status in _MAYBE_LIMITS and tells_of_limit(reply)
