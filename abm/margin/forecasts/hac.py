"""Long-run covariance of serially dependent observations, by Bartlett weights.

Source: Newey, West 1987, Econometrica 55(3): S = G_0 + sum over l <= L of (1 - l/(L + 1)) (G_l + G_l'), with the
autocovariances G_l = 1/T sum x_t x_{t-l}'.  The number of lags by the rule of thumb floor(4 (T/100)^(2/9)) (Newey, West
1994, Review of Economic Studies 61(4)), at least those that overlapping horizons make.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["lags_for", "long_run_covariance"]

Floats = NDArray[np.float64]


def lags_for(count: int, horizon: int) -> int:
    """Lags for so many observations of forecasts `horizon` periods ahead."""
    return max(horizon - 1, int(4.0 * (count / 100.0) ** (2.0 / 9.0)))


def long_run_covariance(values: Floats, lags: int) -> Floats:
    """f8[k, k] of values f8[T, k], which have mean zero (or scores, whose mean is zero by construction).

    Raises
    ------
    ValueError
        Lags below zero, or not fewer than observations.
    """
    count = len(values)
    if not 0 <= lags < count:
        raise ValueError(f"lags must be in [0, {count}), got {lags}")
    total = values.T @ values / count
    for lag in range(1, lags + 1):
        late = values[lag:].T @ values[:-lag] / count
        total = total + (1.0 - lag / (lags + 1.0)) * (late + late.T)
    return np.asarray(total)
