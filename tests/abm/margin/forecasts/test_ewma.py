import numpy as np
import pytest

from abm.margin.forecasts.ewma import Ewma, FittedEwma, exponential_mean
from abm.margin.forecasts.observed import Observed


def test_it_is_the_recursion_of_riskmetrics() -> None:
    values, mean = np.array([4.0, 1.0, 9.0]), 2.0
    expected = []
    for value in values:
        mean = 0.94 * mean + 0.06 * value
        expected.append(mean)
    assert exponential_mean(values, 0.94, 2.0) == pytest.approx(expected, rel=1e-14)


def test_it_begins_with_the_first_variance_or_a_seed() -> None:
    seen = Observed(np.zeros(3), np.array([4.0, 1.0, 9.0]))
    model = Ewma()
    model.fit(seen)
    assert model.forecast(seen, 0)[0] == pytest.approx(4.0)
    seeded = Ewma(seed=2.0)
    seeded.fit(seen)
    assert seeded.forecast(seen, 0)[0] == pytest.approx(0.94 * 2.0 + 0.06 * 4.0)


def test_the_fitted_one_finds_the_decay_that_made_the_series() -> None:
    """x_t = v_{t-1} e_t with v an exponential mean of x (a GARCH without constant) and E e = 1."""
    rng = np.random.default_rng(3)
    found = []
    for decay in (0.75, 0.95):
        shocks, mean, values = rng.gamma(20.0, 1 / 20.0, 4000), 1.0, []
        for shock in shocks:
            values.append(mean * shock)
            mean = decay * mean + (1.0 - decay) * values[-1]
        model = FittedEwma()
        model.fit(Observed(np.zeros(4000), np.array(values)))
        found.append(model.decay)
    assert found == pytest.approx([0.75, 0.95], abs=0.03)


def test_a_series_that_stood_still_at_the_end_is_still_forecast_above_zero() -> None:
    seen = Observed(np.zeros(400), np.concatenate([np.ones(1), np.zeros(399)]))
    for model in (Ewma(), FittedEwma()):
        model.fit(seen)
        assert model.forecast(seen, 399)[0] > 0.0


def test_a_decay_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decay must be in \(0, 1\), got 1.0"):
        Ewma(decay=1.0)
