"""Each vendor's example, run by the real program against the vendor's simulator: every event exactly once."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.journeys.workshop import stop, until
from tests.vendors.auth0 import Auth0
from tests.vendors.bench import COMMAND, Bench
from tests.vendors.cloudflare import Cloudflare
from tests.vendors.github import GitHub
from tests.vendors.google_workspace import GoogleWorkspace
from tests.vendors.onepassword import OnePassword
from tests.vendors.slack import Slack
from tests.vendors.tailscale import Tailscale
from tests.vendors.vendor import Vendor

VENDORS: list[type[Vendor]] = [GitHub, OnePassword, Tailscale, Slack, Auth0, Cloudflare, GoogleWorkspace]
LATE_S = 300.0
"""Within the overlap of every example."""

DAY_S = 86_400.0


@pytest.fixture(params=VENDORS, ids=[vendor.name for vendor in VENDORS])
def bench(request: pytest.FixtureRequest, open_bench: Callable[[Vendor], Bench]) -> Iterator[Bench]:
    vendor: Vendor = request.param()
    opened = open_bench(vendor)
    if isinstance(vendor, OnePassword):
        opened.source["body"]["limit"] = 100
        opened.write()
    yield opened
    assert vendor.violations == []


def test_the_past_is_caught_up_with_over_several_pages(bench: Bench) -> None:
    vendor = bench.vendor
    vendor.happen(430, time.time() - 60, spread_s=4 * DAY_S)
    bench.once()
    bench.check()
    assert len(vendor.pages) >= 5
    vendor.happen(7, time.time())
    bench.once()
    bench.once()
    bench.check()


def test_a_running_program_follows_the_log_and_takes_what_comes_late(bench: Bench) -> None:
    vendor = bench.vendor
    vendor.happen(120, time.time() - 5, spread_s=DAY_S)
    process = bench.workshop.start(*COMMAND)
    for late_s in (0.0, LATE_S, 0.0, 2.0):
        until(lambda: bench.written() == vendor.wanted())
        vendor.happen(3, time.time() - late_s)
        vendor.happen(1, time.time())
    until(lambda: bench.written().total() >= vendor.wanted().total())
    pages = len(vendor.pages)
    until(lambda: len(vendor.pages) >= pages + 3)
    ended = stop(process, signal.SIGTERM)
    assert ended.code == 0, ended.err
    bench.check()


def _kill_in_the_middle(bench: Bench) -> None:
    """Kill the program when some pages of a long history are written, and others are not."""
    vendor = bench.vendor
    vendor.happen(430, time.time() - 2, spread_s=4 * DAY_S)
    vendor.hold_after = 3
    process = bench.workshop.start(*COMMAND)
    until(lambda: bench.written().total() >= 100 and len(vendor.pages) == 3)
    process.kill()
    process.communicate()
    assert 0 < bench.written().total() < 430
    vendor.hold_after = None


def test_a_killed_program_goes_on_in_the_middle_of_the_pages(bench: Bench) -> None:
    _kill_in_the_middle(bench)
    bench.vendor.happen(5, time.time() - LATE_S)
    bench.vendor.happen(5, time.time())
    for _ in range(2):
        bench.once()
    bench.check()


def test_a_killed_program_whose_cursor_is_refused_starts_over_and_repeats_nothing(bench: Bench) -> None:
    bench.source.pop("dedupe", None)  # what was delivered is known without IDs, too
    bench.write()
    _kill_in_the_middle(bench)
    vendor = bench.vendor
    vendor.refuses_cursors = True
    if not isinstance(vendor, Tailscale):  # which knows no cursors
        until(lambda: bool(bench.workshop.hel(*COMMAND, "--once").logged("cursor.refused")))
    vendor.refuses_cursors = False
    vendor.happen(5, time.time() - LATE_S)
    for _ in range(2):
        bench.once()
    bench.check()


def test_a_rate_limit_is_waited_out(bench: Bench) -> None:
    vendor = bench.vendor
    vendor.happen(250, time.time() - 2, spread_s=DAY_S)
    vendor.limits_left = 2
    resets_at = int(time.time()) + 2
    if isinstance(vendor, GitHub | Auth0):
        vendor.resets_at = resets_at
    ended = bench.once()
    refused = [one for one in vendor.asked if one.status in {403, 429, 503}]
    assert len(refused) == len(ended.logged("request.retried")) == 2
    first = vendor.pages[0].at
    if isinstance(vendor, GitHub | Auth0):
        assert first >= resets_at
    if isinstance(vendor, Slack | Cloudflare):
        assert first - refused[0].at >= 2
    bench.check()
