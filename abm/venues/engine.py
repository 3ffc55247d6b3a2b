"""The compiled moves of books: let time pass, open a block, quote, execute, tick.

All work on the same arrays: `state` f8[COLUMNS, B] (abm.venues.columns), `alive` f8[B, J] the impact alive by
exponential, `weights` and `rates` (1/time) f8[B, J].  The last price is exogenous + sum(alive): additive, so that each
past move contributes move * G(age) whatever came between.  Each kernel's `_python` twin is the same code, interpreted.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.venues.amm import pool_depth, pool_take
from abm.venues.columns import (
    CALM_DEPTH,
    CALM_MAKERS,
    COEFFICIENT,
    COINS,
    COLLAR,
    CONSUMED,
    DEPTH,
    DOLLARS,
    ENABLED,
    EXOGENOUS,
    EXPONENT,
    LAST,
    MAKER_DEPTH,
    OPEN_DEPTH,
    OPEN_PRICE,
    POOL,
    POOL_FEE,
    REFILL,
    RESPONSE,
    SAMPLED,
    SEEN,
    SMOOTHING,
    SPREAD,
    UPDATED,
    USUAL,
    VARIANCE,
    VOLUME,
    WANTED,
)
from abm.venues.depth import SAMPLING, averaged, consumed, relaxed, wanted
from abm.venues.impact import take

__all__ = [
    "advance",
    "advance_all",
    "advance_all_python",
    "advance_python",
    "execute",
    "execute_python",
    "open_blocks",
    "open_blocks_python",
    "quote",
    "quote_python",
    "room",
    "room_python",
    "tick",
    "tick_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def depth_after_python(state: Floats, book: int) -> float:
    """Depth once the current block's net volume is taken out of it."""
    traded = abs(state[VOLUME, book]) * state[OPEN_PRICE, book]
    left: float = consumed(state[DEPTH, book], state[CONSUMED, book], traded)
    return left


depth_after = njit(cache=True)(depth_after_python)


def open_block_python(state: Floats, book: int) -> None:
    """End the current block (its net volume leaves the depth) and open one at the same instant."""
    state[DEPTH, book] = depth_after(state, book)
    state[VOLUME, book] = 0.0
    state[OPEN_DEPTH, book] = state[DEPTH, book]
    state[OPEN_PRICE, book] = state[LAST if state[POOL, book] else EXOGENOUS, book]


open_block = njit(cache=True)(open_block_python)


def advance_python(state: Floats, alive: Floats, rates: Floats, book: int, now: float) -> None:
    """Let time pass to `now`: the block ends, impact decays, depth relaxes; nothing where no time has passed."""
    elapsed = now - state[UPDATED, book]
    if elapsed < 0.0:
        raise ValueError("a book cannot go back in time")
    if elapsed == 0.0:
        return
    state[UPDATED, book] = now
    if not state[POOL, book]:
        total = 0.0
        for j in range(alive.shape[1]):
            alive[book, j] *= math.exp(-elapsed * rates[book, j])
            total += alive[book, j]
        state[LAST, book] = state[EXOGENOUS, book] + total
        state[DEPTH, book] = relaxed(depth_after(state, book), state[WANTED, book], elapsed, state[REFILL, book])
    state[VOLUME, book] = 0.0
    open_block(state, book)


advance = njit(cache=True)(advance_python)


def advance_all_python(state: Floats, alive: Floats, rates: Floats, now: float) -> None:
    """`advance` on every book."""
    for book in range(state.shape[1]):
        advance(state, alive, rates, book, now)


advance_all = njit(cache=True)(advance_all_python)


def open_blocks_python(state: Floats, alive: Floats, rates: Floats, books: Ints, now: float) -> None:
    """Open a block at `now` on each of some books (i8)."""
    for book in books:
        advance(state, alive, rates, book, now)
        open_block(state, book)


open_blocks = njit(cache=True)(open_blocks_python)


def peek_python(
    state: Floats, alive: Floats, rates: Floats, book: int, now: float
) -> tuple[float, float, float, float]:
    """What `advance` would make of a book: (impact alive, net volume, opening price, opening depth)."""
    elapsed = now - state[UPDATED, book]
    if elapsed < 0.0:
        raise ValueError("a book cannot go back in time")
    total = 0.0
    if elapsed == 0.0:
        for j in range(alive.shape[1]):
            total += alive[book, j]
        return total, state[VOLUME, book], state[OPEN_PRICE, book], state[OPEN_DEPTH, book]
    for j in range(alive.shape[1]):
        total += alive[book, j] * math.exp(-elapsed * rates[book, j])
    depth = relaxed(depth_after(state, book), state[WANTED, book], elapsed, state[REFILL, book])
    return total, 0.0, state[LAST if state[POOL, book] else EXOGENOUS, book], depth


peek = njit(cache=True)(peek_python)


def trade_pool_python(state: Floats, book: int, volume: float, opening: float) -> tuple[float, float, float, float]:
    """A swap on a pool: (coins filled, price paid, coins then, USD then); the collar is around the block's opening."""
    coins, dollars, fee = state[COINS, book], state[DOLLARS, book], state[POOL_FEE, book]
    if not state[ENABLED, book]:
        factor = 1.0 / (1.0 - fee) if volume > 0.0 else 1.0 - fee
        return volume, state[LAST, book] * factor, coins, dollars
    collar = state[COLLAR, book]
    filled, x, y = pool_take(volume, coins, dollars, fee, opening * (1.0 - collar), opening * (1.0 + collar))
    price = (y - dollars) / filled if filled else state[LAST, book]
    return filled, price, x, y


trade_pool = njit(cache=True)(trade_pool_python)


def trade_book_python(
    state: Floats, book: int, volume: float, total: float, net: float, opening: float, depth: float
) -> tuple[float, float, float]:
    """A trade on an order-driven book: (coins filled, price paid, jump of the last price)."""
    exogenous = state[EXOGENOUS, book]
    filled, move = volume, 0.0
    if state[ENABLED, book]:
        coefficient, exponent, collar = state[COEFFICIENT, book], state[EXPONENT, book], state[COLLAR, book]
        filled, move = take(volume, net, exogenous, total, opening, depth, coefficient, exponent, collar)
    half = 0.5 * state[SPREAD, book] if volume > 0.0 else -0.5 * state[SPREAD, book]
    return filled, (exogenous + total + move) * (1.0 + half), move


trade_book = njit(cache=True)(trade_book_python)


def quote_python(state: Floats, alive: Floats, rates: Floats, book: int, volume: float, now: float) -> float:
    """Price that `volume` coins would get at `now`; nothing changes.  Volume 0: the last price."""
    total, net, opening, depth = peek(state, alive, rates, book, now)
    price: float = state[EXOGENOUS, book] + total
    if volume == 0.0:
        return price
    if state[POOL, book]:
        price = trade_pool(state, book, volume, opening)[1]
    else:
        price = trade_book(state, book, volume, total, net, opening, depth)[1]
    return price


quote = njit(cache=True)(quote_python)


def room_python(state: Floats, alive: Floats, rates: Floats, book: int, volume: float, now: float) -> float:
    """Coins of `volume` that the collar would let through at `now`; nothing changes."""
    total, net, opening, depth = peek(state, alive, rates, book, now)
    if volume == 0.0 or not state[ENABLED, book]:
        return volume
    if state[POOL, book]:
        filled: float = trade_pool(state, book, volume, opening)[0]
    else:
        filled = trade_book(state, book, volume, total, net, opening, depth)[0]
    return filled


room = njit(cache=True)(room_python)


def execute_python(
    state: Floats, alive: Floats, rates: Floats, weights: Floats, book: int, volume: float, now: float
) -> tuple[float, float, float, float, float]:
    """Trade `volume` coins at `now`: (coins filled, price paid, jump of last, the same at calm depth, depth behind it)."""
    if volume == 0.0:
        return 0.0, state[LAST, book], 0.0, 0.0, state[OPEN_DEPTH, book]
    advance(state, alive, rates, book, now)
    total, net, opening, depth = peek(state, alive, rates, book, now)
    if state[POOL, book]:
        before = state[LAST, book]
        filled, price, coins, dollars = trade_pool(state, book, volume, opening)
        state[COINS, book], state[DOLLARS, book] = coins, dollars
        state[LAST, book] = dollars / coins
        state[DEPTH, book] = pool_depth(dollars)
        alive[book, 0] = state[LAST, book] - state[EXOGENOUS, book]
        move = state[LAST, book] - before
        calm = move
    else:
        filled, price, move = trade_book(state, book, volume, total, net, opening, depth)
        for j in range(alive.shape[1]):
            alive[book, j] += move * weights[book, j]
        state[LAST, book] = state[EXOGENOUS, book] + total + move
        calm = move * (depth / (state[CALM_DEPTH, book] + state[CALM_MAKERS, book])) ** state[EXPONENT, book]
    state[VOLUME, book] = net + filled
    return filled, price, move, calm, depth


execute = njit(cache=True)(execute_python)


def tick_python(
    state: Floats,
    alive: Floats,
    rates: Floats,
    ema: Floats,
    alphas: Floats,
    columns: Ints,
    exogenous: Floats,
    interval: float,
    now: float,
) -> None:
    """A price tick on all books: time passes to `now`, then the exogenous prices are these, and a block opens.

    ema f8[B, E] with alphas f8[E]; columns i8[B] of the exogenous prices f8[S]; interval: seconds between ticks.
    """
    for book in range(state.shape[1]):
        advance(state, alive, rates, book, now)
        if not state[POOL, book]:
            price = exogenous[columns[book]]
            if not price > 0.0:
                raise ValueError("an exogenous price is not positive")
            total = 0.0
            for j in range(alive.shape[1]):
                total += alive[book, j]
            state[EXOGENOUS, book] = price
            state[LAST, book] = price + total
            since = now - state[SAMPLED, book]
            if since >= SAMPLING - 0.5 * interval:
                change = state[LAST, book] / state[SEEN, book] - 1.0
                state[VARIANCE, book] = averaged(state[VARIANCE, book], change, since, state[SMOOTHING, book])
                state[SEEN, book], state[SAMPLED, book] = state[LAST, book], now
            state[WANTED, book] = wanted(
                state[CALM_DEPTH, book],
                state[MAKER_DEPTH, book],
                state[RESPONSE, book],
                state[VARIANCE, book],
                state[USUAL, book],
            )
        open_block(state, book)
        for e in range(alphas.shape[0]):
            ema[book, e] += alphas[e] * (state[LAST, book] - ema[book, e])


tick = njit(cache=True)(tick_python)
