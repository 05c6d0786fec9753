"""When a source's next tick starts. A law: numbers in, a number out."""

import msgspec


class Pace(msgspec.Struct, frozen=True):
    """How often and how far a source is asked.

    Attributes:
        interval_s: From one start to the next.
        jitter_s: Up to this much is added to it.
        max_pages: The most pages in a tick.
        page_delay_s: Between two pages of a tick.
        tick_timeout_s: How long a tick may take, apart from waits for the output.
    """

    interval_s: float
    jitter_s: float
    max_pages: int
    page_delay_s: float
    tick_timeout_s: float


def first_start(now: float, jitter_s: float, draw: float) -> float:
    """The first start, spread over the jitter so that many sources do not start as one.

    Args:
        now: Monotonic seconds.
        jitter_s: The source's `schedule.jitter_secs`.
        draw: A uniform random number in [0, 1).
    """
    return now + jitter_s * draw


def next_start(last_start: float, now: float, interval_s: float, jitter_s: float, draw: float) -> float:
    """`interval` to `interval + jitter` after the last start; at once where that has passed.

    Args:
        last_start: When the last tick started, monotonic seconds.
        now: Monotonic seconds.
        interval_s: The source's `schedule.interval_secs`.
        jitter_s: The source's `schedule.jitter_secs`.
        draw: A uniform random number in [0, 1).
    """
    return max(now, last_start + interval_s + jitter_s * draw)
