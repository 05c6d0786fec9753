import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.errors import CircuitOpenError
from hel.policy.breaker import Breaker, Circuit


def opened() -> Breaker:
    breaker = Breaker(failure_threshold=2, success_threshold=2, rest_s=60)
    for now in (0, 1):
        breaker.admit(now)
        breaker.failed(now)
    return breaker


def test_failures_in_a_row_open_the_circuit() -> None:
    breaker = Breaker(failure_threshold=3, success_threshold=1, rest_s=60)
    assert [breaker.failed(0) for _ in range(3)] == [False, False, True]
    assert breaker.circuit is Circuit.OPEN
    with pytest.raises(CircuitOpenError) as caught:
        breaker.admit(18.4)
    assert "left alone for 42 s more" in str(caught.value)


def test_a_success_breaks_the_row_of_failures() -> None:
    breaker = Breaker(failure_threshold=2, success_threshold=1, rest_s=60)
    for _ in range(5):
        breaker.failed(0)
        breaker.succeeded(0)
    assert breaker.circuit is Circuit.CLOSED


def test_after_its_rest_one_probe_passes_and_no_other_beside_it() -> None:
    breaker = opened()
    breaker.admit(61)
    assert breaker.circuit is Circuit.HALF_OPEN
    with pytest.raises(CircuitOpenError) as caught:
        breaker.admit(61)
    assert "probe" in str(caught.value)


def test_enough_probes_that_succeed_close_it() -> None:
    breaker = opened()
    breaker.admit(61)
    assert not breaker.succeeded(61)
    breaker.admit(62)
    assert breaker.succeeded(62)
    assert breaker.circuit is Circuit.CLOSED
    breaker.admit(62)
    breaker.admit(62)


def test_a_probe_that_fails_opens_it_for_another_whole_rest() -> None:
    breaker = opened()
    breaker.admit(61)
    breaker.succeeded(61)
    breaker.admit(62)
    assert breaker.failed(62)
    with pytest.raises(CircuitOpenError):
        breaker.admit(121.9)
    breaker.admit(122)


def test_a_probe_that_said_nothing_makes_room_for_the_next_one() -> None:
    breaker = opened()
    breaker.admit(61)
    breaker.said_nothing()
    assert breaker.circuit is Circuit.HALF_OPEN
    breaker.admit(62)


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(["success", "failure", "nothing"]), st.floats(0, 40)), max_size=60),
)
def test_it_does_what_a_plain_model_of_it_does(failures: int, successes: int, reports: list[tuple[str, float]]) -> None:
    breaker = Breaker(failures, successes, rest_s=60)
    now = opened_at = 0.0
    state, row = "closed", 0
    for report, passed in reports:
        now += passed
        if state == "open" and now - opened_at < 60:
            with pytest.raises(CircuitOpenError):
                breaker.admit(now)
            continue
        breaker.admit(now)
        if state == "open":
            state, row = "half_open", 0
        if report == "success":
            breaker.succeeded(now)
            row = row + 1 if state == "half_open" else 0
            if state == "half_open" and row == successes:
                state, row = "closed", 0
        elif report == "failure":
            breaker.failed(now)
            row = row + 1 if state == "closed" else failures
            if row == failures:
                state, row, opened_at = "open", 0, now
        else:
            breaker.said_nothing()
        assert breaker.circuit.value == state
