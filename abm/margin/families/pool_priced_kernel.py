"""Positions against a pool, row by row: the plain function and its compiled form."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.rules.price_impact import price_impact

__all__ = ["pool_kernel", "pool_kernel_python", "position_costs", "position_costs_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def position_costs_python(size: float, entry: float, skew: float, market: Floats) -> tuple[float, float, float]:
    """Size at entry, capped negative price impact, and fee of closing a position whole, USD.

    `skew` is the market's longs less shorts, USD; `market` a row of the table (`PoolMarket.row`).
    """
    usd = abs(size) * entry
    impact = price_impact(skew, skew - np.sign(size) * usd, market[3], market[4], market[5])
    fee = market[7] if impact > 0.0 else market[8]
    return usd, min(max(-impact, 0.0), market[6] * usd), fee * usd


position_costs = njit(cache=True)(position_costs_python)


def pool_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, price: Floats, funding: Floats, scale: Floats, market: Floats, skew: Floats,
    interest: Floats, pool: Floats, least: float, coin_price: Floats, coin_factor: Floats,
) -> Floats:  # fmt: skip
    """float64[5, rows]: equity, remaining collateral, initial and maintenance margin, notional, USD.

    `market` is [M, 10] of `PoolMarket.COLUMNS`; `skew` [M] longs less shorts, `interest` [2, M] longs and shorts, and
    `pool` [2, M] what stands behind their profits (0: not known), USD.
    """
    result = np.zeros((5, len(rows)))
    for i in range(len(rows)):
        row = rows[i]
        worth, remaining = quote[row], quote[row]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size, entry = slot_size[row, k], slot_entry[row, k]
            side = 0 if size > 0.0 else 1
            usd, impact, fee = position_costs(size, entry, skew[m], market[m])
            held = size * (price[m] - funding[m])
            profit = size * (price[m] - entry)
            most = market[m, 9] * pool[side, m]
            worth += held
            remaining += held - impact - fee
            if pool[side, m] > 0.0 and profit > most:
                remaining += most - profit
            opened = max(market[m, 0], market[m, 1], market[m, 2] * interest[side, m])
            result[2, i] += max(least, usd * opened) * scale[m]
            result[3, i] += max(least, usd * market[m, 0]) * scale[m]
            result[4, i] += abs(size) * price[m]
        for h in range(coins.shape[1]):
            coin = coins[row, h] * coin_price[h]
            worth += coin
            remaining += coin * coin_factor[h] if coin > 0.0 else coin
        result[0, i], result[1, i] = worth, remaining
    return result


pool_kernel = njit(cache=True)(pool_kernel_python)
