"""What Hel counts and shows: each metric's name, type, labels and meaning, in one place.

A law: the objects, the reference in the README and the tests of alerts and dashboard are made from this table. Names
are as Prometheus asks (https://prometheus.io/docs/practices/naming/): base units, and `_total` for what only grows. No
label has values without bound: a source is one of the configuration's, and what is outside of a list is `other`.
"""

from dataclasses import dataclass
from typing import Literal

STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other", "none")
"""A status by its class; `none` where a request had no answer."""

WAITS = ("rate_limit", "output", "token", "retry")
CIRCUITS = ("closed", "open", "half_open", "off")
STATES = ("starting", "ok", "catching_up", "failing", "finished")

REQUEST_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
START_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMIT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As it is scraped; a histogram's has `_bucket`, `_sum` and `_count` behind it.
        kind: Counters and histograms are counted from the log's events, gauges are read when they are scraped.
        labels: Their names, that of the source or token server first.
        help: What it says.
        values: Of the last label, where they are known.
        buckets: Of a histogram: upper bounds, seconds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    values: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names of what is scraped."""
        ends = ("_bucket", "_sum", "_count") if self.kind == "histogram" else ("",)
        return tuple(f"{self.name}{end}" for end in ends)

    def children(self, first: str) -> list[tuple[str, ...]]:
        """The labels' values beside this one of the first."""
        return [(first, value) for value in self.values] if self.values else [(first,)]


_SOURCE = ("source",)
_SERVER = ("token_server",)

METRICS: tuple[Metric, ...] = (
    Metric(
        "hel_newest_event_age_seconds",
        "gauge",
        _SOURCE,
        "Age of the newest event that was delivered. It grows in an API's quiet hours, too: with the state "
        "`catching_up` it is how far Hel lags behind. Below 0, a clock is wrong.",
    ),
    Metric("hel_last_success_timestamp_seconds", "gauge", _SOURCE, "When a tick last ended well, seconds since 1970."),
    Metric("hel_source_state", "gauge", ("source", "state"), "1 for the state that the source is in.", STATES),
    Metric(
        "hel_source_failures", "gauge", _SOURCE, "Ticks that failed, one after the other; 0 after one that did not."
    ),
    Metric("hel_ticks_total", "counter", _SOURCE, "Ticks that ended, well or not."),
    Metric(
        "hel_tick_start_delay_seconds",
        "histogram",
        (),
        "How long after their due time ticks started: it grows where this process has more to do than it can. A tick "
        "that outlasts its interval is followed at once, and the next one is not late.",
        buckets=START_BUCKETS_S,
    ),
    Metric("hel_tick_failures_total", "counter", _SOURCE, "Ticks that failed."),
    Metric("hel_events_total", "counter", _SOURCE, "Events delivered and committed."),
    Metric("hel_event_bytes_total", "counter", _SOURCE, "Bytes of their lines."),
    Metric("hel_duplicates_total", "counter", _SOURCE, "Events that came again and were left out."),
    Metric(
        "hel_skipped_events_total", "counter", _SOURCE, "Events left out for good, longer than `limits.max_line_bytes`."
    ),
    Metric("hel_pages_total", "counter", _SOURCE, "Pages read."),
    Metric(
        "hel_requests_total",
        "counter",
        ("source", "status"),
        "Requests to the API by the class of their status; `none` had no answer.",
        STATUSES,
    ),
    Metric(
        "hel_request_duration_seconds",
        "histogram",
        _SOURCE,
        "Time from the first byte sent to the last byte of the answer.",
        buckets=REQUEST_BUCKETS_S,
    ),
    Metric("hel_request_retries_total", "counter", _SOURCE, "Further attempts after one that failed."),
    Metric(
        "hel_wait_seconds_total",
        "counter",
        ("source", "reason"),
        "Time that requests waited: for the rate limit, for room in the queue (the output is slow), for a token, or "
        "between attempts.",
        WAITS,
    ),
    Metric("hel_rate_limit_requests", "gauge", _SOURCE, "Requests that the API takes in a window, as it last said."),
    Metric("hel_rate_limit_remaining_requests", "gauge", _SOURCE, "Those left of them."),
    Metric(
        "hel_circuit_state",
        "gauge",
        ("source", "state"),
        "1 for the state of the source's circuit breaker; `off` where it is switched off.",
        CIRCUITS,
    ),
    Metric("hel_tokens_minted_total", "counter", _SERVER, "Access tokens received."),
    Metric("hel_token_retries_total", "counter", _SERVER, "Further attempts to get one."),
    Metric(
        "hel_token_renewal_failures_total",
        "counter",
        _SERVER,
        "Early renewals that failed while the old token was still good.",
    ),
    Metric("hel_queue_events", "gauge", (), "Events in memory on their way to the output."),
    Metric("hel_queue_bytes", "gauge", (), "Bytes of their lines."),
    Metric("hel_queue_capacity_events", "gauge", (), "How many events may be there."),
    Metric("hel_queue_capacity_bytes", "gauge", (), "How many bytes may be there."),
    Metric(
        "hel_commit_duration_seconds",
        "histogram",
        (),
        "Time to write, flush and commit what stood in the queue.",
        buckets=COMMIT_BUCKETS_S,
    ),
    Metric("hel_output_failing", "gauge", (), "1 while the output can't be written."),
    Metric("hel_output_errors_total", "counter", (), "How often the output began to fail."),
    Metric("hel_state_failing", "gauge", (), "1 while the state can't be written."),
    Metric("hel_state_errors_total", "counter", (), "How often the state began to fail."),
    Metric("hel_ready", "gauge", (), "1 while `/readyz` answers 200."),
    Metric("hel_config_last_reload_successful", "gauge", (), "0 if the configuration was refused when last read."),
    Metric(
        "hel_config_last_reload_success_timestamp_seconds",
        "gauge",
        (),
        "When the configuration in use was read, seconds since 1970.",
    ),
    Metric("hel_build_info", "gauge", ("version", "python"), "1, with the versions of Hel and of Python."),
    Metric(
        "hel_metrics_faults_total",
        "counter",
        (),
        "Events of the log that could not be counted, and so are missing from the counters: a fault in Hel.",
    ),
)

PROCESS_METRICS: tuple[Metric, ...] = (
    Metric("process_cpu_seconds_total", "counter", (), "CPU time of the process."),
    Metric("process_resident_memory_bytes", "gauge", (), "Memory that it holds."),
    Metric("process_virtual_memory_bytes", "gauge", (), "Address space that it holds."),
    Metric("process_start_time_seconds", "gauge", (), "When it started, seconds since 1970."),
    Metric("process_open_fds", "gauge", (), "Files and sockets that are open."),
    Metric("process_max_fds", "gauge", (), "How many may be open."),
)
"""Those of prometheus-client's process collector, on Linux."""
