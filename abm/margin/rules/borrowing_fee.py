"""What a position pays a pool for the reserve that it takes up (GMX v2).

A second: size * factor * reserved^exponent / pool.  The smaller side of the market may be let off.
gmx-io/gmx-synthetics, contracts/market/MarketUtils.sol (`getBorrowingFactorPerSecond`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["borrowing_factor", "borrowing_fee"]

Floats = NDArray[np.float64]


def borrowing_factor(
    reserved: ArrayLike, pool: ArrayLike, factor: ArrayLike, exponent: ArrayLike, let_off: ArrayLike = False
) -> Floats:
    """Fee a second over size, at reserved and pooled USD; nothing where nothing is reserved, or the side is let off."""
    reserved, pool = np.asarray(reserved, dtype=np.float64), np.asarray(pool, dtype=np.float64)
    raised = np.asarray(factor) * np.maximum(reserved, 0.0) ** np.asarray(exponent)
    raised = np.where((reserved > 0.0) & ~np.asarray(let_off), raised, 0.0)
    return np.asarray(np.divide(raised, pool, out=np.zeros(np.shape(raised)), where=pool > 0.0))


def borrowing_fee(size: ArrayLike, seconds: ArrayLike, factor: ArrayLike) -> Floats:
    """USD that a size, USD, pays in some seconds at a factor."""
    return np.asarray(np.asarray(size) * np.asarray(seconds) * np.asarray(factor))
