"""What is Cloudflare's own, on the way from its log to the output; version 2 as its page says to configure it."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from ruamel.yaml import YAML
from starlette.requests import Request
from starlette.responses import Response

from tests.documents import EXAMPLES
from tests.journeys.workshop import stop, until
from tests.vendors.bench import COMMAND, Bench
from tests.vendors.cloudflare import Cloudflare, CloudflareV2, refusal
from tests.vendors.vendor import Vendor

Opening = Callable[[Vendor], Bench]
DAY_S = 86_400


def test_pages_are_counted_from_the_oldest_event_on_until_one_is_empty(open_bench: Opening) -> None:
    cloudflare = Cloudflare()
    bench = open_bench(cloudflare)
    cloudflare.happen(250, time.time() - 60, spread_s=DAY_S)
    bench.once()
    start = bench.workshop.environment["CLOUDFLARE_START"]
    kept = {"direction": "asc", "per_page": "1000", "since": start}
    assert [one.query for one in cloudflare.asked] == [kept] + [{**kept, "page": str(n)} for n in (2, 3, 4)]
    bench.check()


@pytest.mark.parametrize("is_null", [False, True], ids=["an empty array", "null"])
def test_nothing_happened_in_whichever_way_it_is_said(open_bench: Opening, is_null: bool) -> None:
    cloudflare = Cloudflare(empty_is_null=is_null)
    bench = open_bench(cloudflare)
    bench.once()
    cloudflare.happen(5, time.time())
    for _ in range(2):
        bench.once()
    bench.check()


def test_a_tick_starts_an_overlap_before_the_newest_event_on_a_whole_second(open_bench: Opening) -> None:
    cloudflare = Cloudflare()
    bench = open_bench(cloudflare)
    newest = int(time.time()) - 60
    cloudflare.happen(10, newest + 0.75, spread_s=2000)
    bench.once()
    bench.once()
    asked = datetime.fromisoformat(cloudflare.asked[-1].query["since"]).timestamp()
    assert asked == newest - 3600
    bench.check()


def _hold_behind(bench: Bench, pages: int) -> Any:
    """Start a tick, and let it wait behind so many pages."""
    bench.vendor.hold_after = pages
    process = bench.workshop.start(*COMMAND, "--once")
    until(lambda: len(bench.vendor.pages) == pages)
    return process


def test_late_events_within_pages_that_were_read_are_found_and_those_they_move_on_come_once(
    open_bench: Opening,
) -> None:
    cloudflare = Cloudflare(most=20)
    bench = open_bench(cloudflare)
    cloudflare.happen(90, time.time() - 10, spread_s=1000)
    process = _hold_behind(bench, 2)
    cloudflare.happen(7, time.time() - 900, spread_s=100)
    cloudflare.hold_after = None
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (cloudflare.wanted() - bench.written()).total() == 7  # these stand in pages that were read
    bench.once()
    bench.check()


def test_events_that_fill_up_the_last_page_once_it_was_read_are_found(open_bench: Opening) -> None:
    cloudflare = Cloudflare(most=20)
    bench = open_bench(cloudflare)
    bench.source["watermark"]["overlap_secs"] = 0
    bench.write()
    cloudflare.happen(50, time.time() - 10, spread_s=1000)
    process = _hold_behind(bench, 3)
    cloudflare.happen(25, time.time())  # the first ten of them stand on the third page
    cloudflare.hold_after = None
    process.communicate(timeout=30)
    assert (cloudflare.wanted() - bench.written()).total() == 10
    bench.once()
    bench.check()


def test_a_walk_of_many_ticks_goes_on_at_its_page_while_more_happens(open_bench: Opening) -> None:
    cloudflare = Cloudflare(most=10)
    bench = open_bench(cloudflare)
    bench.source["pagination"]["max_pages"] = 2
    bench.write()
    cloudflare.happen(55, time.time() - 10, spread_s=3000)
    process = bench.workshop.start(*COMMAND)
    for pages, late_s in ((1, 0), (3, 200), (4, 2900), (5, 0), (9, 3000)):
        until(lambda pages=pages: len(cloudflare.pages) >= pages)  # type: ignore[misc]
        cloudflare.happen(2, time.time() - late_s)
    until(lambda: bench.written().total() >= cloudflare.wanted().total())
    ended = stop(process)
    assert ended.code == 0, ended.err
    bench.check()


@pytest.mark.parametrize("healthy", [0, 2], ids=["the first page", "a page in the middle"])
def test_a_success_that_says_it_is_none_moves_the_watermark_over_nothing(open_bench: Opening, healthy: int) -> None:
    cloudflare = Cloudflare(most=20)
    bench = open_bench(cloudflare)
    cloudflare.happen(90, time.time() - 10, spread_s=2 * DAY_S)
    process = _hold_behind(bench, healthy)
    cloudflare.unwell = 1
    cloudflare.hold_after = None
    process.communicate(timeout=30)
    assert bench.written().total() == healthy * 20
    bench.once()
    bench.check()


def test_a_block_is_waited_out_and_nothing_is_asked_within_it(open_bench: Opening) -> None:
    cloudflare = Cloudflare(most=20, allowance=2)
    bench = open_bench(cloudflare)
    cloudflare.happen(90, time.time() - 10, spread_s=DAY_S)
    ended = bench.once()
    assert [one.status for one in cloudflare.asked[:4]] == [200, 200, 429, 200]
    assert cloudflare.asked[3].at >= cloudflare.blocked_until
    assert "Please wait" in ended.logged("request.retried")[0]["because"]
    bench.check()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(400, 7003, "Could not route to that account"), (403, 9109, "Unauthorized to access requested resource")],
)
def test_a_refusal_is_told_by_its_code_and_message(open_bench: Opening, status: int, code: int, message: str) -> None:
    class Barred(Cloudflare):
        def page(self, request: Request, body: Any) -> Response:
            del request, body
            return refusal(code, message, status)

    cloudflare = Barred()
    bench = open_bench(cloudflare)
    ended = bench.workshop.hel(*COMMAND, "--once")
    assert ended.code == 1
    assert f"answered {status} ({code}: {message})" in ended.err
    assert len(cloudflare.asked) == 1
    assert "simulated-cloudflare-token" not in ended.err


def _second_version(open_bench: Opening, cloudflare: CloudflareV2) -> Bench:
    """A bench with the source that the page shows for version 2, at the pace of tests."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", (EXAMPLES / "cloudflare.md").read_text(), re.DOTALL)
    (source,) = YAML(typ="safe").load(shown)["sources"].values()
    bench = open_bench(cloudflare)
    pace = {name: bench.source[name] for name in ("schedule", "resilience")}
    bench.source.clear()
    bench.source.update(source | pace)
    bench.write()
    return bench


def test_version_2_catches_up_window_by_window_and_finds_what_comes_late(open_bench: Opening) -> None:
    cloudflare = CloudflareV2(most=40)
    bench = _second_version(open_bench, cloudflare)
    cloudflare.happen(430, time.time() - 120, spread_s=4 * DAY_S)
    bench.once()
    bench.check()
    windows = {(one.query["since"], one.query["before"]) for one in cloudflare.asked}
    assert len(windows) == 6
    assert any("cursor" in one.query for one in cloudflare.asked)
    cloudflare.happen(5, time.time() - 3000, spread_s=200)
    cloudflare.happen(3, time.time() - 70)
    bench.once()
    bench.once()
    bench.check()


def test_version_2_starts_its_window_over_when_the_cursor_is_refused(open_bench: Opening) -> None:
    cloudflare = CloudflareV2(most=20)
    bench = _second_version(open_bench, cloudflare)
    bench.source["pagination"]["max_pages"] = 2
    bench.source["from"] = datetime.fromtimestamp(time.time() - 7200, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    bench.write()
    cloudflare.happen(90, time.time() - 120, spread_s=3000)
    bench.once()
    assert bench.written().total() == 40
    cloudflare.refuses_cursors = True
    assert bench.workshop.hel(*COMMAND, "--once").logged("cursor.refused")
    cloudflare.refuses_cursors = False
    bench.source["pagination"]["max_pages"] = 200
    bench.write()
    bench.once()
    bench.check()


def test_version_2_fails_where_a_success_says_that_it_is_none_for_a_window_would_be_passed_over(
    open_bench: Opening,
) -> None:
    cloudflare = CloudflareV2()
    bench = _second_version(open_bench, cloudflare)
    cloudflare.happen(5, time.time() - 120)
    cloudflare.unwell = 1
    ended = bench.workshop.hel(*COMMAND, "--once")
    assert ended.code == 1
    assert "`result` in the answer is null, and says '" in ended.err
    bench.once()
    bench.check()
