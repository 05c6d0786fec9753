"""A token server in trouble, and fifty sources that sign in alike: one request at a time, spaced, each signed anew."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from hel.attempt import Rules
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import Client, OAuth2Credential
from hel.config.keys import PrivateKey
from hel.errors import AuthError, SourceError, ThrottledError, Trouble, UnreachableError
from hel.policy.diagnosis import Facts
from hel.policy.retry import Backoff
from hel.records import Reply, Request
from hel.token_server import TokenServer
from hel.transport.client import Begins, Bounds, at_once
from tests.doubles import HeardLog
from tests.virtual_time import VirtualClock, run

TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
FACTS = Facts("https://org.okta.com/api/v1/logs", "oauth2", token_url=TOKEN_URL)
KEY = PrivateKey(ECKey.generate_key("P-256"), "ES256", None)
BOUNDS = Bounds(total_s=30, connect_s=10, read_s=30, max_bytes=1_000_000)
ATTEMPTS = 3
BACKOFF = Backoff(initial_s=1, max_s=60, multiplier=2.0)
SOURCES = 50
HOUR_S = 3600.0
TICK_S = 10.0

Turn = Callable[[], Reply]


def elapsed_s() -> float:
    return asyncio.get_running_loop().time()


def answer(status: int, body: Any, *headers: tuple[str, str]) -> Turn:
    def reply() -> Reply:
        now = VirtualClock().now()
        return Reply(status, (("date", formatdate(now, usegmt=True)), *headers), json.dumps(body).encode(), now)

    return reply


def failing(trouble: Trouble) -> Turn:
    def fail() -> Reply:
        raise UnreachableError("gone", trouble=trouble)

    return fail


GRANT = answer(200, {"access_token": "t1", "token_type": "Bearer", "expires_in": 3600})
DOWN = failing(Trouble.CONNECT)
REFUSING = answer(400, {"error": "invalid_client"})
TROUBLES = {
    "down": (DOWN, 0.1, UnreachableError),
    "in trouble": (answer(503, {}), 0.5, UnreachableError),
    "throttling": (answer(429, {}, ("retry-after", "20")), 0.5, ThrottledError),
    "refusing": (REFUSING, 0.5, AuthError),
    "slow": (failing(Trouble.TIMEOUT), 30.0, UnreachableError),
}


class Office:
    """Where tokens are had, or not; it counts who is served at once, and keeps what was asked and when."""

    def __init__(self, turn: Turn, takes_s: float = 0.0) -> None:
        self.turn = turn
        self.takes_s = takes_s
        self.asked: list[tuple[float, Request]] = []
        self.busiest = 0
        self._serving = 0

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.asked]

    def jtis(self) -> list[str]:
        forms = [parse_qs((request.content or b"").decode()) for _, request in self.asked]
        return [jwt.decode(form["client_assertion"][0], KEY.key, algorithms=["ES256"]).claims["jti"] for form in forms]

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        assert (request.url, bounds) == (TOKEN_URL, BOUNDS)
        await begins()
        self.asked.append((elapsed_s(), request))
        self._serving += 1
        self.busiest = max(self.busiest, self._serving)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self._serving -= 1
        return self.turn()


def credential(office: Office, log: HeardLog | None = None, max_wait_s: float = 900) -> OAuth2Credential:
    log, clock = HeardLog() if log is None else log, VirtualClock()
    rules = Rules(BOUNDS, ATTEMPTS, BACKOFF, respect_headers=True, max_wait_s=max_wait_s)
    server = TokenServer(office, rules, FACTS, clock, log)
    return OAuth2Credential(Client(TOKEN_URL, "0oa1", key=KEY), FACTS, Nonces(), server, clock, log)


async def error_of(ready: Coroutine[Any, Any, None]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await ready
    return caught.value


class Crowd:
    """Sources that ask for a token every ten seconds, one starting after the other, and what they got when."""

    def __init__(self, shared: OAuth2Credential) -> None:
        self._shared = shared
        self.failed: list[tuple[float, SourceError]] = []
        self.served: list[float] = []

    async def last(self, for_s: float) -> None:
        sources = [asyncio.create_task(self._ask(number / SOURCES)) for number in range(SOURCES)]
        await asyncio.sleep(for_s)
        for source in sources:
            source.cancel()
        await asyncio.wait(sources)
        await self._shared.aclose()

    async def _ask(self, start_s: float) -> None:
        await asyncio.sleep(start_s)
        while True:
            try:
                await self._shared.ready()
            except SourceError as error:
                self.failed.append((elapsed_s(), error))
            else:
                self.served.append(elapsed_s())
            await asyncio.sleep(TICK_S)


@pytest.fixture
def even_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spread of the waits, the same in every run."""
    monkeypatch.setattr(random, "random", random.Random(7).random)  # noqa: S311  # spread, not secrecy


@pytest.mark.usefixtures("even_draws")
@pytest.mark.parametrize("name", TROUBLES)
def test_an_hour_of_a_token_server_in_trouble_is_one_spaced_request_at_a_time_however_many_sources_wait(
    name: str,
) -> None:
    turn, takes_s, error = TROUBLES[name]

    async def main() -> tuple[Office, Crowd]:
        office = Office(turn, takes_s)
        crowd = Crowd(credential(office))
        await crowd.last(HOUR_S)
        return office, crowd

    office, crowd = run(main)
    assert office.busiest == 1
    assert len(set(office.jtis())) == len(office.asked), "every attempt is signed anew"
    assert min(after - before for before, after in pairwise(office.times)) >= BACKOFF.initial_s
    rounds = HOUR_S / (BACKOFF.max_s / 2) + 6  # a pause is half the longest on average; the first six are shorter
    assert ATTEMPTS * 5 < len(office.asked) <= ATTEMPTS * rounds
    assert crowd.served == []
    assert {type(failure) for _, failure in crowd.failed} == {error}
    assert len(crowd.failed) > SOURCES * 20, "they kept asking all the time"


@pytest.mark.parametrize("name", TROUBLES)
def test_after_the_last_attempt_every_waiter_gets_the_same_error(name: str) -> None:
    turn, takes_s, error = TROUBLES[name]

    async def main() -> tuple[Office, list[SourceError]]:
        shared = credential(office := Office(turn, takes_s))
        return office, await asyncio.gather(*(error_of(shared.ready()) for _ in range(SOURCES)))

    office, errors = run(main)
    assert len(set(map(id, errors))) == 1
    assert type(errors[0]) is error
    assert len(office.asked) == (1 if error is AuthError else ATTEMPTS)


@pytest.mark.usefixtures("even_draws")
@pytest.mark.parametrize("name", TROUBLES)
def test_a_token_server_that_comes_back_is_found_within_the_longest_backoff(name: str) -> None:
    turn, takes_s, _ = TROUBLES[name]

    async def main() -> tuple[Office, Crowd]:
        office = Office(turn, takes_s)
        crowd = Crowd(credential(office))
        lasting = asyncio.create_task(crowd.last(HOUR_S + 600))
        await asyncio.sleep(HOUR_S)
        office.turn, office.takes_s = GRANT, 0.1
        await lasting
        return office, crowd

    office, crowd = run(main)
    assert HOUR_S < crowd.served[0] <= HOUR_S + takes_s + BACKOFF.max_s + TICK_S
    assert [at for at, _ in crowd.failed if at > crowd.served[0]] == []
    assert office.times[-1] <= crowd.served[0], "one token serves them all"
    assert len([at for at in crowd.served if at <= crowd.served[0] + TICK_S]) >= SOURCES


def test_the_pauses_between_attempts_grow_to_the_longest_and_begin_anew_after_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)

    async def main() -> list[float]:
        shared = credential(office := Office(REFUSING))
        for _ in range(8):
            await error_of(shared.ready())
        office.turn = GRANT
        await shared.ready()
        office.turn = REFUSING
        shared.learn(Request("GET", TOKEN_URL, {"authorization": "Bearer t1"}), Reply(401, (), b"", 0.0))
        for _ in range(2):
            await error_of(shared.ready())
        return office.times

    gaps = [round(after - before) for before, after in pairwise(run(main))]
    assert gaps == [2, 4, 8, 16, 32, 60, 60, 60, 0, 2]


def test_a_pause_says_until_when() -> None:
    async def main() -> tuple[HeardLog, float]:
        shared = credential(Office(answer(429, {}, ("retry-after", "600"))), log := HeardLog())
        await error_of(shared.ready())
        await error_of(shared.ready())
        return log, elapsed_s()

    log, took_s = run(main)
    said = [fields for _, name, fields in log.heard if name == "token.paused"]
    assert said == [{"wait_s": 600.0, "until": "2026-05-01T12:30:00.000Z"}]
    assert round(took_s) == 5 * 600, "each of six attempts but the last is followed by what was asked for"


@pytest.mark.parametrize("status", [429, 503, 400, 401, 403])
def test_a_retry_after_beyond_the_longest_wait_is_never_undercut_whatever_the_status(status: int) -> None:
    async def main() -> list[float]:
        shared = credential(office := Office(answer(status, {}, ("retry-after", "5000"))))
        first = await error_of(shared.ready())
        if status in {429, 503}:
            assert "it asks to be left alone until 2026-05-01T13:23:20.000Z" in str(first)
        office.turn = GRANT
        for _ in range(40):
            await asyncio.sleep(100)
            later = await error_of(shared.ready())
            assert type(later) is ThrottledError
            assert f"{TOKEN_URL} asked to be left alone until 2026-05-01T13:23:20.000Z" in str(later)
        await asyncio.sleep(200)
        await shared.ready()
        return office.times

    assert run(main) == [0, 5000]


def test_a_retry_after_that_may_be_waited_is_waited_out_by_the_next_attempts_too() -> None:
    for status in (400, 403):

        async def main(status: int = status) -> list[float]:
            shared = credential(office := Office(answer(status, {}, ("retry-after", "300"))))
            assert type(await error_of(shared.ready())) is AuthError
            office.turn = GRANT
            await shared.ready()
            return office.times

        assert run(main) == [0, 300]


def test_a_short_longest_wait_does_not_turn_a_pause_into_a_refusal() -> None:
    async def main() -> list[type[SourceError]]:
        shared = credential(Office(REFUSING), max_wait_s=0)
        return [type(await error_of(shared.ready())) for _ in range(9)]

    assert run(main) == [AuthError] * 9


@pytest.mark.usefixtures("even_draws")
@pytest.mark.parametrize("name", TROUBLES)
def test_while_the_old_token_is_good_nobody_waits_for_a_token_server_in_trouble(name: str) -> None:
    turn, takes_s, error = TROUBLES[name]

    async def main() -> Office:
        shared = credential(office := Office(GRANT))
        await shared.ready()
        office.turn, office.takes_s = turn, takes_s
        while elapsed_s() < HOUR_S - 5:
            at = elapsed_s()
            await asyncio.gather(*(shared.ready() for _ in range(SOURCES)))
            assert elapsed_s() == at
            await asyncio.sleep(5)
        await asyncio.sleep(5)
        assert type(await error_of(shared.ready())) is error
        await shared.aclose()
        return office

    office = run(main)
    assert office.busiest == 1
    assert 2 <= len(office.asked) <= 1 + ATTEMPTS * 12, "it was asked in the last five minutes, and not in a storm"
