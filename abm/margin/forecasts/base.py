"""The interface of every forecaster: fit on the past, forecast the mean variance of the next periods."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.observed import Observed

__all__ = ["FLOOR", "Forecaster", "ahead"]

Floats = NDArray[np.float64]

FLOOR = 1e-3
"""Part of the fitted periods' mean variance below which a variance counts as that much before a logarithm is taken."""


def ahead(variance: Floats, horizon: int) -> Floats:
    """f8[T]: mean variance of the `horizon` periods that follow each, NaN where they have not all been seen."""
    target = np.full(len(variance), np.nan)
    if len(variance) > horizon:
        total = np.concatenate([[0.0], np.cumsum(variance)])
        target[:-horizon] = (total[horizon + 1 :] - total[1:-horizon]) / horizon
    return target


class Forecaster(ABC):
    """A model of variance.

    What it forecasts at the end of a period is the mean variance per period of the next `horizon` periods.  It has
    parameters from `fit` alone; `forecast` moves its state on through what has been seen since.

    Parameters
    ----------
    horizon
        Periods ahead.

    Raises
    ------
    ValueError
        The horizon is below one.
    """

    least: ClassVar[int]
    """Periods, beside the horizon, that a fit needs."""

    def __init__(self, horizon: int = 1) -> None:
        if horizon < 1:
            raise ValueError(f"horizon must be >= 1, got {horizon}")
        self.horizon = horizon

    def fit(self, past: Observed) -> None:
        """Estimate the parameters on periods that all lie in the past.

        Raises
        ------
        ValueError
            They are fewer than the model needs, or do not move at all.
        """
        if len(past) < self.least + self.horizon:
            raise ValueError(f"needs {self.least + self.horizon} periods to fit, got {len(past)}")
        if not np.any(past.variance > 0.0):
            raise ValueError("nothing to fit: variance is zero in all periods")
        self._fit(past)

    @abstractmethod
    def _fit(self, past: Observed) -> None:
        """Estimate; `past` is long enough and moves."""

    @abstractmethod
    def forecast(self, seen: Observed, start: int) -> Floats:
        """f8[T - start]: forecasts at the end of periods start..T-1, each from periods up to its own only."""
