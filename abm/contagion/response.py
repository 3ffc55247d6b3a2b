"""What is left of a price move in a price that was read later: the propagator, with and without an exponential mean.

The last price of a book is its exogenous path plus sum_i amount_i K(t - s_i), K(age) = sum_j weight_j exp(-age/time_j)
(a propagator, Bouchaud et al. 2004, as a sum of exponentials).  A price that decided a breach is a weighted sum of such
last prices, each as it is or through y <- y + a (last - y) at ticks k*tick, a = 1 - exp(-tick/ema).  Both are linear
in the moves, so the part of move i in a reading is exact.  Because K is a sum of exponentials, all moves together are
one running state a book (`impacts`, forward in time), and so are all readings seen from one move (`inject` and
`retreat`, backward in time): no pair of a move and a reading is ever visited for a sum.

Order at equal times: a tick comes before the blocks, so a move at a tick's time is first seen by the next tick, and a
reading at a tick's time has that tick in it.  Between moves and readings the recorded count of moves decides.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "Kernels",
    "Lane",
    "Steps",
    "decays",
    "decays_python",
    "impacts",
    "impacts_kernel_python",
    "inject",
    "last_moves",
    "retreat",
    "single_steps",
    "steps",
    "ticks_until",
    "weighed",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Named tuples, not dataclasses: compiled functions take them as they are.


class Kernels(NamedTuple):
    """How moves fade, by book, and the exponential means in use.

    `weights` f8[books, terms]; `rates` f8[books, terms], 1/s (0: permanent); `ticks` f8[books], s;
    `ema_rates` f8[filters], 1/s, of which the first is 0 and stands for the price itself.
    """

    weights: Floats
    rates: Floats
    ticks: Floats
    ema_rates: Floats


class Lane(NamedTuple):
    """Moves of one cause, by book and in order within it.

    `start` i8[books + 1]: where each book's moves begin; `move` i8[n] ids; `book` i8[n]; `time` f8[n], s;
    `amount` f8[n], USD.
    """

    start: Ints
    move: Ints
    book: Ints
    time: Floats
    amount: Floats


class Steps(NamedTuple):
    """From some moves of a lane back to earlier ones: the factors of `retreat`.

    `fade` f8[n, terms]; `feed` f8[n, filters, terms]; `keep` f8[n, filters].
    """

    fade: Floats
    feed: Floats
    keep: Floats


def ticks_until_python(time: float, tick: float) -> int:
    """Number of ticks at k*tick, k >= 1, up to and with `time`; a ten-millionth of a tick forgives rounding."""
    return math.floor(time / tick + 1e-7)


ticks_until = njit(cache=True)(ticks_until_python)


def geometric_python(x: float, y: float, count: int) -> float:
    """Sum over m < count of exp(-x m) exp(-y (count - 1 - m)), without cancellation when x is near y."""
    if count <= 0:
        return 0.0
    gap = abs(x - y)
    ratio = float(count) if gap == 0.0 else math.expm1(-gap * count) / math.expm1(-gap)
    return math.exp(-(count - 1) * min(x, y)) * ratio


geometric = njit(cache=True)(geometric_python)


def decays_python(rates: Floats, tick: float, ema_rate: float, moved: float, seen: float, out: Floats) -> None:
    """Part of each exponential of a unit move at `moved` in a reading at `seen` (s), into `out` f8[terms].

    With `ema_rate` 0 exp(-rate age); else what its exponential mean over the ticks in (moved, seen] has of it:
    exp(-rate delta) a (q^n - b^n) / (q - b), delta until the first tick, q = exp(-rate tick), b = exp(-ema_rate tick),
    n ticks; zero before the first.
    """
    if ema_rate == 0.0:
        age = max(seen - moved, 0.0)
        for j in range(rates.shape[0]):
            out[j] = math.exp(-rates[j] * age)
        return
    before = ticks_until(moved, tick)
    count = ticks_until(seen, tick) - before
    wait = (before + 1) * tick - moved
    gain = -math.expm1(-tick * ema_rate)
    for j in range(rates.shape[0]):
        out[j] = gain * math.exp(-rates[j] * wait) * geometric(rates[j] * tick, ema_rate * tick, count)


decays = njit(cache=True)(decays_python)


def kept_python(tick: float, ema_rate: float, moved: float, seen: float) -> float:
    """Part of an exponential mean that is left after the ticks in (moved, seen]."""
    return math.exp(-ema_rate * tick * max(ticks_until(seen, tick) - ticks_until(moved, tick), 0))


kept = njit(cache=True)(kept_python)


def weighed_python(weights: Floats, values: Floats) -> float:
    """Sum of weight * value, in order."""
    total = 0.0
    for j in range(weights.shape[0]):
        total += weights[j] * values[j]
    return total


weighed = njit(cache=True)(weighed_python)


def steps_kernel_python(kernels: Kernels, lane: Lane, later: Ints, earlier: Ints) -> Steps:
    """As `steps`."""
    count, terms, filters = later.shape[0], kernels.rates.shape[1], kernels.ema_rates.shape[0]
    fade, feed, keep = np.zeros((count, terms)), np.zeros((count, filters, terms)), np.zeros((count, filters))
    for k in range(count):
        if earlier[k] < 0:
            continue
        book, moved, seen = lane.book[later[k]], lane.time[earlier[k]], lane.time[later[k]]
        decays(kernels.rates[book], kernels.ticks[book], 0.0, moved, seen, fade[k])
        for e in range(1, filters):
            decays(kernels.rates[book], kernels.ticks[book], kernels.ema_rates[e], moved, seen, feed[k, e])
            keep[k, e] = kept(kernels.ticks[book], kernels.ema_rates[e], moved, seen)
    return Steps(fade, feed, keep)


steps_kernel = njit(cache=True)(steps_kernel_python)


def steps(kernels: Kernels, lane: Lane, later: Ints, earlier: Ints) -> Steps:
    """Factors of `retreat` from positions `later` of a lane back to `earlier`; zero where that is -1."""
    found: Steps = steps_kernel(kernels, lane, later, earlier)
    return found


def single_steps(kernels: Kernels, lane: Lane) -> Steps:
    """Factors of `retreat` from each move of a lane to the one before it in its book."""
    at = np.arange(len(lane.move))
    return steps(kernels, lane, at, np.where(at > lane.start[lane.book], at - 1, -1))


def inject_python(
    kernels: Kernels, book: int, kind: int, coefficient: float, moved: float, seen: float, lam: Floats, mu: Floats
) -> None:
    """Let a reading at `seen`, worth `coefficient` per USD, weigh on the moves of its book up to `moved`.

    `lam` f8[terms] is what one USD of each exponential standing at `moved` is worth to all readings injected so far,
    `mu` f8[filters] what one USD of each exponential mean is.  `kind` is the filter, 0 for the price itself.
    """
    part = np.empty(lam.shape[0])
    decays(kernels.rates[book], kernels.ticks[book], kernels.ema_rates[kind], moved, seen, part)
    for j in range(lam.shape[0]):
        lam[j] += coefficient * part[j]
    if kind > 0:
        mu[kind] += coefficient * kept(kernels.ticks[book], kernels.ema_rates[kind], moved, seen)


inject = njit(cache=True)(inject_python)


def retreat_python(factors: Steps, at: int, lam: Floats, mu: Floats) -> None:
    """Carry `lam` and `mu` back over step `at`."""
    for j in range(lam.shape[0]):
        value = lam[j] * factors.fade[at, j]
        # Subnormal numbers would be slow, and worth nothing.
        lam[j] = value if abs(value) > 1e-200 else 0.0
    for e in range(1, mu.shape[0]):
        if mu[e] != 0.0:
            for j in range(lam.shape[0]):
                lam[j] += mu[e] * factors.feed[at, e, j]
            value = mu[e] * factors.keep[at, e]
            mu[e] = value if abs(value) > 1e-200 else 0.0


retreat = njit(cache=True)(retreat_python)


def last_moves(lane: Lane, book: Ints, moves: Ints) -> Ints:
    """Position in the lane of the last move of `book` among the first `moves` of all; -1: none. i8[readings]."""
    if not len(lane.move):
        return np.full(len(book), -1, dtype=np.int64)
    span = int(lane.move.max()) + 2
    found = np.searchsorted(lane.book * span + lane.move, book * span + np.minimum(moves, span - 1)) - 1
    return np.where(found >= lane.start[book], found, -1).astype(np.int64)


def advance_python(
    kernels: Kernels, book: int, moved: float, seen: float, state: Floats, mean: Floats, part: Floats
) -> None:
    """Carry the impact of a book (`state` f8[terms], `mean` f8[filters], USD) from `moved` to `seen`."""
    rates, tick = kernels.rates[book], kernels.ticks[book]
    for e in range(1, mean.shape[0]):
        decays(rates, tick, kernels.ema_rates[e], moved, seen, part)
        for j in range(state.shape[0]):
            part[j] *= state[j]
        mean[e] = mean[e] * kept(tick, kernels.ema_rates[e], moved, seen) + weighed(kernels.weights[book], part)
    decays(rates, tick, 0.0, moved, seen, part)
    for j in range(state.shape[0]):
        state[j] *= part[j]


advance = njit(cache=True)(advance_python)


def impacts_kernel_python(
    kernels: Kernels, lane: Lane, kind: Ints, seen: Floats, first: Ints, reading: Ints, out: Floats
) -> None:
    """Impact of a whole lane on each reading, into `out`; readings first[k]..first[k+1] follow move k of the lane."""
    state, mean = np.zeros(kernels.rates.shape[1]), np.zeros(kernels.ema_rates.shape[0])
    part, now, means = np.zeros_like(state), np.zeros_like(state), np.zeros_like(mean)
    for at in range(lane.move.shape[0]):
        book = lane.book[at]
        if at == lane.start[book]:
            state[:] = 0.0
            mean[:] = 0.0
        else:
            advance(kernels, book, lane.time[at - 1], lane.time[at], state, mean, part)
        state += lane.amount[at]
        for k in range(first[at], first[at + 1]):
            r = reading[k]
            now[:] = state
            means[:] = mean
            advance(kernels, book, lane.time[at], seen[r], now, means, part)
            out[r] = means[kind[r]] if kind[r] > 0 else weighed(kernels.weights[book], now)


impacts_kernel = njit(cache=True)(impacts_kernel_python)


def impacts(kernels: Kernels, lane: Lane, book: Ints, kind: Ints, seen: Floats, moves: Ints) -> Floats:
    """USD by which the moves of a lane had shifted each reading, f8[readings]: sum of amount * response.

    Parameters
    ----------
    book, kind, seen, moves
        Of each reading: its book, its filter (index into `ema_rates`), when (s), and how many moves had happened.
    """
    out = np.zeros(len(book))
    target = last_moves(lane, book, moves)
    order = np.argsort(target, kind="stable")
    first = np.searchsorted(target[order], np.arange(len(lane.move) + 1))
    impacts_kernel(kernels, lane, kind, seen, first, order, out)
    return out
