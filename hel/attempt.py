"""How one attempt of a request ends, at the API or at a token server: taken, given up, or to be made again."""

from dataclasses import dataclass

from hel.auth.credential import Hear, Send
from hel.errors import SourceError, UnreachableError
from hel.policy import retry, verdict
from hel.policy.diagnosis import Facts, Stage
from hel.policy.retry import Backoff
from hel.policy.verdict import Action, Verdict
from hel.records import Reply, Request
from hel.transport import Transport


@dataclass(frozen=True, slots=True)
class Rules:
    """How one source's requests are policed.

    Attributes:
        timeout_s: For one request, from connecting to the last byte.
        max_attempts: Sends of one request, the first and those after a 429 included.
        backoff: Between them, where the server does not say.
        respect_headers: Wait as the server's headers ask.
        max_wait_s: The longest wait for a reset; a longer `Retry-After` ends the tick.
    """

    timeout_s: float
    max_attempts: int
    backoff: Backoff
    respect_headers: bool
    max_wait_s: float


class AgainError(Exception):
    """An attempt failed in a way that another one may mend.

    Args:
        error: What ends the tick if it was the last attempt; `counts` says whether the breaker counts it.
        asked_wait_s: How long the server asks to be left alone; None where it does not say.
    """

    def __init__(self, error: SourceError, *, counts: bool, asked_wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.counts = counts
        self.asked_wait_s = asked_wait_s


def failure(judged: Verdict, reply: Reply | None, rules: Rules) -> Exception:
    """What a verdict other than TAKE raises."""
    error = judged.error or SourceError("the answer was refused")
    if judged.action is not Action.AGAIN:
        return error
    asked = retry.asked_wait_s(reply, rules.max_wait_s) if reply is not None and rules.respect_headers else None
    return AgainError(error, counts=judged.counts, asked_wait_s=asked)


def token_sender(transport: Transport, rules: Rules, facts: Facts) -> Send:
    """How a credential asks its token server: one send; passing troubles end the attempt, and the next signs anew."""

    async def send(request: Request, hear: Hear) -> Reply:
        try:
            reply = await transport.send(request, rules.timeout_s)
        except UnreachableError as error:
            raise failure(verdict.judge_failure(error), None, rules) from error.__cause__
        hear(reply)
        judged = verdict.judge(reply, Stage.TOKEN, facts)
        if judged.action is Action.AGAIN:
            raise failure(judged, reply, rules)
        return reply

    return send
