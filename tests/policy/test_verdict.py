import json
from typing import Any

import pytest

from hel.errors import (
    AuthError,
    RefusedError,
    ReplyError,
    SourceError,
    ThrottledError,
    Trouble,
    UnreachableError,
)
from hel.policy.diagnosis import Facts, Stage
from hel.policy.verdict import TABLE, TAKE, Action, judge, judge_failure
from hel.records import Reply

FACTS = Facts("https://org.okta.com/api/v1/logs", "oauth2", token_url="https://org.okta.com/oauth2/v1/token")
GOOGLE = Facts(
    "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/admin",
    "google_service_account",
    token_url="https://oauth2.googleapis.com/token",
    subject="ann@example.com",
)

API_TABLE = [
    ((205, 206), Action.AGAIN, UnreachableError, True),
    ((300, 301, 302, 303, 304, 307, 308), Action.REFUSE, RefusedError, True),
    ((400, 404, 405, 406, 409, 410, 413, 414, 422, 431, 451), Action.REFUSE, RefusedError, True),
    ((401,), Action.RENEW, AuthError, True),
    ((403,), Action.REFUSE, AuthError, True),
    ((408, 425), Action.AGAIN, UnreachableError, True),
    ((429,), Action.AGAIN, ThrottledError, False),
    ((500, 502, 503, 504, 507, 520, 599), Action.AGAIN, UnreachableError, True),
    ((501, 505), Action.REFUSE, RefusedError, True),
]
TOKEN_TABLE = [
    ((206,), Action.AGAIN, UnreachableError, True),
    ((302, 400, 401, 403, 404, 501), Action.REFUSE, AuthError, True),
    ((408, 425, 500, 502, 503, 504), Action.AGAIN, UnreachableError, True),
    ((429,), Action.AGAIN, ThrottledError, False),
]
ROWS = [
    (stage, status, action, error, counts)
    for stage, table in ((Stage.API, API_TABLE), (Stage.TOKEN, TOKEN_TABLE))
    for statuses, action, error, counts in table
    for status in statuses
]


@pytest.mark.parametrize(("stage", "status", "action", "error", "counts"), ROWS)
def test_each_status_has_one_verdict(
    stage: Stage, status: int, action: Action, error: type[SourceError], counts: bool
) -> None:
    judged = judge(Reply(status, (), b"", 0.0), stage, FACTS)
    assert judged.error is not None
    assert (judged.action, type(judged.error), judged.error.counts) == (action, error, counts)
    assert str(status) in str(judged.error)
    assert judged.error.fix


@pytest.mark.parametrize("status", [200, 201, 203, 204])
def test_a_success_is_taken(status: int) -> None:
    assert judge(Reply(status, (), b"", 0.0), Stage.API, FACTS) is TAKE


NO_USE = [
    (UnreachableError, Action.AGAIN, ("dns", "connect", "tls", "reset", "cut", "timeout")),
    (UnreachableError, Action.REFUSE, ("certificate",)),
    (ReplyError, Action.AGAIN, ("damaged",)),
    (ReplyError, Action.REFUSE, ("coding", "too_large", "foreign", "astray")),
]


@pytest.mark.parametrize(
    ("kind", "action", "trouble"),
    [(kind, action, Trouble(name)) for kind, action, names in NO_USE for name in names],
)
def test_what_leaves_no_answer_of_use_has_one_verdict_and_counts(
    kind: type[UnreachableError | ReplyError], action: Action, trouble: Trouble
) -> None:
    error = kind("nothing came", trouble=trouble)
    judged = judge_failure(error)
    assert (judged.action, judged.error, error.counts) == (action, error, True)
    assert TABLE[trouble] == (action, kind)


def test_every_trouble_stands_in_the_table() -> None:
    assert set(TABLE) == set(Trouble)


WINDOW = (("x-ratelimit-limit", "5"), ("x-ratelimit-reset", "1800000000"))


@pytest.mark.parametrize(
    ("headers", "action"),
    [
        ((("retry-after", "60"),), Action.AGAIN),
        (
            (("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1800000000")),
            Action.AGAIN,
        ),
        (
            (("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1800000000")),
            Action.REFUSE,
        ),
    ],
)
def test_a_403_that_says_it_is_a_rate_limit_is_one(headers: tuple[tuple[str, str], ...], action: Action) -> None:
    judged = judge(Reply(403, headers, b"", 0.0), Stage.API, FACTS)
    assert judged.action is action
    assert isinstance(judged.error, ThrottledError if action is Action.AGAIN else AuthError)
    assert judge(Reply(403, headers, b"", 0.0), Stage.TOKEN, FACTS).action is Action.REFUSE


def refusal(status: int, reason: str, google_status: str = "") -> Reply:
    """A refusal of Google's, of the older form, or the newer one where it has a status."""
    error: dict[str, Any] = {"code": status, "message": "No.", "errors": [{"domain": "d", "reason": reason}]}
    return Reply(
        status, (), json.dumps({"error": error | ({"status": google_status} if google_status else {})}).encode(), 0.0
    )


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize(
    ("reason", "google_status"),
    [
        ("rateLimitExceeded", ""),
        ("userRateLimitExceeded", ""),
        ("quotaExceeded", "PERMISSION_DENIED"),
        ("other", "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_refusal_that_google_gives_for_a_quota_is_a_rate_limit(status: int, reason: str, google_status: str) -> None:
    judged = judge(refusal(status, reason, google_status), Stage.API, GOOGLE)
    assert judged.action is Action.AGAIN
    assert isinstance(judged.error, ThrottledError)
    assert not judged.error.counts
    assert "Hel waits for the limit's reset by itself" in judged.error.fix


@pytest.mark.parametrize("reason", ["forbidden", "notAuthorized", "accessNotConfigured", "insufficientPermissions", ""])
def test_any_other_403_of_googles_is_a_refusal_whose_fix_names_delegation(reason: str) -> None:
    judged = judge(refusal(403, reason, "PERMISSION_DENIED"), Stage.API, GOOGLE)
    assert judged.action is Action.REFUSE
    assert isinstance(judged.error, AuthError)
    assert "domain-wide delegation" in judged.error.fix


def test_a_503_that_names_no_quota_is_the_apis_trouble() -> None:
    judged = judge(refusal(503, "backendError", "UNAVAILABLE"), Stage.API, GOOGLE)
    assert judged.action is Action.AGAIN
    assert isinstance(judged.error, UnreachableError)
    assert "in trouble" in judged.error.fix


@pytest.mark.parametrize("status", [400, 404])
def test_no_other_refusal_becomes_a_rate_limit_by_its_words(status: int) -> None:
    judged = judge(refusal(status, "quotaExceeded"), Stage.API, GOOGLE)
    assert judged.action is Action.REFUSE


def test_a_token_servers_403_is_none_whatever_it_says() -> None:
    judged = judge(refusal(403, "quotaExceeded", "RESOURCE_EXHAUSTED"), Stage.TOKEN, GOOGLE)
    assert judged.action is Action.REFUSE


def test_a_status_decides_and_not_the_code_in_the_body() -> None:
    throttled = Reply(200, (), b'{"errorCode":"E0000047"}', 0.0)
    assert judge(throttled, Stage.API, FACTS) is TAKE
