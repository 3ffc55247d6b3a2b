import numpy as np
import pytest

from abm.margin.forecasts.har import Har, LevelHar, components
from abm.margin.forecasts.observed import Observed
from tests.abm.margin.forecasts.simulated import log_har


def test_components_are_means_of_day_week_and_month() -> None:
    variance = np.arange(1.0, 41.0)
    assert components(variance)[39].tolist() == pytest.approx([40.0, np.mean(variance[-7:]), np.mean(variance[-30:])])


def test_it_recovers_the_coefficients_of_a_simulated_series() -> None:
    true = (-0.7, 0.35, 0.35, 0.2)
    model = Har()
    model.fit(log_har(20_000, true, 0.5, seed=2))
    assert model.coefficients == pytest.approx(true, abs=0.06)
    assert model._spread == pytest.approx(0.25, rel=0.03)


def test_in_logarithms_the_forecast_is_the_mean_of_a_lognormal() -> None:
    """With s = 0.5 the median lies 12 % below the mean."""
    series = log_har(20_000, (-0.7, 0.35, 0.35, 0.2), 0.5, seed=2)
    model = Har()
    model.fit(series)
    ratio = series.variance[1000:] / model.forecast(series, 999)[:-1]
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)
    assert np.median(ratio) == pytest.approx(np.exp(-0.125), abs=0.02)


def test_in_levels_it_recovers_a_linear_recursion() -> None:
    rng = np.random.default_rng(5)
    variance = np.full(20_000, 1.0)
    for t in range(30, len(variance)):
        means = [variance[t - lag : t].mean() for lag in (1, 7, 30)]
        variance[t] = 0.1 + np.dot((0.3, 0.3, 0.3), means) + 0.2 * rng.uniform(-1.0, 1.0)
    model = LevelHar()
    model.fit(Observed(np.zeros(len(variance)), variance))
    assert model.coefficients == pytest.approx([0.1, 0.3, 0.3, 0.3], abs=0.04)


def test_the_mean_of_a_longer_horizon_is_regressed_directly() -> None:
    series = log_har(5000, (-0.7, 0.35, 0.35, 0.2), 0.5, seed=4)
    near, far = Har(1), Har(10)
    near.fit(series)
    far.fit(series)
    assert far.coefficients[1] < near.coefficients[1]
    assert far.forecast(series, 4000).std() < near.forecast(series, 4000).std()


def test_a_level_is_never_below_what_was_seen() -> None:
    variance = np.concatenate([np.linspace(10.0, 1.0, 100), np.full(5, 1e-9)])
    series = Observed(np.zeros(105), variance)
    model = LevelHar()
    model.fit(series.part(0, 100))
    assert np.all(model.forecast(series, 99) >= 1.0 - 1e-12)


def test_days_without_any_move_do_not_break_the_logarithm() -> None:
    variance = np.tile([1.0, 0.0, 2.0], 60)
    model = Har()
    model.fit(Observed(np.zeros(180), variance))
    assert np.all(np.isfinite(model.forecast(Observed(np.zeros(180), variance), 100)))
