"""Accounts in inverse contracts, row by row: the loops of `inverse`."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.margin.tiers import tier_at

__all__ = [
    "assess_kernel",
    "assess_kernel_python",
    "equity_of",
    "equity_of_python",
    "free_margin_kernel",
    "free_margin_kernel_python",
    "mixed",
    "mixed_python",
    "position_charge",
    "position_charge_python",
    "requirement_kernel",
    "requirement_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Markets = NDArray[np.int16]


def mixed_python(rows: Ints, slot_market: Markets, coin: Ints) -> int:
    """The first of the rows that holds markets of two coins, or -1; `coin` int64[M] numbers each market's."""
    for i in range(len(rows)):
        for k in range(1, slot_market.shape[1]):
            if slot_market[rows[i], k] < 0:
                break
            if coin[slot_market[rows[i], k]] != coin[slot_market[rows[i], 0]]:
                return int(rows[i])
    return -1


mixed = njit(cache=True)(mixed_python)


def equity_of_python(
    row: int, slot_market: Markets, slot_size: Floats, quote: Floats, price: Floats, funding: Floats
) -> float:  # fmt: skip
    """Quote number + sum of contracts * (-1 / price - funding), coins."""
    equity = quote[row]
    for k in range(slot_market.shape[1]):
        m = slot_market[row, k]
        if m < 0:
            break
        equity += slot_size[row, k] * (-1.0 / price[m] - funding[m])
    return float(equity)


equity_of = njit(cache=True)(equity_of_python)


def position_charge_python(
    market: int, contracts: float, carried_entry: float, price: float, equity: float, floor: Floats, rate: Floats,
    amount: Floats, slope: Floats, fee: Floats, by_entry: bool,
) -> float:  # fmt: skip
    """Requirement of a position, coins, before the market's scale.

    Its value v at entry or at the price: v * (rate(t) + slope * v) - amount(t); and the fee for closing at its bankruptcy
    price, fee * max(Q / price + side * equity, 0) / (1 + side * fee), which does not move with its own price.
    """
    at_price = abs(contracts) / price
    value = -abs(contracts) * carried_entry if by_entry else at_price
    tier = tier_at(floor, market, value)
    part = value * (rate[market, tier] + slope[market] * value) - amount[market, tier]
    side = 1.0 if contracts > 0.0 else -1.0
    return float(part + fee[market] * max(at_price + side * equity, 0.0) / (1.0 + side * fee[market]))


position_charge = njit(cache=True)(position_charge_python)


def requirement_kernel_python(
    rows: Ints, slot_market: Markets, slot_size: Floats, slot_entry: Floats, quote: Floats, price: Floats,
    funding: Floats, scale: Floats, floor: Floats, rate: Floats, amount: Floats, slope: Floats, fee: Floats,
    by_entry: bool,
) -> Floats:  # fmt: skip
    """float64[rows, K]: the requirement of each position, by slot."""
    result = np.zeros((len(rows), slot_market.shape[1]))
    for i in range(len(rows)):
        row = rows[i]
        equity = equity_of(row, slot_market, slot_size, quote, price, funding)
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            result[i, k] = scale[m] * position_charge(
                m, slot_size[row, k], slot_entry[row, k], price[m], equity, floor, rate, amount, slope, fee, by_entry
            )
    return result


requirement_kernel = njit(cache=True)(requirement_kernel_python)


def free_margin_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: Markets, slot_size: Floats, slot_entry: Floats, quote: Floats,
    price: Floats, funding: Floats, scale: Floats, floor: Floats, rate: Floats, amount: Floats, slope: Floats,
    fee: Floats, by_entry: bool,
) -> Floats:  # fmt: skip
    """float64[rows]: equity less maintenance; +inf for system accounts and those without positions and debt."""
    result = np.empty(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        equity = equity_of(row, slot_market, slot_size, quote, price, funding)
        free = equity
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            free -= scale[m] * position_charge(
                m, slot_size[row, k], slot_entry[row, k], price[m], equity, floor, rate, amount, slope, fee, by_entry
            )
        safe = mode[row] == SYSTEM or (slot_market[row, 0] < 0 and quote[row] >= 0.0)
        result[i] = np.inf if safe else free
    return result


free_margin_kernel = njit(cache=True)(free_margin_kernel_python)


def assess_kernel_python(
    rows: Ints, slot_market: Markets, slot_size: Floats, slot_entry: Floats, quote: Floats, price: Floats,
    funding: Floats, scale: Floats, floor: Floats, rate: Floats, amount: Floats, slope: Floats, initial: Floats,
    initial_slope: Floats, fee: Floats, by_entry: bool,
) -> Floats:  # fmt: skip
    """float64[5, rows]: equity, margin equity, initial margin, maintenance margin, notional, all in coins."""
    result = np.zeros((5, len(rows)))
    nothing = np.zeros_like(amount)
    for i in range(len(rows)):
        row = rows[i]
        equity = equity_of(row, slot_market, slot_size, quote, price, funding)
        result[0, i], result[1, i] = equity, equity
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size, entry = slot_size[row, k], slot_entry[row, k]
            result[2, i] += scale[m] * position_charge(
                m, size, entry, price[m], equity, floor, initial, nothing, initial_slope, fee, by_entry
            )
            result[3, i] += scale[m] * position_charge(
                m, size, entry, price[m], equity, floor, rate, amount, slope, fee, by_entry
            )
            result[4, i] += abs(size) / price[m]
    return result


assess_kernel = njit(cache=True)(assess_kernel_python)
