"""Losses of variance forecasts that rank them right although variance is only seen through a noisy measure.

QLIKE = x/f - ln(x/f) - 1 and the squared error (x - f)^2 are robust in that sense: with an unbiased measure x they
order forecasts f as the true variance would (Patton 2011, Journal of Econometrics 160(1)).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["TINY", "qlike", "squared_error"]

Floats = NDArray[np.float64]

TINY = 1e-12
"""Variance that a period without any move counts as.  It shifts QLIKE's level and no difference of two forecasts'."""


def qlike(target: Floats, forecast: Floats) -> Floats:
    """f8[T]: x/f - ln(x/f) - 1, zero where the forecast is right.

    Raises
    ------
    ValueError
        A forecast is not above zero.
    """
    if np.any(~(forecast > 0.0)):
        raise ValueError(f"forecasts must be > 0, got {forecast[~(forecast > 0.0)][0]}")
    ratio = np.maximum(target, TINY) / forecast
    return np.asarray(ratio - np.log(ratio) - 1.0)


def squared_error(target: Floats, forecast: Floats) -> Floats:
    """f8[T]: (x - f)^2."""
    return np.asarray((target - forecast) ** 2)
