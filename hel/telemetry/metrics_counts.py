"""The counters and histograms, kept as plain numbers: a thousand sources have thirty thousand, most of them 0.

The library's own objects take half a kilobyte for each. What is 0 is not kept, but shown for each source and token
server that is known, so that one that begins with a failure shows an increase.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from hel.telemetry.metrics_table import METRICS, Metric

Labels = tuple[str, ...]
"""Values of labels."""

OWNERS = ("source", "token_server")
"""The labels that say whose a series is."""


class Counts(Collector):
    """All counters and histograms of the table.

    One thread counts; any other may collect meanwhile, for each number is replaced as a whole.
    """

    def __init__(self) -> None:
        self._metrics = {metric.name: metric for metric in METRICS if metric.kind != "gauge"}
        self._counted: dict[str, dict[Labels, float]] = {name: {} for name in self._metrics}
        self._observed: dict[str, dict[Labels, tuple[float, ...]]] = {name: {} for name in self._metrics}
        self._known: dict[str, dict[str, None]] = {label: {} for label in OWNERS}

    def know(self, label: str, value: str) -> None:
        """Show all series of a source or token server from now on."""
        self._known[label][value] = None

    def keep(self, sources: Iterable[str]) -> None:
        """Know these sources, and no others."""
        names = dict.fromkeys(sources)
        for gone in self._known["source"].keys() - names.keys():
            self._forget(gone)
        self._known["source"].update(names)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Let a counter grow."""
        if by < 0:
            raise ValueError(by)
        counted = self._counted[name]
        counted[labels] = counted.get(labels, 0.0) + by

    def observe(self, name: str, *labels: str, took_s: float) -> None:
        """Add to a histogram: how many fell into each of its buckets, and their sum."""
        bounds = self._metrics[name].buckets
        known = list(self._observed[name].get(labels) or (0.0,) * (len(bounds) + 2))
        known[bisect_left(bounds, took_s)] += 1
        known[-1] += took_s
        self._observed[name][labels] = tuple(known)

    def collect(self) -> Iterator[Family]:
        """Each counter and histogram with its samples."""
        owners = {label: list(known) for label, known in self._known.items()}
        for metric in self._metrics.values():
            yield (
                _counter(metric, self._counted[metric.name], owners)
                if metric.kind == "counter"
                else _histogram(metric, self._observed[metric.name], owners)
            )

    def _forget(self, source: str) -> None:
        self._known["source"].pop(source)
        for metric in self._metrics.values():
            for labels in _series(metric, {"source": [source]}) if metric.labels[:1] == ("source",) else ():
                self._counted[metric.name].pop(labels, None)
                self._observed[metric.name].pop(labels, None)


def _series(metric: Metric, owners: dict[str, list[str]]) -> Iterator[Labels]:
    """The values of the labels of all its series."""
    if not metric.labels:
        yield ()
    else:
        for owner in owners[metric.labels[0]]:
            yield from metric.children(owner)


def _counter(metric: Metric, counted: dict[Labels, float], owners: dict[str, list[str]]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels in _series(metric, owners):
        family.add_metric(labels, counted.get(labels, 0.0))
    return family


def _histogram(metric: Metric, observed: dict[Labels, tuple[float, ...]], owners: dict[str, list[str]]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    nothing = (0.0,) * (len(bounds) + 1)
    for labels in _series(metric, owners):
        *counts, total = observed.get(labels, nothing)
        so_far, buckets = 0.0, []
        for bound, count in zip(bounds, counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        family.add_metric(labels, buckets, total)
    return family
