import numpy as np
import pytest

from abm.margin.forecasts.hac import lags_for, long_run_covariance


def test_by_hand() -> None:
    """x = (1, -1, 2): G0 = 2, G1 = (-1 - 2)/3 = -1, weight 1/2 on each side."""
    assert long_run_covariance(np.array([[1.0], [-1.0], [2.0]]), 1)[0, 0] == pytest.approx(1.0)


def test_as_statsmodels_computes_it() -> None:
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    values = np.random.default_rng(1).standard_normal((200, 2)).cumsum(axis=0)
    values -= values.mean(axis=0)
    assert long_run_covariance(values, 7) == pytest.approx(S_hac_simple(values, nlags=7) / 200, rel=1e-12)


@pytest.mark.parametrize(("count", "horizon", "lags"), [(100, 1, 4), (1000, 1, 6), (1000, 10, 9), (50, 30, 29)])
def test_lags_grow_with_the_sample_and_cover_the_horizon(count: int, horizon: int, lags: int) -> None:
    assert lags_for(count, horizon) == lags


def test_more_lags_than_observations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lags must be in \[0, 3\), got 3"):
        long_run_covariance(np.ones((3, 1)), 3)
