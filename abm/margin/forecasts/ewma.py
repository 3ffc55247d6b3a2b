"""Exponentially weighted variance: v_t = lambda v_{t-1} + (1 - lambda) x_t, flat ahead.

Source: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th edition (1996), section 5.2, lambda = 0.94 for daily
data.  There x is the squared return; here it is the measure of variance that is to be forecast, so that all models
have the same information.  `FittedEwma` takes the lambda with the least QLIKE over the fitted periods.
"""

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.base import FLOOR, Forecaster, ahead
from abm.margin.forecasts.losses import qlike
from abm.margin.forecasts.observed import Observed

__all__ = ["RISKMETRICS", "Ewma", "FittedEwma", "exponential_mean"]

Floats = NDArray[np.float64]

RISKMETRICS = 0.94

GRID = np.round(np.arange(0.50, 0.9951, 0.01), 2)
"""Values of lambda that are tried."""

BURN = 20
"""Fitted periods at the beginning that do not count: the seed weighs there."""


def exponential_mean(values: Floats, decay: float, seed: float) -> Floats:
    """f8[T]: the exponential mean after each value, begun at `seed`."""
    from scipy.signal import lfilter

    result, _ = lfilter([1.0 - decay], [1.0, -decay], values, zi=[decay * seed])
    return np.asarray(result)


class Ewma(Forecaster):
    """RiskMetrics: a fixed lambda; `seed` is the variance before the first period (default: that of the first)."""

    least = 1

    def __init__(self, horizon: int = 1, *, decay: float = RISKMETRICS, seed: float | None = None) -> None:
        super().__init__(horizon)
        if not 0.0 < decay < 1.0:
            raise ValueError(f"decay must be in (0, 1), got {decay}")
        self.decay, self.seed = decay, seed

    def _fit(self, past: Observed) -> None:
        """A forecast is never nothing, even after periods that all stood still."""
        self._lowest = FLOOR * float(past.variance.mean())

    def forecast(self, seen: Observed, start: int) -> Floats:
        """The latest exponential mean, whatever the horizon."""
        seed = float(seen.variance[0]) if self.seed is None else self.seed
        return np.asarray(np.maximum(exponential_mean(seen.variance, self.decay, seed)[start:], self._lowest))


class FittedEwma(Ewma):
    """The lambda of least mean QLIKE over the fitted periods."""

    least = BURN + 10

    def _fit(self, past: Observed) -> None:
        super()._fit(past)
        target = ahead(past.variance, self.horizon)
        counts = np.arange(len(past)) >= BURN
        counts &= np.isfinite(target)
        losses = []
        for decay in GRID:
            mean = np.maximum(exponential_mean(past.variance, float(decay), float(past.variance[0])), self._lowest)
            losses.append(float(qlike(target[counts], mean[counts]).mean()))
        self.decay = float(GRID[int(np.argmin(losses))])
