"""How a credential asks its token server: one attempt after the other, whoever waits for them, and never a storm.

After attempts that failed, the next ones wait: a pause that grows as those between attempts do, or as long as the
server asked to be left alone.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import structs

from hel.attempt import Rules, failure
from hel.auth.credential import Hear
from hel.clock import Clock
from hel.errors import SourceError, ThrottledError
from hel.policy import verdict
from hel.policy.diagnosis import Facts, Stage
from hel.policy.verdict import Action
from hel.records import Reply, Request
from hel.telemetry.log import Log
from hel.timestamps import utc_text
from hel.transport.client import Transport
from hel.tries import Tries

T = TypeVar("T")

_MOST_BYTES = 1024 * 1024
"""Of an answer: a token is shorter."""

_SIGNED_S = 60.0
"""How long a request that is signed may wait; its assertion lives for five minutes."""


class TokenServer:
    """The token server of one credential.

    Args:
        transport: The client.
        rules: How its requests are policed.
        facts: What error messages depend on.
        clock: Times the waits.
        log: Told of each further attempt, and of each pause.
    """

    def __init__(self, transport: Transport, rules: Rules, facts: Facts, clock: Clock, log: Log) -> None:
        self._transport = transport
        self._facts = facts
        self._clock = clock
        self._log = log
        self._held_until = 0.0
        self._failures = 0
        self.settle(rules)

    def settle(self, rules: Rules) -> None:
        """Take other rules; the next request goes by them."""
        self._rules = rules
        self._bounds = structs.replace(rules.bounds, max_bytes=min(rules.bounds.max_bytes, _MOST_BYTES))
        self._tries = Tries(rules, self._hold, self._clock, self._log)

    async def tried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempt until it succeeds or the attempts are used up; not before the pause after earlier ones is over.

        Raises:
            SourceError: What the last attempt failed by.
        """
        await self._pause(max(self._rules.max_wait_s, self._rules.backoff.max_s))
        try:
            result = await self._tries.run(attempt)
        except SourceError:
            self._failures += 1
            pause_s = self._rules.backoff.wait_s(self._failures, random.random())  # noqa: S311  # spread, not secrecy
            self._hold(self._clock.monotonic() + pause_s)
            raise
        self._failures = 0
        return result

    async def send(self, request: Request, hear: Hear) -> Reply:
        """One send; its answer, unless a later attempt may bring another one, which is to be signed anew.

        A refusal that asks to be left alone is heeded by the attempts after this one.

        Raises:
            AttemptError: There is no answer, or one of a server in trouble.
        """
        await self._pause(_SIGNED_S)
        try:
            reply = await self._transport.send(request, self._bounds)
        except SourceError as error:
            raise failure(verdict.judge_failure(error), None, self._rules) from error.__cause__
        hear(reply)
        judged = verdict.judge(reply, Stage.TOKEN, self._facts)
        if judged.action is Action.TAKE:
            return reply
        failed = failure(judged, reply, self._rules)
        if failed.may_pass:
            raise failed
        if failed.asked_wait_s is not None:
            self._hold(self._clock.monotonic() + failed.asked_wait_s)
        return reply

    async def _pause(self, most_s: float) -> None:
        """Wait until it may be asked.

        Raises:
            ThrottledError: That would take longer than this.
        """
        wait_s = self._held_until - self._clock.monotonic()
        until = utc_text(self._clock.now() + max(wait_s, 0.0))
        if wait_s > most_s:
            raise ThrottledError(
                f"the token server {self._facts.token_url} asked to be left alone until {until}",
                "nothing to do: Hel asks again then; if it happens often, look at who else uses this app",
            )
        if wait_s > 0:
            self._log.info("token.paused", wait_s=round(wait_s, 1), until=until)
            await self._clock.sleep(wait_s)

    def _hold(self, until: float) -> None:
        self._held_until = max(self._held_until, until)
