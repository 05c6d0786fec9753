import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from aiolimiter import AsyncLimiter
from joserfc.jwk import ECKey
from pydantic import SecretStr

from hel.attempt import Rules
from hel.auth.credential import BearerCredential, Credential, NoCredential
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import Client, OAuth2Credential
from hel.budget import Budget, throttle
from hel.config.keys import PrivateKey
from hel.errors import (
    AuthError,
    CircuitOpenError,
    RefusedError,
    ReplyError,
    SourceError,
    ThrottledError,
    Trouble,
    UnreachableError,
)
from hel.exchange import Exchange
from hel.policy.breaker import Breaker
from hel.policy.diagnosis import Facts
from hel.policy.limiter import Limiter
from hel.policy.retry import Backoff
from hel.records import Reply, Request
from hel.token_server import TokenServer
from hel.transport.client import Begins, Bounds, at_once
from tests.doubles import HeardLog
from tests.virtual_time import VirtualClock, run

LOG_URL = "https://org.okta.com/api/v1/logs"
TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
ASK = Request("GET", LOG_URL, {"accept": "application/json"})
FACTS = Facts(LOG_URL, "oauth2", token_url=TOKEN_URL, dpop=True)
KEY = PrivateKey(ECKey.generate_key("P-256"), "ES256", None)

BOUNDS = Bounds(total_s=30, connect_s=10, read_s=30, max_bytes=1_000_000)

Turn = Callable[[Request], Reply] | SourceError


def now() -> float:
    return VirtualClock().now()


def answer(status: int, *headers: tuple[str, str], body: Any = ()) -> Turn:
    """A header's value such as `+30` is that many seconds from the answer, in epoch seconds."""

    def reply(_: Request) -> Reply:
        dated = [(name, str(int(now() + float(text))) if text[:1] == "+" else text) for name, text in headers]
        return Reply(status, (("date", formatdate(now(), usegmt=True)), *dated), json.dumps(body).encode(), now())

    return reply


def window(remaining: int, reset_in_s: float, limit: int = 60) -> tuple[tuple[str, str], ...]:
    return (
        ("x-rate-limit-limit", str(limit)),
        ("x-rate-limit-remaining", str(remaining)),
        ("x-rate-limit-reset", f"+{reset_in_s}"),
    )


def token(value: str) -> Turn:
    return answer(200, body={"access_token": value, "token_type": "DPoP", "expires_in": 3600})


class Wire:
    """Answers each send by its turn, after a second, and keeps what was sent and when."""

    def __init__(self, *turns: Turn, takes_s: float = 1.0) -> None:
        self._turns = list(turns)
        self._takes_s = takes_s
        self.sent: list[tuple[float, Request]] = []

    @property
    def times(self) -> list[float]:
        return [round(at) for at, _ in self.sent]

    @property
    def requests(self) -> list[Request]:
        return [request for _, request in self.sent]

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        assert bounds == BOUNDS
        self.sent.append((asyncio.get_running_loop().time(), request))
        await asyncio.sleep(self._takes_s)
        await begins()
        turn = self._turns.pop(0)
        if isinstance(turn, SourceError):
            raise turn
        return turn(request)


class Turnstile:
    """A gate that knows since when it is held, and for how long it was."""

    def __init__(self) -> None:
        self.held_since: float | None = None
        self.held: list[tuple[float, float]] = []
        self.begun = 0

    async def wait(self) -> None:
        if self.held_since is None:
            self.held_since = asyncio.get_running_loop().time()

    async def begin(self) -> None:
        assert self.held_since is not None
        self.begun += 1

    def give_back(self) -> None:
        if self.held_since is not None:
            self.held.append((round(self.held_since), round(asyncio.get_running_loop().time())))
        self.held_since = None


class Bench:
    """An exchange and everything around it."""

    def __init__(
        self,
        wire: Wire,
        *,
        oauth2: bool = False,
        respect_headers: bool = True,
        breaker: Breaker | None = None,
        limiter: Limiter | None = None,
        rate: AsyncLimiter | None = None,
        recorder: Any = None,
    ) -> None:
        self.log = HeardLog()
        self.clock = VirtualClock()
        self.gate = Turnstile()
        self.limiter = Limiter(max_wait_s=900) if limiter is None else limiter
        rules = Rules(BOUNDS, 3, Backoff(2, 60, 2.0), respect_headers, max_wait_s=900)
        credential: Credential = NoCredential()
        if oauth2:
            client = Client(TOKEN_URL, "0oa1", key=KEY)
            server = TokenServer(wire, rules, FACTS, self.clock, self.log)
            credential = OAuth2Credential(client, FACTS, Nonces(), server, self.clock, self.log)
        budget = Budget(self.limiter, rate)
        self.exchange = Exchange(wire, credential, budget, breaker, rules, FACTS, recorder, self.clock, self.log)

    async def fetch(self, read: Callable[[Reply], Reply] = lambda reply: reply) -> Reply:
        return await self.exchange.fetch(ASK, read, self.gate)


def test_the_gate_is_told_when_an_answer_begins() -> None:
    async def main() -> int:
        bench = Bench(Wire(answer(200)))
        await bench.fetch()
        return bench.gate.begun

    assert run(main) == 1


def fetch(wire: Wire, **options: Any) -> Reply:
    async def main() -> Reply:
        return await Bench(wire, **options).fetch()

    return run(main)


def test_an_answer_is_taken_and_nothing_else_is_sent() -> None:
    wire = Wire(answer(200, body=[1]))
    assert fetch(wire).body == b"[1]"
    assert wire.requests == [ASK]


def test_passing_troubles_are_tried_again_up_to_max_attempts() -> None:
    wire = Wire(answer(503), UnreachableError("gone", trouble=Trouble.RESET), answer(200))
    assert fetch(wire).status == 200
    first, second, third = wire.times
    assert 3 <= second - first <= 5
    assert 3 <= third - second <= 9


def test_the_gate_is_held_while_an_answer_may_come_and_by_nobody_who_waits_for_anything_else() -> None:
    async def main() -> tuple[Turnstile, list[float]]:
        wire = Wire(answer(429, *window(0, 40)), UnreachableError("gone", trouble=Trouble.RESET), answer(200))
        bench = Bench(wire)
        await bench.fetch()
        return bench.gate, wire.times

    gate, (first, second, third) = run(main)
    assert gate.held == [(first, first + 1), (second, second + 1)]
    assert gate.held_since is not None
    assert round(gate.held_since) == third, "it is held when the answer is handed over"


def test_the_last_failure_is_the_one_that_is_raised() -> None:
    wire = Wire(answer(500), answer(502), answer(503))
    with pytest.raises(UnreachableError) as caught:
        fetch(wire)
    assert "answered 503" in str(caught.value)
    assert len(wire.sent) == 3


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (answer(400), RefusedError),
        (answer(403), AuthError),
        (answer(302), RefusedError),
        (UnreachableError("a stranger", trouble=Trouble.CERTIFICATE), UnreachableError),
        (ReplyError("too large"), ReplyError),
    ],
)
def test_what_another_try_cant_mend_is_not_tried_again(turn: Turn, error: type[SourceError]) -> None:
    with pytest.raises(error):
        fetch(wire := Wire(turn))
    assert len(wire.sent) == 1


def test_a_429_is_waited_out_until_its_reset_and_a_second_more() -> None:
    wire = Wire(answer(429, *window(0, 40)), answer(200))
    assert fetch(wire).status == 200
    first, second = wire.times
    assert 41 <= second - first <= 43


def test_retry_after_is_never_undercut_for_any_source_of_the_budget() -> None:
    """Lesson 31."""

    async def main() -> tuple[list[float], list[float]]:
        limiter = Limiter(max_wait_s=900)
        refused, other = Wire(answer(503, ("retry-after", "120")), answer(200)), Wire(answer(200))
        await asyncio.gather(Bench(refused, limiter=limiter).fetch(), late(1.5, Bench(other, limiter=limiter).fetch))
        return refused.times, other.times

    refused, other = run(main)
    assert refused[1] - refused[0] >= 121
    assert other[0] >= 121


async def late(wait_s: float, then: Callable[[], Any]) -> Any:
    await asyncio.sleep(wait_s)
    return await then()


def test_a_retry_after_beyond_the_longest_wait_ends_the_tick_and_nothing_is_asked_before_that_time() -> None:
    async def main() -> list[float]:
        bench = Bench(wire := Wire(answer(429, ("retry-after", "5000")), answer(200)))
        for _ in range(40):
            with pytest.raises(ThrottledError, match=r"left alone until 2026-05-01T13:23:21\.000Z"):
                await bench.fetch()
            assert bench.clock.monotonic() < 4110
            await asyncio.sleep(100)
        await asyncio.sleep(200)
        await bench.fetch()
        return wire.times

    assert run(main) == [0, 5001]


def test_without_respect_for_headers_the_backoff_alone_decides() -> None:
    wire = Wire(answer(429, ("retry-after", "500"), *window(0, 600)), answer(200))
    fetch(wire, respect_headers=False)
    assert wire.times[1] - wire.times[0] <= 6


def test_remaining_zero_pauses_before_the_next_request_and_says_until_when() -> None:
    """Lesson 24."""

    async def main() -> tuple[list[float], HeardLog]:
        bench = Bench(wire := Wire(answer(200, *window(0, 30)), answer(200)))
        await bench.fetch()
        await bench.fetch()
        return wire.times, bench.log

    times, log = run(main)
    assert times[1] >= 31
    assert "limit.paused" in log.names
    assert "request.retried" not in log.names
    (fields,) = [fields for _, name, fields in log.heard if name == "limit.paused"]
    assert fields["until"].endswith("Z")


def test_every_send_retries_included_is_signed_afresh() -> None:
    """Lesson 11."""
    wire = Wire(token("t1"), answer(503), answer(429), answer(200))
    fetch(wire, oauth2=True)
    proofs = [request.headers["dpop"] for request in wire.requests]
    assert len(set(proofs)) == 4
    assert [request.url for request in wire.requests] == [TOKEN_URL, LOG_URL, LOG_URL, LOG_URL]


def test_a_nonce_costs_one_send_inside_the_attempt_and_a_second_refusal_stops() -> None:
    """Lesson 17."""
    wanted = answer(401, ("www-authenticate", 'DPoP error="use_dpop_nonce"'), ("dpop-nonce", "n1"))
    wire = Wire(token("t1"), answer(503), answer(503), wanted, answer(200))
    assert fetch(wire, oauth2=True).status == 200
    stubborn = Wire(token("t1"), wanted, wanted)
    with pytest.raises(AuthError):
        fetch(stubborn, oauth2=True)
    assert len(stubborn.sent) == 3


def test_a_refused_token_is_renewed_once() -> None:
    refused = answer(401, ("www-authenticate", 'DPoP error="invalid_token"'))
    wire = Wire(token("t1"), refused, token("t2"), answer(200))
    assert fetch(wire, oauth2=True).status == 200
    assert wire.requests[-1].headers["authorization"] == "DPoP t2"
    stubborn = Wire(token("t1"), refused, token("t2"), refused)
    with pytest.raises(AuthError):
        fetch(stubborn, oauth2=True)
    assert len(stubborn.sent) == 4


def test_a_token_server_in_trouble_is_asked_again_with_a_fresh_assertion() -> None:
    throttled = answer(429, ("retry-after", "20"), ("dpop-nonce", "n9"))
    wire = Wire(throttled, UnreachableError("gone", trouble=Trouble.CONNECT), token("t1"), answer(200))
    fetch(wire, oauth2=True)
    bodies = [request.content for request in wire.requests[:3]]
    assert len(set(bodies)) == 3
    assert wire.times[1] - wire.times[0] >= 21
    assert len(wire.sent) == 4


def test_a_token_server_that_refuses_is_asked_once() -> None:
    wire = Wire(answer(401, body={"error": "invalid_client"}))
    with pytest.raises(AuthError) as caught:
        fetch(wire, oauth2=True)
    assert "invalid_client" in str(caught.value)
    assert len(wire.sent) == 1


def test_a_token_server_that_stays_down_costs_max_attempts_and_no_request_to_the_api() -> None:
    wire = Wire(*[UnreachableError("gone", trouble=Trouble.CONNECT)] * 3)
    with pytest.raises(UnreachableError):
        fetch(wire, oauth2=True)
    assert [request.url for request in wire.requests] == [TOKEN_URL] * 3


def breaker() -> Breaker:
    return Breaker(failure_threshold=2, success_threshold=1, rest_s=60)


def test_the_breaker_counts_requests_after_their_retries() -> None:
    async def main() -> tuple[Wire, HeardLog]:
        bench = Bench(wire := Wire(*[answer(503)] * 6, answer(200)), breaker=breaker())
        for _ in range(2):
            with pytest.raises(UnreachableError):
                await bench.fetch()
        with pytest.raises(CircuitOpenError):
            await bench.fetch()
        await asyncio.sleep(61)
        await bench.fetch()
        return wire, bench.log

    wire, log = run(main)
    assert len(wire.sent) == 7
    assert [name for name in log.names if name.startswith("circuit")] == [
        "circuit.open",
        "circuit.half_open",
        "circuit.closed",
    ]


def test_a_rate_limit_is_no_failure_and_no_success_to_the_breaker() -> None:
    async def main() -> None:
        turns = [answer(503)] * 3 + [answer(429)] * 3 + [answer(503)] * 3
        bench = Bench(Wire(*turns), breaker=breaker())
        for error in (UnreachableError, ThrottledError, UnreachableError):
            with pytest.raises(error):
                await bench.fetch()
        with pytest.raises(CircuitOpenError):
            await bench.fetch()

    run(main)


def test_a_recording_that_cant_be_written_is_not_the_apis_failure() -> None:
    class FullDisk:
        def record(self, request: Request, reply: Reply) -> None:
            raise SourceError(f"no room for {request.url} {reply.status}")

    async def main() -> None:
        bench = Bench(Wire(*[answer(200)] * 9), breaker=breaker(), recorder=FullDisk())
        for _ in range(9):
            with pytest.raises(SourceError, match="no room"):
                await bench.fetch()

    run(main)


def test_what_is_recorded_bears_no_credential() -> None:
    kept: list[Request] = []

    class Recorder:
        def record(self, request: Request, reply: Reply) -> None:
            assert reply.status == 200
            kept.append(request)

    fetch(Wire(token("t1"), answer(200)), oauth2=True, recorder=Recorder())
    assert kept == [ASK]


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.5], ids=["in the token request", "in the request", "in the wait"])
def test_cancelling_anywhere_leaves_no_place_taken_and_no_probe_out(after_s: float) -> None:
    async def main() -> None:
        fuse = Breaker(failure_threshold=1, success_threshold=1, rest_s=10)
        fuse.failed(-100)
        limiter = Limiter(max_wait_s=900)
        wire = Wire(token("t1"), answer(503), *[answer(200)] * 3)
        bench = Bench(wire, oauth2=True, breaker=fuse, limiter=limiter)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bench.fetch(), after_s)
        await bench.fetch()
        limiter.sent()
        limiter.answered(None, bench.clock.monotonic())
        assert limiter.delay(bench.clock.monotonic()) == 0.0

    run(main)


def test_many_sources_on_one_budget_wait_for_the_first_answer_and_never_exceed_the_window() -> None:
    class Org:
        served: list[int]

        def __init__(self) -> None:
            self.used: dict[int, int] = {}
            self.refused = 0

        async def send(self, request: Request, timeout_s: float, begins: Begins = at_once) -> Reply:
            await begins()
            assert timeout_s
            assert request == ASK
            await asyncio.sleep(0.2)
            minute = int(now() // 60)
            used = self.used[minute] = self.used.get(minute, 0) + 1
            self.refused += used > 10
            headers = window(max(0, 10 - used), (minute + 1) * 60 - now(), limit=10)
            await asyncio.sleep(0.2)
            turn = answer(429 if used > 10 else 200, *headers)
            assert not isinstance(turn, SourceError)
            return turn(request)

    async def main() -> Org:
        org, limiter = Org(), Limiter(max_wait_s=900)
        wire: Any = org
        for _ in range(5):
            await asyncio.gather(*(Bench(wire, limiter=limiter).fetch() for _ in range(7)))
        return org

    org = run(main)
    assert org.refused == 0
    assert sum(org.used.values()) == 35


def test_a_bearer_token_goes_along_and_stays_out_of_the_log() -> None:
    async def main() -> tuple[Wire, HeardLog]:
        wire, log, clock = Wire(answer(503), answer(200)), HeardLog(), VirtualClock()
        rules = Rules(BOUNDS, 3, Backoff(2, 60, 2.0), respect_headers=True, max_wait_s=900)
        credential = BearerCredential(SecretStr("00hush"), "SSWS")
        exchange = Exchange(wire, credential, Budget(Limiter(900)), None, rules, FACTS, None, clock, log)
        await exchange.fetch(ASK, lambda reply: reply, Turnstile())
        return wire, log

    wire, log = run(main)
    assert [request.headers["authorization"] for request in wire.requests] == ["SSWS 00hush"] * 2
    assert "hush" not in repr(log.heard)


def test_an_answer_that_cant_be_read_is_the_sources_failure_to_the_breaker() -> None:
    def refuse(_: Reply) -> Reply:
        raise ReplyError("rubbish")

    async def main() -> None:
        bench = Bench(Wire(*[answer(200)] * 2), breaker=breaker())
        for _ in range(2):
            with pytest.raises(ReplyError, match="rubbish"):
                await bench.fetch(refuse)
        with pytest.raises(CircuitOpenError):
            await bench.fetch()

    run(main)


def test_a_request_that_could_not_be_signed_takes_no_place_in_the_window() -> None:
    async def main() -> float:
        gone = UnreachableError("gone", trouble=Trouble.CONNECT)
        wire = Wire(token("t1"), answer(200, *window(1, 600)), gone, gone, gone, token("t2"), answer(200))
        bench = Bench(wire, oauth2=True)
        await bench.fetch()
        bench.exchange._credential._cache.drop("t1")  # type: ignore[attr-defined]  # noqa: SLF001  # as a 401 would
        with pytest.raises(UnreachableError):
            await bench.fetch()
        await bench.fetch()
        return wire.times[-1]

    assert run(main) < 60, "the window's last place is still there"


def test_two_sources_never_exceed_the_rate_that_is_set_and_may_begin_with_a_burst() -> None:
    async def main() -> list[float]:
        limiter, rate = Limiter(max_wait_s=900), throttle(0.5, burst=3)
        limiter.sent()
        limiter.answered(None, 0.0)  # nobody waits for the first answer
        wire = Wire(*[answer(200)] * 6)
        benches = [Bench(wire, limiter=limiter, rate=rate) for _ in range(2)]
        await asyncio.gather(*(bench.fetch() for bench in benches * 3))
        return wire.times

    assert run(main) == [0, 0, 0, 2, 4, 6]


def test_a_window_that_closed_while_the_rate_was_waited_for_is_still_kept() -> None:
    async def main() -> list[float]:
        limiter, rate = Limiter(max_wait_s=900), throttle(0.2, burst=1)
        wire = Wire(answer(200, *window(0, 60)), answer(200))
        bench = Bench(wire, limiter=limiter, rate=rate)
        limiter.sent()
        limiter.answered(None, 0.0)
        await asyncio.gather(bench.fetch(), bench.fetch())
        return wire.times

    first, second = run(main)
    assert second - first >= 61


def damaged(_: Reply) -> Reply:
    raise ReplyError("cut off at character 7", trouble=Trouble.DAMAGED)


def foreign(_: Reply) -> Reply:
    raise ReplyError("it starts with '<'", trouble=Trouble.FOREIGN)


def whole_at(number: int) -> Callable[[Reply], Reply]:
    """Reads only the answer of this number, the others are damaged."""
    count = 0

    def read(reply: Reply) -> Reply:
        nonlocal count
        count += 1
        return reply if count == number else damaged(reply)

    return read


def test_an_answer_that_came_damaged_is_asked_for_again_and_the_gate_given_back_in_between() -> None:
    async def main() -> tuple[Reply, list[float], Turnstile]:
        bench = Bench(wire := Wire(answer(200, body=[1]), answer(200, body=[2]), answer(200, body=[3])))
        return await bench.fetch(whole_at(3)), wire.times, bench.gate

    reply, (first, second, third), gate = run(main)
    assert reply.body == b"[3]"
    assert 3 <= second - first <= 5
    assert 3 <= third - second <= 9
    assert gate.held == [(first, first + 1), (second, second + 1)]
    assert gate.held_since is not None


def test_an_answer_that_stays_damaged_costs_max_attempts_and_one_that_is_foreign_costs_one() -> None:
    for read, sends in ((damaged, 3), (foreign, 1)):

        async def main(read: Callable[[Reply], Reply] = read) -> tuple[Wire, Turnstile]:
            bench = Bench(wire := Wire(*[answer(200)] * 3))
            with pytest.raises(ReplyError):
                await bench.fetch(read)
            return wire, bench.gate

        wire, gate = run(main)
        assert len(wire.sent) == sends
        assert len(gate.held) == sends
        assert gate.held_since is None


@pytest.mark.parametrize(("read", "sends"), [(damaged, 3), (foreign, 1)])
def test_what_cant_be_read_is_one_failure_to_the_breaker_however_often_it_was_asked_for(
    read: Callable[[Reply], Reply], sends: int
) -> None:
    async def main() -> list[str]:
        bench = Bench(Wire(*[answer(200)] * 2 * sends), breaker=breaker())
        for _ in range(2):
            assert "circuit.open" not in bench.log.names
            with pytest.raises(ReplyError):
                await bench.fetch(read)
        with pytest.raises(CircuitOpenError):
            await bench.fetch(read)
        return bench.log.names

    assert run(main).count("circuit.open") == 1


@pytest.mark.parametrize(
    ("wait_s", "until"), [(600, ""), (5000, "; it asks to be left alone until 2026-05-01T13:23:2")]
)
@pytest.mark.parametrize(("status", "error"), [(400, RefusedError), (404, RefusedError), (302, RefusedError)])
def test_a_retry_after_on_a_refusal_ends_the_tick_and_holds_the_budget_for_all_its_sources(
    status: int, error: type[SourceError], wait_s: int, until: str
) -> None:
    async def main() -> tuple[str, Wire]:
        limiter = Limiter(max_wait_s=900)
        wire = Wire(answer(status, ("retry-after", str(wait_s))), answer(200), answer(200))
        first, second = (Bench(wire, limiter=limiter) for _ in range(2))
        with pytest.raises(error) as caught:
            await first.fetch()
        if wait_s > 900:
            for bench in (first, second):
                with pytest.raises(ThrottledError):
                    await bench.fetch()
            await asyncio.sleep(wait_s - 60)
        await asyncio.gather(first.fetch(), second.fetch())
        return caught.value.message, wire

    message, wire = run(main)
    assert until in message
    assert ("left alone" in message) is bool(until)
    assert wire.times[0] == 0
    assert all(wait_s + 1 <= at <= wait_s + 3 for at in wire.times[1:])
    assert len(wire.sent) == 3


def test_a_budget_that_is_held_for_longer_than_may_be_waited_says_until_when_to_every_source() -> None:
    async def main() -> list[str]:
        clock, log, budget = VirtualClock(), HeardLog(), Budget(Limiter(max_wait_s=900), throttle(100, burst=100))
        budget.limiter.hold(clock.monotonic() + 5000)

        async def reserve() -> str:
            with pytest.raises(ThrottledError) as caught:
                await budget.reserve(clock, log, max_wait_s=900)
            assert not caught.value.counts
            return caught.value.message

        said = await asyncio.gather(*(reserve() for _ in range(5)))
        assert clock.monotonic() == 0, "nobody waited for it"
        await asyncio.sleep(4095)
        said.append(await reserve())
        await asyncio.sleep(5)
        await asyncio.gather(budget.reserve(clock, log, max_wait_s=900), asyncio.sleep(0))
        assert clock.monotonic() == pytest.approx(5000, abs=1)
        assert log.names == ["limit.paused"]
        return said

    assert set(run(main)) == {"the API asked to be left alone until 2026-05-01T13:23:20.000Z"}


@pytest.mark.parametrize(("status", "rereads"), [(401, 1), (403, 0), (500, 0)])
def test_only_after_a_401_a_secret_is_read_again_and_once(status: int, rereads: int) -> None:
    class Credential(NoCredential):
        asked = 0

        async def reread(self) -> bool:
            self.asked += 1
            return True

    async def main() -> tuple[int, int]:
        wire, log, clock, credential = Wire(*[answer(status)] * 9), HeardLog(), VirtualClock(), Credential()
        rules = Rules(BOUNDS, 1, Backoff(2, 60, 2.0), respect_headers=True, max_wait_s=900)
        exchange = Exchange(wire, credential, Budget(Limiter(900)), None, rules, FACTS, None, clock, log)
        with pytest.raises(SourceError):
            await exchange.fetch(ASK, lambda reply: reply, Turnstile())
        return credential.asked, len(wire.sent)

    asked, sent = run(main)
    assert asked == 2 * rereads, "each of the two sends was refused"
    assert sent == 1 + rereads


def test_a_budget_that_is_used_up_in_every_window_says_so_once_in_ten_minutes() -> None:
    async def main() -> list[str]:
        clock, log, budget = VirtualClock(), HeardLog(), Budget(Limiter(max_wait_s=900))
        for _ in range(12):
            budget.limiter.hold(clock.monotonic() + 60)
            await budget.reserve(clock, log, max_wait_s=900)
            budget.limiter.withdrawn()
        return [level for level, name, _ in log.heard if name == "limit.paused"]

    assert run(main) == ["info", *["debug"] * 9, "info", "debug"]


def test_what_a_request_waited_for_is_told_with_its_reason() -> None:
    async def main() -> list[dict[str, Any]]:
        bench = Bench(Wire(answer(200)))
        bench.limiter.hold(bench.clock.monotonic() + 7)
        await bench.fetch()
        return [fields for _, name, fields in bench.log.heard if name == "request.waited"]

    assert run(main) == [{"reason": "rate_limit", "wait_s": 7.0}]


@pytest.mark.parametrize(
    "headers",
    [(("retry-after", "120"),), window(0, 119), tuple((n.replace("rate-l", "ratel"), v) for n, v in window(0, 119))],
)
def test_a_403_that_is_a_rate_limits_is_waited_out_and_no_failure_to_the_breaker(
    headers: tuple[tuple[str, str], ...],
) -> None:
    async def main() -> tuple[Wire, HeardLog]:
        fuse = Breaker(failure_threshold=1, success_threshold=1, rest_s=60)
        bench = Bench(wire := Wire(*[answer(403, *headers)] * 3, answer(403, *headers), answer(200)), breaker=fuse)
        with pytest.raises(ThrottledError, match="answered 403"):
            await bench.fetch()
        await bench.fetch()
        return wire, bench.log

    wire, log = run(main)
    gaps = [after - before for before, after in pairwise(wire.times)]
    assert all(120 <= gap <= 123 for gap in gaps), gaps
    assert len(wire.sent) == 5
    assert not any(name.startswith("circuit") for name in log.names)


def test_a_403_that_says_nothing_of_a_rate_limit_is_refused_and_a_failure() -> None:
    async def main() -> None:
        fuse = Breaker(failure_threshold=1, success_threshold=1, rest_s=60)
        bench = Bench(Wire(answer(403, *window(59, 40))), breaker=fuse)
        with pytest.raises(AuthError):
            await bench.fetch()
        with pytest.raises(CircuitOpenError):
            await bench.fetch()

    run(main)


def test_each_attempt_but_the_last_says_why_it_failed_and_until_when_the_next_one_waits() -> None:
    async def main() -> list[dict[str, Any]]:
        gone = UnreachableError("gone", trouble=Trouble.RESET)
        bench = Bench(Wire(answer(429, ("retry-after", "120")), gone, gone))
        with pytest.raises(UnreachableError):
            await bench.fetch()
        return [fields for _, name, fields in bench.log.heard if name == "request.retried"]

    first, second = run(main)
    assert "answered 429" in first.pop("because")
    assert first == {"attempt": 1, "of": 3, "wait_s": 120.0, "until": "2026-05-01T12:02:01.000Z"}
    assert (second["because"], second["attempt"]) == ("gone", 2)
    assert "2026-05-01T12:02:04" <= second["until"] <= "2026-05-01T12:02:11"


def test_while_a_token_is_waited_for_neither_the_gate_nor_a_place_in_the_window_is_held() -> None:
    async def main() -> tuple[list[float], list[float], Turnstile]:
        limiter = Limiter(max_wait_s=900)
        gone = UnreachableError("gone", trouble=Trouble.CONNECT)
        wire = Wire(answer(429, ("retry-after", "300")), gone, token("t1"), answer(200, *window(1, 600)))
        waiting = Bench(wire, oauth2=True, limiter=limiter)
        other = Bench(others := Wire(answer(200, *window(2, 600)), answer(200, *window(1, 600))), limiter=limiter)
        task = asyncio.create_task(waiting.fetch())
        for at in (10, 200):
            await asyncio.sleep(at)
            await other.fetch()
            assert waiting.gate.held_since is None
        await task
        return wire.times, others.times, waiting.gate

    times, others, gate = run(main)
    assert others == [10, 211], "another source of the budget goes on meanwhile"
    assert times[1] == 301
    assert gate.held == []
    assert gate.held_since is not None
    assert round(gate.held_since) == times[3] == times[2] + 1


def test_a_token_that_grew_old_while_the_window_was_waited_for_is_renewed_before_anything_is_held() -> None:
    async def main() -> tuple[Bench, Wire]:
        short = answer(200, body={"access_token": "t1", "token_type": "DPoP", "expires_in": 60})
        gone = UnreachableError("gone", trouble=Trouble.CONNECT)
        wire = Wire(short, answer(200, *window(0, 600)), gone, token("t2"), answer(200))
        bench = Bench(wire, oauth2=True)
        for _ in range(2):
            await bench.fetch()
            bench.gate.give_back()
        return bench, wire

    bench, wire = run(main)
    sent = wire.times[-1]
    assert [request.url for request in wire.requests] == [TOKEN_URL, LOG_URL, TOKEN_URL, TOKEN_URL, LOG_URL]
    assert bench.gate.held[-1][0] == sent, "not while a token was asked for"
    assert bench.limiter.delay(1e9) == 0


def test_a_retry_after_on_a_401_is_waited_out_before_the_renewal_serves() -> None:
    challenge = ("www-authenticate", 'DPoP error="use_dpop_nonce"')
    refused = answer(401, challenge, ("dpop-nonce", "n1"), ("retry-after", "30"))
    wire = Wire(token("t1"), refused, answer(200))
    assert fetch(wire, oauth2=True).status == 200
    assert wire.times[2] - wire.times[1] >= 31
