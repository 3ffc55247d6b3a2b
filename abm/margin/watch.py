"""Who can be in breach now: the accounts near it, and those that changed, without looking at all the others.

An account's free margin falls by at most G d when every price that it depends on moves by no more than the relative
distance d, with G its gross sensitivity in USD at the reference prices: G = sum |size| (1 + mmf) p + sum coins * factor
* p (haircuts and staleness held).  So an account with F > G R at the reference is safe until prices have moved by R,
and only the others, and those that acted since, need be valued in a block.  Funding counts as a price move of its
market.  When prices have moved by R, or a parameter has, everybody is valued anew and the reference is set there.

The set of breaches is that of a full revaluation: nothing is left out that could be below zero (tested as such).  Where
requirements depend on the protocol's state as well as on prices, everybody is valued in every block.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Engine, Terms

__all__ = ["RADIUS", "Watch", "candidates", "candidates_python", "distance", "distance_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RADIUS = 0.02
"""Relative distance within which an account is watched; twice as many refreshes and half as many watched at half of it."""

CROWD = 500
"""Accounts that may have acted since the reference was set, besides twice those near a breach, before it is set anew."""

MARGIN = 1e-9
"""Added to every distance for rounding."""


class Watch:
    """The rows to value in a block.

    `rows` are those of the last look, in order; `refreshes` and `valued` say what it has cost.
    """

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self._engine, self._ledger = engine, ledger
        self._everybody = engine.stateful and not engine.linear
        self._since = -np.inf
        self._price = self._funding = self._mmf = self._coin = self._factor = self._scale = np.zeros(0)
        self._near: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._layout = -1
        self._watched = 0
        self.rows: Ints = np.zeros(0, np.int64)
        self._free: Floats = np.zeros(0)
        self.refreshes = self.valued = 0

    def look(self, terms: Terms, now: float) -> tuple[Ints, Floats]:
        """Rows that could be in breach, or have been, and the free margin by row: +inf for all others.

        The second array, float64[n], is this watch's own and is written anew at the next look.
        """
        ledger = self._ledger
        if self._everybody:
            self.rows = np.arange(len(ledger))
            self.valued += len(ledger)
            return self.rows, self._engine.free_margin(ledger, terms, self.rows)
        if self._stale(terms):
            self._refresh(terms, now)
        else:
            self._free[self.rows] = np.inf
        self.rows = candidates(self._near, ledger.changed, self._since, ledger.breach)
        self._free[self.rows] = self._engine.free_margin(ledger, terms, self.rows)
        self.valued += len(self.rows)
        if len(self.rows) > CROWD + 2 * self._watched:
            self._layout = -1  # so many have acted that it is cheaper to begin anew at the next look
        return self.rows, self._free

    def _stale(self, terms: Terms) -> bool:
        """Whether the reference no longer vouches for the accounts that are not watched."""
        if self._layout != self._ledger.layout or not np.array_equal(self._scale, terms.scale):
            return True
        moved = distance(
            self._price, self._funding, self._mmf, self._coin, self._factor,
            terms.price, terms.funding, terms.mmf, terms.coin_price, terms.factor,
        )  # fmt: skip
        return not moved + MARGIN < RADIUS

    def _refresh(self, terms: Terms, now: float) -> None:
        """Value everybody; watch those whose free margin a move by the radius could take."""
        ledger = self._ledger
        everyone = np.arange(len(ledger))
        free = self._engine.free_margin(ledger, terms, everyone)
        reach = RADIUS * self._engine.gross_sensitivity(ledger, terms, everyone)
        self._near = free <= reach * (1.0 + MARGIN) + MARGIN
        self._watched = int(np.count_nonzero(self._near))
        self._since, self._layout = now, ledger.layout
        self._price, self._funding, self._mmf = terms.price.copy(), terms.funding.copy(), terms.mmf.copy()
        self._coin, self._factor, self._scale = terms.coin_price.copy(), terms.factor, terms.scale.copy()
        self._free = np.full(len(ledger), np.inf)
        self.refreshes += 1
        self.valued += len(ledger)


def candidates_python(near: NDArray[np.bool_], changed: Floats, since: float, breach: Ints) -> Ints:
    """Rows that are watched, changed at or after `since`, or have an open breach; in order of row."""
    rows = np.empty(len(near), np.int64)
    count = 0
    for i in range(len(near)):
        if near[i] or changed[i] >= since or breach[i] >= 0:
            rows[count] = i
            count += 1
    return rows[:count].copy()


candidates = njit(cache=True)(candidates_python)


def distance_python(
    price: Floats, funding: Floats, mmf: Floats, coin: Floats, factor: Floats,
    new_price: Floats, new_funding: Floats, new_mmf: Floats, new_coin: Floats, new_factor: Floats,
) -> float:  # fmt: skip
    """How far prices have moved from the reference, relative, funding as a move of its market; infinite where a margin
    fraction or the factor of a collateral has."""
    far = 0.0
    for m in range(len(price)):
        if new_mmf[m] != mmf[m]:
            return np.inf
        far = max(far, (abs(new_price[m] - price[m]) + abs(new_funding[m] - funding[m])) / price[m])
    for h in range(len(coin)):
        if new_factor[h] != factor[h]:
            return np.inf
        far = max(far, abs(new_coin[h] - coin[h]) / coin[h])
    return far


distance = njit(cache=True)(distance_python)
