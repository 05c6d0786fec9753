import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.okta_org.visitor import CUSTOM_TOKEN, HOUR_S, TOKEN, Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def plain(visit: Visit) -> Visitor:
    """A visitor of an org without DPoP."""
    return visit(dpop="off")


def test_a_good_assertion_gets_a_token_that_reads_the_log(plain: Visitor) -> None:
    reply = plain.ask_token(proof=None)
    body = reply.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", HOUR_S, "okta.logs.read")
    assert reply.headers["cache-control"] == "no-store"
    assert plain.logs_by_token(body["access_token"], scheme="Bearer", proof=None).status_code == 200
    assert plain.rules_broken() == []


@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        ({"sub": "someone"}, "iss and sub differ"),
        ({"aud": "https://elsewhere.example.com/oauth2/v1/token"}, "aud is"),
        ({"jti": None}, "jti is missing"),
        ({"exp": None}, "exp is not a whole number"),
        ({"exp": 2_000_000_000}, "it lives for more than an hour"),
    ],
)
def test_a_wrong_assertion_is_refused_and_noted(plain: Visitor, claims: dict[str, Any], rule: str) -> None:
    reply = plain.ask_token(proof=None, client_assertion=plain.assertion(**claims))
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    assert rule in plain.rules_broken()[0]


def test_an_assertion_counts_once_even_if_the_request_failed(plain: Visitor) -> None:
    assertion = plain.assertion()
    assert plain.ask_token(proof=None, client_assertion=assertion, scope="nonsense").status_code == 400
    assert plain.ask_token(proof=None, client_assertion=assertion).status_code == 401
    assert plain.rules_broken() == ["assertion: jti was used before"]


def test_an_assertion_of_exactly_an_hour_is_refused_under_skew(visit: Visit) -> None:
    plain = visit(dpop="off", clock_skew_s=-30)
    ahead = int(plain.org.now()) + 30
    reply = plain.ask_token(proof=None, client_assertion=plain.assertion(iat=ahead, exp=ahead + HOUR_S))
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    assert plain.org.ledger.requests[-1].note.endswith("an expiration too far into the future.")


def test_a_wrong_clock_is_forgiven_once_and_noted_the_second_time(plain: Visitor) -> None:
    late = int(plain.org.now()) - HOUR_S
    for _ in range(2):
        reply = plain.ask_token(proof=None, client_assertion=plain.assertion(iat=late, exp=late + 300))
        assert reply.status_code == 401
    assert plain.rules_broken() == ["assertion: exp is off again, though Date showed the time"]


def test_a_symmetric_signature_is_refused_and_noted(plain: Visitor) -> None:
    assertion = plain.assertion({"alg": "HS256"}, OctKey.import_key("s" * 32))
    assert plain.ask_token(proof=None, client_assertion=assertion).status_code == 401
    assert plain.rules_broken()[0].startswith("assertion: alg is 'HS256'")


def test_a_stranger_key_is_refused_without_blame(plain: Visitor) -> None:
    assertion = plain.assertion(key=RSAKey.generate_key(2048, private=True))
    assert plain.ask_token(proof=None, client_assertion=assertion).status_code == 401
    assert plain.org.ledger.requests[-1].note == "invalid_client: The client_assertion signature is invalid."
    assert plain.rules_broken() == []


def test_the_kid_is_needed_when_the_app_has_more_than_one_key(plain: Visitor) -> None:
    key = plain.org.add_key("second", "EC")
    signer = ECKey.import_key(key.pem)
    assert plain.ask_token(proof=None).status_code == 401
    for kid, status in (("second", 200), ("third", 401), (plain.org.client_key.kid, 401)):
        assertion = plain.assertion({"alg": "ES256", "kid": kid}, signer)
        assert plain.ask_token(proof=None, client_assertion=assertion).status_code == status


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": None}, (400, "invalid_scope")),
        ({"scope": "nonsense"}, (400, "invalid_scope")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"client_assertion": None}, (401, "invalid_client")),
        ({"client_assertion": "nonsense"}, (401, "invalid_client")),
        ({"client_assertion_type": "nonsense"}, (401, "invalid_client")),
    ],
)
def test_what_the_org_server_would_not_take_is_an_oauth_error(
    plain: Visitor, form: dict[str, Any], error: tuple[int, str]
) -> None:
    reply = plain.ask_token(proof=None, **form)
    assert (reply.status_code, reply.json()["error"]) == error


def test_the_org_server_takes_no_client_secret(plain: Visitor) -> None:
    reply = plain.http.post(
        plain.url(TOKEN),
        data={"grant_type": "client_credentials", "scope": "okta.logs.read"},
        auth=(plain.org.client_id, plain.org.client_secret),
    )
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    assert "private_key_jwt" in reply.json()["error_description"]


def test_a_token_request_is_a_form_by_post(plain: Visitor) -> None:
    assert plain.http.get(plain.url(TOKEN)).status_code == 405
    assert plain.http.post(plain.url(TOKEN), json={}).status_code == 400
    repeated = plain.http.post(
        plain.url(TOKEN), content="scope=a&scope=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert repeated.status_code == 400
    assert plain.rules_broken() == ["a token request repeats a parameter"]


def test_an_admin_host_has_no_token_endpoint(visit: Visit) -> None:
    visitor = visit(dpop="off")
    assert visitor.http.post(visitor.url(TOKEN), headers={"host": "org-admin.example.com"}).status_code == 404
    visitor.org.admin_domain = True
    assert visitor.ask_token(proof=None).status_code == 404
    assert visitor.logs("limit=1").status_code == 200


def test_the_discovery_document_names_the_token_endpoint(plain: Visitor) -> None:
    body = plain.http.get(plain.url("/.well-known/openid-configuration")).json()
    assert (body["issuer"], body["token_endpoint"]) == (plain.server.url, plain.url(TOKEN))


def test_a_custom_server_takes_the_secret_and_its_tokens_cannot_read_the_log(plain: Visitor) -> None:
    form = {"grant_type": "client_credentials", "scope": "custom"}
    org = plain.org
    quoted = basic(org.client_id, org.client_secret)
    reply = plain.http.post(plain.url(CUSTOM_TOKEN), data=form, headers={"authorization": quoted})
    token = reply.json()["access_token"]
    refused = plain.logs_by_token(token, scheme="Bearer", proof=None)
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "E0000006")
    wrong = plain.http.post(plain.url(CUSTOM_TOKEN), data=form, auth=(org.client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_a_refresh_token_is_rotated_and_good_once(plain: Visitor) -> None:
    first = plain.org.refresh_token
    headers = {"authorization": basic(plain.org.client_id, plain.org.client_secret)}
    form = {"grant_type": "refresh_token", "refresh_token": first}
    reply = plain.http.post(plain.url(CUSTOM_TOKEN), data=form, headers=headers)
    assert reply.json()["refresh_token"] == plain.org.refresh_token != first
    again = plain.http.post(plain.url(CUSTOM_TOKEN), data=form, headers=headers)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_sign_ins_are_events_where_told_to(visit: Visit) -> None:
    visitor = visit(log_sign_ins=True, events=0)
    visitor.token()
    outcomes = [json.loads(event)["outcome"]["result"] for event in visitor.org.log.events]
    assert outcomes == ["FAILURE", "SUCCESS"]


def basic(client_id: str, secret: str) -> str:
    """HTTP Basic as RFC 6749 §2.3.1 wants it: both form-encoded first, which httpx leaves out."""
    return f"Basic {b64encode(f'{quote_plus(client_id)}:{quote_plus(secret)}'.encode()).decode()}"
