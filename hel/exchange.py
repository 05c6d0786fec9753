"""One policed request: admit, permit, sign, send, learn, judge, again? The only place that sends.

stamina counts the attempts; `policy.retry` says how long to wait between them. A nonce or a token that had to be
renewed costs one more send inside the same attempt.
"""

import asyncio
import random
from dataclasses import dataclass

import stamina

from hel.auth.credential import Credential, Renewal, Send
from hel.clock import Clock
from hel.errors import SourceError, UnreachableError
from hel.policy import rate_headers, retry, verdict
from hel.policy.breaker import Breaker
from hel.policy.diagnosis import Facts, Stage
from hel.policy.limiter import Limiter
from hel.policy.retry import Backoff
from hel.policy.verdict import Action, Verdict
from hel.recording import Recorder
from hel.records import Reply, Request
from hel.telemetry.log import Log
from hel.transport import Transport

stamina.instrumentation.set_on_retry_hooks([])  # retries are said once, here, with their reason


@dataclass(frozen=True, slots=True)
class Rules:
    """How one source's requests are policed.

    Attributes:
        timeout_s: For one request, from connecting to the last byte.
        max_attempts: Sends of one request, the first and those after a 429 included.
        backoff: Between them, where the server does not say.
        respect_headers: Wait as the server's headers ask.
        max_wait_s: The longest wait that a reset header may ask for.
    """

    timeout_s: float
    max_attempts: int
    backoff: Backoff
    respect_headers: bool
    max_wait_s: float


class _AgainError(Exception):
    """An attempt failed in a way that another one may mend."""

    def __init__(self, judged: Verdict, asked_wait_s: float | None) -> None:
        super().__init__(str(judged.error))
        self.error = judged.error or SourceError("failed")
        self.counts = judged.counts
        self.asked_wait_s = asked_wait_s


class Exchange:
    """The requests of one source.

    Args:
        transport: The shared client.
        credential: Signs each send.
        limiter: The budget, shared by all sources that draw on it.
        breaker: The source's own; None where it is switched off.
        rules: How the requests are policed.
        facts: What error messages depend on.
        recorder: Writes down each reply; None where nobody asked for it.
        clock: Times the waits.
        log: The source's log.
    """

    def __init__(
        self,
        transport: Transport,
        credential: Credential,
        limiter: Limiter,
        breaker: Breaker | None,
        rules: Rules,
        facts: Facts,
        recorder: Recorder | None,
        clock: Clock,
        log: Log,
    ) -> None:
        self._transport = transport
        self._credential = credential
        self._limiter = limiter
        self._breaker = breaker
        self._rules = rules
        self._facts = facts
        self._recorder = recorder
        self._clock = clock
        self._log = log

    async def fetch(self, request: Request) -> Reply:
        """The API's successful answer to this request.

        Raises:
            SourceError: There is none to be had in this tick; it says why, and what to do.
        """
        if self._breaker is not None:
            self._breaker.admit(self._clock.monotonic())
        try:
            reply = await self._attempts(request)
        except _AgainError as last:
            self._report(failed=last.counts, because=last.error)
            raise last.error from last.error.__cause__
        except SourceError as error:
            self._report(failed=True, because=error)
            raise
        self._report(failed=False)
        return reply

    async def _attempts(self, request: Request) -> Reply:
        """Send until it is answered or the attempts are used up."""
        tries = 0

        def wait_s(error: Exception) -> bool | float:
            if not isinstance(error, _AgainError) or tries >= self._rules.max_attempts:
                return False
            wait = error.asked_wait_s
            if wait is None:
                wait = self._rules.backoff.wait_s(tries, random.random())  # noqa: S311  # spread, not secrecy
            self._say_retry(error, tries, wait)
            return wait

        async for attempt in stamina.retry_context(on=wait_s, attempts=self._rules.max_attempts, timeout=None):
            with attempt:
                tries += 1
                return await self._attempt(request)
        raise AssertionError("stamina yields an attempt or raises")

    async def _attempt(self, request: Request) -> Reply:
        """One attempt: one send, and one more for each kind of renewal that a 401 calls for."""
        renewed: set[Renewal] = set()
        while True:
            reply = await self._send(request)
            judged = verdict.judge(reply, Stage.API, self._facts)
            if judged.action is Action.TAKE:
                return reply
            if judged.action is Action.RENEW:
                renewal = self._credential.renew(request, reply)
                if renewal is not None and renewal not in renewed:
                    renewed.add(renewal)
                    self._log.debug("request.renewed", reason=renewal.value)
                    continue
            self._refuse(judged, reply)

    async def _send(self, request: Request) -> Reply:
        """Wait for a place in the window, sign, send, and learn from the answer."""
        await self._permit()
        self._limiter.sent()
        try:
            headers = await self._credential.sign(request)
            signed = Request(request.method, request.url, {**request.headers, **headers}, request.content)
            reply = await self._transport.send(signed, self._rules.timeout_s)
        except UnreachableError as error:
            self._refuse(verdict.judge_failure(error), None)
            raise
        finally:
            self._limiter.answered()
        self._credential.learn(request, reply)
        reading = rate_headers.read(reply) if self._rules.respect_headers else None
        if reading is not None:
            self._limiter.learn(reading, self._clock.monotonic())
        self._say_answered(reply)
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.record, request, reply)
        return reply

    def _refuse(self, judged: Verdict, reply: Reply | None) -> None:
        """Raise what a verdict other than TAKE means."""
        if judged.action is Action.AGAIN:
            wait = None
            if reply is not None and self._rules.respect_headers:
                wait = retry.asked_wait_s(reply, self._rules.max_wait_s)
            raise _AgainError(judged, wait)
        raise judged.error or AssertionError("a refusal without an error")

    async def _permit(self) -> None:
        """Wait until the budget allows a request; a reply to another one may shorten the wait."""
        said = False
        while (delay := self._limiter.delay(self._clock.monotonic())) > 0:
            if not said:
                self._log.info("limit.paused", wait_s=round(delay, 1))
                said = True
            await self._clock.sleep(min(delay, _RECHECK_S))

    def _report(self, *, failed: bool, because: SourceError | None = None) -> None:
        """Tell the breaker how a request ended after its retries."""
        if self._breaker is None:
            return
        now = self._clock.monotonic()
        changed = self._breaker.failed(now) if failed else because is None and self._breaker.succeeded(now)
        if changed:
            say = self._log.warning if failed else self._log.info
            say(f"circuit.{self._breaker.circuit.value}", **({"because": str(because)} if because else {}))

    def _say_retry(self, error: _AgainError, tries: int, wait: float) -> None:
        self._log.warning(
            "request.retried",
            because=str(error),
            attempt=tries,
            of=self._rules.max_attempts,
            wait_s=round(wait, 1),
        )

    def _say_answered(self, reply: Reply) -> None:
        reading = rate_headers.read(reply)
        self._log.debug(
            "request.answered",
            status=reply.status,
            took_s=round(reply.took_s, 3),
            bytes=len(reply.body),
            rate_limit=reading.limit if reading else None,
            rate_remaining=reading.remaining if reading else None,
        )


_RECHECK_S = 1.0


def token_sender(transport: Transport, rules: Rules, facts: Facts) -> Send:
    """How a credential asks its token server: one send, whose passing troubles end the attempt it belongs to.

    The next attempt asks again, with a fresh assertion.
    """

    async def send(request: Request) -> Reply:
        try:
            reply = await transport.send(request, rules.timeout_s)
        except UnreachableError as error:
            judged = verdict.judge_failure(error)
            if judged.action is Action.AGAIN:
                raise _AgainError(judged, None) from error
            raise
        judged = verdict.judge(reply, Stage.TOKEN, facts)
        if judged.action is Action.AGAIN:
            wait = retry.asked_wait_s(reply, rules.max_wait_s) if rules.respect_headers else None
            raise _AgainError(judged, wait)
        return reply

    return send
