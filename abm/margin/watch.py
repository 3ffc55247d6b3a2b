"""Who can be in breach now: the accounts near it, and those that changed, without looking at all the others.

An account's free margin falls by at most G d when every price that it depends on moves by no more than the relative
distance d, with G its gross sensitivity in USD at the reference prices: G = sum |size| (1 + mmf) p + sum coins * factor
* p (haircuts and staleness held).  So an account with F > G R at the reference is safe until prices have moved by R,
and only the others, and those that acted since, need be valued in a block.  Funding counts as a price move of its
market.  When prices have moved by R, or a parameter has, everybody is valued anew and the reference is set there.

The set of breaches is that of a full revaluation: nothing is left out that could be below zero (tested as such).
"""

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Engine, Terms

__all__ = ["RADIUS", "Watch"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RADIUS = 0.01
"""Relative distance within which an account is watched; twice as many refreshes and half as many watched at half of it."""

MARGIN = 1e-9
"""Added to every distance for rounding."""


class Watch:
    """The rows to value in a block; `refreshes` and `valued` say what it has cost."""

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self._engine, self._ledger = engine, ledger
        self._since = -np.inf
        self._price = self._funding = self._mmf = self._coin = self._factor = np.zeros(0)
        self._near: Ints = np.zeros(0, np.int64)
        self._layout = -1
        self.refreshes = self.valued = 0

    def free_margin(self, terms: Terms, now: float) -> Floats:
        """float64[n]: free margin of those who could be in breach, +inf for all others (who are not)."""
        ledger = self._ledger
        if self._stale(terms):
            free = self._refresh(terms, now)
            self.valued += len(ledger)
            return free
        changed = np.flatnonzero(ledger.changed >= self._since)
        rows = np.union1d(self._near, changed) if len(changed) else self._near
        free = np.full(len(ledger), np.inf)
        free[rows] = self._engine.free_margin(ledger, terms, rows)
        self.valued += len(rows)
        return free

    def _stale(self, terms: Terms) -> bool:
        """Whether the reference no longer vouches for the accounts that are not watched."""
        factor = (1.0 - terms.haircut) * terms.stale
        if (
            self._layout != self._ledger.layout
            or not np.array_equal(self._mmf, terms.mmf)
            or not np.array_equal(self._factor, factor)
        ):
            return True
        moved = np.abs(terms.price - self._price) + np.abs(terms.funding - self._funding)
        distance = float(np.max(moved / self._price, initial=0.0))
        if len(factor):
            distance = max(distance, float(np.max(np.abs(terms.coin_price - self._coin) / self._coin)))
        return not distance + MARGIN < RADIUS

    def _refresh(self, terms: Terms, now: float) -> Floats:
        """Value everybody; watch those whose free margin a move by the radius could take."""
        ledger = self._ledger
        everyone = np.arange(len(ledger))
        free = self._engine.free_margin(ledger, terms, everyone)
        reach = RADIUS * self._engine.gross_sensitivity(ledger, terms, everyone)
        self._near = np.flatnonzero(free <= reach * (1.0 + MARGIN) + MARGIN)
        self._since, self._layout = now, ledger.layout
        self._price, self._funding, self._mmf = terms.price.copy(), terms.funding.copy(), terms.mmf.copy()
        self._coin, self._factor = terms.coin_price.copy(), (1.0 - terms.haircut) * terms.stale
        self.refreshes += 1
        return free
