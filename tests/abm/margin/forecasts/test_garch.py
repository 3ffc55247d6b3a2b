import numpy as np
import pytest

from abm.margin.forecasts.garch import Garch, conditional_variance
from abm.margin.forecasts.observed import Observed
from tests.abm.margin.forecasts.simulated import garch


def test_it_recovers_the_parameters_of_a_simulated_series() -> None:
    series = garch(8000, 2e-5, 0.10, 0.85, seed=1)
    model = Garch()
    model.fit(series)
    assert (model.alpha, model.beta) == pytest.approx((0.10, 0.85), abs=0.03)
    assert model.omega * model.unit**2 == pytest.approx(2e-5, rel=0.3)


def test_its_recursion_is_that_of_the_package() -> None:
    from arch import arch_model

    series = garch(2000, 2e-5, 0.10, 0.85, seed=2)
    model = Garch()
    model.fit(series)
    fixed = arch_model(series.returns / model.unit, mean="Constant", rescale=False).fix(
        [model.mean, model.omega, model.alpha, model.beta]
    )
    theirs = float(fixed.forecast(horizon=5, reindex=False).variance.to_numpy()[-1].mean())
    ahead = Garch(5)
    ahead.fit(series)
    ours = float(ahead.forecast(series, 1999)[0]) / ahead._level
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_recursion_by_hand() -> None:
    assert conditional_variance(np.array([4.0, 1.0]), 0.1, 0.2, 0.7, 2.0).tolist() == pytest.approx(
        [0.1 + 0.8 + 1.4, 0.1 + 0.2 + 0.7 * 2.3]
    )


def test_another_measure_is_met_in_its_level() -> None:
    """A range estimator that sees half of the variance is forecast at half."""
    series = garch(1000, 2e-5, 0.10, 0.85, seed=3)
    halved = Observed(series.returns, 0.5 * series.variance)
    forecasts = []
    for seen in (series, halved):
        model = Garch()
        model.fit(seen)
        forecasts.append(model.forecast(seen, 999)[0])
    assert forecasts[1] == pytest.approx(0.5 * forecasts[0], rel=1e-9)


def test_far_ahead_it_tends_to_the_unconditional_variance() -> None:
    series = garch(4000, 2e-5, 0.10, 0.85, seed=1)
    model = Garch(2000)
    model.fit(series)
    steady = model.omega / (1.0 - model.alpha - model.beta) * model._level
    assert model.forecast(series, 3999)[0] == pytest.approx(steady, rel=0.05)


def test_returns_that_do_not_move_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to fit: returns do not move"):
        Garch().fit(Observed(np.zeros(200), np.ones(200)))
