"""When a position against a pool is liquidated, and who gets what is left (GMX v2).

Remaining = collateral + profit - capped negative impact - fees.  Liquidated when it is below the least USD, or not above
zero, or below a part of the size.  The trader gets max(remaining, 0) in collateral coins, the pool the rest.
gmx-io/gmx-synthetics, contracts/position/PositionUtils.sol (`isPositionLiquidatable`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["liquidatable", "liquidation_payout"]

Floats = NDArray[np.float64]


def liquidatable(remaining: ArrayLike, size: ArrayLike, least: ArrayLike, least_factor: ArrayLike) -> NDArray[np.bool_]:
    """Whether what remains, USD, is too little for a size, USD."""
    remaining = np.asarray(remaining, dtype=np.float64)
    needed = np.maximum(least, np.asarray(size) * np.asarray(least_factor))
    return np.asarray((remaining < needed) | (remaining <= 0.0))


def liquidation_payout(remaining: ArrayLike, collateral: ArrayLike, price: ArrayLike) -> tuple[Floats, Floats]:
    """Coins that the trader gets back, and that the pool gains (below zero it pays his profit)."""
    back = np.maximum(np.asarray(remaining, dtype=np.float64), 0.0) / np.asarray(price)
    return np.asarray(back), np.asarray(np.asarray(collateral) - back)
