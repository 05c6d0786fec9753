"""What is 1Password's own, on the way from its log to the output."""

import time
from collections.abc import Callable
from datetime import datetime

from tests.vendors.bench import Bench
from tests.vendors.onepassword import OnePassword
from tests.vendors.vendor import Vendor

Opening = Callable[[Vendor], Bench]


def test_a_cursor_stands_alone_and_the_last_one_is_asked_again(open_bench: Opening) -> None:
    vendor = OnePassword()
    bench = open_bench(vendor)
    start = bench.workshop.environment["ONEPASSWORD_START"]
    vendor.happen(2100, time.time(), spread_s=86_400)
    bench.once()
    first, *others = vendor.asked
    assert first.body == {"limit": 1000, "start_time": start}
    assert [set(one.body) for one in others] == [{"cursor"}, {"cursor"}]
    bench.once()
    bench.once()
    assert vendor.asked[-1].body == vendor.asked[-2].body != others[-1].body
    bench.check()


def test_an_empty_page_with_more_behind_it_is_passed_over(open_bench: Opening) -> None:
    vendor = OnePassword(empty_pages=2)
    bench = open_bench(vendor)
    bench.source["body"]["limit"] = 10
    bench.write()
    vendor.happen(25, time.time(), spread_s=600)
    bench.once()
    assert len(vendor.pages) == 5
    bench.check()


def test_an_event_that_arrives_hours_late_comes_behind_the_cursor(open_bench: Opening) -> None:
    vendor = OnePassword()
    bench = open_bench(vendor)
    vendor.happen(5, time.time())
    bench.once()
    vendor.happen(2, time.time() - 3 * 86_400)
    bench.once()
    bench.check()


def test_a_refused_cursor_is_reset_to_a_day_before_the_newest_event(open_bench: Opening) -> None:
    vendor = OnePassword()
    bench = open_bench(vendor)
    newest = int(time.time())
    vendor.happen(40, newest, spread_s=3 * 86_400)
    bench.once()
    vendor.refuses_cursors = True
    vendor.happen(3, newest - 7200)
    assert bench.once().logged("cursor.refused")
    reset = vendor.asked[-1].body
    assert set(reset) == {"limit", "start_time"}
    assert datetime.fromisoformat(reset["start_time"]).timestamp() == newest - 86_400
    bench.check()


def test_a_token_that_is_not_taken_moves_nothing(open_bench: Opening) -> None:
    vendor = OnePassword()
    bench = open_bench(vendor)
    vendor.happen(5, time.time())
    bench.once()
    ended = bench.workshop.hel("run", "--output", "events.ndjson", "--once", env={"ONEPASSWORD_TOKEN": "old"})
    assert (ended.code, vendor.asked[-1].status) == (1, 401)
    vendor.happen(5, time.time())
    bench.once()
    assert vendor.asked[-1].body.keys() == {"cursor"}
    bench.check()
