"""How much of all breaches entered the system through each: direct, total and but-for influence.

W[i, j], the share of breach i in breach j, is the sum over price moves of the share of the move in j times the share
of i's liquidations in the move.  It is strictly triangular in the order of happening, so x = (I - W)^-1 1 needs one
pass backward over the moves, in which all readings that come after a move weigh on it as one running state a book
(`response.inject`, `response.retreat`); neither W nor a pair of a move and a breach is ever formed, and no share is
cut off as small.

What an account's breach does to its owner's own later breaches is no contagion.  With V the shares in W between breaches
of one owner, v = (I - V)^-1 1 counts what a breach passes on along chains of its owner's breaches alone, itself counted;
x - v is what ever left the owner, from the first breach of somebody else on.  Both follow from the pairs of one owner
(`Attribution.stays`).
"""

import numpy as np
import polars as pl
from numba import njit

from abm.contagion.attribution import Attribution, attribute
from abm.contagion.endogenous import endogenous_shares
from abm.contagion.exposure import Exposure, Readings, Served, read_exposure
from abm.contagion.response import (
    Floats,
    Ints,
    Kernels,
    Lane,
    Steps,
    inject,
    last_moves,
    retreat,
    single_steps,
    weighed,
)
from abm.record import Record

__all__ = ["backward", "exogenous_shares", "influence"]


def backward_kernel_python(
    kernels: Kernels,
    lane: Lane,
    factors: Steps,
    readings: Readings,
    order: Ints,
    first: Ints,
    row: Ints,
    served: Served,
) -> tuple[Floats, Floats]:
    """Solve x = 1 + W x and add up W 1.

    Parameters
    ----------
    order
        Positions of the moves, latest first, i8[moves].
    first, row
        Readings whose last move seen is position k: row[first[k]:first[k + 1]].

    Returns
    -------
    f8[2, breaches]: x, and the row sums of W; f8[2, moves]: what each move passes on of them.
    """
    count, books = served.begin.shape[0] - 1, lane.start.shape[0] - 1
    lam = np.zeros((2, books, kernels.rates.shape[1]))
    mu = np.zeros((2, books, kernels.ema_rates.shape[0]))
    gain, worth = np.zeros((2, lane.move.shape[0])), np.zeros((2, count))
    for at in order:
        book = lane.book[at]
        for k in range(first[at], first[at + 1]):
            r = row[k]
            worth[0, readings.breach[r]] = 1.0 + passed(served, readings.breach[r], gain[0])
            worth[1, readings.breach[r]] = 1.0
            for which in range(2):
                weight = readings.coefficient[r] * worth[which, readings.breach[r]]
                kind, seen = readings.kind[r], readings.seen[r]
                inject(kernels, book, kind, weight, lane.time[at], seen, lam[which, book], mu[which, book])
        for which in range(2):
            gain[which, at] = lane.amount[at] * weighed(kernels.weights[book], lam[which, book])
            retreat(factors, at, lam[which, book], mu[which, book])
    for i in range(count):
        worth[0, i] = 1.0 + passed(served, i, gain[0])
        worth[1, i] = passed(served, i, gain[1])
    return worth, gain


def passed_python(served: Served, breach: int, gain: Floats) -> float:
    """What a breach passes on through the moves that its liquidations were part of."""
    total = 0.0
    for k in range(served.begin[breach], served.begin[breach + 1]):
        total += served.part[k] * gain[served.position[k]]
    return total


passed = njit(cache=True)(passed_python)
backward_kernel = njit(cache=True)(backward_kernel_python)


def backward(exposure: Exposure) -> tuple[Floats, Floats]:
    """x = (I - W)^-1 1 and W 1 by rank, f8[2, breaches], and the same by move of the liquidation lane, f8[2, moves]."""
    lane, r = exposure.lanes["impact"], exposure.readings
    target = last_moves(lane, r.book, r.moves)
    row = np.argsort(target, kind="stable")
    first = np.searchsorted(target[row], np.arange(len(lane.move) + 1))
    order = np.argsort(lane.move)[::-1].copy()
    worth, gain = backward_kernel(
        exposure.kernels, lane, single_steps(exposure.kernels, lane), r, order, first, row, exposure.served
    )
    return worth, gain


def exogenous_shares(exposure: Exposure) -> Floats:
    """e = 1 - W' 1 by rank: the share of each breach that no liquidation has, f8[breaches]."""
    return 1.0 - endogenous_shares(exposure)


def influence(record: Record, done: Attribution | None = None) -> pl.DataFrame:
    """Influence of every breach, in the order of the record's table; `done` is its attribution where it is at hand.

    Returns
    -------
    breach, account, owner, protocol, time (s) and, as numbers of breaches,

    exogenous
        1 - sum_i W_ij: the share of this breach that no liquidation has.
    direct
        sum_j W_ij: shares of this breach in later ones, at one remove.
    direct_others
        The part of `direct` in breaches of other owners.
    total
        exogenous times but_for: what entered the system here, itself counted; sums to the number of breaches.
    others
        The part of `total` that left the owner: from the first breach of another owner on.  `total` less `others` is
        the breach itself and what stayed with its owner.  Signed: between 0 and `total` where shares are between 0 and
        1, and outside where a small fall beside large opposite moves has shares that are not (docs/attribution.md).
    but_for
        ((I - W)^-1 1)_i: what falls away, itself counted, without this breach in the linear graph.

    Raises
    ------
    AuditError
        The record contradicts itself (`read_exposure`).
    """
    exposure = read_exposure(record)
    done = done or attribute(record)
    but_for, direct = backward(exposure)[0][:, np.argsort(exposure.row)]
    exogenous = 1.0 - done.endogenous
    return (
        record["breaches"]
        .select("breach", "account", "owner", "protocol", "time")
        .with_columns(
            pl.Series("exogenous", exogenous),
            pl.Series("direct", direct),
            pl.Series("direct_others", direct - done.direct_own),
            pl.Series("total", exogenous * but_for),
            pl.Series("others", exogenous * (but_for - done.stays)),
            pl.Series("but_for", but_for),
        )
    )
