from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from hel.auth.server_clock import ServerClock
from hel.records import Reply
from tests.doubles import FakeClock


def answer(clock: FakeClock, server_now: float, took_s: float = 0.0) -> Reply:
    return Reply(200, (("date", formatdate(server_now, usegmt=True)),), b"", clock.now(), took_s)


@given(skew=st.floats(-7200, 7200), passed=st.floats(0, 3600))
def test_it_follows_the_server_to_the_second_and_never_runs_ahead(skew: float, passed: float) -> None:
    clock = FakeClock()
    server = ServerClock(clock)
    server.learn(answer(clock, clock.now() + skew))
    clock.at += passed
    assert -1.001 <= server.now() - (clock.now() + skew) <= 0.001


def test_until_a_server_has_spoken_it_is_the_machines_clock() -> None:
    clock = FakeClock()
    server = ServerClock(clock)
    assert not server.learn(Reply(200, (("date", "yesterday"),), b"", clock.now()))
    assert not server.learn(Reply(200, (), b"", clock.now()))
    assert server.now() == clock.now()


def test_a_machine_that_is_a_few_seconds_ahead_signs_anew_and_a_right_one_does_not() -> None:
    clock = FakeClock()
    assert ServerClock(clock).learn(answer(clock, clock.now() - 5))
    assert not ServerClock(clock).learn(answer(clock, clock.now() - 0.9))


def test_a_clock_that_was_corrected_is_not_news_again() -> None:
    clock = FakeClock()
    server = ServerClock(clock)
    assert server.learn(answer(clock, clock.now() + 3600))
    assert not server.learn(answer(clock, clock.now() + 3600))


def test_an_answer_that_took_long_is_no_sign_of_a_wrong_clock() -> None:
    clock = FakeClock()
    server = ServerClock(clock)
    slow, quick = answer(clock, clock.now() - 45, took_s=44), answer(clock, clock.now() - 45, took_s=1)
    server.learn(slow)
    assert not server.is_notable(slow)
    assert server.is_notable(quick)
