"""How balances grow at an interest rate: linearly for what is supplied, compounding every second for what is owed.

Aave adds up the first terms of the binomial series of (1 + r/Y)^n, with Y seconds in a year, instead of raising to a power:
1 + n x + n (n - 1)/2 x^2 + n (n - 1)(n - 2)/6 x^3, x = r/Y.
aave/aave-utilities, packages/math-utils/src/pool-math.ts and ray.math.ts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["YEAR", "compound_growth", "compound_growth_third_order", "linear_growth"]

Floats = NDArray[np.float64]

YEAR = 31_536_000.0
"""Seconds in a year of 365 days."""


def linear_growth(rate: ArrayLike, seconds: ArrayLike) -> Floats:
    """Factor by which a supply index grows at a rate a year."""
    return np.asarray(1.0 + np.asarray(rate) * np.asarray(seconds) / YEAR)


def compound_growth_third_order(rate: ArrayLike, seconds: ArrayLike) -> Floats:
    """Factor by which a debt index grows, by the series; less than the power by what the later terms would add."""
    x, n = np.asarray(rate, dtype=np.float64) / YEAR, np.asarray(seconds, dtype=np.float64)
    second = n * np.maximum(n - 1.0, 0.0)
    return np.asarray(1.0 + n * x + second * x * x / 2.0 + second * np.maximum(n - 2.0, 0.0) * x * x * x / 6.0)


def compound_growth(rate: ArrayLike, seconds: ArrayLike) -> Floats:
    """(1 + rate/Y)^seconds."""
    return np.asarray(np.exp(np.asarray(seconds) * np.log1p(np.asarray(rate, dtype=np.float64) / YEAR)))
