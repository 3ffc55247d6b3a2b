"""Which trades an initial margin lets through."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import ISOLATED, Ledger
from abm.margin.engine import Engine, Terms

__all__ = ["admitted", "admitted_by_revaluation", "admitted_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def admitted_python(
    rows: Ints, markets: Ints, sizes: Floats, cost: Floats, equity: Floats, im: Floats, per_coin: Floats,
    mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats,
) -> NDArray[np.bool_]:  # fmt: skip
    """bool[trades]: trades that reduce a position, and those whose initial margin is there afterwards.

    `rows, markets, sizes` are a trade each (signed coins), `cost` what it loses, `equity` and `im` its account's margin
    equity and initial margin before all of them, USD; `per_coin` float64[M], initial margin of a coin.  Several trades
    of an account count one after the other.  An isolated account holds one market, and nobody more than there are slots.
    """
    result, growth = np.zeros(len(rows), np.bool_), np.zeros(len(rows))
    for i in range(len(rows)):
        row, market = rows[i], markets[i]
        held, old, used = False, 0.0, 0
        for k in range(slot_market.shape[1]):
            if slot_market[row, k] >= 0:
                used += 1
                if slot_market[row, k] == market:
                    held, old = True, slot_size[row, k]
        spent, before = cost[i], im[i]
        for j in range(i):
            if result[j] and rows[j] == row:
                spent += cost[j]
                before += growth[j] * per_coin[markets[j]]
                if markets[j] == market:
                    held, old = True, old + sizes[j]
                else:
                    used += 1  # at most: it may have been held
        new = old + sizes[i]
        growth[i] = abs(new) - abs(old)
        if growth[i] <= 0.0 and old * new >= 0.0:
            result[i] = True
        elif held or used < (1 if mode[row] == ISOLATED else slot_market.shape[1]):
            alone = mode[row] != ISOLATED or used <= (1 if held else 0)
            result[i] = alone and equity[i] - spent >= before + growth[i] * per_coin[market]
    return result


admitted = njit(cache=True)(admitted_python)


def admitted_by_revaluation(
    engine: Engine, ledger: Ledger, terms: Terms, trades: tuple[Ints, Ints, Floats], cost: Floats
) -> NDArray[np.bool_]:
    """bool[trades]: the same for any family: each account as it would stand after its trades, valued anew.

    `trades` are rows, markets and signed sizes, `cost` what each loses, USD.
    """
    rows, markets, sizes = trades
    result = np.zeros(len(rows), np.bool_)
    order = np.argsort(rows, kind="stable")
    turn = np.zeros(len(rows), np.int64)  # which trade of its account each is
    turn[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order], side="left")
    accounts, place = np.unique(rows, return_inverse=True)
    book, spent = ledger.copy(accounts), np.zeros(len(accounts))
    for n in range(int(turn.max(initial=-1)) + 1):
        some = np.flatnonzero(turn == n)
        at = place[some]
        some, at = (part[_fits(book, at, markets[some])] for part in (some, at))
        old = book.size(at, markets[some])
        reduces = (np.abs(old + sizes[some]) <= np.abs(old)) & (old * (old + sizes[some]) >= 0.0)
        after = book.copy(at)
        after.trade(np.arange(len(at)), markets[some], sizes[some], terms.price[markets[some]], terms.funding, 0.0)
        view = engine.assess(after, terms, np.arange(len(at)))
        result[some] = reduces | (view.margin_equity - spent[at] - cost[some] >= view.im)
        done = some[result[some]]
        book.trade(place[done], markets[done], sizes[done], terms.price[markets[done]], terms.funding, 0.0)
        np.add.at(spent, place[done], cost[done])
    return result


def _fits(book: Ledger, rows: Ints, markets: Ints) -> NDArray[np.bool_]:
    """bool[rows]: whether each has a slot for its market; an isolated account has one at all."""
    held = (book.slot_market[rows] == markets[:, None]).any(axis=1)
    used = (book.slot_market[rows] >= 0).sum(axis=1)
    return np.asarray(held | (used < np.where(book.mode[rows] == ISOLATED, 1, book.slots)))
