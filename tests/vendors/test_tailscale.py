"""What is Tailscale's own, on the way from its log to the output."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

from tests.vendors.bench import Bench
from tests.vendors.tailscale import Tailscale
from tests.vendors.vendor import Vendor, as_text

Opening = Callable[[Vendor], Bench]


def test_windows_leave_no_gap_from_the_start_to_now(open_bench: Opening) -> None:
    vendor = Tailscale(empty_is_null=True)
    bench = open_bench(vendor)
    vendor.happen(20, time.time() - 3 * 86_400, spread_s=3600)
    began = time.time()
    bench.once()
    bench.once()
    windows = [
        [datetime.fromisoformat(one.query[name]).timestamp() for name in ("start", "end")] for one in vendor.asked
    ]
    assert vendor.asked[0].query["start"] == bench.workshop.environment["TAILSCALE_START"]
    assert windows[-1][1] >= int(began)
    assert all(later == earlier - 3600 for (_, earlier), (later, _) in pairwise(windows))
    assert all(0 < end - start <= 86_400 + 3600 for start, end in windows)
    bench.check()


def test_events_that_are_alike_in_all_they_say_are_each_delivered(open_bench: Opening) -> None:
    vendor = Tailscale()
    bench = open_bench(vendor)
    vendor.happen(20, time.time() - 60)
    assert set(Counter(map(as_text, vendor.held)).values()) == {1, 2}
    bench.once()
    bench.once()
    bench.check()


def test_a_record_that_is_written_late_is_found_in_the_overlap(open_bench: Opening) -> None:
    vendor = Tailscale()
    bench = open_bench(vendor)
    vendor.happen(5, time.time() - 60)
    bench.once()
    vendor.happen(10, time.time() - 3000)
    bench.once()
    bench.once()
    bench.check()
