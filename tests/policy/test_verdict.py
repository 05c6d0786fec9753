import pytest

from hel.errors import AuthError, RefusedError, SourceError, ThrottledError, UnreachableError
from hel.policy.diagnosis import Facts, Stage
from hel.policy.verdict import TAKE, Action, judge, judge_failure
from hel.records import Reply

FACTS = Facts("https://org.okta.com/api/v1/logs", "oauth2", token_url="https://org.okta.com/oauth2/v1/token")

API_TABLE = [
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
    assert (judged.action, type(judged.error), judged.counts) == (action, error, counts)
    assert str(status) in str(judged.error)
    assert judged.error is not None
    assert judged.error.fix


@pytest.mark.parametrize("status", [200, 201, 204, 206])
def test_a_success_is_taken(status: int) -> None:
    assert judge(Reply(status, (), b"", 0.0), Stage.API, FACTS) is TAKE


@pytest.mark.parametrize("kind", ["dns", "connect", "timeout", "reset"])
def test_no_answer_is_asked_for_again_and_counts(kind: str) -> None:
    error = UnreachableError("nothing came", kind=kind)
    judged = judge_failure(error)
    assert (judged.action, judged.error, judged.counts) == (Action.AGAIN, error, True)


def test_a_certificate_that_cant_be_trusted_is_not_asked_again() -> None:
    assert judge_failure(UnreachableError("a stranger", kind="tls")).action is Action.REFUSE


def test_a_status_decides_and_not_the_code_in_the_body() -> None:
    throttled = Reply(200, (), b'{"errorCode":"E0000047"}', 0.0)
    assert judge(throttled, Stage.API, FACTS) is TAKE
