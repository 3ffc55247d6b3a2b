"""Accounts of a skew-priced pool, row by row: the plain function and its compiled form."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.rules.keeper_reward import possible_reward

__all__ = [
    "COLLATERAL",
    "EQUITY",
    "IM",
    "MARGIN",
    "MM",
    "NOTIONAL",
    "REWARD",
    "position_requirements",
    "position_requirements_python",
    "skew_kernel",
    "skew_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EQUITY, MARGIN, IM, MM, NOTIONAL, REWARD, COLLATERAL = range(7)
"""Rows of what the kernel gives."""


def position_requirements_python(size: float, price: float, market: Floats) -> tuple[float, float]:
    """Initial and maintenance margin of a position, USD; `market` is a row of the table (`SkewMarket.row`)."""
    notional = abs(size) * price
    ratio = market[0] * abs(size) + market[1]
    return notional * ratio + market[3], notional * ratio * market[2] + market[3]


position_requirements = njit(cache=True)(position_requirements_python)


def skew_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, price: Floats, funding: Floats, scale: Floats, market: Floats, coin_price: Floats,
    coin_factor: Floats, keeper: Floats,
) -> Floats:  # fmt: skip
    """float64[7, rows]: equity, available margin, initial and maintenance margin with the reward, notional, the reward,
    and collateral without profit, USD.

    `market` is [M, 6] of `SkewMarket.COLUMNS`, `keeper` the fields of `Keeper`.
    """
    result = np.zeros((7, len(rows)))
    for i in range(len(rows)):
        row = rows[i]
        cash, margin, flags, windows, feeds = quote[row], quote[row], 0.0, 0.0, 0.0
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size = slot_size[row, k]
            notional = abs(size) * price[m]
            cash += size * (slot_entry[row, k] - slot_funding[row, k])
            margin += size * (price[m] - funding[m])
            im, mm = position_requirements(size, price[m], market[m])
            result[2, i] += im * scale[m]
            result[3, i] += mm * scale[m]
            result[4, i] += notional
            flags += notional * market[m, 4]
            feeds += 1.0
            if market[m, 5] > 0.0:
                windows = max(windows, math.ceil(abs(size) / market[m, 5]))
        positions, collateral = feeds, cash
        result[0, i] = margin
        for h in range(coins.shape[1]):
            worth = coins[row, h] * coin_price[h]
            result[0, i] += worth
            collateral += worth
            margin += worth * coin_factor[h] if worth > 0.0 else worth
            if worth != 0.0:
                feeds += 1.0
        result[1, i], result[6, i] = margin, collateral
        if positions > 0.0:
            rewards = max(flags, collateral * keeper[4])
            guards = (keeper[0], keeper[1], keeper[2], keeper[3])
            reward = possible_reward(rewards, keeper[5] * feeds, keeper[6], windows, collateral, guards)
            result[2, i] += reward
            result[3, i] += reward
            result[5, i] = reward
    return result


skew_kernel = njit(cache=True)(skew_kernel_python)
