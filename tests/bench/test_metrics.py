"""Reading what Hel says of itself, and where the many orgs are."""

from tests.bench.metrics import DELAY, Scrape, between
from tests.bench.org_server import address

SCRAPE = Scrape(
    f"""# HELP {DELAY} How late.
# TYPE {DELAY} histogram
{DELAY}_bucket{{le="0.1",source="one"}} 2.0
{DELAY}_bucket{{le="+Inf",source="one"}} 3.0
{DELAY}_bucket{{le="0.1",source="two"}} 5.0
{DELAY}_bucket{{le="+Inf",source="two"}} 5.0
{DELAY}_count{{source="one"}} 3.0
hel_ticks_total{{source="one"}} 3.0
hel_ticks_total{{source="two"}} 5.0
hel_queue_events 0.0
"""
)


def test_a_histogram_is_summed_over_its_sources() -> None:
    assert SCRAPE.buckets(DELAY) == {0.1: 7, float("inf"): 8}


def test_between_two_scrapes_lies_what_the_later_one_has_more() -> None:
    assert between({0.1: 3, float("inf"): 3}, SCRAPE.buckets(DELAY)) == [(0.1, 4), (float("inf"), 5)]


def test_a_counter_is_read_by_source_and_as_a_whole() -> None:
    assert SCRAPE.by_source("hel_ticks_total") == [3, 5]
    assert SCRAPE.total("hel_ticks_total") == 8
    assert SCRAPE.total("hel_queue_events") == 0


def test_each_of_ten_thousand_orgs_has_an_address_of_its_own() -> None:
    assert len({address(number) for number in range(10_000)}) == 10_000
