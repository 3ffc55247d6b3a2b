"""How much of a debt a liquidator may repay at once (Aave v3.3 and later).

The whole debt in a coin when health is low, or when this collateral or this debt is small; otherwise the smaller of that
debt and a share of the *total* debt.  A liquidation clears the debt, or the collateral, or leaves enough of each.
aave-dao/aave-v3-origin, src/contracts/protocol/libraries/logic/LiquidationLogic.sol (`executeLiquidationCall`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CloseFactor", "leaves_dust", "repayable", "repayment_to_restore"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CloseFactor:
    """Share of the total debt; health at or below which, and USD below which, the whole may be repaid; USD to be left."""

    share: float = 0.5
    whole_at_health: float = 0.95
    whole_below: float = 2000.0
    least_left: float = 1000.0


def repayable(
    debt: ArrayLike, total_debt: ArrayLike, collateral: ArrayLike, health: ArrayLike, limits: CloseFactor
) -> Floats:
    """USD: the most of one debt that can be repaid against one collateral; all of them in USD."""
    debt = np.asarray(debt, dtype=np.float64)
    small = np.minimum(debt, collateral) < limits.whole_below
    whole = small | (np.asarray(health) <= limits.whole_at_health)
    return np.asarray(np.where(whole, debt, np.minimum(debt, limits.share * np.asarray(total_debt))))


def leaves_dust(debt_left: ArrayLike, collateral_left: ArrayLike, limits: CloseFactor) -> NDArray[np.bool_]:
    """Whether a liquidation that leaves these, USD, is refused: neither is cleared, and one of them is too small."""
    debt_left, collateral_left = np.asarray(debt_left), np.asarray(collateral_left)
    both = (debt_left > 0.0) & (collateral_left > 0.0)
    return np.asarray(both & (np.minimum(debt_left, collateral_left) < limits.least_left))


def repayment_to_restore(
    weighted: ArrayLike, debt: ArrayLike, threshold: ArrayLike, bonus: ArrayLike, target: float = 1.0
) -> Floats:
    """USD: the least repayment after which health is `target`; infinite where no repayment restores it.

    Repaying x takes x*bonus of a collateral that counts `threshold`: (weighted - x*bonus*threshold)/(debt - x) = target.
    """
    debt = np.asarray(debt, dtype=np.float64)
    short, gain = target * debt - np.asarray(weighted), target - np.asarray(bonus) * np.asarray(threshold)
    found = np.divide(short, gain, out=np.full(np.broadcast(short, gain).shape, np.inf), where=gain > 0.0)
    return np.asarray(np.where(short <= 0.0, 0.0, found))
