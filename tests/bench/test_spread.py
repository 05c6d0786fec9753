"""The bench's own arithmetic: ratios, spread and percentiles."""

import pytest

from tests.bench.spread import Spread, differences, percentile, ratios, spread


def test_a_spread_is_the_median_with_the_least_and_the_greatest() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert spread([4.0, 2.0]) == Spread(3.0, 2.0, 4.0)


def test_ratios_and_differences_are_made_within_a_round() -> None:
    assert ratios([10.0, 40.0], [5.0, 10.0]) == [2.0, 4.0]
    assert differences([10.0, 40.0], [5.0, 10.0]) == [5.0, 30.0]


def test_rounds_of_which_one_lacks_a_measurement_make_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("counts", "bound"),
    [([100, 100, 100], 0.1), ([98, 100, 100], 0.25), ([99, 100, 100], 0.1), ([0, 98, 100], float("inf"))],
)
def test_a_percentile_is_the_bound_below_which_so_many_lie_and_never_less_than_the_truth(
    counts: list[float], bound: float
) -> None:
    assert percentile(list(zip([0.1, 0.25, float("inf")], counts, strict=True)), 0.99) == bound
