"""A measure of accounts, equity or free margin, as a function of log moves of all assets, with its first derivatives.

Books of perpetuals and coins are linear in the prices: c + sum over assets of k e^x, with k the exposure, USD.  Which
accounts are is found by trying; the others (options, contracts settled in their own coin, requirements that bend) are
valued by their engine at each point, and differentiated by central differences.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.margin.book import Book, Measure
from abm.margin.roots import Functions

__all__ = ["BookSurface", "LinearSurface", "exposures"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP = 1e-4
"""Of central differences, in log returns."""

AGREES = 1e-11
"""Of what an account holds in all: how near a linear book must come."""


@dataclass(frozen=True, slots=True)
class LinearSurface:
    """c + sum of k e^x: `constant` float64[n], `exposure` float64[n, A], USD."""

    constant: Floats
    exposure: Floats

    def values(self, which: Ints, move: Floats) -> Floats:
        """float64[which] at a point of each, float64[which, A]."""
        return np.asarray(self.constant[which] + (self.exposure[which] * np.exp(move)).sum(axis=1))

    def along(self, which: Ints, direction: Floats) -> Functions:
        """Of some accounts, by position in `which`, as a function of the way along one ray."""
        return lambda t, some: self.values(which[some], np.tile(t * direction, (len(some), 1)))

    def slopes(self, which: Ints, move: Floats) -> tuple[Floats, Floats]:
        """First and second derivative by each asset, float64[which, A] twice."""
        slope = self.exposure[which] * np.exp(move)
        return slope, slope


@dataclass(frozen=True, slots=True)
class BookSurface:
    """As the engine of a book values it, a point at a time."""

    book: Book
    measure: Measure

    def values(self, which: Ints, move: Floats) -> Floats:
        """float64[which] at a point of each, float64[which, A]."""
        found = np.empty(len(which))
        for i in range(len(which)):
            found[i] = self.book.value(self.measure, self.book.at(move[i]), which[i : i + 1])[0]
        return found

    def along(self, which: Ints, direction: Floats) -> Functions:
        """Of some accounts, by position in `which`, as a function of the way along one ray: all of them at once."""
        return self.book.some(which).along(self.measure, direction)

    def slopes(self, which: Ints, move: Floats) -> tuple[Floats, Floats]:
        """First and second derivative by each asset, float64[which, A] twice."""
        first, second = np.empty(move.shape), np.empty(move.shape)
        here = self.values(which, move)
        for a in range(move.shape[1]):
            aside = move.copy()
            aside[:, a] = move[:, a] + STEP
            up = self.values(which, aside)
            aside[:, a] = move[:, a] - STEP
            down = self.values(which, aside)
            first[:, a] = (up - down) / (2.0 * STEP)
            second[:, a] = (up - 2.0 * here + down) / STEP**2
        return first, second


def exposures(book: Book, measure: Measure) -> tuple[LinearSurface, NDArray[np.bool_]]:
    """Constant and exposures of all accounts of a book, and bool[n]: whose measure the two tell."""
    count, assets = len(book), len(book.assets)
    everyone, still = np.arange(count), np.zeros(assets)
    base = book.value(measure, book.terms, everyone)
    base = np.where(np.isfinite(base), base, 0.0)
    exposure = np.empty((count, assets))
    for a in range(assets):
        twice = still.copy()
        twice[a] = np.log(2.0)
        exposure[:, a] = book.value(measure, book.at(twice), everyone) - base
    exposure = np.where(np.isfinite(exposure), exposure, 0.0)
    made = LinearSurface(base - exposure.sum(axis=1), exposure)
    size = np.abs(made.constant) + 2.0 * np.abs(exposure).sum(axis=1)
    linear = np.ones(count, np.bool_)
    for move in _trials(assets):
        told = book.value(measure, book.at(move), everyone)
        error = np.abs(told - made.values(everyone, np.broadcast_to(move, exposure.shape)))
        linear &= (error <= AGREES * size) | np.isinf(told)
    return made, linear


def _trials(assets: int) -> list[Floats]:
    """Moves at which a linear book is held to its engine: near and far, alike and unlike."""
    number = np.arange(assets)
    apart = np.where(number % 2 == 0, 1.0, -1.0) * (1.0 + 0.17 * number % 1.0)
    ramp = np.linspace(-0.9, 0.7, assets) if assets > 1 else np.full(assets, -0.9)
    return [np.full(assets, move) for move in (-2.3, -0.21, 0.013, 0.37, 1.9)] + [0.31 * apart, -0.93 * apart, ramp]
