"""Which option series there are: listed on a grid of strikes around the index, traded until expiry, and then retired.

A series keeps its number for good, as legs and the history of a protocol refer to it.  It can be traded from the block after
its listing, so that the history of a position never begins before its series, until its expiry.  No expiry is listed whose
settlement window has begun.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.expiry import WINDOW
from abm.options_spec import OptionsSpec
from abm.protocol.options.calendar import expiry_name, upcoming

__all__ = ["Listing", "strikes_around"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def strikes_around(spec: OptionsSpec, index: float) -> Floats:
    """float64[n]: strikes for an expiry that is listed at an index, rising, each once."""
    wanted = np.round(index * (1.0 + np.array(spec.strikes)) / spec.step) * spec.step
    return np.asarray(np.unique(np.maximum(wanted, spec.step)))


class Listing:
    """All series that were ever listed, S of them.

    Attributes
    ----------
    names : list of str
        As BTC-20251010-120000-C.
    table : int64[S]
        Number of the table of options (of the underlying) that it belongs to.
    call, strike, expiry, listed : bool[S], float64[S] thrice
        Strike in USD; when it expires and when it was listed, seconds.
    settled : float64[S]
        Settlement price, USD; nan before.
    """

    def __init__(self, specs: Sequence[OptionsSpec], opened: float) -> None:
        self._specs, self._opened = tuple(specs), opened
        self.names: list[str] = []
        self.table: Ints = np.zeros(0, np.int64)
        self.call: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.strike: Floats = np.zeros(0)
        self.expiry: Floats = np.zeros(0)
        self.listed: Floats = np.zeros(0)
        self.settled: Floats = np.zeros(0)
        self._due = -np.inf

    def __len__(self) -> int:
        return len(self.names)

    def extend(self, index: Floats, now: float) -> Ints:
        """List what the calendar has and is not there yet, at an index by table; numbers of the new series."""
        first = len(self)
        if now < self._due:
            return np.zeros(0, np.int64)
        self._due = np.inf
        for t, spec in enumerate(self._specs):
            expiries = upcoming(spec, self._opened, now)
            self._due = min(self._due, *expiries) if expiries else self._due
            known = set(self.expiry[self.table == t].tolist())
            for expiry in expiries:
                if expiry not in known and expiry - now >= WINDOW:
                    self._add(t, expiry, strikes_around(spec, float(index[t])), now)
        return np.arange(first, len(self))

    def _add(self, table: int, expiry: float, strikes: Floats, now: float) -> None:
        """A call and a put of each strike."""
        spec, n = self._specs[table], 2 * len(strikes)
        call = np.tile([True, False], len(strikes))
        strike = np.repeat(strikes, 2)
        date = expiry_name(spec, expiry)
        self.names += [f"{spec.asset}-{date}-{k:.10g}-{'C' if c else 'P'}" for k, c in zip(strike, call, strict=True)]
        self.table = np.append(self.table, np.full(n, table))
        self.call, self.strike = np.append(self.call, call), np.append(self.strike, strike)
        self.expiry, self.listed = np.append(self.expiry, np.full(n, expiry)), np.append(self.listed, np.full(n, now))
        self.settled = np.append(self.settled, np.full(n, np.nan))

    def tradable(self, series: Ints, now: float, known: float) -> NDArray[np.bool_]:
        """bool[n]: whether each of some series can be traded now; `known` is when the last block was remembered."""
        return np.asarray((self.listed[series] <= known) & (now < self.expiry[series]))

    def live(self, table: int, now: float) -> Ints:
        """Series of a table that have not expired, in order of number."""
        return np.flatnonzero((self.table == table) & (self.expiry > now))

    def due(self, now: float) -> list[float]:
        """Expiries that have come and are not settled, in order."""
        return sorted(set(self.expiry[(self.expiry <= now) & np.isnan(self.settled)].tolist()))
