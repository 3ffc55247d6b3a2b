"""What each thing in an account does in every scenario, and its part of the loss.

The lines of an account are its positions [K], options [L] and collaterals [H]; the profits of an underlying's lines add up
to its own.  The loss is homogeneous in the sizes, so the lines' profits in the scenarios that count are its Euler parts.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.portfolio.board import BASE, DOWN, FIRST, UP, Board
from abm.margin.portfolio.book import Book, Numbers
from abm.margin.portfolio.holdings import Scratch, empty, take_coins, take_legs, take_positions
from abm.margin.portfolio.losses import joint_loss, own_losses, profits

__all__ = [
    "add_sizes",
    "add_sizes_python",
    "line_profits",
    "line_profits_python",
    "parts_kernel",
    "parts_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _basis_column_python(e: int, u: int, numbers: Numbers, room: Scratch) -> int:
    """Which of the two moves is the worse one for an expiry; that of now where none makes a loss."""
    now, future = room.value[e, BASE], room.future[e]
    up = room.value[e, UP] - now + future * (numbers.spot_up[u] - 1.0)
    down = room.value[e, DOWN] - now + future * (numbers.spot_down[u] - 1.0)
    if min(up, down) >= 0.0:
        return BASE
    return UP if up <= down else DOWN


_basis_column = njit(cache=True)(_basis_column_python)


def _linear_line_python(moving: float, u: int, numbers: Numbers, out: Floats) -> None:
    """Profits of what moves with the spot."""
    for s in range(numbers.shock.shape[1]):
        out[s] = numbers.dampening[u, s] * (numbers.shock[u, s] - 1.0) * moving


_linear_line = njit(cache=True)(_linear_line_python)


def _option_line_python(
    n: int, size: float, unit: Floats, board: Board, numbers: Numbers, room: Scratch, out: Floats
) -> None:
    """Profits of one option line; which discount, and which sign in skew scenarios, is its expiry's."""
    e, u = board.expiry[n], board.underlying[n]
    now = room.value[e, BASE]
    for s in range(numbers.shock.shape[1]):
        shocked = room.value[e, FIRST + s]
        discount = board.long[e] if shocked >= 0.0 else board.short[e]
        change = numbers.dampening[u, s] * size * (unit[n, FIRST + s] * discount - unit[n, BASE])
        out[s] = -change if numbers.skewed[u, s] and shocked * discount > now else change
    column = _basis_column(e, u, numbers, room)
    out[numbers.shock.shape[1]] = size * (unit[n, column] - unit[n, BASE]) * board.basis[e]


_option_line = njit(cache=True)(_option_line_python)


def line_profits_python(
    row: int, book: Book, unit: Floats, board: Board, numbers: Numbers, room: Scratch, out: Floats
) -> None:
    """Write each line's profit in every scenario and in the basis contingency into `out`, float64[K + L + H, T + 1].

    `room` holds the account already; `unit`, float64[N, 3 + T], is the board's own, or its derivative.
    """
    out[:, :] = 0.0
    slots, legs = book.slot_market.shape[1], book.leg_series.shape[1]
    last = numbers.shock.shape[1]
    for k in range(slots):
        m = book.slot_market[row, k]
        if m < 0:
            break
        u, e = numbers.market[m], board.market_expiry[m]
        moving = book.slot_size[row, k] * numbers.price[m] * numbers.share[m]
        _linear_line(moving, u, numbers, out[k])
        if e >= 0:
            column = _basis_column(e, u, numbers, room)
            spot = numbers.spot_up[u] if column == UP else numbers.spot_down[u]
            out[k, last] = 0.0 if column == BASE else moving * (spot - 1.0) * board.basis[e]
    for k in range(legs):
        n = book.leg_series[row, k]
        if n < 0:
            break
        _option_line(n, book.leg_size[row, k], unit, board, numbers, room, out[slots + k])
    for h in range(book.coins.shape[1]):
        amount, u = book.coins[row, h], numbers.coin[h]
        if u >= 0:
            moving = amount * numbers.coin_price[h] * (numbers.coin_factor[h] if amount > 0.0 else 1.0)
            _linear_line(moving, u, numbers, out[slots + legs + h])


line_profits = njit(cache=True)(line_profits_python)


def parts_kernel_python(
    rows: Ints, book: Book, unit: Floats, board: Board, numbers: Numbers, factor: Floats, room: Scratch
) -> Floats:
    """float64[rows, K + L + H]: each line's part of the loss times `factor`, float64[U], and the market's scale.

    With the board's `unit` they add up to the loss; with its derivative they are the derivative's.
    """
    slots, legs, coins = book.slot_market.shape[1], book.leg_series.shape[1], book.coins.shape[1]
    result = np.zeros((len(rows), slots + legs + coins))
    out = np.zeros((slots + legs + coins, numbers.shock.shape[1] + 1))
    worst = np.zeros(len(room.held), np.int64)
    empty(numbers, room)
    for i in range(len(rows)):
        row = rows[i]
        take_positions(row, book, board, numbers, room)
        take_legs(row, book, board, numbers, room)
        take_coins(row, book, numbers, room)
        profits(board, numbers, room)
        own_losses(numbers, room, worst)
        joint = 0
        if numbers.offset > 0.0:
            joint = joint_loss(factor, numbers, room)[1]
        line_profits(row, book, unit, board, numbers, room, out)
        for line in range(slots + legs + coins):
            u = -1
            if line < slots and book.slot_market[row, line] >= 0:
                u = numbers.market[book.slot_market[row, line]]
            elif slots <= line < slots + legs and book.leg_series[row, line - slots] >= 0:
                u = board.underlying[book.leg_series[row, line - slots]]
            elif line >= slots + legs:
                u = numbers.coin[line - slots - legs]
            if u >= 0:
                profit = out[line, worst[u]] * (1.0 - numbers.offset)
                if numbers.offset > 0.0:
                    profit += out[line, joint] * numbers.offset
                result[i, line] = -profit * numbers.scale[u] * factor[u]
        empty(numbers, room)
    return result


parts_kernel = njit(cache=True)(parts_kernel_python)


def add_sizes_python(rows: Ints, book: Book, board: Board, numbers: Numbers, part: Floats) -> None:
    """Add each position's and each option's part of the maintenance contingencies to its part of the loss.

    A strike's naked short options are shared by its legs, long ones with a part below zero.
    """
    slots = book.slot_market.shape[1]
    net = np.zeros(board.strikes)
    for i in range(len(rows)):
        row = rows[i]
        for k in range(slots):
            m = book.slot_market[row, k]
            if m < 0:
                break
            u = numbers.market[m]
            unit = numbers.spot[u] * numbers.scale[u] * numbers.rates.mm_perp[u]
            part[i, k] += abs(book.slot_size[row, k]) * unit
        legs = 0
        while legs < book.leg_series.shape[1] and book.leg_series[row, legs] >= 0:
            net[board.strike[book.leg_series[row, legs]]] += book.leg_size[row, legs]
            legs += 1
        for k in range(legs):
            n = book.leg_series[row, k]
            u = board.underlying[n]
            if net[board.strike[n]] < 0.0:
                unit = numbers.spot[u] * numbers.scale[u] * numbers.rates.mm_option[u]
                part[i, slots + k] -= book.leg_size[row, k] * unit
        for k in range(legs):
            net[board.strike[book.leg_series[row, k]]] = 0.0


add_sizes = njit(cache=True)(add_sizes_python)
