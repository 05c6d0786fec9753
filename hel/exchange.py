"""One policed request: admit, permit, sign, send, learn, judge, again? The only place that sends.

`tries` says how attempts follow each other. A nonce or a token that had to be renewed costs one more send inside the
same attempt.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio.to_thread
from msgspec.structs import replace

from hel.attempt import Rules, failure
from hel.auth.credential import Credential, Renewal
from hel.budget import Budget
from hel.clock import Clock
from hel.errors import ReplyError, SourceError
from hel.policy import rate_headers, verdict
from hel.policy.breaker import Breaker, Circuit
from hel.policy.diagnosis import Facts, Stage
from hel.policy.rate_headers import RateReading
from hel.policy.verdict import Action
from hel.recording import Recorder
from hel.records import Reply, Request
from hel.telemetry.log import Log
from hel.telemetry.redaction import conceal
from hel.transport.client import Transport
from hel.tries import Tries

T = TypeVar("T")

_SEEN_S = 0.01


class Gate(Protocol):
    """Stands before each send: whether there is room for its answer. Who waits for anything else does not hold it."""

    async def wait(self) -> None:
        """Wait until the answer may come."""
        ...

    async def begin(self) -> None:
        """It begins to come: wait again, if it has taken so long that others had the room meanwhile."""
        ...

    def give_back(self) -> None:
        """It does not come, or not now."""
        ...


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
        self._tries = Tries(rules, lambda until: budget.hold(until, clock, log), clock, log)

    @property
    def circuit(self) -> str:
        """`closed`, `open` or `half_open`; `off` where there is none."""
        return self._breaker.circuit.value if self._breaker is not None else "off"

    @property
    def window(self) -> tuple[int, int] | None:
        """How many requests the server's window takes, and how many are left of it; None where none is known."""
        return self._limiter.window(self._clock.monotonic())

    async def fetch(self, request: Request, read: Callable[[Reply], T], gate: Gate) -> T:
        """What the API's successful answer to this request says.

        Args:
            request: What is asked.
            read: Makes sense of the answer; one that can't be read is the API's failure as much as none.
            gate: Stands before each send; held when this returns.

        Raises:
            SourceError: There is none to be had in this tick; it says why, and what to do.
        """
        if self._breaker is not None and self._breaker.admit(self._clock.monotonic()):
            self._log.debug(f"circuit.{self._breaker.circuit.value}")
        try:
            found = await self._tries.run(lambda: self._attempt(request, read, gate))
        except SourceError as error:
            self._report(error)
            raise
        except BaseException:  # cancelled: a probe that was under way must not bar the next one
            if self._breaker is not None:
                self._breaker.said_nothing()
            raise
        self._report(None)
        return found

    async def _attempt(self, request: Request, read: Callable[[Reply], T], gate: Gate) -> T:
        """One attempt: one send, and one more for each kind of renewal that a 401 calls for."""
        renewed: set[Renewal] = set()
        while True:
            reply, renewal = await self._send(request, gate)
            judged = verdict.judge(reply, Stage.API, self._facts, self._rules.rate_headers)
            if judged.action is Action.TAKE:
                return self._read(reply, read, gate)
            gate.give_back()
            failed = failure(judged, reply, self._rules)
            if judged.action is not Action.RENEW or renewal is None or renewal in renewed:
                raise failed
            if failed.asked_wait_s:  # what was renewed serves the next attempt, once that time is over
                failed.may_pass = True
                raise failed
            renewed.add(renewal)
            self._log.debug("request.renewed", reason=renewal.value)

    def _read(self, reply: Reply, read: Callable[[Reply], T], gate: Gate) -> T:
        """Make sense of an answer; one that came damaged may come whole the next time."""
        try:
            return read(reply)
        except ReplyError as error:
            gate.give_back()
            raise failure(verdict.judge_failure(error), reply, self._rules) from error.__cause__

    async def _admit(self, gate: Gate) -> None:
        """Wait for a token, for a place in the window, and for room: what is held is held by nobody who waits.

        Where the token has grown old meanwhile, once more; a token that lives for less than that is used as it is.
        """
        for is_last in (False, True):
            await self._waited("token", self._credential.ready())
            await self._waited("rate_limit", self._budget.reserve(self._clock, self._log, self._rules.max_wait_s))
            is_admitted = False
            try:
                await self._waited("output", gate.wait())
                is_admitted = is_last or self._credential.is_ready()
            finally:
                if not is_admitted:
                    gate.give_back()
                    self._limiter.withdrawn()
            if is_admitted:
                return

    async def _waited(self, reason: str, wait: Awaitable[None]) -> None:
        """Wait, and say for how long where it was long enough to be seen."""
        started = self._clock.monotonic()
        try:
            await wait
        finally:
            if (wait_s := self._clock.monotonic() - started) >= _SEEN_S:
                self._log.debug("request.waited", reason=reason, wait_s=round(wait_s, 3))

    async def _send(self, request: Request, gate: Gate) -> tuple[Reply, Renewal | None]:
        """Be admitted, sign, send, and learn from the answer."""
        await self._admit(gate)
        signed = reply = reading = None
        try:
            headers = await self._credential.sign(request)
            signed = replace(request, headers={**request.headers, **headers})
            reply = await self._transport.send(signed, self._rules.bounds, gate.begin)
            reading = rate_headers.read(reply, self._rules.rate_headers)
        except SourceError as error:
            if signed is None:
                raise  # no token was to be had for it, which was tried as it should be
            self._log.debug("request.unanswered", because=str(error))
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
            if signed is not None and (reply is None or not reply.is_success):
                conceal(signed.headers.get("dpop", ""))  # what went wrong may repeat what was sent
        renewal = self._credential.learn(signed, reply)
        self._say_answered(reply, reading)
        if renewal is None and reply.status == 401 and await self._credential.reread():
            renewal = Renewal.SECRET
        if self._recorder is not None:
            await anyio.to_thread.run_sync(self._recorder.record, request, reply)
        return reply, renewal

    def _report(self, error: SourceError | None) -> None:
        """Tell the breaker how a request ended after its retries."""
        if self._breaker is None:
            return
        now = self._clock.monotonic()
        if error is None:
            if self._breaker.succeeded(now):
                self._log.info(f"circuit.{self._breaker.circuit.value}")
        elif not error.counts:
            self._breaker.said_nothing()
        else:
            say = self._log.warning if self._breaker.circuit is Circuit.CLOSED else self._log.debug
            if self._breaker.failed(now):
                fix = f"it is left alone for {self._breaker.rest_s:g} s, then one request tries it again"
                say(f"circuit.{self._breaker.circuit.value}", because=str(error), fix=fix)

    def _say_answered(self, reply: Reply, reading: RateReading | None) -> None:
        self._log.debug(
            "request.answered",
            status=reply.status,
            took_s=round(reply.took_s, 3),
            bytes=len(reply.body),
            rate_limit=reading.limit if reading else None,
            rate_remaining=reading.remaining if reading else None,
        )
