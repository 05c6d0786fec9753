from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

from hel.auth.client import Client
from hel.auth.credential import Renewal
from hel.auth.dpop import ath
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import OAuth2Credential
from hel.auth.refresh_token import RefreshToken
from hel.config.keys import PrivateKey
from hel.errors import AuthError
from hel.policy.diagnosis import Facts
from hel.records import Reply, Request
from tests.auth.token_endpoint import Answer, TokenEndpoint, answer
from tests.doubles import HeardLog
from tests.virtual_time import VirtualClock, run

TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
LOG_URL = "https://org.okta.com/api/v1/logs"
ORIGIN = "https://org.okta.com:443"
CLIENT_KEY = PrivateKey(ECKey.generate_key("P-256"), "ES256", "kid-1")
ASK = Request("GET", f"{LOG_URL}?limit=2")
GRANT = {"access_token": "tok-1", "token_type": "DPoP", "expires_in": 3600, "scope": "okta.logs.read"}


def nonce_wanted(nonce: str) -> Answer:
    return answer(400, {"error": "use_dpop_nonce"}, ("dpop-nonce", nonce))


class TokenServer(TokenEndpoint):
    """Reads what is signed."""

    def assertion(self, number: int) -> dict[str, Any]:
        text = self.form(number)["client_assertion"]
        return dict(jwt.decode(text, CLIENT_KEY.key, algorithms=["ES256"]).claims)

    def proof(self, number: int) -> dict[str, Any]:
        return proof_of(self.asked[number].headers)


def proof_of(headers: Any) -> dict[str, Any]:
    proof = headers["dpop"]
    key = ECKey.import_key(jws.extract_compact(proof.encode()).headers()["jwk"])
    return dict(jwt.decode(proof, key, algorithms=["ES256"]).claims)


def credential(
    server: TokenServer, *, dpop: bool = True, nonces: Nonces | None = None, log: HeardLog | None = None, **client: Any
) -> OAuth2Credential:
    options: dict[str, Any] = {"key": CLIENT_KEY, "scopes": ("okta.logs.read",)} | client
    return OAuth2Credential(
        Client(TOKEN_URL, "0oa1", **options),
        Facts(LOG_URL, "oauth2", token_url=TOKEN_URL, dpop=dpop),
        Nonces() if nonces is None else nonces,
        server,
        VirtualClock(),
        HeardLog() if log is None else log,
    )


def sign(server: TokenServer, **options: Any) -> dict[str, str]:
    async def main() -> dict[str, str]:
        return await credential(server, **options).sign(ASK)

    return run(main)


def test_a_service_app_asks_by_private_key_jwt() -> None:
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    assert sign(server, dpop=False) == {"authorization": "Bearer tok-1"}
    assert (server.asked[0].method, server.asked[0].url) == ("POST", TOKEN_URL)
    form = server.form(0)
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "okta.logs.read")
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    claims = server.assertion(0)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("0oa1", "0oa1", TOKEN_URL)
    assert "dpop" not in server.asked[0].headers


def test_a_client_secret_goes_by_basic_form_encoded_first() -> None:
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    sign(server, dpop=False, key=None, secret=SecretStr("s:e/cret ü"))
    assert b64decode(server.asked[0].headers["authorization"].removeprefix("Basic ")) == b"0oa1:s%3Ae%2Fcret+%C3%BC"
    assert "client_id" not in server.form(0)


def test_a_client_secret_goes_in_the_body_where_the_server_wants_it_there() -> None:
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    sign(server, dpop=False, key=None, secret=SecretStr("s:e/cret ü"), secret_in_body=True)
    assert "authorization" not in server.asked[0].headers
    assert server.form(0) == {
        "grant_type": "client_credentials",
        "scope": "okta.logs.read",
        "client_id": "0oa1",
        "client_secret": "s:e/cret ü",
    }


@pytest.mark.parametrize(
    ("client", "grant_type"),
    [
        ({"key": None, "secret": SecretStr("s")}, "client_credentials"),
        ({}, "client_credentials"),
        ({"key": None, "refresh_token": RefreshToken(SecretStr("r1"), None)}, "refresh_token"),
    ],
    ids=["secret", "private key", "refresh token"],
)
def test_audience_and_extra_parameters_go_along_with_every_grant(client: dict[str, Any], grant_type: str) -> None:
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    extra = {"organization": "org 1/ü", "resource": "https://r.example/?a=b&c"}
    sign(server, dpop=False, audience="https://t.eu.auth0.com/api/v2/", extra=extra, **client)
    form = server.form(0)
    assert {name: form[name] for name in extra} == extra
    assert (form["audience"], form["grant_type"]) == ("https://t.eu.auth0.com/api/v2/", grant_type)


def test_without_an_audience_none_is_sent() -> None:
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    sign(server, dpop=False)
    assert set(server.form(0)) == {"grant_type", "scope", "client_assertion_type", "client_assertion"}


def test_an_extra_parameter_can_not_take_the_place_of_what_hel_sends() -> None:
    """The configuration refuses it; and if it came here, it would lose."""
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer"}))
    own = {"grant_type": "x", "scope": "x", "audience": "x", "client_id": "x", "client_secret": "x"}
    sign(server, dpop=False, key=None, secret=SecretStr("s"), secret_in_body=True, audience="a", extra=own)
    assert "x" not in server.form(0).values()


def test_a_refresh_token_is_used_and_its_successor_kept(tmp_path: Path) -> None:
    path = tmp_path / "refresh"
    path.write_text("r1")
    token = RefreshToken(SecretStr("r1"), path)
    server = TokenServer(answer(200, GRANT | {"token_type": "Bearer", "refresh_token": "r2"}))
    sign(server, dpop=False, key=None, scopes=(), refresh_token=token)
    assert server.form(0) == {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "0oa1"}
    assert (token.value.get_secret_value(), path.read_text()) == ("r2", "r2\n")


def test_a_refused_refresh_token_gives_way_to_a_newer_one_in_its_file_once(tmp_path: Path) -> None:
    path = tmp_path / "refresh"
    path.write_text("r2")
    refused = answer(400, {"error": "invalid_grant"})
    server = TokenServer(refused, answer(200, GRANT | {"token_type": "Bearer"}))
    headers = sign(server, dpop=False, key=None, refresh_token=RefreshToken(SecretStr("r1"), path))
    assert headers == {"authorization": "Bearer tok-1"}
    assert [server.form(number)["refresh_token"] for number in range(2)] == ["r1", "r2"]
    for start, count in (("r2", 1), ("r1", 2)):
        server = TokenServer(refused, refused)
        with pytest.raises(AuthError, match="invalid_grant"):
            sign(server, dpop=False, key=None, refresh_token=RefreshToken(SecretStr(start), path))
        assert len(server.asked) == count


def test_the_proof_goes_out_with_the_first_token_request() -> None:
    """Lesson 16."""
    server = TokenServer(answer(200, GRANT))
    headers = sign(server)
    proof = server.proof(0)
    assert (proof["htm"], proof["htu"]) == ("POST", TOKEN_URL)
    assert "ath" not in proof
    assert headers["authorization"] == "DPoP tok-1"
    assert proof_of(headers) | {"jti": "", "iat": 0} == {
        "jti": "", "iat": 0, "htm": "GET", "htu": LOG_URL, "ath": ath("tok-1"),
    }  # fmt: skip


def test_the_nonce_retry_has_a_new_assertion_and_a_new_proof() -> None:
    """Lesson 12."""
    server = TokenServer(nonce_wanted("n1"), answer(200, GRANT))
    sign(server, nonces=(nonces := Nonces()))
    assert server.assertion(0)["jti"] != server.assertion(1)["jti"]
    assert server.proof(0)["jti"] != server.proof(1)["jti"]
    assert "nonce" not in server.proof(0)
    assert server.proof(1)["nonce"] == "n1"
    assert nonces.take_unsaved() == {TOKEN_URL: "n1"}


def test_a_nonce_kept_from_the_last_run_spares_the_challenge() -> None:
    server = TokenServer(answer(200, GRANT))
    sign(server, nonces=Nonces({TOKEN_URL: "kept"}))
    assert server.proof(0)["nonce"] == "kept"
    assert len(server.asked) == 1


def test_a_nonce_that_another_source_has_learned_meanwhile_is_still_worth_the_retry() -> None:
    nonces = Nonces()

    def challenged(request: Request) -> Reply:
        nonces.learn(TOKEN_URL, "n1")
        return nonce_wanted("n1")(request)

    server = TokenServer(challenged, answer(200, GRANT))
    assert sign(server, nonces=nonces)["authorization"] == "DPoP tok-1"


def test_a_nonce_refused_twice_stops() -> None:
    """Lesson 17."""
    server = TokenServer(nonce_wanted("n1"), nonce_wanted("n2"))
    with pytest.raises(AuthError) as caught:
        sign(server)
    assert "use_dpop_nonce" in str(caught.value)
    assert len(server.asked) == 2


def test_a_nonce_that_was_sent_and_is_named_again_is_not_tried_again() -> None:
    server = TokenServer(nonce_wanted("n1"))
    with pytest.raises(AuthError):
        sign(server, nonces=Nonces({TOKEN_URL: "n1"}))
    assert len(server.asked) == 1


def test_a_challenge_while_dpop_is_off_names_the_switch() -> None:
    server = TokenServer(nonce_wanted("n1"))
    with pytest.raises(AuthError) as caught:
        sign(server, dpop=False)
    assert "set `dpop: true`" in str(caught.value)


@pytest.mark.parametrize("ahead_s", [-3600.0, -20.0, 5.0, 3600.0])
def test_a_wrong_clock_is_corrected_by_the_first_refusal(ahead_s: float) -> None:
    refused = answer(400, {"error": "invalid_dpop_proof"}, skew_s=-ahead_s)
    server = TokenServer(refused, answer(200, GRANT, skew_s=-ahead_s))
    sign(server)
    server_now = server.proof(0)["iat"] - ahead_s
    assert server_now - 1 <= server.proof(1)["iat"] <= server_now
    assert server.assertion(1)["iat"] == server.proof(1)["iat"]


def test_a_refusal_under_a_right_clock_is_final() -> None:
    server = TokenServer(answer(401, {"error": "invalid_client", "error_description": "No such client"}))
    with pytest.raises(AuthError) as caught:
        sign(server)
    assert "No such client" in str(caught.value)
    assert len(server.asked) == 1


def test_a_clock_that_is_an_hour_wrong_is_said_once() -> None:
    async def main() -> list[str]:
        log = HeardLog()
        signing = credential(TokenServer(answer(200, GRANT, skew_s=3600)), log=log)
        await signing.sign(ASK)
        for _ in range(3):
            signing.learn(ASK, answer(200, [], skew_s=3600)(ASK))
        return log.names

    assert run(main).count("clock.skewed") == 1


def test_a_bearer_answer_where_dpop_is_on_is_refused() -> None:
    with pytest.raises(AuthError) as caught:
        sign(TokenServer(answer(200, GRANT | {"token_type": "Bearer"})))
    assert "`dpop` is true, but the token server answered with a Bearer token" in str(caught.value)


def test_a_dpop_answer_where_dpop_is_off_is_refused() -> None:
    with pytest.raises(AuthError) as caught:
        sign(TokenServer(answer(200, GRANT)), dpop=False)
    assert "set `dpop: true`" in str(caught.value)


NO_TOKENS: list[Any] = [None, [], "text", {}, *({"access_token": value} for value in (5, "", "a b", "a\nb", "tökn"))]


@pytest.mark.parametrize("body", NO_TOKENS)
def test_an_answer_without_a_token_is_refused_and_not_quoted(body: Any) -> None:
    with pytest.raises(AuthError) as caught:
        sign(TokenServer(answer(200, body)))
    assert "without an access_token" in str(caught.value)
    assert "tökn" not in str(caught.value)


@pytest.mark.parametrize("expires_in", ["3600", None, -5, 0, True, [1], 10**400, 1e999, float("nan"), 0.5])
def test_any_lifetime_is_borne(expires_in: Any) -> None:
    assert sign(TokenServer(answer(200, GRANT | {"expires_in": expires_in})))["authorization"] == "DPoP tok-1"


def test_every_send_has_a_new_jti_under_the_same_token() -> None:
    """Lessons 11 and 20."""

    async def main() -> list[dict[str, Any]]:
        signing = credential(server)
        return [proof_of(await signing.sign(ASK)) for _ in range(5)]

    server = TokenServer(answer(200, GRANT))
    assert len({proof["jti"] for proof in run(main)}) == 5
    assert len(server.asked) == 1


def refusal(challenge: str, *headers: tuple[str, str], status: int = 401, skew_s: float = 0.0) -> Answer:
    return answer(status, {"errorCode": "E0000011"}, ("www-authenticate", challenge), *headers, skew_s=skew_s)


@pytest.mark.parametrize(
    ("refused", "renewal"),
    [
        (refusal('DPoP error="use_dpop_nonce"', ("dpop-nonce", "n2")), Renewal.NONCE),
        (refusal('DPoP error="use_dpop_nonce"'), None),
        (refusal('DPoP error="invalid_dpop_proof"'), None),
        (refusal('DPoP error="invalid_dpop_proof"', skew_s=-5), Renewal.CLOCK),
        (refusal('DPoP error="invalid_token"'), Renewal.TOKEN),
        (refusal(""), Renewal.TOKEN),
        (refusal('DPoP error="invalid_token"', status=403), None),
        (refusal("", ("dpop-nonce", "n2"), status=429), None),
    ],
)
def test_a_401_says_what_may_be_mended_for_one_more_send(refused: Answer, renewal: Renewal | None) -> None:
    async def main() -> tuple[Renewal | None, str]:
        server = TokenServer(answer(200, GRANT), answer(200, GRANT | {"access_token": "tok-2"}))
        signing = credential(server)
        signed = Request(ASK.method, ASK.url, await signing.sign(ASK))
        found = signing.learn(signed, refused(signed))
        return found, (await signing.sign(ASK))["authorization"]

    found, then = run(main)
    assert found is renewal
    assert then == ("DPoP tok-2" if renewal is Renewal.TOKEN else "DPoP tok-1")


@pytest.mark.parametrize("status", [200, 401, 403, 429, 503])
def test_a_nonce_on_any_answer_is_learned_for_its_origin(status: int) -> None:
    """Lesson 17."""

    async def main() -> dict[str, Any]:
        nonces = Nonces({TOKEN_URL: "token-nonce"})
        signing = credential(TokenServer(answer(200, GRANT)), nonces=nonces)
        signing.learn(ASK, answer(status, {}, ("dpop-nonce", "n2"))(ASK))
        assert (nonces.get(ORIGIN), nonces.get(TOKEN_URL)) == ("n2", "token-nonce")
        return proof_of(await signing.sign(ASK))

    assert run(main)["nonce"] == "n2"


def test_no_repr_and_no_log_shows_a_secret() -> None:
    log = HeardLog()
    server = TokenServer(nonce_wanted("n1"), answer(200, GRANT))
    sign(server, log=log)
    client = Client(
        TOKEN_URL, "0oa1", key=CLIENT_KEY, secret=SecretStr("hush"), refresh_token=RefreshToken(SecretStr("hush"), None)
    )
    assert "hush" not in repr(client)
    assert "tok-1" not in repr(log.heard)
    assert log.names == ["token.challenged", "token.minted"]
