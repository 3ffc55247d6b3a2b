"""The index over the last half hour, from which options are settled, and in which their forwards become fixed.

Its mean over any time is the difference of two running integrals; each price holds until the next.
"""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.expiry import WINDOW

__all__ = ["Fixing"]

Floats = NDArray[np.float64]

ROUNDING = 1e-6
"""Seconds by which a window may seem to begin before the first tick."""

KEPT = 8192
"""Ticks that are kept before those older than two windows are forgotten."""


class Fixing:
    """Index prices of some markets, float64[M] each, tick by tick."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._index: list[Floats] = []
        self._integral: list[Floats] = []

    def note(self, now: float, index: Floats) -> None:
        """A price tick, later than the one before."""
        past = np.zeros(len(index))
        if self._seconds:
            past = self._integral[-1] + self._index[-1] * (now - self._seconds[-1])
        self._seconds.append(now)
        self._index.append(index.copy())
        self._integral.append(past)
        if len(self._seconds) > KEPT:
            old = max(bisect_right(self._seconds, now - 2.0 * WINDOW) - 1, 0)
            for column in (self._seconds, self._index, self._integral):
                del column[:old]

    def settle(self, market: int, expiry: float) -> float:
        """Settlement price of an expiry that has come: the mean over the window before it.

        Raises
        ------
        ValueError
            The window began before the first tick that is known.
        """
        return self._mean(market, expiry - WINDOW, expiry)

    def average(self, market: int, expiry: float, now: float) -> float:
        """Mean of the index since the window of an expiry began; the index itself at its very beginning."""
        begin = expiry - WINDOW
        return self._mean(market, begin, now) if now > begin else float(self._index[-1][market])

    def _mean(self, market: int, begin: float, end: float) -> float:
        if not self._seconds or begin < self._seconds[0] - ROUNDING:
            raise ValueError(f"the index is not known from {begin} on, when the window begins")
        begin = max(begin, self._seconds[0])
        return (self._until(market, end) - self._until(market, begin)) / (end - begin)

    def _until(self, market: int, when: float) -> float:
        """Integral of the index up to a moment."""
        i = bisect_right(self._seconds, when) - 1
        return float(self._integral[i][market] + self._index[i][market] * (when - self._seconds[i]))
