"""Gradient boosting of regression trees on features of the past, scored by QLIKE.

Source: Friedman 2001, Annals of Statistics 29(5); scikit-learn's HistGradientBoostingRegressor with `loss="gamma"`, half
of whose deviance, y/f - ln(y/f) - 1, is QLIKE.  What is fitted is the mean variance of the next h periods over the mean
of the last month, so that trees, which cannot extrapolate, need not know the level.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.base import FLOOR, Forecaster, ahead
from abm.margin.forecasts.har import LAGS, components
from abm.margin.forecasts.observed import Observed, trailing_mean

__all__ = ["Boosting", "features"]

Floats = NDArray[np.float64]

SETTINGS: dict[str, Any] = {
    "loss": "gamma",
    "max_iter": 100,
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}
"""Fixed beforehand, not tuned on any series."""


def features(seen: Observed, floor: float) -> Floats:
    """f8[T, 6]: log day and week over month; log month over quarter; returns of day, week, month in monthly deviations."""
    day, week, month = np.maximum(components(seen.variance), floor).T
    quarter = np.maximum(trailing_mean(seen.variance, 90), floor)
    moves = [trailing_mean(seen.returns, lag) * np.sqrt(lag) / np.sqrt(month) for lag in LAGS]
    return np.column_stack([np.log(day / month), np.log(week / month), np.log(month / quarter), *moves])


class Boosting(Forecaster):
    """Histogram gradient boosting on one thread, so that equal data give equal bits."""

    least = LAGS[-1] + 60

    def _fit(self, past: Observed) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        self._floor = FLOOR * float(past.variance.mean())
        target = np.maximum(ahead(past.variance, self.horizon), self._floor)
        rows = np.isfinite(target) & (np.arange(len(past)) >= LAGS[-1] - 1)
        self._model = HistGradientBoostingRegressor(**SETTINGS)
        with threadpool_limits(1):
            self._model.fit(features(past, self._floor)[rows], (target / self._month(past))[rows])

    def forecast(self, seen: Observed, start: int) -> Floats:
        """The trees' answer, times the mean of the last month."""
        from threadpoolctl import threadpool_limits

        from_here = max(start - 90, 0)
        late = seen.part(from_here, len(seen))
        with threadpool_limits(1):
            ratio = self._model.predict(features(late, self._floor)[start - from_here :])
        return np.asarray(ratio * self._month(late)[start - from_here :])

    def _month(self, seen: Observed) -> Floats:
        return np.asarray(np.maximum(trailing_mean(seen.variance, LAGS[-1]), self._floor))
