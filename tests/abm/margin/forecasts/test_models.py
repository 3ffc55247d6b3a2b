"""What all forecasters have in common."""

import numpy as np
import pytest

from abm.margin.forecasts.base import ahead
from abm.margin.forecasts.models import MODELS, forecaster
from abm.margin.forecasts.observed import Observed
from tests.abm.margin.forecasts.simulated import clustered


def test_the_target_is_the_mean_of_what_follows() -> None:
    target = ahead(np.array([1.0, 2.0, 4.0, 9.0]), 2)
    assert target[:2].tolist() == [3.0, 6.5]
    assert np.isnan(target[2:]).all()
    assert np.isnan(ahead(np.ones(3), 3)).all()


@pytest.mark.parametrize("name", MODELS)
class TestAll:
    def test_forecasts_are_variances(self, name: str) -> None:
        series, model = clustered(), forecaster(name, 3)
        model.fit(series.part(0, 300))
        forecast = model.forecast(series, 299)
        assert forecast.shape == (101,)
        assert np.all(np.isfinite(forecast) & (forecast > 0.0))

    def test_each_is_made_of_what_was_seen_by_then(self, name: str) -> None:
        series, model = clustered(), forecaster(name)
        model.fit(series.part(0, 300))
        whole = model.forecast(series, 299)
        for end in (300, 333, 399):
            assert model.forecast(series.part(0, end), end - 1)[0] == pytest.approx(whole[end - 300], rel=1e-9)

    def test_in_another_unit_the_forecast_is_the_same(self, name: str) -> None:
        series = clustered()
        scaled = Observed(10.0 * series.returns, 100.0 * series.variance)
        found = []
        for seen in (series, scaled):
            model = forecaster(name)
            model.fit(seen)
            found.append(float(model.forecast(seen, 399)[0]))
        assert found[1] == pytest.approx(100.0 * found[0], rel=1e-3)

    def test_too_few_periods_are_refused(self, name: str) -> None:
        least = MODELS[name](1).least
        with pytest.raises(ValueError, match=f"needs {least + 1} periods to fit, got {least}"):
            forecaster(name).fit(clustered().part(0, least))

    def test_a_series_that_never_moves_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="nothing to fit"):
            forecaster(name).fit(Observed(np.zeros(300), np.zeros(300)))


def test_an_unknown_name_is_told_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'harr'; one of ewma, ewma-fitted, har"):
        forecaster("harr")


def test_a_horizon_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon must be >= 1, got 0"):
        forecaster("ewma", 0)
