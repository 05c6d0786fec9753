"""What is Slack's own, on the way from its log to the output."""

import time
from collections.abc import Callable

from tests.vendors.bench import COMMAND, Bench
from tests.vendors.slack import Slack
from tests.vendors.vendor import Vendor

Opening = Callable[[Vendor], Bench]


def test_oldest_goes_along_with_every_cursor(open_bench: Opening) -> None:
    slack = Slack(most=10)
    bench = open_bench(slack)
    newest = int(time.time())
    slack.happen(60, newest, spread_s=7200)
    bench.once()
    asked = len(slack.asked)
    bench.once()
    again = slack.asked[asked:]
    assert len(again) > 2
    assert {one.query["oldest"] for one in again} == {str(newest - 3600)}
    assert all("cursor" in one.query for one in again[1:])
    bench.check()


def test_entries_of_one_second_are_each_delivered_whenever_they_come(open_bench: Opening) -> None:
    slack = Slack(most=10)
    bench = open_bench(slack)
    second = int(time.time()) - 5
    for count in (35, 4, 1):
        slack.happen(count, second)
        bench.once()
    bench.check()


def test_the_watermark_moves_only_with_the_last_page_of_a_walk(open_bench: Opening) -> None:
    slack = Slack(most=10)
    bench = open_bench(slack)
    bench.source["pagination"]["max_pages"] = 2
    bench.source["watermark"]["overlap_secs"] = 0
    bench.write()
    slack.happen(55, time.time() - 10, spread_s=86_400)
    bench.once()
    slack.happen(1, time.time())
    slack.refuses_cursors = True  # so the walk starts over, where the watermark stands
    refused = bench.workshop.hel(*COMMAND, "--once")
    assert refused.logged("cursor.refused")
    slack.refuses_cursors = False
    for _ in range(4):
        bench.once()
        slack.happen(1, time.time())
    bench.once()
    bench.check()
