import numpy as np
import pytest

from abm.margin.forecasts.observed import Observed, trailing_mean


def test_a_trailing_mean_is_of_what_has_been_seen() -> None:
    assert trailing_mean(np.array([1.0, 2.0, 3.0, 4.0]), 2).tolist() == [1.0, 1.5, 2.5, 3.5]
    assert trailing_mean(np.array([1.0, 2.0, 3.0]), 9).tolist() == [1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("returns", "variance", "message"),
    [
        ([0.0], [1.0, 2.0], r"must be alike, got \(1,\) and \(2,\)"),
        ([np.nan], [1.0], "must be finite"),
        ([0.0], [np.inf], "must be finite"),
        ([0.0], [-1.0], r"variance must be >= 0, got -1.0"),
    ],
)
def test_what_cannot_be_is_refused(returns: list[float], variance: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Observed(np.array(returns), np.array(variance))
