"""The metrics for Prometheus: counted from the log's events, read from the status page's words, written as text.

A tap on the log counts, so that nothing else has to know of metrics; what is measured stands in `metrics_table`. The
library is loaded with this module, which takes a tenth of a second: import it where there is a server.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from hel.clock import Clock
from hel.telemetry.metrics_gauges import Gauges, Snapshot
from hel.telemetry.metrics_table import METRICS, STATUSES, WAITS, Metric

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads

Fields = Mapping[str, Any]

_OWNERS = {"source", "token_server"}
"""The labels that say whose a series is."""

T = TypeVar("T", Counter, Histogram)


class Metrics:
    """What is scraped from one process, in a registry of its own.

    Args:
        version: Of Hel.
        snapshot: What `/api/v1/sources` would answer now.
        clock: Says when the configuration was read.
    """

    def __init__(self, version: str, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._clock = clock
        self._known: set[tuple[str, str]] = set()
        self._children: dict[tuple[str, ...], Counter | Histogram] = {}
        self._registry = CollectorRegistry()
        self._snapshot = snapshot
        self._gauges = Gauges(version, clock.now())
        self._registry.register(self._gauges)
        self._made = {metric.name: self._make(metric) for metric in METRICS if metric.kind != "gauge"}
        ProcessCollector(registry=self._registry)

    def hear(self, event: str, fields: Fields) -> None:
        """A tap on the log. It never raises; an event that can't be counted is counted as a fault."""
        heard = _HEARD.get(event)
        if heard is None:
            return
        try:
            for label in _OWNERS & fields.keys():
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
        self._keep(snapshot)
        self._gauges.snapshot = snapshot
        encode, content_type = choose_encoder(_OPEN_METRICS if _wants_open_metrics(accept) else "")
        return partial(encode, self._registry), content_type

    def know(self, label: str, value: str) -> None:
        """Let a source or token server have all its series, at 0: one that begins with a failure shows no increase."""
        if (label, value) not in self._known:
            self._known.add((label, value))
            for name, *labels in self._series(label, value):
                self._made[name].labels(*labels)

    def forget(self, source: str) -> None:
        """Drop the series of a source that is gone."""
        self._known.discard(("source", source))
        for key in self._series("source", source):
            self._children.pop(key, None)
            self._made[key[0]].remove(*key[1:])

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Let a counter grow."""
        self._child(Counter, name, *labels).inc(by)

    def observe(self, name: str, *labels: str, took_s: float) -> None:
        """Add to a histogram."""
        self._child(Histogram, name, *labels).observe(took_s)

    def reloaded(self, *, is_accepted: bool) -> None:
        """The configuration was read again, and taken or refused."""
        self._gauges.reloaded(self._clock.now() if is_accepted else None)

    def _keep(self, snapshot: Snapshot) -> None:
        """Know the sources that there are, and no others."""
        names = {source["name"] for source in snapshot["sources"]}
        for gone in {value for label, value in self._known if label == "source"} - names:
            self.forget(gone)
        for name in names:
            self.know("source", name)

    def _series(self, label: str, value: str) -> Iterator[tuple[str, ...]]:
        """What is counted of a source or token server: the metrics' names, each with the values of its labels."""
        for metric in METRICS:
            if metric.name in self._made and metric.labels[:1] == (label,):
                yield from ((metric.name, *labels) for labels in metric.children(value))

    def _child(self, kind: type[T], *key: str) -> T:
        """What counts a series, found without the library's lock and checks."""
        child = self._children.get(key)
        if child is None:
            name, *labels = key
            child = self._children[key] = self._made[name].labels(*labels) if labels else self._made[name]
        if not isinstance(child, kind):
            raise TypeError(f"{key[0]} is no {kind.__name__}")
        return child

    def _make(self, metric: Metric) -> Counter | Histogram:
        if metric.kind == "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=self._registry)
        return Histogram(metric.name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets)


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
