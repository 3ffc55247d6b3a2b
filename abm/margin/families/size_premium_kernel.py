"""Collateral and requirement of accounts whose weights depend on size, by row."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.margin.rules.size_premium import asset_weight_of, liability_weight_of

__all__ = [
    "SizeTerms",
    "collateral_and_requirement",
    "collateral_and_requirement_python",
    "free_premium_kernel",
    "free_premium_kernel_python",
    "premium_kernel",
    "premium_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE, FUNDING, RATIO, IMF, PROFIT, PROFIT_IMF = range(6)
"""Rows of what is told of a market."""

HELD_PRICE, OWED_PRICE, ASSET, LIABILITY, COIN_IMF = range(5)
"""Rows of what is told of a coin."""

LOW, HIGH, CAP = range(3)
"""What is told of the settlement asset: price of what is held and owed, and the most that a position's profit counts."""


@dataclass(frozen=True, slots=True)
class SizeTerms:
    """Prices and weights of one kind of margin: `market` float64[6, M], `coin` float64[5, H], `settlement` float64[3]."""

    market: Floats
    coin: Floats
    settlement: Floats


def collateral_and_requirement_python(
    row: int, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> tuple[float, float]:  # fmt: skip
    """USD: what cash, profits and coins count, debts at their price; what positions need, and debts beyond their price."""
    cash, collateral, requirement = quote[row], 0.0, 0.0
    for k in range(slot_market.shape[1]):
        m = slot_market[row, k]
        if m < 0:
            break
        size = slot_size[row, k]
        paid = size * (slot_entry[row, k] - slot_funding[row, k])
        cash += paid
        profit = size * (market[PRICE, m] - market[FUNDING, m]) - paid
        if profit > 0.0:
            weight = asset_weight_of(market[PROFIT, m], market[PROFIT_IMF, m], profit)
            collateral += min(profit * weight * settlement[LOW], settlement[CAP])
        else:
            collateral += profit * settlement[HIGH]
        ratio = liability_weight_of(market[RATIO, m], market[IMF, m], abs(size))
        requirement += abs(size) * market[PRICE, m] * settlement[HIGH] * ratio
    collateral += cash * (settlement[LOW] if cash > 0.0 else settlement[HIGH])
    for h in range(coins.shape[1]):
        held = coins[row, h]
        if held > 0.0:
            collateral += held * coin[HELD_PRICE, h] * asset_weight_of(coin[ASSET, h], coin[COIN_IMF, h], held)
        elif held < 0.0:
            collateral += held * coin[OWED_PRICE, h]
            added = liability_weight_of(coin[LIABILITY, h], coin[COIN_IMF, h], -held) - 1.0
            requirement -= held * coin[OWED_PRICE, h] * added
    return collateral, requirement


collateral_and_requirement = njit(cache=True)(collateral_and_requirement_python)


def premium_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> Floats:  # fmt: skip
    """float64[2, rows]: collateral and requirement."""
    result = np.empty((2, len(rows)))
    for i in range(len(rows)):
        result[0, i], result[1, i] = collateral_and_requirement(
            rows[i], slot_market, slot_size, slot_entry, slot_funding, quote, coins, market, coin, settlement
        )
    return result


premium_kernel = njit(cache=True)(premium_kernel_python)


def free_premium_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats,
    slot_funding: Floats, quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: collateral less requirement; +inf for system accounts and those without positions and debts."""
    result = np.empty(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        owes = slot_market[row, 0] >= 0 or quote[row] < 0.0
        for h in range(coins.shape[1]):
            owes = owes or coins[row, h] < 0.0
        if mode[row] == SYSTEM or not owes:
            result[i] = np.inf
            continue
        collateral, requirement = collateral_and_requirement(
            row, slot_market, slot_size, slot_entry, slot_funding, quote, coins, market, coin, settlement
        )
        result[i] = collateral - requirement
    return result


free_premium_kernel = njit(cache=True)(free_premium_kernel_python)
