"""What a status or a failure to get one means: the one table. A law: a Reply in, a Verdict out.

Judged by HTTP status; Okta's error codes only help the words (https://developer.okta.com/docs/reference/error-codes/).
"""

from dataclasses import dataclass
from enum import StrEnum

from hel.errors import AuthError, RefusedError, SourceError, ThrottledError, UnreachableError
from hel.policy import diagnosis
from hel.policy.diagnosis import Facts, Stage
from hel.records import Reply


class Action(StrEnum):
    """What to do with an answer."""

    TAKE = "take"
    AGAIN = "again"
    RENEW = "renew"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, judged.

    Attributes:
        action: Take it, ask again after a wait, renew the credential and ask again, or give up this tick.
        error: What the operator reads if it ends the tick; None for TAKE.
        counts: Whether the circuit breaker counts it as a failure of the source.
    """

    action: Action
    error: SourceError | None = None
    counts: bool = True


TAKE = Verdict(Action.TAKE, counts=False)

_AGAIN = frozenset({408, 425})
_FOR_GOOD = frozenset({501, 505})


def judge(reply: Reply, stage: Stage, facts: Facts) -> Verdict:
    """Judge an answer by its status."""
    status = reply.status
    if 200 <= status < 300:
        return TAKE
    message, fix = diagnosis.explain(reply, stage, facts)
    if status == 429:
        return Verdict(Action.AGAIN, ThrottledError(message, fix), counts=False)
    if status in _AGAIN or (status >= 500 and status not in _FOR_GOOD):
        return Verdict(Action.AGAIN, UnreachableError(message, fix))
    if status == 401 and stage is Stage.API:
        return Verdict(Action.RENEW, AuthError(message, fix))
    if status in {401, 403} or stage is Stage.TOKEN:
        return Verdict(Action.REFUSE, AuthError(message, fix))
    return Verdict(Action.REFUSE, RefusedError(message, fix, status))


def judge_failure(error: UnreachableError) -> Verdict:
    """Judge a request that got no answer: everything may pass but a certificate that can't be trusted."""
    return Verdict(Action.REFUSE if error.kind == "tls" else Action.AGAIN, error)
