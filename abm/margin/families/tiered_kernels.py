"""Accounts under tiers of notional, row by row: the loops of `tiered`.

Requirement of a position of s coins at the basis b (its price, or its entry price) with n = s * b in tier t:
scale * (n * (rate(t) + slope * s + fee) - amount(t)).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.margin.tiers import tier_at

__all__ = [
    "assess_kernel",
    "assess_kernel_python",
    "charge",
    "charge_python",
    "counted",
    "counted_python",
    "free_margin_kernel",
    "free_margin_kernel_python",
    "gross_kernel",
    "gross_kernel_python",
    "requirement_kernel",
    "requirement_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Markets = NDArray[np.int16]


def charge_python(
    market: int, coins: float, basis: float, floor: Floats, rate: Floats, amount: Floats, slope: Floats, fee: Floats
) -> float:  # fmt: skip
    """Requirement of a position without sign, before the market's scale."""
    notional = coins * basis
    tier = tier_at(floor, market, notional)
    return float(notional * (rate[market, tier] + slope[market] * coins + fee[market]) - amount[market, tier])


charge = njit(cache=True)(charge_python)


def counted_python(
    coin: int, value: float, factor: Floats, start: Floats, base: Floats, weight: Floats
) -> float:  # fmt: skip
    """What a balance in a coin counts as margin: band by band of what is held, all of what is owed.

    `start`, `base`, `weight` float64[H, B]: USD at which a band starts, what counts up to there, what part of the band.
    """
    if value <= 0.0:
        return value
    band = tier_at(start, coin, value)
    return float(factor[coin] * (base[coin, band] + weight[coin, band] * (value - start[coin, band])))


counted = njit(cache=True)(counted_python)


def free_margin_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: Markets, slot_size: Floats, slot_entry: Floats, quote: Floats,
    coins: Floats, price: Floats, funding: Floats, scale: Floats, floor: Floats, rate: Floats, amount: Floats,
    slope: Floats, fee: Floats, by_entry: bool, coin_price: Floats, factor: Floats,
    start: Floats, base: Floats, weight: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: margin equity less maintenance; +inf for system accounts and those without positions and debts."""
    result = np.empty(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        free, safe = quote[row], quote[row] >= 0.0
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            safe = False
            size = slot_size[row, k]
            basis = slot_entry[row, k] if by_entry else price[m]
            free += size * (price[m] - funding[m])
            free -= scale[m] * charge(m, abs(size), basis, floor, rate, amount, slope, fee)
        for h in range(coins.shape[1]):
            safe = safe and coins[row, h] >= 0.0
            free += counted(h, coins[row, h] * coin_price[h], factor, start, base, weight)
        result[i] = np.inf if safe or mode[row] == SYSTEM else free
    return result


free_margin_kernel = njit(cache=True)(free_margin_kernel_python)


def assess_kernel_python(
    rows: Ints, slot_market: Markets, slot_size: Floats, slot_entry: Floats, quote: Floats, coins: Floats,
    price: Floats, funding: Floats, scale: Floats, floor: Floats, rate: Floats, amount: Floats, slope: Floats,
    initial: Floats, initial_slope: Floats, fee: Floats, by_entry: bool, coin_price: Floats, factor: Floats,
    start: Floats, base: Floats, weight: Floats,
) -> Floats:  # fmt: skip
    """float64[5, rows]: equity, margin equity, initial margin, maintenance margin, notional."""
    result = np.zeros((5, len(rows)))
    nothing = np.zeros_like(amount)
    for i in range(len(rows)):
        row = rows[i]
        cash = quote[row]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size = slot_size[row, k]
            basis = slot_entry[row, k] if by_entry else price[m]
            cash += size * (price[m] - funding[m])
            first = charge(m, abs(size), basis, floor, initial, nothing, initial_slope, fee)
            result[2, i] += scale[m] * first
            result[3, i] += scale[m] * charge(m, abs(size), basis, floor, rate, amount, slope, fee)
            result[4, i] += abs(size) * price[m]
        result[0, i] = cash
        result[1, i] = cash
        for h in range(coins.shape[1]):
            value = coins[row, h] * coin_price[h]
            result[0, i] += value
            result[1, i] += counted(h, value, factor, start, base, weight)
    return result


assess_kernel = njit(cache=True)(assess_kernel_python)


def requirement_kernel_python(
    rows: Ints, slot_market: Markets, slot_size: Floats, slot_entry: Floats, price: Floats, scale: Floats,
    floor: Floats, rate: Floats, amount: Floats, slope: Floats, fee: Floats, by_entry: bool,
) -> Floats:  # fmt: skip
    """float64[rows, K]: the requirement of each position, by slot."""
    result = np.zeros((len(rows), slot_market.shape[1]))
    for i in range(len(rows)):
        row = rows[i]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            basis = slot_entry[row, k] if by_entry else price[m]
            part = charge(m, abs(slot_size[row, k]), basis, floor, rate, amount, slope, fee)
            result[i, k] = scale[m] * part
    return result


requirement_kernel = njit(cache=True)(requirement_kernel_python)


def gross_kernel_python(
    rows: Ints, slot_market: Markets, slot_size: Floats, coins: Floats, price: Floats, scale: Floats, floor: Floats,
    rate: Floats, slope: Floats, fee: Floats, by_entry: bool, reach: float, coin_price: Floats, factor: Floats,
    start: Floats, weight: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: sum of |size| * price * (1 + the steepest rate within `reach` of the price), and of coins alike."""
    result = np.zeros(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size = abs(slot_size[row, k])
            steepest = 0.0
            if not by_entry:
                tier = tier_at(floor, m, size * price[m] * (1.0 + reach))
                steepest = scale[m] * (rate[m, tier] + slope[m] * size + fee[m])
            result[i] += size * price[m] * (1.0 + steepest)
        for h in range(coins.shape[1]):
            value = coins[row, h] * coin_price[h]
            band = tier_at(start, h, value * (1.0 - reach))
            result[i] += value * factor[h] * weight[h, band] if value > 0.0 else -value
    return result


gross_kernel = njit(cache=True)(gross_kernel_python)
