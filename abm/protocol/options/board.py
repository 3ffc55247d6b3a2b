"""A protocol's options: what is listed, and at which forward and volatility each series stands.

The surface of each underlying moves once per price tick with the index of its market (`abm.margin.options.surface`).
Forwards grow from the index at the rate, and in the last half hour are part average, part forward, as they are settled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.expiry import fixed_share, marked_forward
from abm.margin.options.smile import YEAR, Smile
from abm.margin.options.surface import Surface
from abm.margin.state import Series
from abm.options_spec import OptionsSpec
from abm.protocol.options.fixing import Fixing
from abm.protocol.options.listing import Listing

__all__ = ["Board"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Board:
    """Options on some of a protocol's markets, U tables of them.

    Attributes
    ----------
    specs : tuple of OptionsSpec
    market : int64[U]
        Market of each table.
    listing : Listing
    surface, variance : Surface, float64[U]
        The smiles, and where they are now.
    index : float64[M]
        Of the last tick.
    gross : float64[S]
        Options of each series that have changed hands.
    """

    def __init__(self, specs: Sequence[OptionsSpec], assets: Sequence[str]) -> None:
        self.specs = tuple(specs)
        self.market: Ints = np.array([list(assets).index(s.asset) for s in specs], np.int64)
        self.surface = Surface(tuple(Smile(**s.smile.model_dump()) for s in specs))
        self.variance: Floats = np.where(
            [s.vol > 0.0 for s in specs], np.array([s.vol for s in specs]) ** 2, self.surface.at_rest()
        )
        self._rate: Floats = np.array([s.rate for s in specs])
        self.listing = Listing(specs, 0.0)
        self.fixing = Fixing()
        self.index: Floats = np.zeros(len(assets))
        self.gross: Floats = np.zeros(0)
        self._last = 0.0

    def open(self, now: float, index: Floats) -> Ints:
        """The opening of the world; the numbers of the first series."""
        self.listing = Listing(self.specs, now)
        self._last, self.index = now, index.copy()
        self.fixing.note(now, index)
        return self.list_new(now)

    def tick(self, now: float, index: Floats) -> None:
        """Move the surfaces with the indices."""
        moved = np.log(index / self.index)[self.market]
        self.variance = self.surface.advance(self.variance, moved, now - self._last)
        self._last, self.index = now, index.copy()
        self.fixing.note(now, index)

    def list_new(self, now: float) -> Ints:
        """List what the calendar has; numbers of what is new."""
        new = self.listing.extend(self.index[self.market], now)
        self.gross = np.append(self.gross, np.zeros(len(new)))
        return new

    def series(self, now: float, index: Floats) -> Series:
        """All series at an index, float64[M]; of those that have expired nothing is left."""
        listing = self.listing
        table, n = listing.table, len(listing)
        market = self.market[table]
        seconds = np.maximum(listing.expiry - now, 0.0)
        rate, sure = self._rate[table], np.ones(n)
        forward = index[market] * np.exp(rate * seconds / YEAR)
        near = np.flatnonzero((fixed_share(seconds) > 0.0) & np.isnan(listing.settled))
        for expiry, u in sorted({(float(listing.expiry[i]), int(table[i])) for i in near}):
            same = near[(listing.expiry[near] == expiry) & (table[near] == u)]
            average = self.fixing.average(int(self.market[u]), expiry, now)
            forward[same] = marked_forward(average, forward[same], seconds[same])
        vol = self.surface.vols(self.variance, table, forward, listing.strike, seconds)
        return Series(
            market.astype(np.int16), listing.call, listing.strike, seconds, forward, rate, vol, sure, sure, sure
        )  # fmt: skip

    def by_spot(self, series: Series) -> Floats:
        """float64[S]: move of each forward per move of its index."""
        open_ = 1.0 - fixed_share(series.seconds)
        return np.asarray(open_ * np.exp(series.rate * series.seconds / YEAR))
