"""How much of an account to close so that it has margin enough again, for any family.

Closing is at the terms' prices: what is closed leaves equity at market as it was, less a penalty on its notional, paid in
the settlement asset.  Restored means margin equity - MM >= target * MM and equity above zero.  Debts are repaid out of the
collateral, which is sold at the terms' prices too.

Free margin need not rise all the way as more is closed: a hedge that is taken off costs margin.  The quantities looked at
are 1/64, 2/64, ... of what there is; the answer is the end of the first stretch, found by bisection, at whose end the
account is restored and at whose beginning it is not.  Where it is restored only for a while within one stretch, that can
be missed; where it is not restored even when all is closed, the answer is all, as for an account whose equity is gone,
and `restored` says so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Engine, Terms

__all__ = [
    "Closing",
    "close_position",
    "close_share",
    "quantity_of_position",
    "repay_share",
    "share_of_debts",
    "share_of_portfolio",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRETCHES = 64
HALVINGS = 48


@dataclass(frozen=True, slots=True)
class Closing:
    """float64[rows], bool[rows]: how much to close, and whether that restores the account."""

    amount: Floats
    restored: NDArray[np.bool_]


def quantity_of_position(
    engine: Engine, ledger: Ledger, terms: Terms, slots: tuple[Ints, Ints], *, target: float = 0.0, penalty: float = 0.0
) -> Closing:
    """Least part of one position of each of some accounts that restores it, in coins.

    `slots` are the rows, each once, and the slot of each; the penalty is a part of the notional closed.

    Raises
    ------
    ValueError
        `target` or `penalty` is below zero.
    """
    _check(target, penalty)
    rows, slot = (np.asarray(some, np.int64) for some in slots)

    def close(book: Ledger, which: Ints, part: Floats) -> None:
        close_position(engine, book, terms, slot[which], part, penalty=penalty)

    found = _least(len(rows), _rule(engine, ledger, terms, rows, close, target))
    return Closing(found.amount * np.abs(ledger.slot_size[rows, slot]), found.restored)


def share_of_portfolio(
    engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, target: float = 0.0, penalty: float = 0.0
) -> Closing:
    """Least share of all positions and options of each account, alike in each, that restores it; coins stay.

    Raises
    ------
    ValueError
        `target` or `penalty` is below zero.
    """

    _check(target, penalty)
    rows = np.asarray(rows, np.int64)

    def close(book: Ledger, which: Ints, part: Floats) -> None:
        close_share(engine, book, terms, part, penalty=penalty)

    return _least(len(rows), _rule(engine, ledger, terms, rows, close, target))


def share_of_debts(
    engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, target: float = 0.0, penalty: float = 0.0
) -> Closing:
    """Least share of all debts of each account, alike in each, that restores it when repaid out of its collateral.

    Raises
    ------
    ValueError
        `target` or `penalty` is below zero.
    """
    _check(target, penalty)
    rows = np.asarray(rows, np.int64)

    def close(book: Ledger, which: Ints, part: Floats) -> None:
        repay_share(book, terms, part, penalty=penalty)

    return _least(len(rows), _rule(engine, ledger, terms, rows, close, target))


def repay_share(book: Ledger, terms: Terms, part: Floats, *, penalty: float) -> None:
    """Repay a part, 0 to 1, of what every account of a ledger owes, in place: as far as its collateral goes.

    Every collateral is sold in proportion to its value at the terms' prices; the penalty is a part of what is repaid.  The
    settlement asset counts as the others do, as cash before unrealised profit.
    """
    paid = (book.slot_size * (book.slot_entry - book.slot_funding)).sum(axis=1)
    balance = np.concatenate([(book.quote + paid)[:, None], book.coins], axis=1)
    worth = balance * np.concatenate([[terms.known.settlement_price], terms.coin_price])
    owed, held = (np.maximum(sign * worth, 0.0).sum(axis=1) for sign in (-1.0, 1.0))
    cost = np.minimum(part * owed * (1.0 + penalty), held)
    repaid = np.divide(cost / (1.0 + penalty), owed, out=np.zeros(len(book)), where=owed > 0.0)
    sold = np.divide(cost, held, out=np.zeros(len(book)), where=held > 0.0)
    left = balance * (1.0 - np.where(balance < 0.0, repaid[:, None], sold[:, None]))
    book.quote[:] = left[:, 0] - paid
    book.coins[:] = left[:, 1:]


def close_position(engine: Engine, book: Ledger, terms: Terms, slot: Ints, part: Floats, *, penalty: float) -> None:
    """Close a part, 0 to 1, of one slot of every account of a ledger at the terms' prices, in place."""
    rows = np.arange(len(book))
    before = engine.assess(book, terms, rows)
    without = book.copy(rows)
    _drop(without, rows, slot)
    notional = before.notional - engine.assess(without, terms, rows).notional
    book.slot_size[rows, slot] *= 1.0 - part
    whole = part >= 1.0
    _drop(book, rows[whole], slot[whole])
    _settle(engine, book, terms, before.equity - penalty * part * notional)


def close_share(engine: Engine, book: Ledger, terms: Terms, part: Floats, *, penalty: float) -> None:
    """Close a part, 0 to 1, of all positions and options of every account of a ledger at the terms' prices, in place."""
    before = engine.assess(book, terms, np.arange(len(book)))
    book.slot_size *= (1.0 - part)[:, None]
    book.leg_size *= (1.0 - part)[:, None]
    book.slot_market[part >= 1.0] = -1
    book.leg_series[part >= 1.0] = -1
    _settle(engine, book, terms, before.equity - penalty * part * before.notional)


def _drop(book: Ledger, rows: Ints, slot: Ints) -> None:
    """Take one position of each of some accounts away; the last takes its place."""
    last = np.count_nonzero(book.slot_market[rows] >= 0, axis=1) - 1
    for column, empty in ((book.slot_market, -1), (book.slot_size, 0), (book.slot_entry, 0), (book.slot_funding, 0)):
        column[rows, slot] = column[rows, last]
        column[rows, last] = empty


def _settle(engine: Engine, book: Ledger, terms: Terms, equity: Floats) -> None:
    """Pay what accounts have gained or lost, so that their equity is what it should be."""
    book.quote += equity - engine.assess(book, terms, np.arange(len(book))).equity


def _least(count: int, restored: Callable[[Ints, Floats], NDArray[np.bool_]]) -> Closing:
    """Least part of each of some accounts that restores it; `restored` says whether a part, 0 to 1, does."""
    everyone = np.arange(count)
    stretch = np.full(count, -1)
    left = everyone
    for j in range(STRETCHES + 1):
        done = restored(left, np.full(len(left), j / STRETCHES))
        stretch[left[done]] = j
        left = left[~done]
        if not len(left):
            break
    amount = np.where(stretch < 0, 1.0, 0.0)
    inside = np.flatnonzero(stretch > 0)
    low, high = (stretch[inside] - 1) / STRETCHES, stretch[inside] / STRETCHES
    for _ in range(HALVINGS if len(inside) else 0):
        middle = (low + high) / 2.0
        done = restored(inside, middle)
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    amount[inside] = high
    return Closing(amount, stretch >= 0)


def _rule(
    engine: Engine,
    ledger: Ledger,
    terms: Terms,
    rows: Ints,
    close: Callable[[Ledger, Ints, Floats], None],
    target: float,
) -> Callable[[Ints, Floats], NDArray[np.bool_]]:
    """Whether closing a part of some accounts, by position in `rows`, restores them."""

    def restored(which: Ints, part: Floats) -> NDArray[np.bool_]:
        book = ledger.copy(rows[which])
        if np.any(part > 0.0):
            close(book, which, part)
        view = engine.assess(book, terms, np.arange(len(book)))
        return np.asarray((view.free_margin >= target * view.mm) & (view.equity > 0.0))

    return restored


def _check(target: float, penalty: float) -> None:
    for name, value in (("target", target), ("penalty", penalty)):
        if not value >= 0.0:
            raise ValueError(f"{name} must be >= 0, got {value}")
