"""Winners' profit against a pool: what is paid of it, what it takes off the pool's value, when it is reduced (GMX v2).

A side's profit is counted up to a part of what the pool has behind it; each winner gets his share of what is left.  Losses
are not touched.  Auto-deleveraging is on when a side's profit is strictly above its part of the pool.
gmx-io/gmx-synthetics, contracts/market/MarketUtils.sol (`getCappedPnl`, `getPoolValueInfo`, `isPnlFactorExceeded`) and
contracts/position/PositionUtils.sol (`getPositionPnlUsd`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["adl_enabled", "capped_profit", "capped_side_profit", "pool_value"]

Floats = NDArray[np.float64]


def capped_side_profit(profit: ArrayLike, pool: ArrayLike, most: ArrayLike) -> Floats:
    """USD: a side's profit, at most a part of its pool; a loss as it is."""
    return np.asarray(np.minimum(np.asarray(profit, dtype=np.float64), np.asarray(pool) * np.asarray(most)))


def capped_profit(profit: ArrayLike, side_profit: ArrayLike, pool: ArrayLike, most: ArrayLike) -> Floats:
    """USD: what a position is paid of its profit, in proportion to what its side is paid of its own."""
    profit, side = np.asarray(profit, dtype=np.float64), np.asarray(side_profit, dtype=np.float64)
    capped = capped_side_profit(side, pool, most)
    share = np.divide(capped, side, out=np.ones(np.shape(side)), where=(side > 0.0) & (capped < side))
    return np.asarray(np.where(profit > 0.0, profit * share, profit))


def pool_value(
    deposits: ArrayLike, borrowing: ArrayLike, profit: tuple[ArrayLike, ArrayLike],
    pool: tuple[ArrayLike, ArrayLike], most: ArrayLike,
) -> Floats:  # fmt: skip
    """USD: deposits and accrued borrowing fees less the longs' and the shorts' profit, each capped by its own pool."""
    owed = [capped_side_profit(p, side, most) for p, side in zip(profit, pool, strict=True)]
    return np.asarray(np.asarray(deposits) + np.asarray(borrowing) - owed[0] - owed[1])


def adl_enabled(profit: ArrayLike, pool: ArrayLike, most: ArrayLike) -> NDArray[np.bool_]:
    """Whether a side's positions may be reduced against their holders' will."""
    return np.asarray(np.asarray(profit) > np.asarray(pool) * np.asarray(most))
