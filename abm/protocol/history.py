"""Prices and parameters of a protocol block by block, so that a breach can be split from its beginning on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abm.margin.engine import Terms

__all__ = ["History", "Prices"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of markets and collaterals side by side (M + H): value, source, when read, moves by then."""

    price: Floats
    code: Ints
    seen: Floats
    moves: Ints


class History:
    """Growing columns by block; M markets and H collaterals, prices of both side by side (M first).

    `price, code, seen, moves` are [blocks, M + H]: the value, which source it had, when that was read and how
    many price moves had happened by then; `funding, mmf` [blocks, M]; `haircut, stale` [blocks, H].  `terms` are those of
    each block, kept where `whole`: where an account cannot be valued anew by these columns alone.
    """

    def __init__(self, markets: int, collaterals: int, *, whole: bool = False) -> None:
        self.markets, self.collaterals = markets, collaterals
        self._whole = whole
        self.terms: list[Terms] = []
        self.count = 0
        self.time: Floats = np.zeros(0)
        prices = markets + collaterals
        self.price: Floats = np.zeros((0, prices))
        self.code: Ints = np.zeros((0, prices), np.int64)
        self.seen: Floats = np.zeros((0, prices))
        self.moves: Ints = np.zeros((0, prices), np.int64)
        self.funding: Floats = np.zeros((0, markets))
        self.mmf: Floats = np.zeros((0, markets))
        self.haircut: Floats = np.zeros((0, collaterals))
        self.stale: Floats = np.zeros((0, collaterals))

    _COLUMNS = ("time", "price", "code", "seen", "moves", "funding", "mmf", "haircut", "stale")

    def _grow(self) -> None:
        size = max(1024, 2 * len(self.time))
        for name in self._COLUMNS:
            old = getattr(self, name)
            new = np.zeros((size, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def append(self, now: float, terms: Terms, prices: Prices) -> None:
        """One block."""
        if self.count == len(self.time):
            self._grow()
        i = self.count
        self.time[i] = now
        self.price[i], self.code[i], self.seen[i], self.moves[i] = prices.price, prices.code, prices.seen, prices.moves
        self.funding[i], self.mmf[i] = terms.funding, terms.mmf
        self.haircut[i], self.stale[i] = terms.haircut, terms.stale
        if self._whole:
            self.terms.append(replace(terms, funding=terms.funding.copy(), scale=terms.scale.copy()))
        self.count = i + 1

    def at(self, times: Floats) -> Ints:
        """Index of the last block not later than each time (the first block for earlier ones)."""
        return np.asarray(np.maximum(np.searchsorted(self.time[: self.count], times, side="right") - 1, 0))
