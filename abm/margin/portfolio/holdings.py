"""What an account holds, as the scenario grid sees it: by expiry, by strike and by underlying."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.portfolio.board import BASE, Board
from abm.margin.portfolio.book import Book, Numbers

__all__ = [
    "Scratch", "empty", "empty_python", "scratch_for", "take_coins", "take_coins_python", "take_legs", "take_legs_python",
    "take_positions", "take_positions_python",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Scratch(NamedTuple):
    """What one account has: by expiry [E], strike [G], underlying [U]; emptied after each.

    `value` has the board's columns, `future` the moving value of dated futures, `gross` the options held, `doubt` the
    least confidence; `profit` float64[U, T + 1] the scenarios' and, last, the basis contingency; `open` and `order` say
    which expiries and strikes are touched and in what order, `opened` how many.
    """

    value: Floats
    future: Floats
    gross: Floats
    doubt: Floats
    expiry_open: NDArray[np.bool_]
    expiry_order: Ints
    net: Floats
    strike_under: Ints
    strike_open: NDArray[np.bool_]
    strike_order: Ints
    linear: Floats
    size: Floats
    sure: Floats
    held: NDArray[np.bool_]
    profit: Floats
    opened: Ints


def scratch_for(board: Board, numbers: Numbers) -> Scratch:
    """Room for one account."""
    expiries, strikes, (under, scenarios) = len(board.long), board.strikes, numbers.shock.shape
    return Scratch(
        np.zeros((expiries, board.unit.shape[1])), np.zeros(expiries), np.zeros(expiries), np.ones(expiries),
        np.zeros(expiries, np.bool_), np.zeros(expiries, np.int64),
        np.zeros(strikes), np.zeros(strikes, np.int64), np.zeros(strikes, np.bool_), np.zeros(strikes, np.int64),
        np.zeros(under), np.zeros(under), np.ones(under), np.zeros(under, np.bool_),
        np.zeros((under, scenarios + 1)), np.zeros(2, np.int64),
    )  # fmt: skip


def open_expiry_python(e: int, room: Scratch) -> None:
    """Note that the account has something of an expiry."""
    if not room.expiry_open[e]:
        room.expiry_open[e] = True
        room.expiry_order[room.opened[0]] = e
        room.opened[0] += 1


open_expiry = njit(cache=True)(open_expiry_python)


def take_positions_python(row: int, book: Book, board: Board, numbers: Numbers, room: Scratch) -> tuple[float, float]:
    """Take up perpetuals and dated futures; equity and notional."""
    equity, notional = 0.0, 0.0
    for k in range(book.slot_market.shape[1]):
        m = book.slot_market[row, k]
        if m < 0:
            break
        size = book.slot_size[row, k]
        if size == 0.0:
            continue
        u, e = numbers.market[m], board.market_expiry[m]
        moving = size * numbers.price[m] * numbers.share[m]
        equity += size * numbers.net[m]
        notional += abs(size) * numbers.price[m]
        room.held[u] = True
        room.sure[u] = min(room.sure[u], numbers.confidence[m])
        room.linear[u] += moving
        room.size[u] += abs(size)
        if e >= 0:
            open_expiry(e, room)
            room.future[e] += moving
    return equity, notional


take_positions = njit(cache=True)(take_positions_python)


def take_legs_python(row: int, book: Book, board: Board, numbers: Numbers, room: Scratch) -> tuple[float, float]:
    """Take up options; equity and notional at spot."""
    equity, notional = 0.0, 0.0
    for k in range(book.leg_series.shape[1]):
        n = book.leg_series[row, k]
        if n < 0:
            break
        size = book.leg_size[row, k]
        if size == 0.0:
            continue
        u, e, g = board.underlying[n], board.expiry[n], board.strike[n]
        equity += size * board.unit[n, BASE]
        notional += abs(size) * numbers.spot[u]
        room.held[u] = True
        open_expiry(e, room)
        room.gross[e] += abs(size)
        room.doubt[e] = min(room.doubt[e], board.confidence[n])
        if not room.strike_open[g]:
            room.strike_open[g] = True
            room.strike_under[g] = u
            room.strike_order[room.opened[1]] = g
            room.opened[1] += 1
        room.net[g] += size
        for c in range(board.unit.shape[1]):
            room.value[e, c] += size * board.unit[n, c]
    return equity, notional


take_legs = njit(cache=True)(take_legs_python)


def take_coins_python(row: int, book: Book, numbers: Numbers, room: Scratch) -> tuple[float, float, float]:
    """Take up collateral; equity, what counts of it after haircuts, and what the initial haircut adds."""
    equity, counted, initial = 0.0, 0.0, 0.0
    for h in range(book.coins.shape[1]):
        amount = book.coins[row, h]
        if amount == 0.0:
            continue
        value = amount * numbers.coin_price[h]
        margin = value * numbers.coin_factor[h] if amount > 0.0 else value
        equity += value
        counted += margin - abs(margin) * numbers.mm_haircut[h]
        initial += abs(margin) * numbers.im_haircut[h]
        u = numbers.coin[h]
        if u >= 0:
            room.held[u] = True
            room.linear[u] += margin
    return equity, counted, initial


take_coins = njit(cache=True)(take_coins_python)


def empty_python(numbers: Numbers, room: Scratch) -> None:
    """Make room for the next account."""
    for i in range(room.opened[0]):
        e = room.expiry_order[i]
        room.value[e, :] = 0.0
        room.future[e], room.gross[e], room.doubt[e], room.expiry_open[e] = 0.0, 0.0, 1.0, False
    for i in range(room.opened[1]):
        g = room.strike_order[i]
        room.net[g], room.strike_open[g] = 0.0, False
    for u in range(len(room.held)):
        if room.held[u]:
            room.profit[u, :] = 0.0
        room.linear[u], room.size[u], room.held[u] = 0.0, 0.0, False
        room.sure[u] = numbers.spot_confidence[u]
    room.opened[:] = 0


empty = njit(cache=True)(empty_python)
