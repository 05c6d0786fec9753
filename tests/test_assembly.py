"""What a source's config becomes: facts for its messages, its credential, and what it shares with other sources."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from hel.assembly import facts, line_maker, memory
from hel.auth.credential import Credential
from hel.auth.nonces import Nonces
from hel.config.certificates import Tls
from hel.config.load import Loaded, load
from hel.dedupe import event_key, quick_key
from hel.policy.diagnosis import Facts
from hel.records import Page, Reply, Request
from hel.sharing import Shared, credential, exchange_of
from hel.telemetry.redaction import redacted
from hel.transport.client import Begins, Bounds, Transport, Transports, at_once
from tests.doubles import FakeClock, HeardLog

URL = "https://api.example.com/audit"
TOKEN_URL = "https://id.example.com/t"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ENVIRON = {
    "TOKEN": "00-the-token",
    "KEY": "00-the-key",
    "USER_KEY": "tskey-api-k1",
    "PASSWORD": "open sesame",
    "SECRET": "the client's secret",
    "PEM": PEM,
    "ACCOUNT": json.dumps({"type": "service_account", "client_email": "hel@p.example", "private_key": PEM}),
    "OTHER_ACCOUNT": json.dumps({"type": "service_account", "client_email": "other@p.example", "private_key": PEM}),
}

BEARER = {"type": "bearer", "token_env": "TOKEN"}
API_KEY = {"type": "api_key", "key_env": "KEY", "header": "X-Token", "prefix": "Key"}
BASIC = {"type": "basic", "username": "Aladdin", "password_env": "PASSWORD"}
KEY_AS_USER = {"type": "basic", "username_env": "USER_KEY"}
OAUTH2 = {"type": "oauth2", "token_url": TOKEN_URL, "client_id": "c", "client_secret_env": "SECRET"}
GOOGLE = {"type": "google_service_account", "credentials_env": "ACCOUNT", "scopes": ["s1", "s2"], "subject": "a@x.y"}
ASK = Request("GET", URL)

Auth = Mapping[str, Any]
LoadAuths = Callable[..., Loaded]


class Tokens:
    """A transport whose every answer is a new token."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:  # noqa: ARG002  # nothing takes long
        self.asked.append(request)
        body = {"access_token": f"minted-{len(self.asked)}", "token_type": "Bearer", "expires_in": 3600}
        return Reply(200, (), json.dumps(body).encode(), 0.0)

    def form(self, number: int) -> dict[str, str]:
        content = self.asked[number].content or b""
        return {name: values[0] for name, values in parse_qs(content.decode(), strict_parsing=True).items()}


class TokenTransports(Transports):
    """Leads every client to `Tokens`."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.tokens = Tokens()

    def of(self, tls: Tls, *urls: str) -> Transport:  # noqa: ARG002  # one for all
        return self.tokens


@pytest.fixture
def loaded(tmp_path: Path) -> LoadAuths:
    """Sources `s0`, `s1`, … of one URL, an `auth` each."""

    def load_auths(*auths: Auth | None) -> Loaded:
        sources = {f"s{at}": {"url": URL} | ({"auth": auth} if auth else {}) for at, auth in enumerate(auths)}
        path = tmp_path / "hel.yaml"
        path.write_text(json.dumps({"sources": sources}))  # which is YAML, too
        return load(path, ENVIRON)

    return load_auths


def test_only_the_events_of_an_api_that_draws_ids_at_random_are_known_by_a_key_that_is_not_sure(tmp_path: Path) -> None:
    path, text = tmp_path / "hel.yaml", '{"x":1}'
    urls = {"okta": "https://org.okta.com/api/v1/logs", "other": URL}
    path.write_text(json.dumps({"sources": {name: {"url": url} for name, url in urls.items()}}))
    keys = {
        name: memory(name, source, None, HeardLog())
        .take(name, Page([text.encode()], None, None), line_maker(source), 0.0, last=True)
        .keys
        for name, source in load(path, ENVIRON).config.sources.items()
    }
    assert keys == {"okta": quick_key(text.encode()), "other": event_key(text.encode())}


def shared() -> tuple[Shared, Tokens]:
    transports = TokenTransports()
    return Shared(transports, Nonces(), FakeClock(), HeardLog()), transports.tokens


def credentials(found: Loaded, among: Shared) -> list[Credential]:
    return [credential(source, found.secrets[name], among, HeardLog()) for name, source in found.config.sources.items()]


def signed(found: Loaded, among: Shared) -> list[dict[str, str]]:
    async def main() -> list[dict[str, str]]:
        return [await each.sign(ASK) for each in credentials(found, among)]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (None, Facts(URL)),
        (BEARER, Facts(URL, "bearer", prefix="Bearer")),
        (API_KEY, Facts(URL, "api_key", prefix="Key", header="X-Token")),
        (BASIC, Facts(URL, "basic")),
        (OAUTH2 | {"dpop": True}, Facts(URL, "oauth2", token_url=TOKEN_URL, dpop=True)),
        (GOOGLE, Facts(URL, "google_service_account", subject="a@x.y")),
    ],
)
def test_messages_know_how_a_source_signs_in(loaded: LoadAuths, auth: Auth | None, expected: Facts) -> None:
    assert facts(loaded(auth).config.sources["s0"]) == expected


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (None, {}),
        (BEARER, {"authorization": "Bearer 00-the-token"}),
        (API_KEY, {"x-token": "Key 00-the-key"}),
        (BASIC, {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}),
        (KEY_AS_USER, {"authorization": f"Basic {b64encode(b'tskey-api-k1:').decode()}"}),
        (OAUTH2, {"authorization": "Bearer minted-1"}),
        (GOOGLE, {"authorization": "Bearer minted-1"}),
    ],
)
def test_each_kind_of_auth_signs_in_its_own_way_and_nothing_of_it_can_be_shown(
    loaded: LoadAuths, auth: Auth | None, headers: dict[str, str]
) -> None:
    among, _ = shared()
    (sent,) = signed(loaded(auth), among)
    assert sent == headers
    for value in sent.values():
        secret = value.rpartition(" ")[2]
        assert secret not in redacted(f"refused: {value}")


def test_a_google_source_asks_at_its_keys_own_token_url_for_its_subject(loaded: LoadAuths) -> None:
    among, tokens = shared()
    signed(loaded(GOOGLE), among)
    (request,) = tokens.asked
    assert request.url == "https://oauth2.googleapis.com/token"
    claims = jwt.decode(tokens.form(0)["assertion"], RSAKey.import_key(KEY.public_key()), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("hel@p.example", "a@x.y", "s1 s2")


def test_an_oauth2_source_sends_all_that_its_config_says(loaded: LoadAuths) -> None:
    among, tokens = shared()
    more = {"audience": "https://api/", "extra_params": {"resource": "r"}, "client_auth": "post"}
    signed(loaded(OAUTH2 | more), among)
    assert tokens.form(0) == {
        "grant_type": "client_credentials",
        "audience": "https://api/",
        "resource": "r",
        "client_id": "c",
        "client_secret": "the client's secret",
    }


@pytest.mark.parametrize("auth", [OAUTH2, GOOGLE], ids=["oauth2", "google"])
def test_sources_that_sign_in_alike_share_one_token(loaded: LoadAuths, auth: Auth) -> None:
    among, tokens = shared()
    assert signed(loaded(auth, auth, auth), among) == [{"authorization": "Bearer minted-1"}] * 3
    assert len(tokens.asked) == 1


@pytest.mark.parametrize(
    ("auth", "other"),
    [
        (OAUTH2, {"audience": "https://other/"}),
        (OAUTH2, {"extra_params": {"organization": "other"}}),
        (OAUTH2, {"client_auth": "post"}),
        (OAUTH2, {"client_secret_env": "PASSWORD"}),
        (GOOGLE, {"subject": "other@x.y"}),
        (GOOGLE, {"scopes": ["s1"]}),
        (GOOGLE, {"credentials_env": "OTHER_ACCOUNT"}),
        (GOOGLE, {"token_url": "https://other.example/t"}),
    ],
)
def test_sources_that_ask_for_something_else_have_a_token_each(loaded: LoadAuths, auth: Auth, other: Auth) -> None:
    among, tokens = shared()
    first, second = signed(loaded(auth, {**auth, **other}), among)
    assert first != second
    assert len(tokens.asked) == 2


def test_a_rate_limits_budget_is_of_the_credential(loaded: LoadAuths) -> None:
    among, _ = shared()
    kinds: list[Auth | None] = [None, BEARER, API_KEY, BASIC, KEY_AS_USER, OAUTH2, GOOGLE]
    others = [
        API_KEY | {"key_env": "TOKEN"},
        BASIC | {"username": "Somebody"},
        BASIC | {"password_env": "TOKEN"},
        GOOGLE | {"credentials_env": "OTHER_ACCOUNT"},
        GOOGLE | {"subject": "other@x.y"},
    ]
    found = loaded(*kinds, *others, *kinds)
    for name, source in found.config.sources.items():
        exchange_of(name, source, found.secrets[name], among, None, HeardLog())
    assert len(among.budgets) == len(kinds) + len(others)
    assert not any(secret in "".join(among.budgets) for secret in ENVIRON.values())
