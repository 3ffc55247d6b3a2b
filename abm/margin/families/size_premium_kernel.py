"""Collateral and requirement of accounts whose weights depend on size, by row.

Signs are taken by max and min, not by branches that go either way; free margin, which is what is asked of everybody, is
first taken as if no size mattered, and again in a loop of its own for those of whom one does: each halves the time.
"""

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
    "small_account",
    "small_account_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE, FUNDING, RATIO, IMF, RATIO_FROM, PROFIT, PROFIT_IMF, PROFIT_FROM = range(8)
"""Columns of what is told of a market; `..._FROM`: size, or profit, up to which the weight is that of a small one."""

HELD_PRICE, OWED_PRICE, ASSET, LIABILITY, COIN_IMF, ASSET_FROM, LIABILITY_FROM = range(7)
"""Columns of what is told of a coin."""

LOW, HIGH, CAP = range(3)
"""What is told of the settlement asset: price of what is held and owed, and the most that a profit counts."""


@dataclass(frozen=True, slots=True)
class SizeTerms:
    """Prices and weights of one kind of margin: `market` float64[M, 8], `coin` float64[H, 7], `settlement` [3]."""

    market: Floats
    coin: Floats
    settlement: Floats


def collateral_and_requirement_python(
    row: int, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> tuple[float, float]:  # fmt: skip
    """USD: what cash, profits and coins count, debts at their price; what positions need and debts add to it."""
    cash, collateral, requirement = quote[row], 0.0, 0.0
    for k in range(slot_market.shape[1]):
        m = slot_market[row, k]
        if m < 0:
            break
        size = slot_size[row, k]
        paid = size * (slot_entry[row, k] - slot_funding[row, k])
        cash += paid
        profit = size * (market[m, PRICE] - market[m, FUNDING]) - paid
        weight = asset_weight_of(market[m, PROFIT], market[m, PROFIT_IMF], max(profit, 0.0))
        ratio = liability_weight_of(market[m, RATIO], market[m, IMF], abs(size))
        collateral += min(max(profit, 0.0) * weight * settlement[LOW], settlement[CAP])
        collateral += min(profit, 0.0) * settlement[HIGH]
        requirement += abs(size) * market[m, PRICE] * settlement[HIGH] * ratio
    collateral += max(cash, 0.0) * settlement[LOW] + min(cash, 0.0) * settlement[HIGH]
    for h in range(coins.shape[1]):
        held, owed = max(coins[row, h], 0.0), max(-coins[row, h], 0.0)
        asset = asset_weight_of(coin[h, ASSET], coin[h, COIN_IMF], held)
        liability = liability_weight_of(coin[h, LIABILITY], coin[h, COIN_IMF], owed)
        collateral += held * coin[h, HELD_PRICE] * asset - owed * coin[h, OWED_PRICE]
        requirement += owed * coin[h, OWED_PRICE] * (liability - 1.0)
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


def small_account_python(
    row: int, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> tuple[float, bool]:  # fmt: skip
    """USD: collateral less requirement if no size mattered; and whether none does."""
    cash, free, small = quote[row], 0.0, True
    for k in range(slot_market.shape[1]):
        m = slot_market[row, k]
        if m < 0:
            break
        size = slot_size[row, k]
        paid = size * (slot_entry[row, k] - slot_funding[row, k])
        cash += paid
        profit = size * (market[m, PRICE] - market[m, FUNDING]) - paid
        free += min(max(profit, 0.0) * market[m, PROFIT] * settlement[LOW], settlement[CAP])
        free += min(profit, 0.0) * settlement[HIGH]
        free -= abs(size) * market[m, PRICE] * settlement[HIGH] * market[m, RATIO]
        small &= (abs(size) <= market[m, RATIO_FROM]) & (profit <= market[m, PROFIT_FROM])
    free += max(cash, 0.0) * settlement[LOW] + min(cash, 0.0) * settlement[HIGH]
    for h in range(coins.shape[1]):
        held = coins[row, h]
        free += max(held, 0.0) * coin[h, HELD_PRICE] * coin[h, ASSET]
        free += min(held, 0.0) * coin[h, OWED_PRICE] * coin[h, LIABILITY]
        small &= (held <= coin[h, ASSET_FROM]) & (-held <= coin[h, LIABILITY_FROM])
    return free, small


small_account = njit(cache=True, inline="always")(small_account_python)


def free_premium_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats,
    slot_funding: Floats, quote: Floats, coins: Floats, market: Floats, coin: Floats, settlement: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: collateral less requirement; +inf for system accounts and those without positions and debts."""
    result, large, count = np.empty(len(rows)), np.empty(len(rows), np.int64), 0
    for i in range(len(rows)):
        row = rows[i]
        owes = slot_market[row, 0] >= 0 or quote[row] < 0.0
        for h in range(coins.shape[1]):
            owes = owes or coins[row, h] < 0.0
        if mode[row] == SYSTEM or not owes:
            result[i] = np.inf
            continue
        result[i], small = small_account(
            row, slot_market, slot_size, slot_entry, slot_funding, quote, coins, market, coin, settlement
        )
        large[count] = i
        count += 0 if small else 1
    for i in large[:count]:
        collateral, requirement = collateral_and_requirement(
            rows[i], slot_market, slot_size, slot_entry, slot_funding, quote, coins, market, coin, settlement
        )
        result[i] = collateral - requirement
    return result


free_premium_kernel = njit(cache=True)(free_premium_kernel_python)
