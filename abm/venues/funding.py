"""Funding of perpetuals: F = P + clamp(I - P, +-band) per eight hours, with P the mean premium over an interval.

The premium is that of BitMEX and dYdX v4: (max(0, impact bid - index) - max(0, index - impact ask)) / index, the impact
bid and ask being the prices at which `FundingSpec.notional` USD could be sold and bought now.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.spec import FundingSpec
from abm.venues.books import Books
from abm.venues.columns import DEPTH, EXOGENOUS, LAST
from abm.venues.engine import trade_book

__all__ = ["EIGHT_HOURS", "Funding", "premium", "premium_python", "sample", "sample_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EIGHT_HOURS = 28800.0
_HOUR = 3600.0
_SLACK = 1e-6  # seconds: a payment is due at its grid point whatever the rounding of the clock


def premium_python(bid: float, ask: float, index: float) -> float:
    """Relative premium from impact bid and ask (dYdX v4, x/perpetuals; BitMEX, premium index)."""
    return (max(0.0, bid - index) - max(0.0, index - ask)) / index


premium = njit(cache=True)(premium_python)


def sample_python(state: Floats, perps: Ints, index: Floats, notional: Floats, total: Floats) -> None:
    """Add each perpetual's premium at this instant to `total` (f8[P]); perps i8[P], index and notional in USD f8[P]."""
    for i in range(len(perps)):
        book = perps[i]
        last, exogenous, depth = state[LAST, book], state[EXOGENOUS, book], state[DEPTH, book]
        volume = notional[i] / last
        bid = trade_book(state, book, -volume, last - exogenous, 0.0, exogenous, depth)[1]
        ask = trade_book(state, book, volume, last - exogenous, 0.0, exogenous, depth)[1]
        total[i] += premium(bid, ask, index[i])


sample = njit(cache=True)(sample_python)


class Funding:
    """The funding of P perpetuals, each with its own terms.

    Parameters
    ----------
    books
        Where they trade.
    perps
        i8[P], their ids.
    specs
        The terms of each.
    """

    def __init__(self, books: Books, perps: Ints, specs: Sequence[FundingSpec]) -> None:
        self.books, self.perps = books, perps
        self.interval = np.array([s.interval for s in specs])
        self.interest = np.array([s.interest for s in specs])
        self.band = np.array([s.band for s in specs])
        self.cap = np.array([s.cap for s in specs])
        self.notional = np.array([s.notional for s in specs])
        self.due = books.start + self.interval
        """f8[P], seconds: when each pays next."""
        self.rates = np.clip(self.interest * self.interval / EIGHT_HOURS, -self.cap, self.cap)
        """f8[P], the latest rates paid, per interval; before the first, what no premium would give."""
        self._total = np.zeros(len(perps))
        self._samples = np.zeros(len(perps))

    def sample(self, index: Floats) -> None:
        """Take the premium of this tick; index f8[P] in USD."""
        sample(self.books.state, self.perps, index, self.notional, self._total)
        self._samples += 1.0

    def settle(self, now: float) -> Floats:
        """Rates f8[P] that longs pay at `now`, a fraction of notional for the whole interval; 0 where none is due.

        The mean premium since the last payment gives the rate per eight hours, scaled to the interval and capped at
        +-cap an hour.
        """
        due = now >= self.due - _SLACK
        if not due.any():
            return np.zeros(len(due))
        mean = self._total / np.maximum(self._samples, 1.0)
        rate = (mean + np.clip(self.interest - mean, -self.band, self.band)) * (self.interval / EIGHT_HOURS)
        limit = self.cap * (self.interval / _HOUR)
        rates = np.where(due, np.clip(rate, -limit, limit), 0.0)
        self.rates[due] = rates[due]
        self._total[due] = self._samples[due] = 0.0
        self.due[due] += self.interval[due]
        return rates
