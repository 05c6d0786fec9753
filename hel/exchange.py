"""One policed request: admit, permit, sign, send, learn, judge, again? The only place that sends.

stamina counts the attempts; `policy.retry` says how long to wait between them. A nonce or a token that had to be
renewed costs one more send inside the same attempt.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import stamina

from hel.attempt import AgainError, Rules, failure
from hel.auth.credential import Credential, Renewal
from hel.budget import Budget
from hel.clock import Clock
from hel.errors import AuthError, RefusedError, ReplyError, SourceError, UnreachableError
from hel.policy import rate_headers, verdict
from hel.policy.breaker import Breaker
from hel.policy.diagnosis import Facts, Stage
from hel.policy.rate_headers import RateReading
from hel.policy.verdict import Action
from hel.recording import Recorder
from hel.records import Reply, Request
from hel.telemetry.log import Log
from hel.transport import Transport

stamina.instrumentation.set_on_retry_hooks([])  # retries are said once, here, with their reason

T = TypeVar("T")


class Gate(Protocol):
    """Stands before each send: whether there is room for its answer. Who waits for anything else does not hold it."""

    async def wait(self) -> None:
        """Wait until the answer may come."""
        ...

    def give_back(self) -> None:
        """It does not come, or not now."""
        ...


# what the breaker counts: the API's failures, not those of a recording that can't be written
_COUNTED = (AuthError, RefusedError, ReplyError, UnreachableError)


class Exchange:
    """The requests of one source.

    Args:
        transport: The shared client.
        credential: Signs each send.
        budget: Shared by all sources that draw on it.
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
        budget: Budget,
        breaker: Breaker | None,
        rules: Rules,
        facts: Facts,
        recorder: Recorder | None,
        clock: Clock,
        log: Log,
    ) -> None:
        self._transport = transport
        self._credential = credential
        self._budget = budget
        self._limiter = budget.limiter
        self._breaker = breaker
        self._rules = rules
        self._facts = facts
        self._recorder = recorder
        self._clock = clock
        self._log = log

    async def fetch(self, request: Request, read: Callable[[Reply], T], gate: Gate) -> T:
        """What the API's successful answer to this request says.

        Args:
            request: What is asked.
            read: Makes sense of the answer; one that can't be read is the API's failure as much as none.
            gate: Stands before each send; held when this returns.

        Raises:
            SourceError: There is none to be had in this tick; it says why, and what to do.
        """
        if self._breaker is not None:
            self._breaker.admit(self._clock.monotonic())
        try:
            found = read(await self._attempts(request, gate))
        except AgainError as last:
            self._report(last.error, failed=last.counts)
            raise last.error from last.error.__cause__
        except SourceError as error:
            self._report(error, failed=isinstance(error, _COUNTED))
            raise
        except BaseException:  # cancelled: a probe that was under way must not bar the next one
            if self._breaker is not None:
                self._breaker.said_nothing()
            raise
        self._report(None, failed=False)
        return found

    async def _attempts(self, request: Request, gate: Gate) -> Reply:
        """Send until it is answered or the attempts are used up."""
        tries = 0

        def wait_s(error: Exception) -> bool | float:
            return self._wait_s(error, tries) if isinstance(error, AgainError) else False

        async for attempt in stamina.retry_context(on=wait_s, attempts=self._rules.max_attempts, timeout=None):
            with attempt:
                tries += 1
                return await self._attempt(request, gate)
        raise AssertionError("stamina yields an attempt or raises")

    def _wait_s(self, error: AgainError, tries: int) -> bool | float:
        """How long to wait before the next attempt, or False for none. What the server asks holds for all sources."""
        wait = error.asked_wait_s
        if wait is not None:
            self._limiter.hold(self._clock.monotonic() + wait)
        if tries >= self._rules.max_attempts or (wait or 0.0) > self._rules.max_wait_s:
            return False
        if wait is None:
            wait = self._rules.backoff.wait_s(tries, random.random())  # noqa: S311  # spread, not secrecy
        of = self._rules.max_attempts
        self._log.warning("request.retried", because=str(error), attempt=tries, of=of, wait_s=round(wait, 1))
        return float(wait)

    async def _attempt(self, request: Request, gate: Gate) -> Reply:
        """One attempt: one send, and one more for each kind of renewal that a 401 calls for."""
        renewed: set[Renewal] = set()
        while True:
            reply, renewal = await self._send(request, gate)
            judged = verdict.judge(reply, Stage.API, self._facts)
            if judged.action is Action.TAKE:
                return reply
            gate.give_back()
            if judged.action is not Action.RENEW or renewal is None or renewal in renewed:
                raise failure(judged, reply, self._rules)
            renewed.add(renewal)
            self._log.debug("request.renewed", reason=renewal.value)

    async def _send(self, request: Request, gate: Gate) -> tuple[Reply, Renewal | None]:
        """Wait for a place in the window and for room, sign, send, and learn from the answer."""
        await self._budget.reserve(self._clock, self._log)
        signed = reply = reading = None
        try:
            await gate.wait()
            headers = await self._credential.sign(request)
            signed = replace(request, headers={**request.headers, **headers})
            reply = await self._transport.send(signed, self._rules.timeout_s)
            reading = rate_headers.read(reply)
        except UnreachableError as error:
            raise failure(verdict.judge_failure(error), None, self._rules) from error.__cause__
        finally:
            if reply is None:
                gate.give_back()
            if signed is None:
                self._limiter.withdrawn()
            elif reply is None:
                self._limiter.lost()
            else:
                self._limiter.answered(reading if self._rules.respect_headers else None, self._clock.monotonic())
        renewal = self._credential.learn(signed, reply)
        self._say_answered(reply, reading)
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.record, request, reply)
        return reply, renewal

    def _report(self, error: SourceError | None, *, failed: bool) -> None:
        """Tell the breaker how a request ended after its retries."""
        if self._breaker is None:
            return
        now = self._clock.monotonic()
        if failed and self._breaker.failed(now):
            self._log.warning(f"circuit.{self._breaker.circuit.value}", because=str(error))
        elif error is None and self._breaker.succeeded(now):
            self._log.info(f"circuit.{self._breaker.circuit.value}")
        elif error is not None and not failed:
            self._breaker.said_nothing()

    def _say_answered(self, reply: Reply, reading: RateReading | None) -> None:
        self._log.debug(
            "request.answered",
            status=reply.status,
            took_s=round(reply.took_s, 3),
            bytes=len(reply.body),
            rate_limit=reading.limit if reading else None,
            rate_remaining=reading.remaining if reading else None,
        )
