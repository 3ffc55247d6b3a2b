import numpy as np

from abm.margin.forecasts.boosting import Boosting, features
from abm.margin.forecasts.losses import qlike
from abm.margin.forecasts.observed import Observed
from tests.abm.margin.forecasts.simulated import clustered, log_har


def test_it_learns_what_the_month_alone_does_not_tell() -> None:
    series = log_har(3000, (-0.7, 0.6, 0.2, 0.1), 0.4, seed=6)
    model = Boosting()
    model.fit(series.part(0, 2000))
    target = series.variance[2001:]
    forecast = model.forecast(series, 2000)[:-1]
    month = np.array([series.variance[t - 29 : t + 1].mean() for t in range(2000, 2999)])
    assert qlike(target, forecast).mean() < 0.8 * qlike(target, month).mean()
    assert np.isclose((target / forecast).mean(), 1.0, atol=0.05)


def test_equal_data_give_equal_bits() -> None:
    series = clustered()
    forecasts = []
    for _ in range(2):
        model = Boosting()
        model.fit(series)
        forecasts.append(model.forecast(series, 300))
    assert np.array_equal(*forecasts)


def test_features_do_not_change_with_the_unit() -> None:
    series = clustered()
    scaled = Observed(10.0 * series.returns, 100.0 * series.variance)
    assert np.allclose(features(series, 1e-9), features(scaled, 1e-7))
