from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from tests.okta_org.visitor import LOGS, TOKEN, Visitor, signed_text

Visit = Callable[..., Visitor]


@pytest.fixture
def calm(visit: Visit) -> Visitor:
    """A visitor of an org that demands proofs and no nonces."""
    return visit(nonces=False)


def test_a_good_proof_gets_a_bound_token_that_reads_the_log(visitor: Visitor) -> None:
    token = visitor.token()
    assert visitor.logs_by_token(token).status_code == 200
    assert visitor.rules_broken() == []


def test_a_token_request_without_a_proof_is_refused_in_oktas_words(visitor: Visitor) -> None:
    reply = visitor.ask_token(proof=None)
    assert reply.status_code == 400
    assert reply.json() == {
        "error": "invalid_dpop_proof",
        "error_description": "The DPoP proof JWT header is missing.",
    }


def test_without_the_nonce_the_token_endpoint_demands_it_and_has_used_up_the_assertion(visitor: Visitor) -> None:
    assertion = visitor.assertion()
    reply = visitor.ask_token(client_assertion=assertion)
    assert (reply.status_code, reply.json()["error"]) == (400, "use_dpop_nonce")
    assert reply.headers["dpop-nonce"]
    assert visitor.ask_token(client_assertion=assertion).status_code == 401
    assert visitor.rules_broken() == ["assertion: jti was used before"]


def test_a_nonce_that_was_handed_out_must_be_used(visitor: Visitor) -> None:
    for _ in range(2):
        visitor.nonce = None
        assert visitor.ask_token().status_code == 400
    assert visitor.rules_broken() == ["DPoP: the nonce that was handed out was not used"]


def test_a_nonces_predecessor_is_accepted_until_the_next_rotation(visitor: Visitor) -> None:
    visitor.ask_token()
    visitor.org.rotate_nonces()
    assert visitor.ask_token().status_code == 200
    visitor.org.rotate_nonces()
    assert visitor.ask_token().status_code == 400
    assert visitor.ask_token().status_code == 200
    assert visitor.rules_broken() == []


def test_the_logs_nonce_is_demanded_by_401_and_not_the_token_endpoints(visit: Visit) -> None:
    visitor = visit(resource_nonces=True)
    visitor.ask_token()
    tokens_nonce = visitor.nonce
    token = visitor.ask_token().json()["access_token"]
    refused = visitor.logs_by_token(token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    visitor.nonce = refused.headers["dpop-nonce"]
    assert visitor.nonce != tokens_nonce
    assert visitor.logs_by_token(token).status_code == 200
    assert visitor.rules_broken() == []


def test_a_429_hands_out_the_logs_newest_nonce(visit: Visit) -> None:
    visitor = visit(resource_nonces=True, rate_limit=2)
    token = visitor.token()
    visitor.nonce = visitor.logs_by_token(token).headers["dpop-nonce"]
    visitor.org.spend(5)
    visitor.org.rotate_nonces()
    reply = visitor.logs_by_token(token)
    assert reply.status_code == 429
    assert reply.headers["dpop-nonce"] not in {visitor.nonce, ""}


PROOFS: list[tuple[str, Callable[[Visitor, str], str], str]] = [
    ("htm in lower case", lambda v, url: v.proof("get", url, token="T"), "htm is 'get'"),
    ("htm of another method", lambda v, url: v.proof("POST", url, token="T"), "htm is 'POST'"),
    ("htu with query", lambda v, url: v.proof("GET", url + "?limit=1", token="T"), "htu is"),
    ("htu with //", lambda v, url: v.proof("GET", url.replace("/api", "//api"), token="T"), "htu is"),
    ("htu decoded", lambda v, url: v.proof("GET", url.replace("logs", "log%73"), token="T"), "htu is"),
    ("htu elsewhere", lambda v, _: v.proof("GET", f"https://proxy.example.com{LOGS}", token="T"), "htu is"),
    ("no ath", lambda v, url: v.proof("GET", url), "ath is missing"),
    ("another token's ath", lambda v, url: v.proof("GET", url, token="U"), "ath is not the access token's hash"),
    ("no jti", lambda v, url: v.proof("GET", url, token="T", jti=None), "jti is missing"),
    ("no iat", lambda v, url: v.proof("GET", url, token="T", iat=None), "iat is not a whole number"),
    ("typ JWT", lambda v, url: v.proof("GET", url, token="T", header={"typ": "JWT"}), "typ is 'JWT'"),
    ("no jwk", lambda v, url: v.proof("GET", url, token="T", header={"jwk": None}), "jwk is missing"),
    (
        "private jwk",
        lambda v, url: v.proof("GET", url, token="T", header={"jwk": v.proof_key.as_dict(private=True)}),
        "jwk has private members: d",
    ),
    (
        "another key's jwk",
        lambda v, url: v.proof(
            "GET", url, token="T", header={"jwk": ECKey.generate_key("P-256", private=True).as_dict(private=False)}
        ),
        "the signature is not that of its jwk",
    ),
    ("the app's own key", lambda v, url: v.proof("GET", url, token="T", key=v.app_key), "jwk is the client's own key"),
    (
        "symmetric",
        lambda v, url: v.proof("GET", url, token="T", key=_Symmetric(), header={"alg": "HS256"}),
        "alg is 'HS256'",
    ),
    ("no JWT", lambda _v, _url: "nonsense", "the proof is not three base64url segments"),
    (
        "typ twice",
        lambda v, _: signed_text('{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256"}', {}, _ec(v)),
        "the proof names 'typ' twice",
    ),
]


@pytest.mark.parametrize(("make", "rule"), [row[1:] for row in PROOFS], ids=[row[0] for row in PROOFS])
def test_a_bad_proof_is_refused_and_noted(calm: Visitor, make: Callable[[Visitor, str], str], rule: str) -> None:
    reply = calm.logs_by_token("T", proof=make(calm, calm.url(LOGS)))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof", error_description="')
    assert rule in calm.rules_broken()[0]


def test_htu_is_judged_by_the_path_as_received_with_its_percent_encoding(calm: Visitor) -> None:
    token = calm.token()
    encoded = calm.url("/api/v1/log%73")
    headers = {"authorization": f"DPoP {token}", "dpop": calm.proof("GET", encoded, token=token)}
    assert calm.http.get(encoded + "?limit=1", headers=headers).status_code == 200
    headers["dpop"] = calm.proof("GET", calm.url(LOGS), token=token)
    assert calm.http.get(encoded + "?limit=1", headers=headers).status_code == 401


def test_a_proof_counts_once_even_if_the_answer_was_no_use(calm: Visitor) -> None:
    token = calm.token()
    proof = calm.proof("GET", calm.url(LOGS), token=token)
    calm.org.spend(600)
    assert calm.logs_by_token(token, proof=proof).status_code == 429
    calm.org.rate.limit = 6000
    assert calm.logs_by_token(token, proof=proof).status_code == 401
    assert calm.rules_broken() == ["asked beyond the rate limit", "DPoP: jti was used before"]


def test_two_dpop_headers_are_refused_and_noted(calm: Visitor) -> None:
    token = calm.token()
    proofs = [("dpop", calm.proof("GET", calm.url(LOGS), token=token)) for _ in range(2)]
    reply = calm.http.get(calm.url(LOGS), headers=[("authorization", f"DPoP {token}"), *proofs])
    assert reply.status_code == 401
    assert calm.rules_broken() == ["DPoP: there is more than one DPoP header"]


@pytest.mark.parametrize("off_s", [-330, 330])
def test_a_proof_five_minutes_off_is_refused_and_noted_the_second_time(calm: Visitor, off_s: int) -> None:
    def reply() -> Any:
        return calm.ask_token(proof=calm.proof("POST", calm.url(TOKEN), iat=int(calm.org.now()) + off_s))

    assert reply().json()["error"] == "invalid_dpop_proof"
    assert calm.rules_broken() == []
    reply()
    assert calm.rules_broken() == ["DPoP: iat is off again, though Date showed the time"]


def test_a_token_is_good_only_with_the_key_and_scheme_that_it_is_bound_to(calm: Visitor) -> None:
    token = calm.token()
    other = ECKey.generate_key("P-256", private=True)
    proof = calm.proof("GET", calm.url(LOGS), token=token, key=other)
    assert calm.logs_by_token(token, proof=proof).status_code == 401
    assert calm.logs_by_token(token, scheme="Bearer", proof=None).status_code == 401
    assert calm.logs_by_token(token, proof=None).status_code == 401
    assert calm.rules_broken() == [
        "DPoP: the proof's key is not the one that the token is bound to",
        "a DPoP token was sent as Bearer",
    ]


def test_where_dpop_is_allowed_a_token_is_bound_only_if_there_was_a_proof(visit: Visit) -> None:
    visitor = visit(dpop="allowed", nonces=False)
    assert visitor.ask_token(proof=None).json()["token_type"] == "Bearer"
    assert visitor.ask_token().json()["token_type"] == "DPoP"


def test_where_dpop_is_off_a_proof_still_gets_a_bearer_token(visit: Visit) -> None:
    assert visit(dpop="off").ask_token().json()["token_type"] == "Bearer"


class _Symmetric:
    """An HMAC key that passes for a key pair."""

    def __new__(cls) -> Any:
        return OctKey.import_key("s" * 32)


def _ec(visitor: Visitor) -> ECKey:
    assert isinstance(visitor.proof_key, ECKey)
    return visitor.proof_key
