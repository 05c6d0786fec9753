from collections.abc import Callable

import pytest

from tests.okta_org.visitor import LOGS, Visitor

Visit = Callable[..., Visitor]


def test_an_api_token_reads_the_log_and_a_wrong_one_does_not(visitor: Visitor) -> None:
    assert visitor.logs("limit=1").status_code == 200
    refused = visitor.logs("limit=1", authorization="SSWS wrong")
    assert (refused.status_code, refused.json()["errorCode"]) == (401, "E0000011")


def test_an_api_token_needs_its_own_scheme(visitor: Visitor) -> None:
    assert visitor.logs("limit=1", authorization=f"Bearer {visitor.org.api_token}").status_code == 401


def test_without_a_credential_there_is_no_session(visitor: Visitor) -> None:
    reply = visitor.http.get(visitor.url(LOGS))
    assert (reply.status_code, reply.json()["errorCode"]) == (403, "E0000005")


@pytest.mark.parametrize("lack", [{"admin_role": False}, {"granted_scopes": ()}])
def test_without_an_admin_role_or_the_scope_a_good_token_gets_403(visit: Visit, lack: dict[str, object]) -> None:
    visitor = visit(**lack)
    reply = visitor.logs_by_token(visitor.token())
    assert (reply.status_code, reply.json()["errorCode"]) == (403, "E0000006")


def test_a_token_for_another_scope_gets_403(visit: Visit) -> None:
    visitor = visit(dpop="off")
    token = visitor.ask_token(proof=None, scope="okta.users.read").json()["access_token"]
    reply = visitor.logs_by_token(token, scheme="Bearer", proof=None)
    assert (reply.status_code, reply.json()["errorCode"]) == (403, "E0000006")
    assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]


def test_a_revoked_and_an_expired_token_get_401(visitor: Visitor) -> None:
    token = visitor.token()
    visitor.org.clock_skew_s = 3601
    assert visitor.logs_by_token(token).json()["errorCode"] == "E0000011"
    fresh = visitor.token()
    visitor.org.revoke_tokens()
    assert visitor.logs_by_token(fresh).status_code == 401


def test_two_authorization_headers_are_refused_and_noted(visitor: Visitor) -> None:
    pair = ("authorization", f"SSWS {visitor.org.api_token}")
    assert visitor.http.get(visitor.url(LOGS), headers=[pair, pair]).status_code == 401
    assert visitor.rules_broken() == ["more than one Authorization header"]


@pytest.mark.parametrize("path", ["//api/v1/logs", "/api/{version}/logs"])
def test_a_path_with_a_double_slash_or_a_template_is_refused_and_noted(visitor: Visitor, path: str) -> None:
    assert visitor.http.get(visitor.server.url + path).status_code == 404
    assert visitor.rules_broken() == ["the path holds `//` or a template"]
