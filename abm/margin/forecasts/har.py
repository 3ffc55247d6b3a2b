"""Heterogeneous autoregression of realised variance: regress on its daily, weekly and monthly mean.

Source: Corsi 2009, Journal of Financial Econometrics 7(2): RV_{t+1} = c + b_d RV_t + b_w RV_t^(w) +
b_m RV_t^(m) + e, by least squares.  A week is 7 and a month 30 periods here: these markets never close.  The mean of the
next h periods is regressed directly.  `Har` is in logarithms of the means, with the lognormal correction
exp(s^2 / 2) (Andersen, Bollerslev, Diebold 2007, Review of Economics and Statistics 89(4)); `LevelHar` is in levels.  A
forecast below the least target that was fitted is raised to it (half of the filter of Bollerslev, Patton, Quaedvlieg
2016, Journal of Econometrics 192(1), against forecasts outside what was ever seen: a forecast above all of it may be right).
"""

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.base import FLOOR, Forecaster, ahead
from abm.margin.forecasts.observed import Observed, trailing_mean

__all__ = ["LAGS", "Har", "LevelHar", "components"]

Floats = NDArray[np.float64]

LAGS = (1, 7, 30)


def components(variance: Floats) -> Floats:
    """f8[T, 3]: mean variance of the last period, week and month, up to and with each period."""
    return np.column_stack([trailing_mean(variance, lag) for lag in LAGS])


class LevelHar(Forecaster):
    """In levels.

    After `fit`, `coefficients` f8[4] are the constant and those of day, week and month.
    """

    least = LAGS[-1] + 30

    def _fit(self, past: Observed) -> None:
        self._floor = FLOOR * float(past.variance.mean())
        target = np.maximum(ahead(past.variance, self.horizon), self._floor)
        rows = np.isfinite(target) & (np.arange(len(past)) >= LAGS[-1] - 1)
        design, response = self._design(past)[rows], self._response(target[rows])
        self.coefficients: Floats = np.linalg.lstsq(design, response, rcond=None)[0]
        left = response - design @ self.coefficients
        self._spread = float(left @ left) / (len(left) - design.shape[1])
        self._lowest = float(target[rows].min())

    def forecast(self, seen: Observed, start: int) -> Floats:
        """The regression at each period from `start` on."""
        from_here = max(start - LAGS[-1] + 1, 0)
        fitted = self._design(seen.part(from_here, len(seen)))[start - from_here :] @ self.coefficients
        return self._level(fitted)

    def _design(self, seen: Observed) -> Floats:
        return np.column_stack([np.ones(len(seen)), components(seen.variance)])

    def _response(self, target: Floats) -> Floats:
        return target

    def _level(self, fitted: Floats) -> Floats:
        return np.asarray(np.maximum(fitted, self._lowest))


class Har(LevelHar):
    """In logarithms."""

    def _design(self, seen: Observed) -> Floats:
        means = np.maximum(components(seen.variance), self._floor)
        return np.column_stack([np.ones(len(seen)), np.log(means)])

    def _response(self, target: Floats) -> Floats:
        return np.asarray(np.log(target))

    def _level(self, fitted: Floats) -> Floats:
        return super()._level(np.exp(fitted + 0.5 * self._spread))
