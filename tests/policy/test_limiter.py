import heapq
import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hel.policy.limiter import ASK_AGAIN_S, Limiter
from hel.policy.rate_headers import RateReading


def reading(remaining: int, reset_in_s: float, *, limit: int = 60, now: float = 0.0) -> RateReading:
    return RateReading(limit, remaining, now + reset_in_s, reset_in_s)


def told(remaining: int, reset_in_s: float, *, limit: int = 60, max_wait_s: float = 900) -> Limiter:
    limiter = Limiter(max_wait_s)
    limiter.sent()
    limiter.answered(reading(remaining, reset_in_s, limit=limit), now=0)
    return limiter


def test_remaining_zero_pauses_before_the_next_request_until_the_reset_and_a_second_more() -> None:
    """Lesson 24."""
    limiter = told(remaining=0, reset_in_s=30)
    assert limiter.delay(0) == 31
    assert limiter.delay(30.5) == 0.5
    assert limiter.delay(31) == 0.0


def test_requests_in_flight_count_against_what_remains() -> None:
    limiter = told(remaining=2, reset_in_s=30)
    for _ in range(2):
        assert limiter.delay(1) == 0.0
        limiter.sent()
    assert limiter.delay(1) == 30


def test_a_reserve_is_left_to_others() -> None:
    limiter = Limiter(max_wait_s=900, reserve=5)
    limiter.sent()
    limiter.answered(reading(6, 30), now=0)
    assert limiter.delay(0) == 0.0
    limiter.sent()
    limiter.answered(reading(5, 30), now=0)
    assert limiter.delay(0) == 31


@pytest.mark.parametrize(("limit", "reserve"), [(1, 1), (5, 5), (5, 100)])
def test_a_reserve_as_large_as_the_window_leaves_one_request_of_each(limit: int, reserve: int) -> None:
    limiter = Limiter(max_wait_s=900, reserve=reserve)
    sent_at = []
    for now in range(180):
        if limiter.delay(now) == 0.0:
            limiter.sent()
            sent_at.append(now)
            limiter.answered(reading(limit - 1, 60 - now % 60, limit=limit, now=now), now)
    assert [now // 60 for now in sent_at] == [0, 1, 2]


def test_a_request_that_was_withdrawn_gives_its_place_back_and_one_that_was_lost_does_not() -> None:
    limiter = told(remaining=1, reset_in_s=30)
    limiter.sent()
    assert limiter.delay(1) > 0
    limiter.withdrawn()
    assert limiter.delay(1) == 0.0
    limiter.sent()
    limiter.lost()
    assert limiter.delay(1) > 0


def test_while_nothing_is_known_one_request_goes_ahead_of_the_others() -> None:
    limiter = Limiter(max_wait_s=900)
    assert limiter.delay(0) == 0.0
    limiter.sent()
    assert limiter.delay(0) == ASK_AGAIN_S
    limiter.answered(None, now=1)
    assert limiter.delay(1) == 0.0
    limiter.sent()
    assert limiter.delay(1) == 0.0


def test_those_who_waited_for_the_reset_do_not_all_go_at_once() -> None:
    limiter = told(remaining=0, reset_in_s=10, limit=3)
    passed = 0
    while limiter.delay(11) == 0.0 and passed < 20:
        limiter.sent()
        passed += 1
    assert passed == 3


def test_where_no_answer_comes_one_request_at_a_time_tries() -> None:
    for limiter, start in ((Limiter(max_wait_s=900), 0), (told(remaining=0, reset_in_s=10, limit=2), 11)):
        for now in range(start, start + 20):
            assert limiter.delay(now) == 0.0
            limiter.sent()
            limiter.lost()
        limiter.sent()
        assert limiter.delay(start + 20) == ASK_AGAIN_S


def test_answers_that_overtake_each_other_do_not_give_a_place_back() -> None:
    limiter = told(remaining=5, reset_in_s=30)
    limiter.sent()
    limiter.sent()
    limiter.answered(reading(1, 30), now=0)
    limiter.answered(reading(2, 30), now=0)
    limiter.sent()
    assert limiter.delay(0) > 0


def test_a_late_answer_from_the_window_before_is_no_news() -> None:
    limiter = told(remaining=0, reset_in_s=10, limit=2)
    assert limiter.delay(11) == 0.0
    for _ in range(2):
        limiter.sent()
    limiter.answered(reading(0, 60, limit=2, now=11), now=11)
    limiter.answered(reading(2, 10, limit=2), now=11)
    assert limiter.delay(11) > 30


def test_a_concurrency_limits_zeros_say_nothing_about_the_window() -> None:
    limiter = told(remaining=5, reset_in_s=30)
    limiter.sent()
    limiter.answered(RateReading(0, 0, 1e9, 1e9), now=0)
    assert limiter.delay(0) == 0.0


@pytest.mark.parametrize(("reset_in_s", "wait_s"), [(-100, 1), (0, 1), (30, 31), (10**12, 900)])
def test_a_reset_in_the_past_or_far_ahead_is_waited_out_within_bounds(reset_in_s: float, wait_s: float) -> None:
    """Lesson 23."""
    assert told(remaining=0, reset_in_s=reset_in_s).delay(0) == wait_s


def test_a_reset_that_was_not_believed_does_not_outlast_its_correction() -> None:
    limiter = told(remaining=0, reset_in_s=10**12)
    limiter.sent()
    limiter.answered(reading(7, 30, now=1), now=1)
    assert limiter.delay(1) == 0.0


def test_a_hold_is_never_shortened() -> None:
    limiter = told(remaining=50, reset_in_s=30)
    limiter.hold(20)
    limiter.hold(5)
    assert limiter.delay(4) == 16
    assert limiter.delay(20) == 0.0


class Org:
    """A window of a minute that counts what it serves, and what it must refuse."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used: dict[int, int] = {}
        self.served = 0
        self.refused = 0

    def serve(self, now: float) -> RateReading:
        window = int(now // 60)
        used = self._used[window] = self._used.get(window, 0) + 1
        self.served += 1
        self.refused += used > self._limit
        reset = (window + 1) * 60
        return RateReading(self._limit, max(0, self._limit - used), reset, reset - int(now))


def journeys(org: Org, limiter: Limiter, sources: int, random: Random, until: float) -> None:
    """Each source asks again and again; a request reaches the org, and its answer comes back, after a while."""
    order = itertools.count()
    due = [(random.uniform(0, 5), next(order), "ask", None) for _ in range(sources)]
    queue: list[tuple[float, int, str, RateReading | None]] = list(due)
    heapq.heapify(queue)
    while queue and queue[0][0] < until:
        now, _, what, brought = heapq.heappop(queue)
        if what == "ask":
            delay = limiter.delay(now)
            if delay > 0:
                heapq.heappush(queue, (now + min(delay, 1.0), next(order), "ask", None))
                continue
            limiter.sent()
            heapq.heappush(queue, (now + random.uniform(0.01, 2), next(order), "arrive", None))
        elif what == "arrive":
            came_back = None if random.random() < 0.1 else org.serve(now)
            heapq.heappush(queue, (now + random.uniform(0.01, 2), next(order), "answer", came_back))
        else:
            if brought is None:
                limiter.lost()
            else:
                limiter.answered(brought, now)
            heapq.heappush(queue, (now + random.uniform(0, 1), next(order), "ask", None))


@settings(max_examples=60)
@given(limit=st.integers(1, 60), sources=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_many_sources_on_one_budget_never_provoke_a_refusal_and_never_stand_still(
    limit: int, sources: int, seed: int
) -> None:
    org = Org(limit)
    journeys(org, Limiter(max_wait_s=900), sources, Random(seed), until=600)  # noqa: S311  # a simulation
    assert org.refused == 0
    assert org.served >= 5


def test_what_is_left_of_a_window_is_known_until_it_is_over_and_then_it_is_whole() -> None:
    limiter = Limiter(max_wait_s=900)
    assert limiter.window(0) is None
    limiter.sent()
    limiter.answered(reading(6, 30, limit=60), now=0)
    assert limiter.window(30) == (60, 6)
    assert limiter.window(31) == (60, 60)
