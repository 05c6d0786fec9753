from hypothesis import given
from hypothesis import strategies as st

from hel.schedule import first_start, next_start

SECONDS = st.floats(0, 604_800)
DRAW = st.floats(0, 1, exclude_max=True)


@given(now=SECONDS, jitter=SECONDS, draw=DRAW)
def test_the_first_start_is_spread_over_the_jitter(now: float, jitter: float, draw: float) -> None:
    assert now <= first_start(now, jitter, draw) <= now + jitter


@given(last=SECONDS, took=SECONDS, interval=st.floats(0.001, 604_800), jitter=SECONDS, draw=DRAW)
def test_each_start_lies_interval_to_interval_and_jitter_after_the_one_before_or_is_at_once_after_an_overrun(
    last: float, took: float, interval: float, jitter: float, draw: float
) -> None:
    now = last + took
    due = next_start(last, now, interval, jitter, draw)
    if due > now:
        assert last + interval <= due <= last + interval + jitter
    else:
        assert due == now
        assert now >= last + interval


def test_an_overrun_starts_at_once_and_is_not_made_up_for() -> None:
    assert next_start(0, 1000, interval_s=60, jitter_s=10, draw=0.5) == 1000
