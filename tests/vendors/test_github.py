"""What is GitHub's own, on the way from its log to the output."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.bench import COMMAND, Bench
from tests.vendors.github import GitHub
from tests.vendors.vendor import Vendor

Opening = Callable[[Vendor], Bench]


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_its_links_are_followed_as_they_stand_with_an_empty_before_and_to_another_path(open_bench: Opening) -> None:
    github = GitHub()
    bench = open_bench(github)
    github.happen(250, time.time(), spread_s=3600)
    bench.once()
    first, *others = github.asked
    assert (first.path, dict(first.query)) == (
        "/orgs/octo/audit-log",
        {"order": "asc", "per_page": "100", "include": "all"},
    )
    assert len(others) == 2
    for one in others:
        assert one.path == "/organizations/80307827/audit-log"
        assert one.query["before"] == ""
        assert one.query["after"]
        assert {name: one.query[name] for name in first.query} == first.query
    bench.check()


def test_a_tick_starts_an_overlap_before_the_newest_event_on_a_whole_second(open_bench: Opening) -> None:
    github = GitHub()
    bench = open_bench(github)
    newest = int(time.time()) - 60
    github.happen(10, newest + 0.75, spread_s=2000)
    bench.once()
    bench.once()
    assert github.asked[-1].query["phrase"] == f"created:>={_text(newest - 900)}"
    bench.check()


def test_a_first_run_starts_where_from_says(open_bench: Opening) -> None:
    github = GitHub()
    bench = open_bench(github)
    start = int(time.time()) - 150 * 86_400  # before the three months that are searched without
    github.happen(3, start - 60)
    before = github.wanted()
    github.happen(30, time.time() - 60, spread_s=149 * 86_400)
    bench.source["from"] = _text(start)
    bench.write()
    bench.once()
    assert github.asked[0].query["phrase"] == f"created:>={_text(start)}"
    assert bench.written() == github.wanted() - before


def test_newest_first_loses_nothing_either_when_more_happens_between_the_pages(open_bench: Opening) -> None:
    github = GitHub()
    bench = open_bench(github)
    bench.source["query_params"]["order"] = "desc"
    bench.source["pagination"]["max_pages"] = 1
    bench.write()
    github.happen(250, time.time() - 10, spread_s=3600)
    for _ in range(4):
        bench.once()
        github.happen(2, time.time())
    bench.once()
    bench.check()


def test_a_secondary_limit_is_waited_out_as_retry_after_says(open_bench: Opening) -> None:
    github = GitHub(is_secondary=True, limits_left=1)
    bench = open_bench(github)
    github.happen(5, time.time())
    bench.once()
    refused, page = github.asked
    assert (refused.status, page.status) == (403, 200)
    assert page.at - refused.at >= 1
    bench.check()


@pytest.mark.parametrize(("status", "message"), [(403, "Must have admin rights to Organization."), (404, "Not Found")])
def test_what_is_no_rate_limit_is_told_at_once(open_bench: Opening, status: int, message: str) -> None:
    class Barred(GitHub):
        def page(self, request: Request, body: Any) -> Response:
            del request, body
            return JSONResponse({"message": message}, status, self._limits(1700))

    github = Barred()
    bench = open_bench(github)
    ended = bench.workshop.hel(*COMMAND, "--once")
    assert ended.code == 1
    assert message in ended.err
    assert len(github.asked) == 1
    assert "ghp_simulated" not in ended.err
