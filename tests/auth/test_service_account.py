"""A service account of Google's asks for tokens, and a real verifier reads what it signs."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import RSAKey
from joserfc.jwt import JWTClaimsRegistry

from hel.auth.assertion import GRANT_LIFETIME_S, grant_assertion
from hel.auth.credential import Renewal
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import OAuth2Credential
from hel.auth.service_account import ServiceAccountGrant
from hel.config.keys import PrivateKey
from hel.config.service_account import ServiceAccount
from hel.errors import AuthError
from hel.policy.diagnosis import Facts
from hel.records import Request
from hel.telemetry.redaction import redacted
from tests.auth.token_endpoint import TokenEndpoint, answer
from tests.doubles import HeardLog
from tests.virtual_time import START, VirtualClock, run

TOKEN_URL = "https://oauth2.googleapis.com/token"
REPORTS_URL = "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/login"
SCOPES = ("https://www.googleapis.com/auth/admin.reports.audit.readonly", "https://www.googleapis.com/auth/x")
EMAIL = "hel@project-1.iam.gserviceaccount.com"
ADMIN = "admin@example.com"
ASK = Request("GET", REPORTS_URL)
GRANT = {"access_token": "ya29.tok-1", "expires_in": 3599, "token_type": "Bearer"}
TOO_EARLY = {
    "error": "invalid_grant",
    "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
}

NATIVE = rsa.generate_private_key(65537, 2048)
PUBLIC = RSAKey.import_key(NATIVE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
ACCOUNT = ServiceAccount(EMAIL, PrivateKey(RSAKey.import_key(NATIVE), "RS256", "kid-1"), TOKEN_URL)


def credential(server: TokenEndpoint, *, subject: str | None = ADMIN, log: HeardLog | None = None) -> OAuth2Credential:
    return OAuth2Credential(
        ServiceAccountGrant(ACCOUNT, SCOPES, subject),
        Facts(REPORTS_URL, "google_service_account", token_url=TOKEN_URL, subject=subject or ""),
        Nonces(),
        server,
        VirtualClock(),
        HeardLog() if log is None else log,
    )


def sign(server: TokenEndpoint, **options: Any) -> dict[str, str]:
    async def main() -> dict[str, str]:
        return await credential(server, **options).sign(ASK)

    return run(main)


def verified(assertion: str, now: float) -> jwt.Token:
    """What the assertion says, if it is signed by the key and good at that moment."""
    token = jwt.decode(assertion, PUBLIC, algorithms=["RS256"])
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=0,
        iss={"essential": True, "value": EMAIL},
        aud={"essential": True, "value": TOKEN_URL},
        iat={"essential": True},
        exp={"essential": True},
    )
    registry.validate(token.claims)
    return token


def test_the_grant_is_the_signed_assertion_alone() -> None:
    server = TokenEndpoint(answer(200, GRANT))
    assert sign(server) == {"authorization": "Bearer ya29.tok-1"}
    (request,) = server.asked
    assert (request.method, request.url) == ("POST", TOKEN_URL)
    assert request.headers == {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    form = server.form(0)
    assert set(form) == {"grant_type", "assertion"}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_a_verifier_that_knows_the_public_key_takes_the_assertion() -> None:
    server = TokenEndpoint(answer(200, GRANT))
    sign(server)
    token = verified(server.form(0)["assertion"], START)
    assert token.header == {"typ": "JWT", "alg": "RS256", "kid": "kid-1"}
    assert token.claims == {
        "iss": EMAIL,
        "sub": ADMIN,
        "scope": " ".join(SCOPES),
        "aud": TOKEN_URL,
        "iat": int(START),
        "exp": int(START) + GRANT_LIFETIME_S,
    }


def test_a_verifier_refuses_an_assertion_of_another_key() -> None:
    stranger = PrivateKey(RSAKey.generate_key(2048), "RS256", "kid-1")
    assertion = grant_assertion(stranger, issuer=EMAIL, audience=TOKEN_URL, scopes=SCOPES, issued_at=time.time())
    with pytest.raises(BadSignatureError):
        verified(assertion, time.time())


def test_without_a_subject_the_account_acts_for_itself() -> None:
    server = TokenEndpoint(answer(200, GRANT))
    sign(server, subject=None)
    assert "sub" not in verified(server.form(0)["assertion"], START).claims


def test_an_assertion_stays_below_the_hour_that_google_allows() -> None:
    assert 0 < GRANT_LIFETIME_S <= 3600 - 60


@pytest.mark.parametrize("ahead_s", [-7200.0, -30.0, 30.0, 7200.0])
def test_an_assertion_refused_for_its_time_is_dated_by_the_servers_clock_once(ahead_s: float) -> None:
    server = TokenEndpoint(answer(400, TOO_EARLY, skew_s=-ahead_s), answer(200, GRANT, skew_s=-ahead_s))
    assert sign(server) == {"authorization": "Bearer ya29.tok-1"}
    claims = [jwt.decode(server.form(number)["assertion"], PUBLIC).claims for number in range(2)]
    assert claims[1]["iat"] - claims[0]["iat"] == -ahead_s


def test_a_refusal_for_time_under_a_right_clock_is_final() -> None:
    server = TokenEndpoint(answer(400, TOO_EARLY))
    with pytest.raises(AuthError, match="clock"):
        sign(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "error", "description", "words"),
    [
        (400, "invalid_grant", "Invalid JWT Signature.", ["create a new key", "subject"]),
        (400, "invalid_grant", "Invalid email or User ID", ["set `subject`", "administrator"]),
        (400, "invalid_grant", "Invalid grant: account not found", ["service account that exists"]),
        (
            401,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any.",
            ["Domain-wide delegation", "numeric client ID", "`scopes`"],
        ),
        (403, "access_denied", "Requested client not authorized.", ["Domain-wide delegation"]),
        (400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.", ["`scopes`", "as URLs"]),
        (400, "something_new", "", ["service account's key", "`subject`", "`scopes`"]),
        (404, "", "", ["`token_url`", "https://oauth2.googleapis.com/token"]),
    ],
)
def test_each_refusal_of_google_has_its_fix(status: int, error: str, description: str, words: list[str]) -> None:
    server = TokenEndpoint(answer(status, {"error": error, "error_description": description}))
    with pytest.raises(AuthError) as caught:
        sign(server)
    assert error in caught.value.message
    assert description in caught.value.message
    assert [word for word in words if word not in caught.value.fix] == []
    assert "kta" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_401_of_the_api_costs_one_new_token() -> None:
    async def main() -> tuple[Renewal | None, str]:
        server = TokenEndpoint(answer(200, GRANT), answer(200, GRANT | {"access_token": "ya29.tok-2"}))
        signing = credential(server)
        signed = Request(ASK.method, ASK.url, await signing.sign(ASK))
        renewal = signing.learn(signed, answer(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})(signed))
        return renewal, (await signing.sign(ASK))["authorization"]

    assert run(main) == (Renewal.TOKEN, "Bearer ya29.tok-2")


def test_one_token_serves_until_it_is_nearly_over() -> None:
    async def main() -> list[str]:
        clock = VirtualClock()
        signing = credential(TokenEndpoint(answer(200, GRANT), answer(200, GRANT | {"access_token": "ya29.tok-2"})))
        sent = []
        for wait_s in (0, 3000, 600, 0):
            await clock.sleep(wait_s)
            sent.append((await signing.sign(ASK))["authorization"].removeprefix("Bearer "))
        return sent

    assert run(main) == ["ya29.tok-1", "ya29.tok-1", "ya29.tok-2", "ya29.tok-2"]


def test_neither_repr_nor_log_nor_an_echo_shows_key_assertion_or_token() -> None:
    log = HeardLog()
    server = TokenEndpoint(answer(200, GRANT))
    sign(server, log=log)
    assertion = server.form(0)["assertion"]
    grant = ServiceAccountGrant(ACCOUNT, SCOPES)
    shown = f"{log.heard!r} {grant!r} {server.asked!r} {redacted(f'{assertion} ya29.tok-1')}"
    assert "ya29" not in shown
    assert assertion not in shown
    private = RSAKey.import_key(NATIVE).as_dict(private=True)
    assert not any(str(private[name]) in shown for name in ("d", "p", "q"))
    assert log.names == ["token.minted"]
