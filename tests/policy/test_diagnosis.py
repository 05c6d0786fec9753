import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.policy.diagnosis import Complaint, Facts, Stage, challenge_parameters, complaint, explain
from hel.records import Reply

LOG = "https://dev-1.okta.com/api/v1/logs"
TOKEN = "https://dev-1.okta.com/oauth2/v1/token"
SSWS = Facts(LOG, "bearer", prefix="SSWS")
APP = Facts(LOG, "oauth2", token_url=TOKEN)
DPOP_APP = Facts(LOG, "oauth2", token_url=TOKEN, dpop=True)
ADMIN = Facts(
    "https://dev-1-admin.okta.com/api/v1/logs", "oauth2", token_url="https://dev-1-admin.okta.com/oauth2/v1/token"
)


def reply(status: int, body: Any = None, *headers: tuple[str, str]) -> Reply:
    return Reply(status, headers, b"" if body is None else json.dumps(body).encode(), 0.0)


def challenge(text: str, status: int = 401, body: Any = None) -> Reply:
    return reply(status, body, ("www-authenticate", text))


NO_PROOF = {"error": "invalid_dpop_proof", "error_description": "The DPoP proof JWT header is missing."}
UNAUTHORIZED = {"errorCode": "E0000011", "errorSummary": "Invalid token provided"}

TROUBLESHOOTING = {
    "404 on token, Admin domain": (
        reply(404), Stage.TOKEN, ADMIN,
        ["use the API domain, not the Admin domain", "dev-1.okta.com instead of dev-1-admin.okta.com", "OKTA_DOMAIN"],
    ),
    "404 on the log, Admin domain": (
        reply(404), Stage.API, ADMIN, ["dev-1.okta.com instead of dev-1-admin.okta.com"],
    ),
    "404 on token, any domain": (
        reply(404), Stage.TOKEN, APP,
        ["https://dev-1.okta.com/.well-known/openid-configuration", "token_endpoint", "/oauth2/v1/token"],
    ),
    "proof missing while dpop is false": (
        reply(400, NO_PROOF), Stage.TOKEN, APP, ["set `dpop: true`", "hel.yaml", "Require DPoP header"],
    ),
    "proof missing on the log while dpop is false": (
        challenge('DPoP error="invalid_dpop_proof", error_description="proof missing"', body=UNAUTHORIZED),
        Stage.API, APP, ["set `dpop: true`", "Require DPoP header"],
    ),
    "proof of another URL": (
        challenge('DPoP error="invalid_dpop_proof", error_description="htu does not match"'),
        Stage.API, DPOP_APP, ["on dev-1.okta.com", "custom domain", "reverse proxy", "clock"],
    ),
    "other token error, unknown code": (
        reply(400, {"error": "unsupported_grant_type"}), Stage.TOKEN, APP,
        ["/oauth2/v1/token", "/oauth2/default/v1/token", "custom"],
    ),
    "other token error, client": (
        reply(401, {"error": "invalid_client"}), Stage.TOKEN, APP,
        ["client id", "Public key / Private key", "client_private_key_id", "/oauth2/v1/token"],
    ),
    "other token error, scope": (
        reply(400, {"error": "invalid_scope"}), Stage.TOKEN, APP, ['["okta.logs.read"]', "Okta API Scopes"],
    ),
    "other token error, refresh token": (
        reply(400, {"error": "invalid_grant"}), Stage.TOKEN, APP, ["refresh_token_file"],
    ),
    "403 on the log, app": (
        challenge('Bearer error="insufficient_scope"', 403), Stage.API, APP,
        ["okta.logs.read", "Okta API Scopes", "admin role", "Read-only Admin", "/oauth2/default"],
    ),
    "403 on the log, API token": (
        reply(403, {"errorCode": "E0000006"}), Stage.API, SSWS, ["admin role"],
    ),
    "401, SSWS": (reply(401, UNAUTHORIZED), Stage.API, SSWS, ["valid and not revoked"]),
    "401, another prefix": (
        reply(401, UNAUTHORIZED), Stage.API, Facts(LOG, "bearer", prefix="Bearer"),
        ["valid and not revoked", "prefix: SSWS", "'Bearer'"],
    ),
    "401, no auth": (reply(401, UNAUTHORIZED), Stage.API, Facts(LOG), ["`auth`"]),
    "401, app": (reply(401, UNAUTHORIZED), Stage.API, APP, ["/oauth2/v1/token", "dpop"]),
    "429": (reply(429), Stage.API, SSWS, ["Hel waits", "max_pages", "page_delay_secs"]),
    "400": (reply(400, {"errorCode": "E0000031"}), Stage.API, SSWS, ["`from`", "180 days"]),
    "redirect": (
        reply(302, None, ("location", "https://login.example/\x1b[31m")), Stage.API, SSWS, ["set `url`"],
    ),
    "500": (reply(500), Stage.API, SSWS, ["tries again by itself"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TROUBLESHOOTING)
def test_each_row_of_the_troubleshooting_table_is_recognised_and_answered_with_its_fix(name: str) -> None:
    answer, stage, facts, words = TROUBLESHOOTING[name]
    message, fix = explain(answer, stage, facts)
    assert [word for word in words if word not in fix] == []
    asked = facts.token_url if stage is Stage.TOKEN else facts.url
    assert message.startswith(f"the {stage.value} answered {answer.status}")
    assert f"for {asked}" in message
    assert fix[0].islower()
    assert not fix.endswith(".")
    assert message.isprintable()


def test_a_proof_refused_on_a_custom_domain_gets_a_clear_error() -> None:
    """Lesson 15, at the token server and at the API."""
    facts = Facts(
        "https://logs.corp.example/api/v1/logs",
        "oauth2",
        token_url="https://id.corp.example/oauth2/v1/token",
        dpop=True,
    )
    for stage, host in ((Stage.API, "logs.corp.example"), (Stage.TOKEN, "id.corp.example")):
        _, fix = explain(reply(400, {"error": "invalid_dpop_proof"}), stage, facts)
        assert f"on {host}:" in fix


def test_oauths_own_words_come_first_then_the_challenge_then_oktas_code() -> None:
    text = 'DPoP error="use_dpop_nonce", error_description="say \\"when\\""'
    assert complaint(challenge(text, body=UNAUTHORIZED)) == Complaint("use_dpop_nonce", 'say "when"')
    assert complaint(challenge(text, body={"error": "invalid_client"})) == Complaint("invalid_client", "")
    assert complaint(reply(401, UNAUTHORIZED)) == Complaint("E0000011", "Invalid token provided")


def test_a_400_shows_the_first_two_of_oktas_causes() -> None:
    causes = [{"errorSummary": f"limit: cause {number}"} for number in range(3)]
    body = {"errorCode": "E0000001", "errorSummary": "Api validation failed", "errorCauses": causes}
    assert complaint(reply(400, body)).text == "Api validation failed: limit: cause 0: limit: cause 1"
    assert complaint(reply(403, body)).text == "Api validation failed"
    odd_ones: list[Any] = [None, "text", 5, {}, [1, {}, {"errorSummary": 7}]]
    for odd in odd_ones:
        assert complaint(reply(400, body | {"errorCauses": odd})).text == "Api validation failed"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b'"text"', b"[" * 100_000, b"\xff\xfe"])
def test_a_body_that_says_nothing_is_no_complaint(body: bytes) -> None:
    assert str(complaint(Reply(400, (), body, 0.0))) == ""


def test_what_a_server_says_is_made_safe_for_a_terminal_and_cut() -> None:
    said = {"errorCode": "E1\r\nlevel=error", "errorSummary": "\x1b]0;owned\x07" + "x" * 5000}
    message, _ = explain(reply(400, said), Stage.API, SSWS)
    assert message.isprintable()
    assert len(message) < 800


def test_parameters_of_several_challenges_are_read() -> None:
    several = reply(
        401,
        None,
        ("www-authenticate", 'Bearer realm="a, b"'),
        ("www-authenticate", "DPoP algs=ES256, ERROR=invalid_token"),
    )
    assert challenge_parameters(several) == {"realm": "a, b", "algs": "ES256", "error": "invalid_token"}


@given(st.text(max_size=60), st.binary(max_size=60), st.integers(300, 599))
def test_no_answer_leaves_it_speechless(header: str, body: bytes, status: int) -> None:
    for stage in Stage:
        message, fix = explain(Reply(status, (("www-authenticate", header),), body, 0.0), stage, DPOP_APP)
        assert message.isprintable()
        assert fix


@pytest.mark.parametrize("status", [101, 300, 304])
def test_an_answer_that_leads_nowhere_is_no_redirect_to_speak_of(status: int) -> None:
    for stage, url in ((Stage.API, LOG), (Stage.TOKEN, TOKEN)):
        for headers in ((), (("location", ""),)):
            message, fix = explain(reply(status, None, *headers), stage, APP)
            assert message == f"the {stage.value} answered {status} for {url}"
            assert "what answers there" in fix


@pytest.mark.parametrize("behind", ["?ticket=hush", "#access_token=hush", "?a#hush", "#a?hush"])
def test_a_redirect_is_shown_without_what_may_be_a_secret_of_it(behind: str) -> None:
    for stage, key in ((Stage.API, "`url`"), (Stage.TOKEN, "`token_url`")):
        message, fix = explain(reply(302, None, ("location", f"https://login.example/sso{behind}")), stage, APP)
        assert message.endswith(": a redirect to https://login.example/sso, which is not followed")
        assert "hush" not in message + fix
        assert f"set {key} to the address" in fix


def test_a_403_for_the_rate_limit_gets_the_words_for_a_rate_limit_and_not_those_for_a_missing_role() -> None:
    for facts in (SSWS, APP):
        message, fix = explain(reply(403), Stage.API, facts, is_throttled=True)
        assert message.startswith("the API answered 403")
        assert "Hel waits for the limit's reset" in fix
        assert "admin role" not in fix
        assert "admin role" in explain(reply(403), Stage.API, facts)[1]
