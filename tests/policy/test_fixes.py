"""The words for APIs that are not Okta's, by the way that one signs in to them."""

import json
from typing import Any

import pytest

from hel.policy.diagnosis import Facts, Stage, explain
from hel.records import Reply

URL = "https://api.example.com/audit"
OKTA_LOG = "https://dev-1.okta.com/api/v1/logs"
TOKEN = "https://id.example.com/oauth/token"
OKTAS_WORDS = ("okta", "ssws", "admin role", "require dpop", "/oauth2/v1/token", "180 days")

NONE = Facts(URL)
BEARER = Facts(URL, "bearer", prefix="Bearer")
KEY = Facts(URL, "api_key", header="X-Api-Key")
PREFIXED_KEY = Facts(URL, "api_key", header="Authorization", prefix="Token")
BASIC = Facts(URL, "basic")
APP = Facts(URL, "oauth2", token_url=TOKEN)
GOOGLE = Facts(URL, "google_service_account", token_url="https://oauth2.googleapis.com/token", subject="a@example.com")
NO_SUBJECT = Facts(URL, "google_service_account", token_url="https://oauth2.googleapis.com/token")
EVERY = {
    "none": NONE, "bearer": BEARER, "api_key": KEY, "basic": BASIC, "oauth2": APP, "google_service_account": GOOGLE,
}  # fmt: skip


def fix(status: int, facts: Facts, stage: Stage = Stage.API, body: Any = None, *headers: tuple[str, str]) -> str:
    return explain(Reply(status, headers, json.dumps(body or {}).encode(), 0.0), stage, facts)[1]


@pytest.mark.parametrize("facts", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 422, 429, 500])
def test_an_api_that_is_not_oktas_never_hears_of_okta(facts: Facts, stage: Stage, status: int) -> None:
    codes = ["", "invalid_client", "invalid_scope", "invalid_grant", "access_denied", "unauthorized_client", "dpop_x"]
    for code in codes:
        words = fix(status, facts, stage, {"error": code})
        assert [word for word in OKTAS_WORDS if word in words.lower()] == []
        assert words
        assert words[0].islower()
        assert not words.endswith(".")
        assert "{" not in words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (NONE, ["add an `auth` section"]),
        (BEARER, ["token", "not revoked", "`prefix`", "'Bearer'"]),
        (Facts(URL, "bearer"), ["`prefix`", "here none"]),
        (KEY, ["key", "not revoked", "`header`", "X-Api-Key", "here none"]),
        (PREFIXED_KEY, ["Authorization", "'Token'"]),
        (BASIC, ["user name and password", "`username_env` without a password"]),
        (APP, ["`token_url`", "`audience`", "`scopes`", "refused a fresh token"]),
        (GOOGLE, ["`scopes`", "let `subject` be the address of an administrator"]),
        (NO_SUBJECT, ["`scopes`", "set `subject` to the address of an administrator"]),
    ],
)
def test_a_401_is_answered_by_the_way_that_one_signs_in(facts: Facts, words: list[str]) -> None:
    assert [word for word in words if word not in fix(401, facts)] == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (NONE, ["add an `auth` section"]),
        (BEARER, ["give the token, or its owner, the right to read this log"]),
        (KEY, ["give the key, or its owner, the right to read this log"]),
        (BASIC, ["give the user, or the key, the right to read this log"]),
        (APP, ["give the app the right to read this log", "`scopes`"]),
        (GOOGLE, ["enable the API", "`scopes`", "`subject`"]),
    ],
)
def test_a_403_is_answered_by_the_way_that_one_signs_in(facts: Facts, words: list[str]) -> None:
    assert [word for word in words if word not in fix(403, facts)] == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "invalid_client", ["client id", "`client_auth: basic`", "`post`"]),
        (403, "unauthorized_client", ["grant", "client credentials"]),
        (400, "unsupported_grant_type", ["`token_url`", "client credentials"]),
        (400, "invalid_scope", ["`scopes`"]),
        (403, "access_denied", ["`audience`", "`scopes`"]),
        (401, "access_denied", ["client id", "client_auth"]),
        (400, "invalid_grant", ["refresh_token_file"]),
        (400, "invalid_target", ["`audience`", "`resource`"]),
        (400, "invalid_request", ["`token_url`", "`scopes`", "`audience`", "`extra_params`"]),
        (404, "", ["`token_url`", "https://id.example.com/.well-known/openid-configuration"]),
        (404, "Not Found", ["`token_url`"]),
        (429, "too_many", ["Hel waits and tries again"]),
    ],
)
def test_a_token_servers_refusal_has_its_fix(status: int, code: str, words: list[str]) -> None:
    assert [word for word in words if word not in fix(status, APP, Stage.TOKEN, {"error": code})] == []


def test_dpop_is_asked_for_without_a_word_of_oktas_console() -> None:
    proof = {"error": "invalid_dpop_proof"}
    assert fix(400, APP, Stage.TOKEN, proof) == "set `dpop: true` under `auth` in hel.yaml"
    assert "use `auth.type: oauth2` with `dpop: true`" in fix(401, KEY, Stage.API, proof)


def test_a_host_that_ends_in_admin_is_no_admin_domain_but_oktas() -> None:
    facts = Facts("https://my-admin.example.com/audit", "api_key", header="X-Api-Key")
    assert fix(404, facts) == "check `url`: the domain and the path"
    assert "my.okta.com instead of" in fix(404, Facts("https://my-admin.okta.com/api/v1/logs", "bearer"))


@pytest.mark.parametrize(
    ("facts", "is_okta"),
    [
        (Facts(OKTA_LOG), True),
        (Facts(OKTA_LOG, "bearer", prefix="Bearer"), True),
        (Facts("https://logs.corp.example/api/v1/logs/", "oauth2", token_url=TOKEN), True),
        (Facts(URL, "bearer", prefix="SSWS"), True),
        (Facts(URL, "api_key", prefix="SSWS", header="Authorization"), True),
        (Facts(OKTA_LOG, "api_key", header="X-Api-Key"), False),  # ways that Okta does not take
        (Facts(OKTA_LOG, "basic"), False),
        (Facts(OKTA_LOG, "google_service_account"), False),
        (Facts("https://api.example.com/api/v1/logs/x", "bearer"), False),
        (APP, False),
    ],
)
def test_okta_is_known_by_its_prefix_or_its_logs_path(facts: Facts, is_okta: bool) -> None:
    assert facts.is_okta is is_okta


def test_the_configurations_own_braces_are_no_placeholders() -> None:
    assert "'{subject}'" in fix(401, Facts(URL, "bearer", prefix="{subject}"))
