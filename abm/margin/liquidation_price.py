"""Liquidation price of a position: where free margin is zero when its market's price moves and nothing else does.

Of an account that is not in breach it is the nearest price on the side on which the position loses (below for a long,
above for a short).  Of one in breach it is the nearest on the other side, at which the breach would end: the price passes
through the market's own as the account passes into breach, as in the closed forms that venues publish.

Prices are looked at from 1/8,100 to 8,100 times the market's own on the grid of `abm.margin.roots`: exact where free
margin is linear in the price, to 1e-12 otherwise; of two roots within one step (1 % nearby) both can be missed.
"""

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.book import Assets, Book, Measure, moved
from abm.margin.engine import Engine, Terms
from abm.margin.roots import DOWN, UP, Functions, first_zero

__all__ = ["liquidation_price", "zero_price"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def liquidation_price(
    engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, underlying: bool = False
) -> Floats:  # fmt: skip
    """float64[rows, K]: price of each position at which free margin is zero, USD.

    nan in a free slot, where there is no such price in reach, and where an account cannot breach.  With `underlying` the
    index and the forwards of options on it move with the market's price, without it they are held still as all else is.
    """
    return zero_price("free_margin", engine, ledger, terms, rows, underlying=underlying)


def zero_price(
    measure: Measure, engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, underlying: bool = False
) -> Floats:  # fmt: skip
    """float64[rows, K]: price of each position at which a measure of its account is zero, as `liquidation_price` says."""
    rows = np.asarray(rows, np.int64)
    price = np.full((len(rows), ledger.slots), np.nan)
    book = Book(engine, ledger, terms, rows, Assets.of((), ()))
    sign = np.sign(book.value(measure, terms, np.arange(len(rows))))
    side = np.sign(ledger.slot_size[rows]) * np.where(sign < 0.0, -1.0, 1.0)[:, None]
    market = ledger.slot_market[rows]
    for m in np.unique(market[market >= 0]).tolist():
        for direction, at in ((1.0, DOWN), (-1.0, UP)):
            place, slot = np.nonzero((market == m) & (side == direction))
            if len(place):
                factor = first_zero(_by_price(book.some(place), measure, m, underlying), len(place), at)
                price[place, slot] = factor * terms.price[m]
    return price


def _by_price(book: Book, measure: Measure, market: int, underlying: bool) -> Functions:
    """The measure as a function of what one market's price is multiplied by."""

    def values(factor: float, which: Ints) -> Floats:
        by_market = np.ones(len(book.terms.price))
        by_market[market] = factor
        terms = moved(book.terms, by_market)
        if not underlying:
            terms.state = book.terms.state
        return book.value(measure, terms, which)

    return values
