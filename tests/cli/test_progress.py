"""What the progress line says, of what it heard and when."""

from collections.abc import Callable
from typing import Any

import pytest

from hel.cli.progress import Progress

START = 1_700_000_000.0


class Heard:
    """A progress line with a clock of its own."""

    def __init__(self, **max_pages: int) -> None:
        self.at = 0.0
        self.progress = Progress(max_pages, lambda: self.at, lambda: START + self.at)

    def page(self, source: str = "a", *, newest_ago: float | None = None, events: int = 1000) -> None:
        self.progress.hear("page.fetched", {"source": source, "new": events})
        newest = None if newest_ago is None else START + self.at - newest_ago
        self.progress.hear("batch.committed", {"by_source": {source: {"events": events, "newest_at": newest}}})

    def hear(self, event: str, **fields: Any) -> None:
        self.progress.hear(event, fields)

    def line(self, width: int = 200) -> str:
        return self.progress.line(width)


def test_what_came_is_counted_and_nothing_is_said_that_is_not_known() -> None:
    heard = Heard(a=100)
    assert heard.line() == "0 pages, 0 events"
    heard.page(events=1)
    assert heard.line() == "1 page, 1 event"
    heard.at = 4.0
    heard.page(events=1999)
    assert heard.line() == "2 pages, 2,000 events, 500/s"


def test_the_time_left_follows_from_how_fast_the_lag_closes() -> None:
    heard = Heard(a=1000)
    for at in range(11):  # each second brings the newest event a minute and a second nearer
        heard.at = float(at)
        heard.page(newest_ago=3600.0 - 60 * at)
    assert heard.line() == "11 pages, 11,000 events, 1,100/s, newest 50 min ago, about 50 s left"


def test_max_pages_ends_a_tick_before_its_lag_is_closed() -> None:
    heard = Heard(a=12)
    for at in range(11):
        heard.at = float(at)
        heard.page(newest_ago=3600.0 - 60 * at)
    assert heard.line().endswith("newest 50 min ago"), "less than a second is no time to speak of"
    heard = Heard(a=22)
    for at in range(11):
        heard.at = float(at)
        heard.page(newest_ago=3600.0 - 60 * at)
    assert heard.line().endswith(", about 10 s left")


@pytest.mark.parametrize(
    "ago",
    [lambda _: None, lambda _: 3600.0, lambda at: 3600.0 + at, lambda at: 100.0 - 9 * at],
    ids=["no times", "it keeps its distance", "it falls behind", "it has caught up"],
)
def test_no_time_left_is_said_where_none_can_be_foreseen(ago: Callable[[int], float | None]) -> None:
    heard = Heard(a=1000)
    for at in range(11):
        heard.at = float(at)
        heard.page(newest_ago=ago(at))
    assert "left" not in heard.line()


def test_several_sources_share_the_line_and_the_slowest_says_how_long_it_takes() -> None:
    heard = Heard(a=1000, b=1000, c=1000)
    for at in range(11):
        heard.at = float(at)
        heard.page("a", newest_ago=7200.0 - 60 * at)
        heard.page("b", newest_ago=3600.0 - 60 * at)
    assert "left" not in heard.line(), "of c nothing is known"
    heard.hear("tick.failed", source="c")
    assert heard.line() == (
        "1 of 3 sources done, 22 pages, 22,000 events, 2,200/s, a newest 110 min ago, about 110 s left"
    )
    heard.hear("tick.finished", source="a")
    assert heard.line().startswith("2 of 3 sources done, ")
    assert heard.line().endswith(", b newest 50 min ago, about 50 s left")


def test_a_wait_is_counted_down_until_a_page_comes() -> None:
    heard = Heard(a=10)
    heard.hear("request.retried", source="a", wait_s=30.0)
    heard.hear("request.retried", token_server="https://x", wait_s=90.0)
    heard.at = 10.5
    assert heard.line() == "0 pages, 0 events, 0/s, waiting 20 s"
    heard.page()
    assert "waiting" not in heard.line()
    heard.hear("limit.paused", source="a", wait_s=5.0)
    assert heard.line().endswith("waiting 5 s")


@pytest.mark.parametrize("width", range(1, 110))
def test_what_does_not_fit_is_left_out_the_least_important_first(width: int) -> None:
    heard = Heard(a=1000, b=1000)
    for at in range(11):
        heard.at = float(at)
        heard.page("a", newest_ago=3600.0 - 60 * at)
        heard.page("b", newest_ago=3600.0 - 60 * at)
    line = heard.line(width)
    assert len(line) <= width
    assert ("22,000 events" in line) == (width >= len("22,000 events"))
    if width >= 40:
        assert line.startswith("22,000 events, 2,200/s, about 50 s left") or "sources done" in line
