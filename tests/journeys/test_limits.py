"""What an API allows, kept by the real program: no 429 is provoked, and nothing is asked before its time."""

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import OAUTH2, QUICK, SSWS, Workshop, source, stop, until

Opening = Callable[..., Workshop]

LOG = "/api/v1/logs"
TOKEN = "/oauth2/v1/token"
REFUSED = {429, 503}


def statuses(workshop: Workshop, path: str = LOG) -> list[int]:
    return [request.status for request in workshop.org.ledger.requests if request.path == path]


def times(workshop: Workshop, path: str = LOG) -> list[float]:
    return [request.at for request in workshop.org.ledger.requests if request.path == path]


def limited(**rate_limit: Any) -> dict[str, Any]:
    return QUICK | {"rate_limit": {"page_delay_secs": 0, **rate_limit}}


@pytest.mark.parametrize("auth", [SSWS, OAUTH2], ids=["ssws", "oauth2"])
def test_ten_sources_on_an_org_that_allows_sixty_requests_never_provoke_a_429(
    open_workshop: Opening, auth: dict[str, Any]
) -> None:
    """A window of three seconds instead of a minute; ten times more is wanted than it allows."""
    workshop = open_workshop(events=6000, rate_limit=60, window_s=3)
    sources = {
        f"okta-{number}": source(auth, query_params={"limit": "10"}, schedule={"interval_secs": 0.05, "jitter_secs": 0})
        for number in range(10)
    }
    workshop.configure(sources)
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(statuses(workshop)) > 150)
    ended = stop(process)
    assert ended.code == 0
    assert set(statuses(workshop)) == {200}
    assert not workshop.org.ledger.violations
    assert ended.logged("limit.paused"), "the limit was reached"
    assert ended.logged("request.retried") == []


def test_what_is_left_to_others_is_left_and_somebody_elses_use_is_noticed(open_workshop: Opening) -> None:
    workshop = open_workshop(events=300, rate_limit=20, window_s=3)
    workshop.configure({"okta-audit": source(SSWS, query_params={"limit": "10"}, resilience=limited(reserve=12))})
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(statuses(workshop)) >= 8)
    workshop.org.spend(12)
    until(lambda: len(workshop.written()) == 300)
    stop(process)
    assert set(statuses(workshop)) == {200}


def test_a_set_rate_is_kept_with_its_burst(open_workshop: Opening) -> None:
    workshop = open_workshop(events=60)
    resilience = limited(max_requests_per_second=2, burst=3)
    workshop.configure({"okta-audit": source(SSWS, query_params={"limit": "10"}, resilience=resilience)})
    assert workshop.hel("run", "--once").code == 0
    at = times(workshop)
    assert len(at) == 7
    assert at[-1] - at[0] > (7 - 3) / 2 * 0.8, "the first one was sent before it connected, and so came late"


@pytest.mark.parametrize("status", sorted(REFUSED))
@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_lesson_31_retry_after_is_never_undercut_and_said(workshop: Workshop, status: int, as_date: bool) -> None:
    until_at = int(time.time()) + 6
    value = formatdate(until_at, usegmt=True) if as_date else "2"
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="status", status=status, headers={"retry-after": value}, skip=1))
    ended = workshop.hel("run", "--once")
    assert ended.code == 0
    assert not workshop.org.ledger.violations
    (retried,) = ended.logged("request.retried")
    asked = times(workshop)
    assert asked[2] >= until_at - 0.1 if as_date else asked[2] - asked[1] >= 1.9
    assert retried["until"] > retried["timestamp"]


def test_a_retry_after_beyond_what_may_be_waited_ends_the_tick_and_says_until_when(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, resilience=limited(max_wait_secs=1))}, log_level="debug")
    workshop.org.fault(Fault(kind="status", status=503, headers={"retry-after": "4"}))
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    ended = stop(process)
    failed = ended.logged("tick.failed")
    assert "answered 503" in failed[0]["because"]
    assert "asks to be left alone until 20" in failed[0]["because"]
    assert all("asked to be left alone until 20" in line["because"] for line in failed[1:])
    assert len(failed) > 3
    assert not workshop.org.ledger.violations


def test_a_refusal_for_good_that_names_a_time_is_not_asked_again_before_it(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="status", status=400, headers={"retry-after": "2"}))
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    assert stop(process).code == 0
    assert not workshop.org.ledger.violations


def test_a_concurrency_429_is_waited_out_by_backoff_and_not_by_its_reset(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="concurrency_429", skip=1, seconds=600))
    started = time.monotonic()
    ended = workshop.hel("run", "--once")
    assert (ended.code, time.monotonic() - started < 20) == (0, True)
    assert ended.logged("request.retried")[0]["wait_s"] <= 0.1


WINDOW = ("limit", "remaining", "reset")


def window(prefix: str, *values: str) -> dict[str, str | list[str] | None]:
    headers: dict[str, str | list[str] | None] = {f"x-rate-limit-{name}": None for name in WINDOW}
    headers.update({f"{prefix}{name}": value for name, value in zip(WINDOW, values, strict=True)})
    return headers


@pytest.mark.parametrize("prefix", ["X-RateLimit-", "X-Rate-Limit-", "Requests-"])
@pytest.mark.parametrize("relative", [False, True], ids=["epoch", "from now"])
def test_either_spelling_or_names_that_are_given_tell_of_the_window(
    workshop: Workshop, prefix: str, relative: bool
) -> None:
    given = {"headers": {name: f"{prefix}{name}" for name in WINDOW}} if prefix == "Requests-" else {}
    workshop.configure({"okta-audit": source(SSWS, resilience=limited(**given))})
    reset_at = int(time.time()) + 6  # Hel takes a part of that to start
    reset = "2" if relative else str(reset_at)
    workshop.org.fault(Fault(kind="headers", headers=window(prefix.lower(), "60", "0", reset)))
    ended = workshop.hel("run", "--once")
    assert ended.code == 0
    assert [line["wait_s"] > 1 for line in ended.logged("limit.paused")] == [True]
    asked = times(workshop)
    assert asked[1] - asked[0] > 1.5 if relative else asked[1] >= reset_at - 0.1


@pytest.mark.parametrize(
    "values",
    [
        ("60", "x", "soon"),
        ("", "", ""),
        ("60", "0", ""),
        ("-1", "-1", "-1"),
        ("60", "9" * 400, "1"),
        ("6,60", "٣", "0"),
    ],
)
def test_lesson_22_rate_headers_that_are_absent_or_malformed_do_no_harm(
    workshop: Workshop, values: tuple[str, ...]
) -> None:
    usable = tuple(value.encode("utf-8").decode("latin-1") for value in values)
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="headers", headers=window("x-rate-limit-", *usable), times=3))
    ended = workshop.hel("run", "--once")
    assert (ended.code, len(ended.uuids)) == (0, 1200), ended.err


@pytest.mark.parametrize("skew_s", [-90.0, 0.0, 90.0])
@pytest.mark.parametrize(("reset_in_s", "at_most_s"), [(-3600, 3), (2, 5), (86_400, 4)])
def test_lesson_23_a_reset_is_judged_by_the_servers_own_clock_is_never_negative_and_is_capped(
    open_workshop: Opening, skew_s: float, reset_in_s: float, at_most_s: float
) -> None:
    workshop = open_workshop(clock_skew_s=skew_s)
    workshop.configure({"okta-audit": source(SSWS, resilience=limited(max_wait_secs=2))})
    reset = str(int(workshop.org.now() + reset_in_s + (1 if reset_in_s > 0 else 0)))
    workshop.org.fault(Fault(kind="status", status=429, headers=window("x-rate-limit-", "60", "0", reset), skip=1))
    ended = workshop.hel("run", "--once")
    assert ended.code == 0 or reset_in_s == 2, ended.err
    if ended.code == 0:
        asked = times(workshop)
        assert asked[2] >= min(int(reset), asked[1] + 2) - 0.1, "at the reset, or when all that may be waited is over"
        assert asked[2] - asked[1] <= at_most_s + 3


def test_lesson_17_a_nonce_on_a_429_is_learned_and_a_stale_one_costs_one_more_send(open_workshop: Opening) -> None:
    workshop = open_workshop(resource_nonces=True)
    workshop.org.fault(Fault(kind="status", status=429, headers={"retry-after": "0"}, skip=2))
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    assert statuses(workshop).count(401) == 1, "the first challenge"
    for _ in range(2):  # the second rotation makes the one that Hel knows too old
        workshop.org.rotate_nonces()
    workshop.org.log.append(10)
    until(lambda: len(workshop.written()) == 1210)
    assert stop(process).code == 0
    assert statuses(workshop).count(401) <= 2
    assert not [rule for rule in workshop.org.ledger.violations if "DPoP" in rule]


@pytest.fixture
def crowd(open_workshop: Opening) -> Workshop:
    """Eight sources that sign in alike."""
    workshop = open_workshop(nonces=False, events=20)
    quick = QUICK | {"retries": {"max_attempts": 3, "initial_backoff_secs": 0.3, "max_backoff_secs": 1}}
    quick |= {"circuit_breaker": {"enabled": False}}
    workshop.configure({f"okta-{number}": source(OAUTH2, resilience=quick) for number in range(8)})
    return workshop


def test_sources_that_sign_in_alike_share_one_token(crowd: Workshop) -> None:
    ended = crowd.hel("run", "--once")
    assert (ended.code, len(ended.lines)) == (0, 160), ended.err
    assert statuses(crowd, TOKEN) == [200]
    assert len(ended.logged("token.minted")) == 1


@pytest.mark.parametrize("fault", ["reset", "status", "echo"])
def test_a_token_server_that_is_down_or_refuses_is_asked_by_one_at_a_time_and_never_in_a_storm(
    crowd: Workshop, fault: Any
) -> None:
    """Eight sources a fifth of a second apart for four seconds would be 160 requests, and 480 with their retries."""
    crowd.org.fault(Fault(kind=fault, path=TOKEN, times=1000, status=400 if fault == "echo" else 0))
    process = crowd.start("run", "-o", "events.ndjson")
    until(lambda: len(statuses(crowd, TOKEN)) >= 4)
    first = time.monotonic()
    until(lambda: time.monotonic() - first > 4)
    asked = len(statuses(crowd, TOKEN))
    assert asked < 40, "three attempts, then a pause of a second at most, and again"
    crowd.org.faults.clear()
    until(lambda: len(crowd.written()) == 160)
    assert stop(process).code == 0
    assert statuses(crowd, TOKEN)[-1] == 200
    assert len(statuses(crowd, TOKEN)) < asked + 5
    assert not crowd.org.ledger.violations, "each attempt had an assertion and a proof of its own"
