"""Options in a ledger: legs of an account, traded at a premium that is paid at once.

A leg is a signed number of options of one series.  Its premium leaves the quote number, so that equity is the quote number
and what the legs are worth.  The legs of a series add up to zero over all accounts.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import Ledger

__all__ = [
    "book_legs", "book_legs_python", "holds_options", "leg_sums", "legs_of", "option_size", "trade_legs",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DUST = 1e-13
"""Part of a leg below which nothing is left of it: rounding."""


def trade_legs(ledger: Ledger, rows: Ints, series: Ints, sizes: Floats, premiums: Floats, now: float) -> None:
    """Book trades one after the other, opposite sides being separate entries: `sizes` options bought (sold: below zero) at
    `premiums` USD each.

    Raises
    ------
    OverflowError
        An account has no free leg left for a new series.
    """
    full = book_legs(
        rows, series, sizes, premiums, ledger.leg_series, ledger.leg_size, ledger.leg_entry, ledger.quote
    )  # fmt: skip
    if full >= 0:
        raise OverflowError(f"account {ledger.id[full]} holds {ledger.leg_series.shape[1]} option series already")
    ledger.changed[rows] = now


def holds_options(ledger: Ledger, rows: Ints) -> NDArray[np.bool_]:
    """bool[rows]: whether each has a leg."""
    if ledger.leg_series.shape[1] == 0:
        return np.zeros(len(rows), np.bool_)
    return np.asarray(ledger.leg_series[rows, 0] >= 0)


def legs_of(ledger: Ledger, rows: Ints) -> tuple[Ints, Ints, Floats]:
    """Legs of some rows: position in `rows`, series, signed size; in order of row and leg."""
    at, leg = np.nonzero(ledger.leg_series[rows] >= 0)
    return at, ledger.leg_series[rows[at], leg].astype(np.int64), ledger.leg_size[rows[at], leg]


def option_size(ledger: Ledger, row: int, series: int) -> float:
    """Signed options of a series that one row has."""
    return float(np.sum(ledger.leg_size[row, ledger.leg_series[row] == series]))


def leg_sums(ledger: Ledger, series: int) -> tuple[Floats, Floats]:
    """float64[series] twice: sum of all signed sizes, and of the positive ones."""
    _, which, size = legs_of(ledger, np.arange(len(ledger)))
    net = np.bincount(which, size, series)
    return net, np.bincount(which, np.maximum(size, 0.0), series)


def book_legs_python(
    rows: Ints, series: Ints, sizes: Floats, premiums: Floats, leg_series: NDArray[np.int32], leg_size: Floats,
    leg_entry: Floats, quote: Floats,
) -> int:  # fmt: skip
    """Book option trades in order; the row that had no free leg, or -1.

    Entry: mean premium over what was added on the same side; a flip starts anew.  Legs that are closed free their place,
    into which the last one moves.
    """
    count = leg_series.shape[1]
    for i in range(len(rows)):
        row, size = rows[i], sizes[i]
        if size == 0.0:
            continue
        at, last = -1, 0
        while last < count and leg_series[row, last] >= 0:
            if leg_series[row, last] == series[i]:
                at = last
            last += 1
        if at < 0:
            if last == count:
                return int(row)
            at = last
            last += 1
        old = leg_size[row, at]
        new = old + size
        if abs(new) <= DUST * max(abs(old), abs(size)):
            new = 0.0
        if old == 0.0 or old * new < 0.0:
            leg_entry[row, at] = premiums[i]
        elif abs(new) > abs(old):
            leg_entry[row, at] = (leg_entry[row, at] * old + premiums[i] * size) / new
        leg_series[row, at], leg_size[row, at] = series[i], new
        if new == 0.0:
            last -= 1
            leg_series[row, at], leg_size[row, at] = leg_series[row, last], leg_size[row, last]
            leg_entry[row, at] = leg_entry[row, last]
            leg_series[row, last], leg_size[row, last], leg_entry[row, last] = -1, 0.0, 0.0
        quote[row] -= size * premiums[i]
    return -1


book_legs = njit(cache=True)(book_legs_python)
