"""Forecasts through time: on the past only."""

import numpy as np
import pytest

from abm.margin.forecasts.models import MODELS
from abm.margin.forecasts.observed import Observed
from abm.margin.forecasts.walk_forward import walk_forward
from tests.abm.margin.forecasts.simulated import clustered


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("changed_from", [251, 280, 333])
def test_changing_the_future_changes_no_earlier_forecast(name: str, changed_from: int) -> None:
    series = clustered()
    rng = np.random.default_rng(9)
    returns, variance = series.returns.copy(), series.variance.copy()
    returns[changed_from:] = rng.standard_normal(400 - changed_from)
    variance[changed_from:] = returns[changed_from:] ** 2
    other = Observed(returns, variance)
    before = walk_forward(MODELS[name], series, first=250, horizon=2, refit=30)
    after = walk_forward(MODELS[name], other, first=250, horizon=2, refit=30)
    assert np.array_equal(before[:changed_from], after[:changed_from], equal_nan=True)
    assert not np.any(before[changed_from:] == after[changed_from:])


def test_forecasts_begin_once_enough_has_been_seen() -> None:
    forecasts = walk_forward(MODELS["ewma"], clustered(), first=100)
    assert np.isnan(forecasts[:99]).all()
    assert np.isfinite(forecasts[99:]).all()


def test_a_refit_uses_all_that_has_been_seen_by_then() -> None:
    """The forecast at a refit is that of a model that is fitted then, by hand."""
    series = clustered()
    forecasts = walk_forward(MODELS["har"], series, first=200, refit=50)
    model = MODELS["har"](1)
    model.fit(series.part(0, 250))
    assert forecasts[249:299] == pytest.approx(model.forecast(series.part(0, 299), 249), rel=1e-12)


def test_a_window_forgets() -> None:
    series = clustered()
    strange = Observed(series.returns, np.concatenate([1e3 * series.variance[:100], series.variance[100:]]))
    same = [walk_forward(MODELS["har"], s, first=300, window=150)[299:] for s in (series, strange)]
    assert same[0] == pytest.approx(same[1], rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first": 0}, "first must be >= 1, got 0"),
        ({"refit": 0}, "refit must"),
        ({"window": -1}, "window must be >= 0"),
    ],
)
def test_intervals_that_cannot_be_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        walk_forward(MODELS["ewma"], clustered(), **({"first": 10} | wrong))
