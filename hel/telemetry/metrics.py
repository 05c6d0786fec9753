"""The metrics for Prometheus: counted from the log's events, read from the status page's words, written as text.

A tap on the log counts, so that nothing else has to know of metrics; what is measured stands in `metrics_table`. The
library is loaded with this module, which takes a tenth of a second: import it where there is a server.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from hel.clock import Clock
from hel.telemetry.metrics_counts import OWNERS, Counts
from hel.telemetry.metrics_gauges import Gauges, Snapshot
from hel.telemetry.metrics_table import STATUSES, WAITS

Fields = Mapping[str, Any]


class Metrics:
    """What is scraped from one process, in a registry of its own.

    Args:
        version: Of Hel.
        snapshot: What `/api/v1/sources` would answer now.
        clock: Says when the configuration was read.
    """

    def __init__(self, version: str, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        self._snapshot = snapshot
        self._gauges = Gauges(version, clock.now())
        self._registry.register(self._gauges)
        self._counts = Counts()
        self.count, self.observe, self.know = self._counts.count, self._counts.observe, self._counts.know
        self._registry.register(self._counts)
        ProcessCollector(registry=self._registry)

    def hear(self, event: str, fields: Fields) -> None:
        """A tap on the log. It never raises; an event that can't be counted is counted as a fault."""
        heard = _HEARD.get(event)
        if heard is None:
            return
        try:
            for label in fields.keys() & OWNERS:
                self.know(label, fields[label])
            heard(self, fields)
        except Exception:  # noqa: BLE001  # what is said must not fail by who listens
            self.count("hel_metrics_faults_total")

    def exposition(self, accept: str = "") -> tuple[Callable[[], bytes], str]:
        """What writes all that is scraped, which any thread may call once, and its content type.

        For a thousand sources that takes a second, and the sources should not have to wait for it.

        Args:
            accept: The request's `Accept` header: OpenMetrics for who asks for it, else Prometheus's text format.
        """
        snapshot = self._snapshot()
        self._counts.keep(source["name"] for source in snapshot["sources"])
        self._gauges.snapshot = snapshot
        encode, content_type = choose_encoder(_OPEN_METRICS if _wants_open_metrics(accept) else "")
        return partial(encode, self._registry), content_type

    def reloaded(self, *, is_accepted: bool) -> None:
        """The configuration was read again, and taken or refused."""
        self._gauges.reloaded(self._clock.now() if is_accepted else None)


_OPEN_METRICS = "application/openmetrics-text"


def _wants_open_metrics(accept: str) -> bool:
    """Whether it is asked for in the version that is written here; the library fails at a version like `x`."""
    for offer in accept.split(","):
        kind, *parameters = (word.strip() for word in offer.split(";"))
        versions = [word for word in parameters if word.startswith("version=")]
        if kind == _OPEN_METRICS and versions in ([], ["version=1.0.0"]):
            return True
    return False


def _answered(metrics: Metrics, fields: Fields) -> None:
    source, status = fields["source"], f"{fields['status'] // 100}xx"
    metrics.count("hel_requests_total", source, status if status in STATUSES else "other")
    metrics.observe("hel_request_duration_seconds", source, took_s=fields["took_s"])


def _unanswered(metrics: Metrics, fields: Fields) -> None:
    metrics.count("hel_requests_total", fields["source"], "none")


def _retried(metrics: Metrics, fields: Fields) -> None:
    if "source" not in fields:
        metrics.count("hel_token_retries_total", fields["token_server"])
        return
    metrics.count("hel_request_retries_total", fields["source"])
    metrics.count("hel_wait_seconds_total", fields["source"], "retry", by=fields["wait_s"])


def _waited(metrics: Metrics, fields: Fields) -> None:
    if fields["reason"] not in WAITS:
        raise ValueError(fields["reason"])
    metrics.count("hel_wait_seconds_total", fields["source"], fields["reason"], by=fields["wait_s"])


def _fetched(metrics: Metrics, fields: Fields) -> None:
    source = fields["source"]
    metrics.count("hel_pages_total", source)
    metrics.count("hel_duplicates_total", source, by=fields["duplicates"])
    metrics.count("hel_skipped_events_total", source, by=fields["skipped"])


def _ended(metrics: Metrics, fields: Fields) -> None:
    metrics.count("hel_ticks_total", fields["source"])


def _failed(metrics: Metrics, fields: Fields) -> None:
    _ended(metrics, fields)
    metrics.count("hel_tick_failures_total", fields["source"])


def _committed(metrics: Metrics, fields: Fields) -> None:
    metrics.observe("hel_commit_duration_seconds", took_s=fields["took_s"])
    for source, part in fields["by_source"].items():
        metrics.know("source", source)
        metrics.count("hel_events_total", source, by=part["events"])
        metrics.count("hel_event_bytes_total", source, by=part["bytes"])


_HEARD: Mapping[str, Callable[[Metrics, Fields], None]] = {
    "request.answered": _answered,
    "request.unanswered": _unanswered,
    "request.retried": _retried,
    "request.waited": _waited,
    "page.fetched": _fetched,
    "tick.started": lambda metrics, fields: metrics.observe("hel_tick_start_delay_seconds", took_s=fields["late_s"]),
    "tick.finished": _ended,
    "tick.failed": _failed,
    "tick.crashed": _failed,
    "batch.committed": _committed,
    "token.minted": lambda metrics, fields: metrics.count("hel_tokens_minted_total", fields["token_server"]),
    "token.not_renewed": lambda metrics, fields: metrics.count(
        "hel_token_renewal_failures_total", fields["token_server"]
    ),
    "output.failed": lambda metrics, _: metrics.count("hel_output_errors_total"),
    "state.failed": lambda metrics, _: metrics.count("hel_state_errors_total"),
    "config.reloaded": lambda metrics, _: metrics.reloaded(is_accepted=True),
    "config.refused": lambda metrics, _: metrics.reloaded(is_accepted=False),
}
