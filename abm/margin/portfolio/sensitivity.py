"""First-order sensitivities of free margin to prices, and a bound of its fall for accounts without options.

The price of a market moves the forwards of its series and, of an underlying's reference market, the spot in proportion;
volatilities, rates and time stay.  In the worst scenario free margin is smooth, and its derivative is that of the lines.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.portfolio.board import BASE, Board
from abm.margin.portfolio.book import Book, Numbers
from abm.margin.portfolio.plan import Plan

__all__ = ["gross_kernel", "gross_kernel_python", "slope_kernel", "slope_kernel_python", "steepest"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def slope_kernel_python(
    rows: Ints, book: Book, slope: Floats, board: Board, numbers: Numbers, part: Floats, series_market: NDArray[np.int16],
    reference: Ints,
) -> Floats:  # fmt: skip
    """float64[rows, M]: change of free margin per relative move of each market's price.

    `slope` is the derivative of the board's values, `part` float64[rows, K + L + H] what `parts_kernel` makes of it.
    """
    result = np.zeros((len(rows), len(numbers.market)))
    slots = book.slot_market.shape[1]
    net = np.zeros(board.strikes)
    for i in range(len(rows)):
        row = rows[i]
        for k in range(slots):
            m = book.slot_market[row, k]
            if m < 0:
                break
            u, size = numbers.market[m], book.slot_size[row, k]
            result[i, m] += size * numbers.price[m] - part[i, k]
            notional = abs(size) * numbers.spot[u] * numbers.scale[u]
            result[i, reference[u]] -= notional * numbers.rates.mm_perp[u]
        for k in range(book.leg_series.shape[1]):
            n = book.leg_series[row, k]
            if n < 0:
                break
            result[i, series_market[n]] += book.leg_size[row, k] * slope[n, BASE] - part[i, slots + k]
            net[board.strike[n]] += book.leg_size[row, k]
        for k in range(book.leg_series.shape[1]):
            n = book.leg_series[row, k]
            if n < 0:
                break
            u, g = board.underlying[n], board.strike[n]
            notional = max(-net[g], 0.0) * numbers.spot[u] * numbers.scale[u]
            result[i, reference[u]] -= notional * numbers.rates.mm_option[u]
            net[g] = 0.0
    return result


slope_kernel = njit(cache=True)(slope_kernel_python)


def steepest(plan: Plan, numbers: Numbers, board: Board) -> tuple[Floats, Floats]:
    """float64[U] and float64[M]: the most that the loss can grow with what moves with an underlying's spot, and with a
    market's price, both per its worth: the largest dampening * |x - 1| of any scenario, and a future's basis loss."""
    move = np.abs(plan.spot - 1.0) * plan.dampening
    most = move.max(axis=1) if move.size else np.zeros(len(plan.names))
    rate = numbers.rates.mm_factor * numbers.scale
    basis = np.maximum(numbers.spot_up - 1.0, 1.0 - numbers.spot_down)[numbers.market]
    dated = np.where(board.market_expiry >= 0, board.basis[board.market_expiry] if len(board.basis) else 0.0, 0.0)
    return most * rate, np.maximum(most[numbers.market], basis * dated) * rate[numbers.market] * numbers.share


def gross_kernel_python(rows: Ints, book: Book, numbers: Numbers, most: Floats, market_most: Floats) -> Floats:
    """float64[rows]: most that free margin falls per relative move of all prices; +inf with options.

    Perpetuals and futures: |size| (price (1 + most) + spot * rate); collateral: value (1 + haircut + most).
    """
    result = np.zeros(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        for k in range(book.slot_market.shape[1]):
            m = book.slot_market[row, k]
            if m < 0:
                break
            u, size = numbers.market[m], abs(book.slot_size[row, k])
            result[i] += size * numbers.price[m] * (1.0 + market_most[m])
            result[i] += size * numbers.spot[u] * numbers.rates.mm_perp[u] * numbers.scale[u]
        for h in range(book.coins.shape[1]):
            amount, u = book.coins[row, h], numbers.coin[h]
            value = abs(amount) * numbers.coin_price[h] * (numbers.coin_factor[h] if amount > 0.0 else 1.0)
            result[i] += value * (1.0 + numbers.mm_haircut[h] + (most[u] if u >= 0 else 0.0))
        for k in range(book.leg_series.shape[1]):
            if book.leg_series[row, k] < 0:
                break
            if book.leg_size[row, k] != 0.0:
                result[i] = np.inf
    return result


gross_kernel = njit(cache=True)(gross_kernel_python)
