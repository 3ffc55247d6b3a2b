"""How much of a lender's reserve is lent out, what it costs, and what can be taken out of it.

Borrow rate: base + s1 u/o up to the optimal utilisation o, base + s1 + s2 (u - o)/(1 - o) above.  Suppliers get what
borrowers pay, over all that is supplied or minted unbacked, less the reserve factor.
aave-dao/aave-v3-origin, src/contracts/misc/DefaultReserveInterestRateStrategyV2.sol.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RateCurve", "borrow_rate", "supply_rate", "utilisation", "withdrawable"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Rates a year of an empty reserve, up to the optimal utilisation, and above it."""

    base: float
    slope1: float
    slope2: float
    optimal: float


def utilisation(debt: ArrayLike, liquidity: ArrayLike, unbacked: ArrayLike = 0.0) -> Floats:
    """Share of what is supplied that is lent out; 0 of an empty reserve."""
    debt = np.asarray(debt, dtype=np.float64)
    total = debt + np.asarray(liquidity, dtype=np.float64) + np.asarray(unbacked, dtype=np.float64)
    return np.asarray(np.divide(debt, total, out=np.zeros(np.shape(total)), where=total > 0.0))


def borrow_rate(used: ArrayLike, curve: RateCurve) -> Floats:
    """Rate a year at a utilisation."""
    used = np.asarray(used, dtype=np.float64)
    below = used / curve.optimal if curve.optimal > 0.0 else np.ones_like(used)
    above = (used - curve.optimal) / (1.0 - curve.optimal) if curve.optimal < 1.0 else np.zeros_like(used)
    return np.asarray(
        curve.base + curve.slope1 * np.minimum(below, 1.0) + curve.slope2 * np.maximum(above, 0.0)
    )  # fmt: skip


def supply_rate(
    debt: ArrayLike, liquidity: ArrayLike, unbacked: ArrayLike, reserve_factor: ArrayLike, curve: RateCurve
) -> Floats:
    """Rate a year that suppliers get."""
    paid = borrow_rate(utilisation(debt, liquidity), curve) * utilisation(debt, liquidity, unbacked)
    return np.asarray(paid * (1.0 - np.asarray(reserve_factor)))


def withdrawable(balance: ArrayLike, liquidity: ArrayLike) -> Floats:
    """Coins that a supplier can take out now: no more than is not lent out."""
    held, free = np.asarray(balance, dtype=np.float64), np.asarray(liquidity, dtype=np.float64)
    return np.asarray(np.minimum(np.maximum(held, 0.0), np.maximum(free, 0.0)))
