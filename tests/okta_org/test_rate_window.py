from collections.abc import Callable
from email.utils import parsedate_to_datetime

from examples.okta_org import Fault
from tests.okta_org.visitor import TOKEN, Visitor

Visit = Callable[..., Visitor]


def test_every_answer_shows_limit_remaining_and_reset(visit: Visit) -> None:
    visitor = visit(rate_limit=10)
    for number, reply in enumerate([visitor.logs(), visitor.logs("limit=x"), visitor.logs(authorization="SSWS x")]):
        assert reply.headers["x-rate-limit-limit"] == "10"
        assert reply.headers["x-rate-limit-remaining"] == str(9 - number)
        assert 0 < int(reply.headers["x-rate-limit-reset"]) - visitor.org.now() <= 61


def test_one_request_too_many_is_a_429_without_retry_after_and_noted(visit: Visit) -> None:
    visitor = visit(rate_limit=1)
    visitor.logs("limit=1")
    reply = visitor.logs("limit=1")
    assert (reply.status_code, reply.json()["errorCode"]) == (429, "E0000047")
    assert "retry-after" not in reply.headers
    assert reply.headers["x-rate-limit-remaining"] == "0"
    assert visitor.rules_broken() == ["asked beyond the rate limit"]


def test_the_window_starts_anew_at_its_reset_by_the_orgs_clock(visit: Visit) -> None:
    visitor = visit(rate_limit=1)
    reset_at = int(visitor.logs("limit=1").headers["x-rate-limit-reset"])
    visitor.org.clock_skew_s = reset_at - visitor.org.now()
    assert visitor.logs("limit=1").status_code == 200


def test_each_endpoint_has_its_own_window_and_others_may_use_it_up(visit: Visit) -> None:
    visitor = visit(rate_limit=5)
    visitor.org.spend(5)
    assert visitor.logs("limit=1").status_code == 429
    assert visitor.http.get(visitor.url(TOKEN)).headers["x-rate-limit-remaining"] == "4"


def test_date_is_by_the_orgs_clock(visit: Visit) -> None:
    visitor = visit(clock_skew_s=-500)
    before = visitor.org.now()
    (date,) = visitor.logs("limit=1").headers.get_list("date")
    assert before - 1 < parsedate_to_datetime(date).timestamp() <= visitor.org.now()


def test_asking_again_before_retry_after_has_passed_is_noted(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", status=503, headers={"Retry-After": "100"}))
    assert visitor.logs("limit=1").headers["retry-after"] == "100"
    visitor.logs("limit=1")
    assert visitor.rules_broken()[0].endswith("s before Retry-After had passed")


def test_asking_again_after_retry_after_is_not_noted(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", status=503, headers={"Retry-After": "100"}))
    visitor.logs("limit=1")
    visitor.org.clock_skew_s = 100
    visitor.logs("limit=1")
    assert visitor.rules_broken() == []
