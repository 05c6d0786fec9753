import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.policy.rate_headers import HeaderNames
from hel.policy.retry import Backoff, asked_wait_s
from hel.records import Reply

NOW = 1_777_636_800.0
DATE = ("date", "Fri, 01 May 2026 12:00:00 GMT")


def refusal(status: int, *headers: tuple[str, str], received_at: float = NOW) -> Reply:
    return Reply(status, headers, b"", received_at)


def window(remaining: int, reset: float, limit: int = 60) -> tuple[tuple[str, str], ...]:
    return (
        ("x-rate-limit-limit", str(limit)),
        ("x-rate-limit-remaining", str(remaining)),
        ("x-rate-limit-reset", str(int(reset))),
    )


@given(
    initial=st.floats(0, 600),
    extra=st.floats(0, 600),
    multiplier=st.floats(1, 100),
    tries=st.integers(1, 1000),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_backoff_lies_between_the_initial_and_the_longest_wait(
    initial: float, extra: float, multiplier: float, tries: int, draw: float
) -> None:
    backoff = Backoff(initial, initial + extra, multiplier)
    assert initial <= backoff.wait_s(tries, draw) <= initial + extra


def test_the_upper_end_grows_by_the_multiplier_until_it_meets_the_longest_wait() -> None:
    backoff = Backoff(initial_s=2, max_s=60, multiplier=2)
    assert [backoff.wait_s(tries, 1.0) for tries in (1, 2, 3, 4, 5, 6)] == [4, 8, 16, 32, 60, 60]
    assert {backoff.wait_s(tries, 0.0) for tries in range(1, 7)} == {2}


def test_retry_after_is_never_undercut_on_any_refusal_for_load() -> None:
    """Lesson 31, as seconds and as a date, on 429 and 503."""
    for status in (429, 503):
        assert asked_wait_s(refusal(status, DATE, ("retry-after", "120")), max_wait_s=60) == 120
        dated = refusal(status, DATE, ("retry-after", "Fri, 01 May 2026 12:02:30 GMT"))
        assert asked_wait_s(dated, max_wait_s=60) == 150


def test_a_retry_after_date_is_judged_against_the_answers_own_date_under_skew() -> None:
    for skew in (-90, 90):
        reply = refusal(429, DATE, ("retry-after", "Fri, 01 May 2026 12:00:30 GMT"), received_at=NOW + skew)
        assert asked_wait_s(reply, max_wait_s=900) == 30


def test_retry_after_wins_over_the_reset_headers() -> None:
    reply = refusal(429, DATE, ("retry-after", "5"), *window(0, NOW + 40))
    assert asked_wait_s(reply, max_wait_s=900) == 5


def test_a_429_waits_for_the_reset_and_a_second_more() -> None:
    assert asked_wait_s(refusal(429, DATE, *window(0, NOW + 40)), max_wait_s=900) == 41


@given(reset=st.integers(0, 10**15 - 1), skew=st.floats(-90, 90))
def test_a_reset_in_the_past_far_ahead_or_under_skew_gives_a_wait_that_is_never_negative_and_is_capped(
    reset: int, skew: float
) -> None:
    """Lesson 23."""
    for headers in (window(0, reset), (DATE, *window(0, reset))):
        wait = asked_wait_s(refusal(429, *headers, received_at=NOW + skew), max_wait_s=900)
        assert wait is not None
        assert 1 <= wait <= 900


def test_a_concurrency_limit_is_left_to_the_backoff() -> None:
    assert asked_wait_s(refusal(429, DATE, *window(0, NOW + 40, limit=0)), max_wait_s=900) is None


def test_a_server_in_trouble_that_asks_for_nothing_is_left_to_the_backoff() -> None:
    assert asked_wait_s(refusal(503, DATE, *window(0, NOW + 40)), max_wait_s=900) is None
    assert asked_wait_s(refusal(429, DATE), max_wait_s=900) is None


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 408, 425, 429, 500, 503])
def test_retry_after_is_heeded_on_every_refusal(status: int) -> None:
    assert asked_wait_s(refusal(status, DATE, ("retry-after", "7")), max_wait_s=900) == 7
    assert asked_wait_s(refusal(status, DATE, ("retry-after", "7"), *window(0, NOW + 40)), max_wait_s=900) == 7


def test_a_403_waits_for_the_reset_where_nothing_is_left_and_for_nothing_else() -> None:
    assert asked_wait_s(refusal(403, DATE, *window(0, NOW + 40)), max_wait_s=900) == 41
    assert asked_wait_s(refusal(403, DATE, *window(1, NOW + 40)), max_wait_s=900) is None
    assert asked_wait_s(refusal(403, DATE, *window(0, NOW + 40, limit=0)), max_wait_s=900) is None
    assert asked_wait_s(refusal(403, DATE), max_wait_s=900) is None


def test_a_429_waits_for_the_reset_whatever_is_said_to_be_left() -> None:
    """The bucket is shared: another client may have emptied it in between."""
    assert asked_wait_s(refusal(429, DATE, *window(3, NOW + 40)), max_wait_s=900) == 41


@pytest.mark.parametrize("status", [400, 401, 404, 408, 425, 500, 502, 503])
def test_a_reset_says_nothing_to_a_refusal_that_is_no_rate_limits(status: int) -> None:
    assert asked_wait_s(refusal(status, DATE, *window(0, NOW + 40)), max_wait_s=900) is None


def test_a_reset_is_capped_and_a_retry_after_is_not() -> None:
    assert asked_wait_s(refusal(429, DATE, *window(0, NOW + 5000)), max_wait_s=900) == 900
    assert asked_wait_s(refusal(429, DATE, *window(0, NOW + 40)), max_wait_s=0) == 0
    assert asked_wait_s(refusal(429, DATE, ("retry-after", "5000"), *window(0, NOW + 40)), max_wait_s=900) == 5000


def test_a_reset_in_seconds_and_under_a_name_of_its_own_is_waited_out() -> None:
    own = HeaderNames(("quota",), ("left",), ("resets-in",))
    headers = (("quota", "60"), ("left", "0"), ("resets-in", "40"))
    assert asked_wait_s(refusal(429, *headers), 900, own) == 41
    assert asked_wait_s(refusal(429, *headers), 900) is None
    assert asked_wait_s(refusal(429, *window(0, 40)), 900) == 41
