"""Which sources share a budget, a credential and a client."""

import asyncio
from pathlib import Path
from typing import Any, Never

import msgspec
import pytest
import trustme
from joserfc.jwk import ECKey
from pydantic import SecretStr

from hel.auth.client import Client
from hel.auth.nonces import Nonces
from hel.auth.refresh_token import RefreshToken
from hel.clock import SystemClock
from hel.config.load import Loaded, load
from hel.sharing import Shared, credential, exchange_of, regranted
from hel.transport.client import Transports
from hel.transport.turns import LONGEST_S, MOST
from tests.doubles import HeardLog
from tests.virtual_time import VirtualClock, run

URL = "https://org.okta.com/api/v1/logs"
TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
ENVIRON = {
    "KEY": ECKey.generate_key("P-256").as_pem(private=True).decode(),
    "OTHER_KEY": ECKey.generate_key("P-256").as_pem(private=True).decode(),
    "TOKEN": "00hush-hush",
    "SAME_TOKEN": "00hush-hush",
    "OTHER_TOKEN": "00other-hush",
    "CA": trustme.CA().cert_pem.bytes().decode(),
}
APP = {
    "url": URL,
    "auth": {
        "type": "oauth2",
        "token_url": TOKEN_URL,
        "client_id": "0oa1",
        "client_private_key_env": "KEY",
        "scopes": ["okta.logs.read"],
    },
}
BEARER = {"url": URL, "auth": {"type": "bearer", "token_env": "TOKEN", "prefix": "SSWS"}}
OPEN = {"url": URL}


def loaded_of(folder: Path, *sources: dict[str, Any]) -> Loaded:
    """A config of sources named by their number."""
    path = folder / "hel.yaml"
    path.write_bytes(msgspec.json.encode({"sources": {f"source-{at}": each for at, each in enumerate(sources)}}))
    return load(path, ENVIRON)


class Sources:
    """The exchanges of a few sources, made over what they share."""

    def __init__(self, folder: Path, *sources: dict[str, Any]) -> None:
        loaded = loaded_of(folder, *sources)
        clock, log = SystemClock(), HeardLog()
        self.shared = Shared(Transports(clock), Nonces(), clock, log)
        ways = [(name, source, loaded.secrets[name]) for name, source in loaded.config.sources.items()]
        for name, source, secrets in ways:
            exchange_of(name, source, secrets, self.shared, None, log)
        self.credentials = [credential(source, secrets, self.shared, log) for _, source, secrets in ways]
        self.clients = len({id(self.shared.transports.of(secrets.tls)) for *_, secrets in ways})
        asyncio.run(self.shared.aclose())

    @property
    def budgets(self) -> int:
        return len(self.shared.budgets)

    @property
    def signers(self) -> int:
        return len(set(map(id, self.credentials)))


def changed(source: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    """A source with another value somewhere in it."""
    first, *rest = path
    return source | {first: changed(source.get(first, {}), *rest, to=to) if rest else to}


APART = {
    "only the name": (APP, 1, 1, 1),
    "what is asked": (changed(APP, "query_params", to={"limit": "5"}), 1, 1, 1),
    "when": (changed(APP, "schedule", "interval_secs", to=5), 1, 1, 1),
    "how failures are borne": (changed(APP, "resilience", "retries", "max_attempts", to=9), 1, 1, 1),
    "how the origin is written": (changed(APP, "url", to="https://ORG.okta.com:443/api/v1/logs"), 1, 1, 1),
    "the path": (changed(APP, "url", to="https://org.okta.com/api/v1/users"), 2, 1, 1),
    "the host": (changed(APP, "url", to="https://other.okta.com/api/v1/logs"), 2, 1, 1),
    "the port": (changed(APP, "url", to="https://org.okta.com:8443/api/v1/logs"), 2, 1, 1),
    "the client": (changed(APP, "auth", "client_id", to="0oa2"), 2, 2, 1),
    "the scope": (changed(APP, "auth", "scopes", to=["okta.users.read"]), 1, 2, 1),
    "the key": (changed(APP, "auth", "client_private_key_env", to="OTHER_KEY"), 1, 2, 1),
    "the proof": (changed(APP, "auth", "dpop", to=True), 1, 2, 1),
    "the token server": (changed(APP, "auth", "token_url", to="https://id.corp.example/token"), 1, 2, 1),
    "the oldest TLS": (changed(APP, "tls", "min_version", to="1.3"), 1, 2, 2),
    "the CA": (changed(APP, "tls", "ca_env", to="CA"), 1, 2, 2),
}


@pytest.mark.parametrize("name", APART)
def test_sources_of_one_app_share_what_is_the_same_and_nothing_else(name: str, tmp_path: Path) -> None:
    other, budgets, signers, clients = APART[name]
    sources = Sources(tmp_path, APP, other, APP)
    assert (sources.budgets, sources.signers, sources.clients) == (budgets, signers, clients)
    assert sources.credentials[0] is sources.credentials[2]


@pytest.mark.parametrize(
    ("one", "other", "budgets"),
    [
        (BEARER, BEARER, 1),
        (BEARER, changed(BEARER, "auth", "token_env", to="SAME_TOKEN"), 1),
        (BEARER, changed(BEARER, "auth", "token_env", to="OTHER_TOKEN"), 2),
        (BEARER, OPEN, 2),
        (BEARER, APP, 2),
        (OPEN, OPEN, 1),
        (OPEN, changed(OPEN, "url", to="https://org.okta.com/other"), 2),
    ],
    ids=["one token", "by two variables", "two tokens", "token and none", "token and app", "none", "two paths"],
)
def test_a_budget_is_one_origins_one_paths_and_one_credentials(
    one: dict[str, Any], other: dict[str, Any], budgets: int, tmp_path: Path
) -> None:
    assert Sources(tmp_path, one, other).budgets == budgets


def test_ten_sources_that_are_alike_have_one_of_each(tmp_path: Path) -> None:
    sources = Sources(tmp_path, *[APP] * 10)
    assert (sources.budgets, sources.signers, sources.clients) == (1, 1, 1)


def test_of_sources_that_share_a_budget_the_first_ones_rate_holds(tmp_path: Path) -> None:
    slow, quick = (
        changed(BEARER, "resilience", "rate_limit", to={"max_requests_per_second": rate, "burst": burst})
        for rate, burst in ((0.5, 2), (100, 50))
    )
    (budget,) = Sources(tmp_path, slow, quick).shared.budgets.values()
    assert budget.throttle is not None
    assert (budget.throttle.max_rate, budget.throttle.time_period) == (2, 4.0)
    (unbound,) = Sources(tmp_path, BEARER, quick).shared.budgets.values()
    assert unbound.throttle is None


def test_ways_to_use_tls_that_are_equal_are_one_however_they_are_configured(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(ENVIRON["CA"])
    by_variable, by_file = (
        changed(OPEN, "tls", to={key: value}) for key, value in (("ca_env", "CA"), ("ca_file", "ca.pem"))
    )
    assert Sources(tmp_path, by_variable, by_file).clients == 1


def test_no_repr_of_what_is_shared_shows_a_secret(tmp_path: Path) -> None:
    text = repr(Sources(tmp_path, APP, BEARER, changed(APP, "tls", "ca_env", to="CA")).shared)
    assert "budgets" in text
    for secret in ("hush", *ENVIRON["KEY"].split()[4:6], *ENVIRON["CA"].split()[2:4]):
        assert secret not in text


class Changing:
    """What sources share while they change."""

    def __init__(self, folder: Path) -> None:
        self.folder, clock = folder, SystemClock()
        self.shared = Shared(Transports(clock), Nonces(), clock, HeardLog())

    async def become(self, *sources: dict[str, Any]) -> None:
        """Let the sources be these; fewer than before means that some are gone."""
        loaded = loaded_of(self.folder, *sources)
        items = loaded.config.sources.items()
        self.shared.settle(((name, source, loaded.secrets[name]) for name, source in items), loaded.config.sources)
        for name, source in loaded.config.sources.items():
            exchange_of(name, source, loaded.secrets[name], self.shared, None, HeardLog())
        for gone in self.shared.uses.keys() - loaded.config.sources.keys():
            del self.shared.uses[gone]
        await self.shared.sweep()


@pytest.mark.anyio
async def test_what_no_source_uses_any_more_is_forgotten_and_the_rest_stays(tmp_path: Path) -> None:
    changing = Changing(tmp_path)
    await changing.become(APP, BEARER)
    kept = changing.shared.credentials.copy()
    await changing.become(APP, changed(BEARER, "auth", "token_env", to="OTHER_TOKEN"))
    assert changing.shared.credentials == kept
    assert len(changing.shared.budgets) == 2
    await changing.become(changed(APP, "auth", "client_private_key_env", to="OTHER_KEY"))
    assert len(changing.shared.budgets) == len(changing.shared.credentials) == 1
    assert changing.shared.credentials.keys().isdisjoint(kept)
    await changing.become(OPEN)
    assert changing.shared.credentials == {}
    await changing.shared.aclose()


def limited(reserve: int, rate: float = 5) -> dict[str, Any]:
    return changed(BEARER, "resilience", "rate_limit", to={"reserve": reserve, "max_requests_per_second": rate})


@pytest.mark.anyio
async def test_a_budgets_settings_are_those_of_the_first_source_and_what_is_known_of_the_window_stays(
    tmp_path: Path,
) -> None:
    changing = Changing(tmp_path)
    await changing.become(limited(1), limited(2))
    (budget,) = changing.shared.budgets.values()
    bucket = budget.throttle
    budget.limiter.hold(SystemClock().monotonic() + 1000)
    await changing.become(limited(7), limited(8))
    assert list(changing.shared.budgets.values()) == [budget]
    assert budget.limiter.reserve == 7
    assert budget.limiter.delay(SystemClock().monotonic()) > 900
    assert budget.throttle is bucket, "of the same rate, or each reload would allow a burst"
    await changing.become(limited(7, rate=1), limited(8, rate=9))
    assert budget.throttle is not None
    assert budget.throttle.max_rate / budget.throttle.time_period == pytest.approx(1)
    await changing.become(BEARER)
    assert [budget.throttle for budget in changing.shared.budgets.values()] == [None]
    await changing.shared.aclose()


@pytest.mark.anyio
async def test_a_budget_that_is_to_be_waited_for_outlives_its_sources(tmp_path: Path) -> None:
    changing = Changing(tmp_path)
    await changing.become(BEARER)
    (budget,) = changing.shared.budgets.values()
    budget.limiter.hold(SystemClock().monotonic() + 1000)
    await changing.become(OPEN)
    await changing.become(OPEN, BEARER)
    assert budget in changing.shared.budgets.values()
    await changing.shared.aclose()


def test_of_changed_secrets_the_refresh_token_stays_the_one_that_is_in_use(tmp_path: Path) -> None:
    auth = {"client_id": "0oa1", "refresh_token_env": "TOKEN", "client_secret_env": "OTHER_TOKEN"}
    loaded = loaded_of(tmp_path, changed(APP, "auth", to={"type": "oauth2", "token_url": TOKEN_URL, **auth}))
    source, secrets = loaded.config.sources["source-0"], loaded.secrets["source-0"]
    rotated = RefreshToken(SecretStr("newer"), None)
    assert source.auth is not None
    found = regranted(Client(TOKEN_URL, "0oa1", refresh_token=rotated), source.auth, secrets)
    assert isinstance(found, Client)
    assert found.refresh_token is rotated
    assert found.secret == SecretStr(ENVIRON["OTHER_TOKEN"])


DIFFERENT = {
    "token": (BEARER, changed(BEARER, "auth", "token_env", to="OTHER_TOKEN")),
    "key": (APP, changed(APP, "auth", "client_private_key_env", to="OTHER_KEY")),
    "key's ID": (APP, changed(APP, "auth", "client_private_key_id", to="another")),
    "client": (APP, changed(APP, "auth", "client_id", to="0oa2")),
    "certificates": (BEARER, changed(BEARER, "tls", "ca_env", to="CA")),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_secrets_are_the_same_where_their_values_are_and_no_others(tmp_path: Path, what: str) -> None:
    one, other = DIFFERENT[what]
    first, second, again = loaded_of(tmp_path, one, other, one).secrets.values()
    assert first.are(again)
    assert not first.are(second)
    once_more = loaded_of(tmp_path, one).secrets["source-0"]
    assert once_more.are(first)


def test_where_a_value_stands_does_not_matter(tmp_path: Path) -> None:
    first, second = loaded_of(tmp_path, BEARER, changed(BEARER, "auth", "token_env", to="SAME_TOKEN")).secrets.values()
    assert first.are(second)


@pytest.mark.anyio
async def test_a_budget_is_settled_by_who_is_to_use_it_and_has_not_begun_to(tmp_path: Path) -> None:
    changing = Changing(tmp_path)
    await changing.become(limited(3), OPEN)
    (budget,) = (budget for budget in changing.shared.budgets.values() if budget.limiter.reserve == 3)
    for first, fresh, reserve in ((limited(3), "source-1", 3), (OPEN, "source-0", 7)):
        loaded = loaded_of(tmp_path, first, limited(7))
        items = loaded.config.sources.items()
        changing.shared.settle(((name, source, loaded.secrets[name]) for name, source in items), [fresh])
        assert budget.limiter.reserve == reserve
    await changing.shared.aclose()


class Crowd(Transports):
    """The way to a token server that answers nobody, and counts who asks."""

    asking = 0

    def of(self, *_: object) -> "Crowd":
        return self

    async def send(self, *_: object) -> Never:
        self.asking += 1
        await asyncio.Event().wait()
        raise AssertionError


def test_a_crowd_signs_in_a_few_at_a_time_but_who_waits_for_an_answer_holds_up_nobody(tmp_path: Path) -> None:
    loaded = loaded_of(tmp_path, *(changed(APP, "auth", "client_id", to=f"0oa{at}") for at in range(MOST + 5)))
    items = loaded.config.sources.items()

    async def sign_in() -> list[int]:
        clock, log, seen = VirtualClock(), HeardLog(), []
        crowd = Crowd(clock)
        shared = Shared(crowd, Nonces(), clock, log)
        signers = [credential(source, loaded.secrets[name], shared, log) for name, source in items]
        tasks = [asyncio.create_task(signer.ready()) for signer in signers]
        for wait_s in (LONGEST_S / 2, LONGEST_S):
            await asyncio.sleep(wait_s)
            seen.append(crowd.asking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await shared.aclose()
        return seen

    assert run(sign_in) == [MOST, MOST + 5]
