"""Measures of a day's variance from bars of prices.

- realised variance: sum of squared log returns within the day (Andersen, Bollerslev 1998, International Economic
  Review 39(4));
- Parkinson: ln(high/low)^2 / (4 ln 2) (Parkinson 1980, Journal of Business 53(1));
- Garman-Klass: ln(high/low)^2 / 2 - (2 ln 2 - 1) ln(close/open)^2 (Garman, Klass 1980, Journal of Business 53(1),
  their practical estimator);
- squared return: ln(close / close before)^2.

Where trading never stops none of them misses a night.  Ranges of few trades are too small, so the range estimators
are biased downwards in thin markets.
"""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["daily_sums", "garman_klass", "log_returns", "parkinson"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def log_returns(close: Floats) -> Floats:
    """f8[n - 1]: ln(close / close before)."""
    return np.asarray(np.diff(np.log(close)))


def daily_sums(day: Ints, values: Floats) -> tuple[Ints, Floats, Ints]:
    """Days i8[D] in order, the sum of `values` f8[n] in each, and how many there are; `day` i8[n] ascends."""
    days, start, count = np.unique(day, return_index=True, return_counts=True)
    return days, np.add.reduceat(values, start), count


def parkinson(high: Floats, low: Floats) -> Floats:
    """f8[n]: from the range."""
    return np.asarray(np.log(high / low) ** 2 / (4.0 * math.log(2.0)))


def garman_klass(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """f8[n]: from the range and the move; not below zero where open and close lie within the range."""
    return np.asarray(0.5 * np.log(high / low) ** 2 - (2.0 * math.log(2.0) - 1.0) * np.log(close / open_) ** 2)
