import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from hel.telemetry.metrics import Metrics
from hel.telemetry.metrics_table import METRICS, PROCESS_METRICS, STATUSES
from tests.doubles import FakeClock

PROMTOOL = shutil.which("promtool")

Samples = dict[tuple[str, ...], float]


def source(name: str = "okta", **known: Any) -> dict[str, Any]:
    """A source of the snapshot, of which nothing is known yet."""
    unknown = {"last_success": None, "next_poll": None, "newest_event": None, "rate_limit": None}
    plain = {"name": name, "state": "starting", "circuit": "closed", "failures": 0, "error": None}
    return plain | unknown | known


def snapshot(*sources: Mapping[str, Any], **known: Any) -> dict[str, Any]:
    queue = {"events": 7, "bytes": 700, "max_events": 20_000, "max_bytes": 32_000_000}
    plain = {
        "now": "2026-05-01T12:00:00.300Z",
        "ready": True,
        "queue": queue,
        "output": {"error": None},
        "state": {"error": None},
    }
    return {**plain, "sources": list(sources), **known}


class Scraped:
    """Metrics, their clock, and what the page says now."""

    def __init__(self, *sources: Mapping[str, Any]) -> None:
        self.clock = FakeClock()
        self.page = snapshot(*sources or (source(),))
        self.metrics = Metrics("1.2.3", lambda: self.page, self.clock)

    def hear(self, event: str, **fields: Any) -> None:
        self.metrics.hear(event, fields)

    @property
    def text(self) -> str:
        return self.metrics.exposition()[0]().decode()

    def of(self, name: str) -> Samples:
        """The samples of a name, by the values of their labels, the source's first."""
        return {
            tuple(sample.labels[name] for name in sorted(sample.labels, key=lambda n: (n != "source", n))): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name
        }


def answered(status: int = 200, took_s: float = 0.2, **more: Any) -> dict[str, Any]:
    return {"source": "okta", "status": status, "took_s": took_s, "bytes": 10, **more}


def one_of_each(scraped: Scraped) -> None:
    """Every event that is counted, once."""
    scraped.hear("request.answered", **answered())
    scraped.hear("request.unanswered", source="okta", because="reset")
    scraped.hear("request.retried", source="okta", attempt=1, of=3, wait_s=1.5)
    scraped.hear("request.waited", source="okta", reason="rate_limit", wait_s=2.5)
    scraped.hear("page.fetched", source="okta", number=1, events=10, new=7, duplicates=2, skipped=1, took_s=0.1)
    scraped.hear("tick.started", source="okta", late_s=0.3)
    scraped.hear("tick.finished", source="okta", pages=1, events=7, duplicates=2, took_s=0.3, behind=False)
    scraped.hear("tick.failed", source="okta", because="x", fix="y", failures=1)
    scraped.hear("tick.crashed", source="okta", because="x", fix="y", failures=2)
    part = {"events": 7, "bytes": 700, "newest_at": None}
    scraped.hear("batch.committed", batches=1, events=7, bytes=700, took_s=0.004, by_source={"okta": part})
    scraped.hear("token.minted", token_server="https://a.example", type="DPoP", lifetime_s=3600, scopes="x")
    scraped.hear("token.not_renewed", token_server="https://a.example", because="x")
    scraped.hear("request.retried", token_server="https://a.example", attempt=1, of=3, wait_s=1)
    scraped.hear("output.failed", because="x", fix="y")
    scraped.hear("state.failed", because="x", fix="y")


COUNTED: Mapping[str, Samples] = {
    "hel_request_retries_total": {("okta",): 1},
    "hel_pages_total": {("okta",): 1},
    "hel_duplicates_total": {("okta",): 2},
    "hel_skipped_events_total": {("okta",): 1},
    "hel_ticks_total": {("okta",): 3},
    "hel_tick_failures_total": {("okta",): 2},
    "hel_events_total": {("okta",): 7},
    "hel_event_bytes_total": {("okta",): 700},
    "hel_tokens_minted_total": {("https://a.example",): 1},
    "hel_token_renewal_failures_total": {("https://a.example",): 1},
    "hel_token_retries_total": {("https://a.example",): 1},
    "hel_output_errors_total": {(): 1},
    "hel_state_errors_total": {(): 1},
    "hel_metrics_faults_total": {(): 0},
    "hel_requests_total": {("okta", status): float(status in {"2xx", "none"}) for status in STATUSES},
    "hel_wait_seconds_total": {
        ("okta", "rate_limit"): 2.5,
        ("okta", "output"): 0,
        ("okta", "token"): 0,
        ("okta", "retry"): 1.5,
    },
}


def test_every_counter_counts_what_the_log_says() -> None:
    scraped = Scraped()
    one_of_each(scraped)
    assert {name: scraped.of(name) for name in COUNTED} == COUNTED
    assert COUNTED.keys() == {metric.name for metric in METRICS if metric.kind == "counter"}


def test_a_status_is_counted_by_its_class_and_a_strange_one_as_other() -> None:
    scraped = Scraped()
    for status in (101, 200, 204, 302, 404, 429, 429, 503, 600, 999, 0):
        scraped.hear("request.answered", **answered(status))
    found = {status: value for (_, status), value in scraped.of("hel_requests_total").items()}
    assert found == {"1xx": 1, "2xx": 2, "3xx": 1, "4xx": 3, "5xx": 1, "other": 3, "none": 0}


def test_durations_fall_into_buckets_of_seconds() -> None:
    scraped = Scraped()
    for took_s in (0.05, 0.2, 70):
        scraped.hear("request.answered", **answered(took_s=took_s))
    scraped.hear("batch.committed", batches=1, events=0, bytes=0, took_s=0.003, by_source={})
    buckets = scraped.of("hel_request_duration_seconds_bucket")
    assert (buckets["okta", "0.05"], buckets["okta", "0.25"], buckets["okta", "60.0"]) == (1, 2, 2)
    assert scraped.of("hel_request_duration_seconds_sum") == {("okta",): pytest.approx(70.25)}
    assert scraped.of("hel_commit_duration_seconds_count") == {(): 1}
    assert scraped.of("hel_commit_duration_seconds_bucket")["0.0025",] == 0
    assert scraped.of("hel_commit_duration_seconds_bucket")["0.005",] == 1
    for late_s in (0, 0.25, 0.26):
        scraped.hear("tick.started", source="okta", late_s=late_s)
    buckets = scraped.of("hel_tick_start_delay_seconds_bucket")
    assert (buckets["0.005",], buckets["0.25",], buckets["0.5",]) == (1, 2, 3)


def test_a_source_has_all_its_counters_at_zero_before_anything_happened() -> None:
    scraped = Scraped(source("a"), source("b"))
    assert scraped.of("hel_tick_failures_total") == {("a",): 0, ("b",): 0}
    assert len(scraped.of("hel_requests_total")) == 2 * len(STATUSES)


def test_a_token_server_has_all_its_counters_from_its_first_token_on() -> None:
    scraped = Scraped()
    scraped.hear("token.minted", token_server="t", type="Bearer", lifetime_s=3600, scopes="")
    assert scraped.of("hel_tokens_minted_total") == {("t",): 1}
    assert scraped.of("hel_token_renewal_failures_total") == {("t",): 0}


def test_gauges_say_what_the_page_says() -> None:
    busy = source(
        state="catching_up",
        last_success="2026-05-01T12:00:00.250Z",
        newest_event="2026-05-01T11:59:48.000Z",
        rate_limit={"limit": 60, "remaining": 0},
        circuit="half_open",
        failures=4,
    )
    scraped = Scraped(busy, source("new"))
    assert scraped.of("hel_newest_event_age_seconds") == {("okta",): pytest.approx(12.3)}
    assert scraped.of("hel_last_success_timestamp_seconds") == {("okta",): 1_777_636_800.25}
    assert scraped.of("hel_source_failures") == {("okta",): 4, ("new",): 0}
    assert scraped.of("hel_rate_limit_requests") == {("okta",): 60}
    assert scraped.of("hel_rate_limit_remaining_requests") == {("okta",): 0}
    states = [key for key, value in scraped.of("hel_source_state").items() if value]
    assert states == [("okta", "catching_up"), ("new", "starting")]
    circuits = [key for key, value in scraped.of("hel_circuit_state").items() if value]
    assert circuits == [("okta", "half_open"), ("new", "closed")]
    assert scraped.of("hel_queue_events") == {(): 7}
    assert scraped.of("hel_queue_bytes") == {(): 700}
    assert scraped.of("hel_queue_capacity_events") == {(): 20_000}
    assert scraped.of("hel_queue_capacity_bytes") == {(): 32_000_000}


def test_an_event_of_the_future_has_an_age_below_zero_which_tells_of_a_wrong_clock() -> None:
    scraped = Scraped(source(newest_event="2026-05-01T13:00:00.300Z"))
    assert scraped.of("hel_newest_event_age_seconds") == {("okta",): pytest.approx(-3600)}


@pytest.mark.parametrize("part", ["output", "state"])
def test_a_failing_output_or_state_shows_while_it_fails(part: str) -> None:
    scraped = Scraped()
    assert (scraped.of(f"hel_{part}_failing"), scraped.of("hel_ready")) == ({(): 0}, {(): 1})
    scraped.page |= {"ready": False, part: {"error": {"message": "the disk is full", "fix": "x", "since": "y"}}}
    assert (scraped.of(f"hel_{part}_failing"), scraped.of("hel_ready")) == ({(): 1}, {(): 0})


def test_a_refused_reload_shows_until_one_is_accepted_and_its_time_is_the_accepted_ones() -> None:
    scraped = Scraped()
    started = scraped.clock.at
    successful, at = "hel_config_last_reload_successful", "hel_config_last_reload_success_timestamp_seconds"
    assert (scraped.of(successful), scraped.of(at)) == ({(): 1}, {(): started})
    scraped.clock.at += 60
    scraped.hear("config.refused", problems=1)
    assert (scraped.of(successful), scraped.of(at)) == ({(): 0}, {(): started})
    scraped.clock.at += 60
    scraped.hear("config.reloaded", added=[], changed=[], removed=[], unchanged=["okta"])
    assert (scraped.of(successful), scraped.of(at)) == ({(): 1}, {(): started + 120})


def test_the_series_of_a_source_that_is_gone_disappear_and_a_straggler_does_not_bring_them_back() -> None:
    scraped = Scraped(source("okta"), source("other"))
    one_of_each(scraped)
    assert 'source="okta"' in scraped.text
    scraped.page = snapshot(source("other"))
    assert 'source="okta"' not in scraped.text
    scraped.hear("request.answered", **answered())
    assert 'source="okta"' not in scraped.text
    assert scraped.of("hel_events_total") == {("other",): 0}


def test_a_source_that_comes_back_counts_from_zero() -> None:
    scraped = Scraped()
    one_of_each(scraped)
    scraped.page = snapshot()
    assert scraped.of("hel_events_total") == {}
    scraped.page = snapshot(source())
    assert scraped.of("hel_events_total") == {("okta",): 0}
    assert scraped.of("hel_request_duration_seconds_count") == {("okta",): 0}
    assert not any(scraped.of("hel_requests_total").values())
    one_of_each(scraped)
    assert scraped.of("hel_events_total") == {("okta",): 7}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("request.answered", {"source": "okta"}),
        ("request.answered", {"source": "okta", "status": "200", "took_s": 1}),
        ("request.waited", {"source": "okta", "reason": "boredom", "wait_s": 1}),
        ("batch.committed", {"took_s": None, "by_source": {}}),
        ("token.minted", {}),
    ],
)
def test_an_event_that_cannot_be_counted_is_no_error_but_a_fault(event: str, fields: dict[str, Any]) -> None:
    scraped = Scraped()
    scraped.metrics.hear(event, fields)
    assert scraped.of("hel_metrics_faults_total") == {(): 1}


def test_an_event_of_no_interest_is_passed_over() -> None:
    scraped = Scraped()
    before = scraped.text
    scraped.hear("run.started", sources=1)
    hel = [line for line in scraped.text.splitlines() if not line.startswith("process_")]
    assert hel == [line for line in before.splitlines() if not line.startswith("process_")]


def test_the_table_is_what_is_scraped_no_more_and_no_less() -> None:
    busy = source(
        last_success="2026-05-01T12:00:00Z",
        newest_event="2026-05-01T11:59:00Z",
        rate_limit={"limit": 60, "remaining": 6},
        state="ok",
    )
    scraped = Scraped(busy)
    one_of_each(scraped)
    found = {
        (sample.name, family.type, frozenset(sample.labels) - {"le"}, family.documentation)
        for family in text_string_to_metric_families(scraped.text)
        for sample in family.samples
        if family.name.startswith("hel_")
    }
    assert found == {
        (name, metric.kind, frozenset(metric.labels), metric.help) for metric in METRICS for name in metric.series
    }
    names = {line.partition(" ")[0] for line in scraped.text.splitlines() if line.startswith("process_")}
    assert names == {metric.name for metric in PROCESS_METRICS}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4", "application/openmetrics-text"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=9.9,text/plain;q=0.1", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=\r\nx: y", "text/plain; version=0.0.4"),
        ("text/plain;version=soon", "text/plain; version=0.0.4"),
    ],
)
def test_the_format_is_what_was_asked_for_or_the_plain_one(accept: str, content_type: str) -> None:
    scraped = Scraped()
    one_of_each(scraped)
    write, found = scraped.metrics.exposition(accept)
    text = write()
    assert found.startswith(content_type)
    parse = open_metrics if "openmetrics" in found else text_string_to_metric_families
    assert "hel_events" in {family.name for family in parse(text.decode())}


def test_a_source_of_a_strange_name_is_written_so_that_it_is_read_back() -> None:
    name = 'a"b\\c\nd'
    assert Scraped(source(name)).of("hel_events_total") == {(name,): 0}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (.ci/run installs it)")
def test_promtool_finds_nothing_to_say_about_names_types_and_help() -> None:
    scraped = Scraped(
        source(
            last_success="2026-05-01T12:00:00Z",
            newest_event="2026-05-01T11:59:00Z",
            rate_limit={"limit": 6, "remaining": 6},
        )
    )
    one_of_each(scraped)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped.text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
