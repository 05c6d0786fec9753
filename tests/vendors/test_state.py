"""`hel state` with a source that goes by a watermark."""

from collections.abc import Callable

import pytest

from tests.vendors.bench import Bench
from tests.vendors.slack import Slack
from tests.vendors.vendor import Vendor

NOON = 1_777_636_800


@pytest.fixture
def bench(open_bench: Callable[[Vendor], Bench]) -> Bench:
    return open_bench(Slack())


def test_show_tells_the_watermark_and_that_the_next_tick_starts_before_it(bench: Bench) -> None:
    bench.vendor.happen(3, NOON, 60.0)
    bench.once()
    shown = bench.workshop.hel("state", "show").out.decode()
    assert "  newest       2026-05-01T12:00:00.000Z (" in shown
    assert "  watermark    2026-05-01T12:00:00.000Z (" in shown
    assert "  resumes at   a little before its watermark\n" in shown


@pytest.mark.parametrize(
    ("value", "said", "oldest"),
    [
        ("2026-05-01T13:00:00+02:00", "2026-05-01T11:00:00.000Z (", NOON - 7200),
        ("1777633200", "1777633200 (", NOON - 7200),
    ],
)
def test_a_watermark_that_was_set_is_where_the_next_tick_starts(
    bench: Bench, value: str, said: str, oldest: int
) -> None:
    bench.vendor.happen(3, NOON, 60.0)
    bench.once()
    told = bench.workshop.hel("state", "set", "slack-audit", "watermark", value)
    assert told.code == 0
    assert told.err.startswith(f"slack-audit: watermark is now {said}")
    assert "(before: 2026-05-01T12:00:00.000Z (" in told.err
    bench.once()
    assert bench.vendor.pages[-1].query["oldest"] == str(oldest)
    bench.check()


def test_a_watermark_may_be_set_before_the_first_run(bench: Bench) -> None:
    bench.vendor.happen(1, NOON)
    assert bench.workshop.hel("state", "set", "slack-audit", "watermark", "2026-05-01T12:00:00Z").code == 0
    bench.once()
    assert bench.vendor.pages[-1].query["oldest"] == str(NOON - 3600)


def test_a_watermark_that_is_neither_time_nor_number_is_refused(bench: Bench) -> None:
    refused = bench.workshop.hel("state", "set", "slack-audit", "watermark", "yesterday")
    assert refused.code == 2
    assert "watermark takes a time such as 2026-05-01T12:00:00Z, or a number, not 'yesterday'" in refused.err
