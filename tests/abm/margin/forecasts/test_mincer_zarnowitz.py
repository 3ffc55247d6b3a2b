import numpy as np
import pytest

from abm.margin.forecasts.mincer_zarnowitz import mincer_zarnowitz


def noisy(alpha: float, beta: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    forecast = 1e-4 * rng.gamma(4.0, 0.25, count)
    return alpha + beta * forecast + 2e-5 * rng.standard_normal(count), forecast


def test_it_is_least_squares_with_the_errors_of_statsmodels() -> None:
    import statsmodels.api as sm

    target, forecast = noisy(1e-5, 0.7, 300)
    ours = mincer_zarnowitz(target, forecast, lags=5)
    theirs = sm.OLS(1e4 * target, sm.add_constant(1e4 * forecast)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False}
    )
    test = theirs.wald_test((np.eye(2), np.array([0.0, 1.0])), use_f=False, scalar=True)
    assert [1e4 * ours.alpha, ours.beta] == pytest.approx(theirs.params, rel=1e-9)
    assert [1e4 * ours.alpha_error, ours.beta_error] == pytest.approx(theirs.bse, rel=1e-9)
    assert (ours.r2, ours.wald) == pytest.approx((theirs.rsquared, float(test.statistic)), rel=1e-8)
    assert ours.p == pytest.approx(float(test.pvalue), rel=1e-6)


def test_an_unbiased_forecast_is_not_rejected_and_a_biased_one_is() -> None:
    assert mincer_zarnowitz(*noisy(0.0, 1.0)).p > 0.05
    assert mincer_zarnowitz(*noisy(0.0, 0.8)).p < 1e-6
    assert mincer_zarnowitz(*noisy(2e-5, 1.0)).p < 1e-6


def test_the_unit_does_not_matter() -> None:
    target, forecast = noisy(1e-5, 0.7)
    small, large = mincer_zarnowitz(target, forecast), mincer_zarnowitz(1e6 * target, 1e6 * forecast)
    assert (small.beta, small.wald, small.p) == pytest.approx((large.beta, large.wald, large.p), rel=1e-6)


def test_what_cannot_be_regressed_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 10 forecasts, got 3"):
        mincer_zarnowitz(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="the forecast never changes"):
        mincer_zarnowitz(np.arange(20.0), np.ones(20))
