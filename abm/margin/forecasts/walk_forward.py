"""Forecasts through time as they could have been made: refitted at intervals, on the past only."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.base import Forecaster
from abm.margin.forecasts.observed import Observed

__all__ = ["walk_forward"]

Floats = NDArray[np.float64]


def walk_forward(
    make: Callable[[int], Forecaster],
    observed: Observed,
    *,
    first: int,
    horizon: int = 1,
    refit: int = 30,
    window: int = 0,
) -> Floats:
    """f8[T]: at each period the forecast made at its end, of the mean variance of the `horizon` that follow.

    NaN before `first` periods have been seen.  `fit` and `forecast` are given nothing that comes after the last
    period for which the parameters are used.

    Parameters
    ----------
    make
        A forecaster for a horizon.
    first
        Periods seen before the first fit.
    refit
        Periods for which parameters are used.
    window
        Fit on so many of the latest periods; 0 on all.

    Raises
    ------
    ValueError
        A parameter is out of range, or the model cannot be fitted.
    """
    for name, value in (("first", first), ("refit", refit)):
        if value < 1:
            raise ValueError(f"{name} must be >= 1, got {value}")
    if window < 0:
        raise ValueError(f"window must be >= 0, got {window}")
    model, total = make(horizon), len(observed)
    result = np.full(total, np.nan)
    for last in range(first - 1, total, refit):
        end = min(last + refit, total)
        begin = max(last + 1 - window, 0) if window else 0
        model.fit(observed.part(begin, last + 1))
        result[last:end] = model.forecast(observed.part(0, end), last)
    return result
