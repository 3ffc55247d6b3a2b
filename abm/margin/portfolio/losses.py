"""What an account loses in scenarios, and what is added to it.

profit = dampening * ((x - 1) * (positions and moving collateral) + sum over expiries of (discount * shocked - value)),
with the discount of a positive or of a negative shocked value; in skew scenarios each expiry's change counts as a loss,
whatever its sign.  The basis contingency, sum over expiries of min(up, down, 0) * (add + mult * years), is one scenario
more.  The loss is that of the worst scenario of each underlying, summed; with an offset a part of it is that of the
worst scenario of all together.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.portfolio.board import BASE, DOWN, FIRST, UP, Board
from abm.margin.portfolio.book import Book, Numbers
from abm.margin.portfolio.contingencies import doubt, naked
from abm.margin.portfolio.holdings import Scratch

__all__ = [
    "contingencies", "contingencies_python", "doubtful_coins", "doubtful_coins_python", "joint_loss", "joint_loss_python",
    "own_losses", "own_losses_python", "profits", "profits_python",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def profits_python(board: Board, numbers: Numbers, room: Scratch) -> None:
    """Profit in every scenario, and the basis contingency, of all underlyings that are held."""
    scenarios = numbers.shock.shape[1]
    for u in range(len(room.held)):
        if room.held[u]:
            for s in range(scenarios):
                room.profit[u, s] = numbers.dampening[u, s] * (numbers.shock[u, s] - 1.0) * room.linear[u]
    for i in range(room.opened[0]):
        e = room.expiry_order[i]
        u, now, future = board.expiry_underlying[e], room.value[e, BASE], room.future[e]
        up = room.value[e, UP] - now + future * (numbers.spot_up[u] - 1.0)
        down = room.value[e, DOWN] - now + future * (numbers.spot_down[u] - 1.0)
        room.profit[u, scenarios] += min(up, down, 0.0) * board.basis[e]
        if room.gross[e] > 0.0:
            long, short = board.long[e], board.short[e]
            for s in range(scenarios):
                shocked = room.value[e, FIRST + s]
                change = numbers.dampening[u, s] * (shocked * (long if shocked >= 0.0 else short) - now)
                room.profit[u, s] += -abs(change) if numbers.skewed[u, s] else change


profits = njit(cache=True)(profits_python)


def own_losses_python(numbers: Numbers, room: Scratch, worst: Ints) -> tuple[float, float]:
    """Initial and maintenance loss of all underlyings, each in its own worst scenario; writes which those are."""
    im, mm = 0.0, 0.0
    scenarios = numbers.shock.shape[1]
    for u in range(len(room.held)):
        least, worst[u] = 0.0, scenarios
        if room.held[u]:
            least = room.profit[u, scenarios]
            for s in range(numbers.own):
                if room.profit[u, s] < least:
                    least, worst[u] = room.profit[u, s], s
        im -= least * numbers.scale[u] * numbers.rates.im_factor[u]
        mm -= least * numbers.scale[u] * numbers.rates.mm_factor[u]
    return im, mm


own_losses = njit(cache=True)(own_losses_python)


def joint_loss_python(factor: Floats, numbers: Numbers, room: Scratch) -> tuple[float, int]:
    """Loss of all underlyings together in their worst joint scenario, and which that is; the basis is one of them."""
    scenarios = numbers.shock.shape[1]
    least, at = np.inf, scenarios
    for back in range(scenarios + 1 - numbers.own):
        s = scenarios - back
        total = 0.0
        for u in range(len(room.held)):
            if room.held[u]:
                total += room.profit[u, s] * numbers.scale[u] * factor[u]
        if total < least:
            least, at = total, s
    return -least, at


joint_loss = njit(cache=True)(joint_loss_python)


def contingencies_python(board: Board, numbers: Numbers, room: Scratch) -> tuple[float, float]:
    """Initial (with the maintenance one in it) and maintenance contingencies of positions and options."""
    im, mm = 0.0, 0.0
    for u in range(len(room.held)):
        if room.held[u]:
            notional = room.size[u] * numbers.spot[u] * numbers.scale[u]
            mm += notional * numbers.rates.mm_perp[u]
            im += notional * numbers.rates.im_perp[u]
            im += notional * doubt(room.sure[u], numbers.threshold, numbers.doubt_rate)
    for i in range(room.opened[1]):
        g = room.strike_order[i]
        u = room.strike_under[g]
        notional = naked(room.net[g]) * numbers.spot[u] * numbers.scale[u]
        mm += notional * numbers.rates.mm_option[u]
        im += notional * numbers.rates.im_option[u]
    for i in range(room.opened[0]):
        e = room.expiry_order[i]
        u = board.expiry_underlying[e]
        notional = room.gross[e] * numbers.spot[u] * numbers.scale[u]
        im += notional * doubt(min(room.doubt[e], room.sure[u]), numbers.threshold, numbers.doubt_rate)
    return im + mm, mm


contingencies = njit(cache=True)(contingencies_python)


def doubtful_coins_python(row: int, book: Book, numbers: Numbers, room: Scratch) -> float:
    """Initial margin for collateral with doubtful feeds: its own, or that of the spot of any underlying of the account."""
    any_held = False
    for u in range(len(room.held)):
        any_held = any_held or room.held[u]
    least = 1.0
    for u in range(len(room.held)):
        if room.held[u] or not any_held:
            least = min(least, numbers.spot_confidence[u])
    total = 0.0
    for h in range(book.coins.shape[1]):
        amount = book.coins[row, h]
        value = abs(amount) * numbers.coin_price[h] * (numbers.coin_factor[h] if amount > 0.0 else 1.0)
        total += value * doubt(min(least, numbers.coin_confidence[h]), numbers.threshold, numbers.doubt_rate)
    return total


doubtful_coins = njit(cache=True)(doubtful_coins_python)
