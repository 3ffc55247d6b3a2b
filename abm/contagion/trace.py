"""The shares of single price moves, and of the breaches behind them, in every breach.

For one breach and book all readings weigh on the moves as one running state (`response.inject`), carried back from
move to move.  Where no reading begins, blocks of SPAN moves are taken at once: within a block, shares are a small
matrix times the state at the block's last move, with nothing left out and nothing that could overflow.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from abm.contagion.exposure import Exposure, Served
from abm.contagion.response import (
    Floats,
    Ints,
    Kernels,
    Lane,
    Steps,
    decays,
    inject,
    last_moves,
    retreat,
    single_steps,
    steps,
    weighed,
)

__all__ = ["SMALL", "SPAN", "Trace", "trace"]

SMALL = 1e-3
"""Share of a breach below which a price move has no edge of its own."""

SPAN = 32
"""Moves of a block."""


class Rows(NamedTuple):
    """Readings that had seen a liquidation move, by breach and book, latest first.

    `first` i8[breaches + 1]; `book`, `kind`, `target` (position of the last move seen) i8[n];
    `coefficient`, `seen` f8[n].
    """

    first: Ints
    book: Ints
    kind: Ints
    target: Ints
    coefficient: Floats
    seen: Floats


class Blocks(NamedTuple):
    """Full blocks of a lane.

    `of` i8[n]: the block whose last move this is, -1 for all other moves.  `worth` f8[blocks, terms + filters - 1,
    SPAN]: what each move is to a unit of each exponential, then of each exponential mean, at its block's last move.
    `back`: factors from each block's last move to the move before its first.
    """

    of: Ints
    worth: Floats
    back: Steps


class Trace(NamedTuple):
    """Shares of liquidations in breaches; breaches by rank, moves by position in their lane.

    `child`, `position`, `share`: the pairs of at least SMALL.  `small`: sum of the others by breach.
    `parent`, `most`: largest parent breach (-1: none) and its share, by breach.
    `heir`, `origin`, `weight`: child, parent and weight of the pairs of breaches of at least the floor asked for, and of
    all pairs of one owner's; children in rising order.
    """

    child: Ints
    position: Ints
    share: Floats
    small: Floats
    parent: Ints
    most: Floats
    heir: Ints
    origin: Ints
    weight: Floats


def block_worth_python(kernels: Kernels, lane: Lane, last: Ints) -> Floats:
    """`Blocks.worth` for blocks that end at the positions `last`."""
    terms, filters = kernels.rates.shape[1], kernels.ema_rates.shape[0]
    worth, part = np.zeros((last.shape[0], terms + filters - 1, SPAN)), np.zeros(terms)
    for k in range(last.shape[0]):
        book, seen = lane.book[last[k]], lane.time[last[k]]
        for i in range(SPAN):
            at = last[k] - SPAN + 1 + i
            for e in range(filters):
                decays(kernels.rates[book], kernels.ticks[book], kernels.ema_rates[e], lane.time[at], seen, part)
                if e > 0:
                    worth[k, terms + e - 1, i] = lane.amount[at] * weighed(kernels.weights[book], part)
                else:
                    worth[k, :terms, i] = lane.amount[at] * kernels.weights[book] * part
    return worth


block_worth = njit(cache=True)(block_worth_python)


def blocks(kernels: Kernels, lane: Lane) -> Blocks:
    """Cut the moves of each book into blocks of SPAN from its first on; what is left over has none."""
    within = np.arange(len(lane.move)) - lane.start[lane.book]
    last = np.flatnonzero(within % SPAN == SPAN - 1)
    of = np.full(len(lane.move), -1, dtype=np.int64)
    of[last] = np.arange(len(last))
    before = np.where(within[last] >= SPAN, last - SPAN, -1)
    return Blocks(of, block_worth(kernels, lane, last), steps(kernels, lane, last, before))


def leap_python(worth: Floats, lam: Floats, mu: Floats, share: Floats) -> None:
    """Shares of the moves of one block, f8[SPAN]."""
    share[:] = 0.0
    terms = lam.shape[0]
    for j in range(terms + mu.shape[0] - 1):
        weight = lam[j] if j < terms else mu[j - terms + 1]
        if weight != 0.0:
            for i in range(SPAN):
                share[i] += weight * worth[j, i]


leap = njit(cache=True)(leap_python)


def sweep_python(
    kernels: Kernels, lane: Lane, single: Steps, whole: Blocks, rows: Rows, row: int, end: int, share: Floats
) -> int:
    """Shares of the moves of one book in one breach, into `share` by position; returns the first row of the next."""
    book = rows.book[row]
    lam, mu = np.zeros(kernels.rates.shape[1]), np.zeros(kernels.ema_rates.shape[0])
    at = rows.target[row]
    while at >= lane.start[book]:
        inside = row < end and rows.book[row] == book and rows.target[row] > at - SPAN
        if whole.of[at] >= 0 and not inside:
            leap(whole.worth[whole.of[at]], lam, mu, share[at - SPAN + 1 : at + 1])
            retreat(whole.back, whole.of[at], lam, mu)
            at -= SPAN
            continue
        while row < end and rows.book[row] == book and rows.target[row] == at:
            inject(kernels, book, rows.kind[row], rows.coefficient[row], lane.time[at], rows.seen[row], lam, mu)
            row += 1
        share[at] = lane.amount[at] * weighed(kernels.weights[book], lam)
        retreat(single, at, lam, mu)
        at -= 1
    return row


sweep = njit(cache=True)(sweep_python)


def inherit_python(served: Served, at: int, share: float, weights: Floats) -> None:
    """Give the share of a move to the breaches that its executions served, by their shares of the move."""
    for k in range(served.first[at], served.first[at + 1]):
        weights[served.breach[k]] += share * served.share[k]


inherit = njit(cache=True)(inherit_python)


def trace_kernel_python(
    kernels: Kernels,
    lane: Lane,
    single: Steps,
    whole: Blocks,
    rows: Rows,
    served: Served,
    owner: Ints,
    cut: float,
    floor: float,
) -> Trace:
    """Every breach in turn: its moves one by one, what is small together, and its parents."""
    count = rows.first.shape[0] - 1
    share, weights = np.zeros(lane.move.shape[0]), np.zeros(count)
    small, most, parent = np.zeros(count), np.zeros(count), np.full(count, -1)
    children, positions, shares = [0 for _ in range(0)], [0 for _ in range(0)], [0.0 for _ in range(0)]
    heirs, origins, pairs = [0 for _ in range(0)], [0 for _ in range(0)], [0.0 for _ in range(0)]
    for child in range(count):
        row, end = rows.first[child], rows.first[child + 1]
        while row < end:
            top, base = rows.target[row], lane.start[rows.book[row]]
            row = sweep(kernels, lane, single, whole, rows, row, end, share)
            for at in range(base, top + 1):
                inherit(served, at, share[at], weights)
                if abs(share[at]) >= cut:
                    children.append(child)
                    positions.append(at)
                    shares.append(share[at])
                else:
                    small[child] += share[at]
        for other in range(child):
            weight = weights[other]
            weights[other] = 0.0
            if weight > most[child]:
                most[child], parent[child] = weight, other
            if abs(weight) >= floor or (weight != 0.0 and owner[other] == owner[child]):
                heirs.append(child)
                origins.append(other)
                pairs.append(weight)
    return Trace(
        np.array(children, dtype=np.int64),
        np.array(positions, dtype=np.int64),
        np.array(shares, dtype=np.float64),
        small,
        parent,
        most,
        np.array(heirs, dtype=np.int64),
        np.array(origins, dtype=np.int64),
        np.array(pairs, dtype=np.float64),
    )


trace_kernel = njit(cache=True)(trace_kernel_python)


def trace(exposure: Exposure, floor: float = np.inf) -> Trace:
    """Shares of single moves and of breaches in breaches; pairs of breaches with a weight of at least `floor`, and of
    one owner's."""
    kernels, lane, r = exposure.kernels, exposure.lanes["impact"], exposure.readings
    target = last_moves(lane, r.book, r.moves)
    order = np.lexsort((-target, r.book, r.breach))
    order = order[(target[order] >= 0) & (r.coefficient[order] != 0.0)]
    rows = Rows(
        np.searchsorted(r.breach[order], np.arange(len(exposure.row) + 1)).astype(np.int64),
        r.book[order],
        r.kind[order],
        target[order],
        r.coefficient[order],
        r.seen[order],
    )
    single, whole = single_steps(kernels, lane), blocks(kernels, lane)
    owner = exposure.breaches["owner"].to_numpy()
    found: Trace = trace_kernel(kernels, lane, single, whole, rows, exposure.served, owner, SMALL, floor)
    return found
