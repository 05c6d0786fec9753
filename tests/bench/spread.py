"""What several rounds say: a median with its spread. A law: numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Their median, least and greatest."""
    return Spread(median(values), min(values), max(values))


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Round by round, for only what was measured in the same minute compares on a machine with moods."""
    return [one / other for one, other in zip(of, to, strict=True)]


def differences(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """What one costs more than the other, round by round."""
    return [one - other for one, other in zip(of, to, strict=True)]


def percentile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """The upper bound of the bucket in which this share of all is reached: never less than the true value.

    Args:
        buckets: Upper bound and how many lie at or below it, ascending; the last one holds all.
        share: In (0, 1].
    """
    wanted = buckets[-1][1] * share
    return next(bound for bound, count in buckets if count >= wanted)
