"""All books of a world as columns: the last prices, the impact alive in them, the depth behind them.

A *book* is one market on one venue: (venue, asset, spot or perp), or a pool.  Its last price is additive,

    last(t) = exogenous(t) + sum over past moves of move * G(t - s),

with G(0) = 1 the book's kernel, so that what a past move contributes to a price can be said exactly.  `abm.venues.build`
makes the books of a scenario.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.errors import ScenarioError, nearest
from abm.venues import columns as c
from abm.venues import engine
from abm.venues.amm import pool_dollars

__all__ = ["Book", "Books", "Fill"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fill(NamedTuple):
    """What an execution did.

    `volume` signed coins filled, `price` USD a coin paid or received, `move` USD jump of the last price (it fades by
    the book's kernel), `calm_move` the jump that the same volume makes at calm depth, `depth` USD behind it.
    """

    volume: float
    price: float
    move: float
    calm_move: float
    depth: float


@dataclass(frozen=True, slots=True)
class Book:
    """Who a book is: kind is spot, perp or amm; market `BTC-PERP` or, for spot and pools, `BTC`."""

    venue: str
    market: str
    asset: str
    kind: str
    chain: str


class Books:
    """The columns of B books.

    Parameters
    ----------
    names
        The books in order.
    parameters
        f8[B] by lower-case column name (`abm.venues.columns`), the state left out.
    weights, times
        f8[B, J], the kernels; times in seconds.
    columns
        i8[B], where each book's exogenous price stands in a row of prices.
    thetas
        f8[E], seconds of the exponential means of last that marks want.
    start, interval
        Seconds: the first tick, and between ticks.

    The arrays below are views: writing to `enabled`, `collar` or `coefficient` changes the books.  `last`, `depth`
    and `alive` are those of the instant `updated`.
    """

    exogenous: Floats
    last: Floats
    updated: Floats
    volume: Floats
    open_price: Floats
    open_depth: Floats
    depth: Floats
    wanted: Floats
    maker_depth: Floats
    calm_makers: Floats
    variance: Floats
    coins: Floats
    dollars: Floats
    seen: Floats
    sampled: Floats
    calm_depth: Floats
    spread: Floats
    coefficient: Floats
    exponent: Floats
    collar: Floats
    enabled: Floats
    usual: Floats
    response: Floats
    smoothing: Floats
    refill: Floats
    consumed: Floats
    fee: Floats
    pool: Floats
    pool_fee: Floats

    def __init__(
        self,
        names: tuple[Book, ...],
        parameters: Mapping[str, Floats],
        weights: Floats,
        times: Floats,
        columns: Ints,
        thetas: Floats,
        start: float,
        interval: float,
    ) -> None:
        self.names = names
        self.state = np.zeros((c.COLUMNS, len(names)))
        self.impact = np.zeros_like(weights)
        """f8[B, J], USD alive by exponential."""
        self.weights, self.times, self.rates = weights, times, 1.0 / times
        self.columns, self.thetas = columns, thetas
        self.alphas = -np.expm1(-interval / thetas)
        self.ema = np.zeros((len(names), len(thetas)))
        """f8[B, E], exponential means of last over ticks."""
        self.start, self.interval = start, interval
        self._find = {(book.venue, book.market): i for i, book in enumerate(names)}
        self._of_chain: dict[str, Ints] = {}
        self._started = False
        self._now = start
        self._bind()
        for name, values in parameters.items():
            getattr(self, name)[:] = values

    def _bind(self) -> None:
        for name in Books.__annotations__:
            setattr(self, name, self.state[getattr(c, name.upper())])

    def __getstate__(self) -> dict[str, Any]:
        """Copies must see their own matrix, so views are left out and bound anew."""
        return {k: v for k, v in self.__dict__.items() if k not in Books.__annotations__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    def __len__(self) -> int:
        return len(self.names)

    def find(self, venue: str, market: str) -> int:
        """The id of a book.

        Raises
        ------
        ScenarioError
            There is none.
        """
        book = self._find.get((venue, market))
        if book is None:
            known = [f"{b.venue} {b.market}" for b in self.names]
            raise ScenarioError(f"venue '{venue}'", f"has no market '{market}'", nearest(f"{venue} {market}", known))
        return book

    def of_chain(self, chain: str) -> Ints:
        """i8: the books that a chain's blocks (or an exchange's own engine) open, in order."""
        found = self._of_chain.get(chain)
        if found is None:
            found = np.array([i for i, book in enumerate(self.names) if book.chain == chain], dtype=np.int64)
            self._of_chain[chain] = found
        return found

    def theta(self, seconds: float) -> int:
        """Where in `thetas` a time constant stands."""
        return int(np.flatnonzero(self.thetas == seconds)[0])

    def set_maker_depth(self, book: int, usd: float) -> None:
        """What market-making agents together quote within one per cent on one side, from the next tick on.

        The most that they ever quoted is their part of the calm depth.
        """
        self.maker_depth[book] = usd
        self.calm_makers[book] = max(self.calm_makers[book], usd)

    def tick(self, now: float, exogenous: Floats) -> None:
        """A price tick: exogenous f8[S].  The first one opens the books.

        Raises
        ------
        ValueError
            Time runs backwards, or a price is not positive.
        """
        self._now = now
        if not self._started:
            self._open(now, exogenous)
            return
        engine.tick(
            self.state,
            self.impact,
            self.rates,
            self.ema,
            self.alphas,
            self.columns,
            exogenous,
            self.interval,
            now,
        )

    def _open(self, now: float, exogenous: Floats) -> None:
        """Calm books at these prices; pools with the reserves that make their depth at this price."""
        price = np.ascontiguousarray(exogenous[self.columns])
        if not np.all(price > 0.0):
            raise ValueError("an exogenous price is not positive")
        for column in (self.exogenous, self.last, self.open_price, self.seen):
            column[:] = price
        for column in (self.depth, self.open_depth, self.wanted):
            column[:] = self.calm_depth + self.maker_depth
        self.dollars[:] = np.where(self.pool > 0.0, pool_dollars(1.0) * self.calm_depth, 0.0)
        self.coins[:] = self.dollars / price
        self.variance[:] = self.usual**2
        self.updated[:] = self.sampled[:] = now
        self.ema[:] = price[:, None]
        self._started = True

    def advance(self, now: float) -> None:
        """Let time pass on all books, so that `last`, `depth` and `alive` are those of `now`; free at a tick's time."""
        if now != self._now:
            engine.advance_all(self.state, self.impact, self.rates, now)
            self._now = now

    def open_block(self, books: Ints, now: float) -> None:
        """Open a block at `now` on some books (i8, as from `of_chain`).

        A block of a book is an instant: net volume starts at zero, what the block before consumed has left the depth
        at the block's own instant, and refilled since.  Anything that lets time pass (a tick, an execution at a later
        instant) ends a block too.
        """
        engine.open_blocks(self.state, self.impact, self.rates, books, now)

    def quote(self, book: int, volume: float, now: float) -> float:
        """Price in USD that a taker of `volume` coins (negative: sold) would get at `now`, fee apart; changes nothing."""
        price: float = engine.quote(self.state, self.impact, self.rates, book, volume, now)
        return price

    def room(self, book: int, volume: float, now: float) -> float:
        """How much of a taker's `volume` coins the collar would let through at `now`; changes nothing."""
        filled: float = engine.room(self.state, self.impact, self.rates, book, volume, now)
        return filled

    def execute(self, book: int, volume: float, now: float) -> Fill:
        """Trade `volume` coins (negative: sold) at `now`.

        The taker pays the price after its whole own impact, with half the spread; on a pool the mean price along the
        curve, pool fee included.  The taker fee `fee` is the caller's to book.  Volume is cut at the collar: around
        the exogenous price, or on a pool around its price at the block's opening.  Volume 0 does nothing.
        """
        return Fill(*engine.execute(self.state, self.impact, self.rates, self.weights, book, volume, now))
