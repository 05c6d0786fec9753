"""The gauges, read from the same words as the status page when they are scraped, so that the two never differ."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hel.telemetry.metrics_table import METRICS, Metric
from hel.timestamps import parse_time

Snapshot = Mapping[str, Any]
"""What `/api/v1/sources` answers."""

Samples = Iterator[tuple[tuple[str, ...], float]]
"""Values of labels, and the value."""


class Gauges(Collector):
    """All gauges of the table.

    Args:
        version: Of Hel.
        read_at: When the configuration in use was read, epoch seconds.
    """

    def __init__(self, version: str, read_at: float) -> None:
        self.snapshot: Snapshot | None = None
        """What `/api/v1/sources` would answer now; None before the first scrape."""
        self._version = version
        self._read_at = read_at
        self._is_refused = False

    def reloaded(self, now: float | None) -> None:
        """The configuration was read again at that time; None: it was refused."""
        self._is_refused = now is None
        self._read_at = self._read_at if now is None else now

    def collect(self) -> Iterable[Family]:
        """Each gauge with its samples."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        for metric in METRICS:
            if metric.kind == "gauge":
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, value in self._samples(metric, snapshot):
                    family.add_metric(labels, value)
                yield family

    def _samples(self, metric: Metric, snapshot: Snapshot) -> Samples:
        """A gauge's samples; none where nothing is known yet."""
        if metric.labels[:1] == ("source",):
            yield from _of_sources(metric, snapshot)
        elif metric.name == "hel_build_info":
            yield (self._version, platform.python_version()), 1.0
        elif metric.name == "hel_config_last_reload_successful":
            yield (), float(not self._is_refused)
        elif metric.name == "hel_config_last_reload_success_timestamp_seconds":
            yield (), self._read_at
        else:
            yield (), float(_OF_ALL[metric.name](snapshot))


def _of_sources(metric: Metric, snapshot: Snapshot) -> Samples:
    now = _at(snapshot["now"])
    for source in snapshot["sources"]:
        if metric.values:
            found = source[_CHOICES[metric.name]]
            yield from (((source["name"], value), float(value == found)) for value in metric.values)
        elif (value := _OF_SOURCE[metric.name](source, now)) is not None:
            yield (source["name"],), float(value)


def _at(text: str | None) -> float | None:
    return None if text is None else parse_time(text)


def _age(newest: float | None, now: float | None) -> float | None:
    """Below 0 where one of the clocks is wrong, which an alert looks for; the page shows that as 0."""
    return None if newest is None or now is None else now - newest


def _rate_limit(source: Snapshot, key: str) -> float | None:
    limit: Mapping[str, float | None] | None = source["rate_limit"]
    return None if limit is None else limit[key]


_CHOICES = {"hel_source_state": "state", "hel_circuit_state": "circuit"}

_OF_SOURCE: Mapping[str, Callable[[Snapshot, float | None], float | None]] = {
    "hel_newest_event_age_seconds": lambda source, now: _age(_at(source["newest_event"]), now),
    "hel_last_success_timestamp_seconds": lambda source, _: _at(source["last_success"]),
    "hel_source_failures": lambda source, _: source["failures"],
    "hel_rate_limit_requests": lambda source, _: _rate_limit(source, "limit"),
    "hel_rate_limit_remaining_requests": lambda source, _: _rate_limit(source, "remaining"),
}

_OF_ALL: Mapping[str, Callable[[Snapshot], float]] = {
    "hel_queue_events": lambda found: found["queue"]["events"],
    "hel_queue_bytes": lambda found: found["queue"]["bytes"],
    "hel_queue_capacity_events": lambda found: found["queue"]["max_events"],
    "hel_queue_capacity_bytes": lambda found: found["queue"]["max_bytes"],
    "hel_output_failing": lambda found: found["output"]["error"] is not None,
    "hel_state_failing": lambda found: found["state"]["error"] is not None,
    "hel_ready": lambda found: found["ready"],
}
