"""What a liquidator of a loan gets of the collateral (Aave v3).

Seized = repaid * debt price / collateral price * bonus, at most the balance; then repaid = balance value / bonus.  The
protocol's fee is its share of the bonus part, seized - seized/bonus, out of what is seized.  With no collateral left, the
debt that remains is a deficit of its reserve.
aave-dao/aave-v3-origin, LiquidationLogic.sol (`_calculateAvailableCollateralToLiquidate`, `_burnDebtTokens`).
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Seizure", "deficit", "seize", "seize_units"]

Floats = NDArray[np.float64]

BASIS = 10_000
"""Basis points in one: how the contracts write shares."""


@dataclass(frozen=True, slots=True)
class Seizure:
    """Collateral that the liquidator and the protocol get, and debt repaid, coins."""

    liquidator: Floats
    fee: Floats
    repaid: Floats

    @property
    def taken(self) -> Floats:
        """All that leaves the account's collateral, coins."""
        return np.asarray(self.liquidator + self.fee)


def seize(repay: ArrayLike, balance: ArrayLike, price: ArrayLike, bonus: ArrayLike, fee_share: ArrayLike) -> Seizure:
    """Repay some of a debt out of a collateral.

    Parameters
    ----------
    repay, balance
        Debt to repay, and the collateral there is, coins of each.
    price
        Of the debt's coin in coins of the collateral.
    bonus, fee_share
        1 + the liquidator's bonus; the protocol's share of the bonus.
    """
    repay, balance, price = (np.asarray(x, dtype=np.float64) for x in (repay, balance, price))
    bonus = np.asarray(bonus, dtype=np.float64)
    wanted = repay * price * bonus
    taken = np.minimum(wanted, balance)
    repaid = np.where(wanted > balance, balance / (price * bonus), repay)
    fee = (taken - taken / bonus) * np.asarray(fee_share)
    return Seizure(np.asarray(taken - fee), np.asarray(fee), np.asarray(repaid))


def seize_units(repay: int, balance: int, price: Fraction, bonus: float, fee_share: float) -> tuple[int, int, int]:
    """The same in the smallest units of each coin, rounded as the contracts do: liquidator, fee, repaid.

    Values are rounded down, percentages to the nearest unit, half up; `price` is in units of the collateral for one of
    the debt.
    """
    basis, share = round(bonus * BASIS), round(fee_share * BASIS)
    taken, repaid = _times(int(repay * price), basis), repay
    if taken > balance:
        taken, repaid = balance, _over(int(balance / price), basis)
    fee = _times(taken - _over(taken, basis), share)
    return taken - fee, fee, repaid


def _times(value: int, basis: int) -> int:
    return (value * basis + BASIS // 2) // BASIS


def _over(value: int, basis: int) -> int:
    return (value * BASIS + basis // 2) // basis


def deficit(debt_left: ArrayLike, collateral_left: ArrayLike) -> Floats:
    """What of a debt nobody will repay: all of it once there is no collateral left of any kind, and nothing before."""
    return np.asarray(np.where(np.asarray(collateral_left) > 0.0, 0.0, np.asarray(debt_left, dtype=np.float64)))
