import math

import numpy as np
import pytest

from abm.margin.forecasts.diebold_mariano import diebold_mariano, holm


def test_one_step_ahead_without_lags_it_is_the_t_test_of_the_mean() -> None:
    """sqrt((T - 1)/T) times the mean over sqrt(G0/T) is Student's statistic."""
    from scipy.stats import ttest_1samp

    difference = np.random.default_rng(2).standard_normal(60) + 0.3
    ours = diebold_mariano(difference, np.zeros(60), lags=0)
    theirs = ttest_1samp(difference, 0.0)
    assert (ours.statistic, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-12)
    interval = theirs.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_two_steps_ahead_by_hand() -> None:
    """d = (3, 1, 2, 0) three times over; mean 3/2, G0 = 5/4, G1 = -9.75/12 (11 products), T = 12, h = 2.

    S = 5/4 + 2 (1/2)(-0.8125) = 0.4375; error sqrt(0.4375/12); correction sqrt((12 + 1 - 4 + 2/12)/12).
    """
    difference = np.tile([3.0, 1.0, 2.0, 0.0], 3)
    products = sum((difference[t] - 1.5) * (difference[t - 1] - 1.5) for t in range(1, 12))
    assert products == pytest.approx(-9.75)
    found = diebold_mariano(difference, np.zeros(12), horizon=2, lags=1)
    by_hand = 1.5 / math.sqrt(0.4375 / 12.0) * math.sqrt((12.0 + 1.0 - 4.0 + 2.0 / 12.0) / 12.0)
    assert found.statistic == pytest.approx(by_hand, rel=1e-12)


def test_serial_dependence_makes_it_less_sure() -> None:
    rng = np.random.default_rng(3)
    shocks = rng.standard_normal(2000)
    slow = np.convolve(shocks, np.ones(5) / 5.0, mode="same") + 0.05
    naive, robust = (diebold_mariano(slow, np.zeros(2000), lags=lags) for lags in (0, 8))
    assert robust.high - robust.low > 1.5 * (naive.high - naive.low)


def test_of_two_equal_forecasts_it_rejects_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    rejected = [diebold_mariano(*rng.gamma(0.5, 1.0, (2, 400))).p < 0.05 for _ in range(1000)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.025)


def test_no_difference_at_all_is_no_evidence() -> None:
    same = diebold_mariano(np.ones(20), np.ones(20))
    assert same.gain == 0.0
    assert math.isnan(same.p)


def test_too_few_losses_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 40 losses, got 30"):
        diebold_mariano(np.ones(30), np.ones(30), horizon=20)


class TestHolm:
    def test_by_hand(self) -> None:
        """0.01 * 4, 0.02 * 3, 0.03 * 2 (as large as the one before), 0.9."""
        assert holm(np.array([0.03, 0.01, 0.9, 0.02])).tolist() == pytest.approx([0.06, 0.04, 0.9, 0.06])

    def test_as_statsmodels_computes_it(self) -> None:
        from statsmodels.stats.multitest import multipletests

        p = np.random.default_rng(5).uniform(0.0, 0.2, 30)
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)

    def test_a_missing_one_stays_missing_and_does_not_count(self) -> None:
        found = holm(np.array([0.02, math.nan]))
        assert found[0] == 0.02
        assert math.isnan(found[1])
