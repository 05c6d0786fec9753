import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.policy.complaint import MAX_REFUSAL, Complaint, complaint, tells_of_limit
from hel.records import Reply

GOOGLE = {
    "error": {
        "code": 403,
        "message": "Reports API has not been used in project 1 before or it is disabled.",
        "errors": [{"message": "Reports API", "domain": "usageLimits", "reason": "accessNotConfigured"}],
        "status": "PERMISSION_DENIED",
    }
}
GOOGLE_OLD = {
    "error": {
        "errors": [
            None,
            {"domain": "usageLimits", "reason": "quotaExceeded", "message": "Too many concurrent requests."},
        ],
        "code": 403,
        "message": "Too many concurrent requests.",
    }
}
AUTH0 = {"statusCode": 401, "error": "Unauthorized", "message": "Bad audience: https://x/"}
CLOUDFLARE = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "result": None}
ATLASSIAN = {"errors": [{"status": "401", "code": "UNAUTHORIZED", "title": "Unauthorized", "detail": "No token"}]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            GOOGLE,
            Complaint("PERMISSION_DENIED", "Reports API has not been used in project 1 before or it is disabled."),
        ),
        ({"error": {"code": 401, "message": "Login Required."}}, Complaint("401", "Login Required.")),
        (GOOGLE_OLD, Complaint("quotaExceeded", "Too many concurrent requests.")),
        (AUTH0, Complaint("Unauthorized", "Bad audience: https://x/")),
        (CLOUDFLARE, Complaint("10000", "Authentication error")),
        (ATLASSIAN, Complaint("UNAUTHORIZED", "No token")),
        ({"message": "Bad credentials", "documentation_url": "https://docs"}, Complaint("", "Bad credentials")),
        ({"type": "about:blank", "title": "Forbidden", "detail": "No role"}, Complaint("", "No role")),
        ({"ok": False, "error": "invalid_auth"}, Complaint("invalid_auth", "")),
        ({"error": "invalid_grant", "error_description": "x", "message": "y"}, Complaint("invalid_grant", "x")),
    ],
    ids=[
        "Google",
        "Google, bare",
        "Google, old",
        "Auth0",
        "Cloudflare",
        "Atlassian",
        "GitHub",
        "RFC 9457",
        "Slack",
        "OAuth",
    ],
)
def test_the_usual_forms_of_an_error_are_read(body: Any, said: Complaint) -> None:
    assert complaint(Reply(403, (), json.dumps(body).encode(), 0.0)) == said


def test_a_challenge_stands_before_a_bare_message() -> None:
    challenge = ("www-authenticate", 'Bearer error="invalid_token", error_description="expired"')
    assert complaint(Reply(401, (challenge,), b'{"message": "no"}', 0.0)) == Complaint("invalid_token", "expired")


@pytest.mark.parametrize(
    ("error", "is_limit"),
    [
        ({"errors": [{"reason": "rateLimitExceeded"}]}, True),
        ({"errors": [{"reason": "forbidden"}, {"reason": "userRateLimitExceeded"}]}, True),
        ({"errors": [{"reason": "quotaExceeded"}], "status": "PERMISSION_DENIED"}, True),
        ({"status": "RESOURCE_EXHAUSTED"}, True),
        ({"errors": [{"reason": "accessNotConfigured"}], "status": "PERMISSION_DENIED"}, False),
        ({"errors": [{"reason": "forbidden", "message": "rateLimitExceeded"}]}, False),
        ({"message": "quotaExceeded"}, False),
        ({"errors": {"reason": "quotaExceeded"}}, False),
        ({"errors": ["quotaExceeded", {"reason": ["quotaExceeded"]}]}, False),
        ("quotaExceeded", False),
        (None, False),
    ],
)
def test_a_limit_is_known_by_googles_reason_or_status_alone(error: Any, *, is_limit: bool) -> None:
    assert tells_of_limit(Reply(403, (), json.dumps({"error": error}).encode(), 0.0)) is is_limit


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"[" * 60_000, b'{"error": {"status": "RESOURCE_EXHAUSTED"'])
def test_what_is_no_json_object_tells_of_no_limit(body: bytes) -> None:
    assert not tells_of_limit(Reply(403, (), body, 0.0))


def test_a_refusal_that_is_longer_than_any_is_not_read() -> None:
    body = json.dumps({"error": {"status": "RESOURCE_EXHAUSTED"}})
    assert tells_of_limit(Reply(403, (), body.ljust(MAX_REFUSAL).encode(), 0.0))
    assert not tells_of_limit(Reply(403, (), body.ljust(MAX_REFUSAL + 1).encode(), 0.0))


@given(
    st.dictionaries(
        st.sampled_from(["error", "errors", "errorCode", "message", "error_description", "detail", "title"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["code", "status", "message", "errors", "reason"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_body_can_break_it(body: dict[str, Any]) -> None:
    reply = Reply(400, (), json.dumps(body).encode(), 0.0)
    assert str(complaint(reply)).isprintable()
    assert tells_of_limit(reply) in {True, False}
