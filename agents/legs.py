"""The legs of an arbitrage: books that one agent can trade on, each out of its wallet there or its account."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from abm.protocol.protocol import Protocol
from abm.venues.books import Books
from abm.world import World

__all__ = [
    "RESERVE",
    "Account",
    "Leg",
    "PerpLeg",
    "SpotLeg",
    "closing_size",
    "marginal_price",
    "pool_purchase",
    "pool_sale",
    "size_within",
]

RESERVE = 100.0
"""USD that stay where they are for the fees of transactions."""

STEPS = 14
"""Halvings, in logarithms, of the range in which a size is sought."""

LEAST = 1e-6
"""Where that range begins, over where it ends."""

STEP = 1e-3
"""Relative step of the difference that stands for a derivative."""


@dataclass(frozen=True, slots=True, eq=False)
class Leg(ABC):
    """A book, and the means to trade on it; `place` is where its cash lies."""

    world: World
    book: int
    asset: str
    place: str

    @property
    def name(self) -> str:
        """`venue/market`, as scenarios name it."""
        at = self.world.books.names[self.book]
        return f"{at.venue}/{at.market}"

    @abstractmethod
    def room(self, sign: Literal[-1, 1]) -> float:
        """Coins that it can buy (1) or sell (-1) with what lies there."""

    @abstractmethod
    def trade(self, volume: float) -> float:
        """Trade signed coins, within a block of the book's chain; what was filled."""


@dataclass(frozen=True, slots=True, eq=False)
class SpotLeg(Leg):
    """A spot market or a pool; `holder` is the wallet's row in the treasury."""

    holder: int

    def room(self, sign: Literal[-1, 1]) -> float:
        """Coins that its cash there buys at the last price, or the coins there."""
        if sign > 0:
            return self._affordable(float(self.world.books.last[self.book]))
        return max(self._held(self.asset), 0.0)

    def trade(self, volume: float) -> float:
        """As far as the wallet goes, less what fees need."""
        world = self.world
        if volume > 0.0:
            volume = min(volume, self._affordable(world.books.quote(self.book, volume, world.now)))
        return world.spot_trade(self.holder, self.book, volume, "arbitrage").volume

    def _affordable(self, price: float) -> float:
        cash = max(self._held(self.world.settlement) - RESERVE, 0.0)
        return cash / (price * (1.0 + float(self.world.books.fee[self.book])))

    def _held(self, asset: str) -> float:
        treasury = self.world.treasury
        return float(treasury.balance[self.holder, treasury.token(asset, self.place)])


@dataclass(slots=True, eq=False)
class Account:
    """An account at a protocol, that may hold up to `leverage` times its equity."""

    protocol: Protocol
    id: int
    leverage: float
    _seen: tuple[float, int] = (-math.inf, 0)
    _free: float = 0.0

    @property
    def row(self) -> int:
        """Its row in the ledger."""
        return self.protocol.ledger.row(self.id)

    def free(self) -> float:
        """Notional that its leverage leaves free, USD; valued again only after a booking, or later."""
        tape = self.protocol.tape
        if self._seen != (tape.time, tape.log.counts["events"]):
            self._seen = (tape.time, tape.log.counts["events"])
            view = self.protocol.engine.assess(self.protocol.ledger, self.protocol.terms, np.array([self.row]))
            self._free = self.leverage * float(view.equity[0]) - float(view.notional[0])
        return self._free


@dataclass(frozen=True, slots=True, eq=False)
class PerpLeg(Leg):
    """A perpetual, traded on an account within its leverage."""

    account: Account
    market: int

    def room(self, sign: Literal[-1, 1]) -> float:
        """Coins within the leverage; what closes a position always, and then as much the other way."""
        free = self.account.free() / float(self.account.protocol.terms.price[self.market])
        closes = max(-sign * self.held(), 0.0)
        return max(free + 2.0 * closes, closes, 0.0)

    def held(self) -> float:
        """Its position, signed coins."""
        return self.account.protocol.ledger.held(self.account.row, self.market)

    def trade(self, volume: float) -> float:
        """As far as the initial margin allows."""
        row, market, size = np.array([self.account.row]), np.array([self.market]), np.array([volume])
        return float(self.account.protocol.trade(row, market, size, cause="arbitrage")[0])


def marginal_price(books: Books, book: int, volume: float, now: float) -> float:
    """USD that the last coin of a purchase (sale) of `volume` coins, not 0, adds to what is paid (got); fee apart.

    On an order-driven book every coin has the price after the whole impact, so that one coin more makes all others
    dearer: d(v q(v))/dv, by a difference.  On a pool x y = const with g = 1 - fee, d/dv of y v/((x - v) g) is
    y x/(g (x - v)^2), and of y g v/(x + g v) it is y g x/(x + g v)^2.
    """
    if not books.pool[book]:
        less = volume * (1.0 - STEP)
        return (volume * books.quote(book, volume, now) - less * books.quote(book, less, now)) / (volume - less)
    coins, dollars, keep = float(books.coins[book]), float(books.dollars[book]), 1.0 - float(books.pool_fee[book])
    if volume >= coins:
        return math.inf
    if volume > 0.0:
        return dollars * coins / (keep * (coins - volume) ** 2)
    return dollars * keep * coins / (coins - keep * volume) ** 2


def pool_purchase(coins: float, dollars: float, fee: float, price: float) -> float:
    """Coins to buy from a constant-product pool so that the last one costs `price` USD (0 where it is dearer).

    x - v = sqrt(x y / (g price)): the optimal arbitrage of a pool against a market that takes any volume at `price`
    (Angeris, Kao, Chiang, Noyes, Chitra 2019: An analysis of Uniswap markets, arXiv 1911.03380).
    """
    return max(coins - math.sqrt(coins * dollars / ((1.0 - fee) * price)), 0.0)


def pool_sale(coins: float, dollars: float, fee: float, price: float) -> float:
    """Coins to sell to a constant-product pool so that the last one brings `price` USD (0 where it brings less).

    x + g v = sqrt(g x y / price); source as for `pool_purchase`.
    """
    keep = 1.0 - fee
    return max((math.sqrt(keep * coins * dollars / price) - coins) / keep, 0.0)


def closing_size(books: Books, cheap: int, dear: int, most: float, margin: float, now: float) -> float:
    """Coins to buy on `cheap` and sell on `dear`, at most `most`, so that the last coin earns just the margin.

    That is the most profitable size; it closes a pool's gap whole, and 4/9 of the volume that would close a gap
    between two books with square-root impact.  Spreads, fees and impact of both count.  Against a pool the search is
    bounded by the closed form.
    """
    buy_fee, sell_fee = 1.0 + float(books.fee[cheap]), 1.0 - float(books.fee[dear])

    def gap(volume: float) -> float:
        paid = marginal_price(books, cheap, volume, now) * buy_fee
        return marginal_price(books, dear, -volume, now) * sell_fee - paid * (1.0 + margin)

    return _largest(lambda volume: gap(volume) >= 0.0, min(most, _pool_bound(books, cheap, dear, margin)))


def size_within(books: Books, book: int, volume: float, limit: float, now: float) -> float:
    """The part of a trade (signed coins) that costs no more (brings no less) than `limit` USD a coin."""
    sign = math.copysign(1.0, volume)
    return sign * _largest(lambda size: sign * books.quote(book, sign * size, now) <= sign * limit, abs(volume))


def _largest(fits: Callable[[float], bool], most: float) -> float:
    """The largest size up to `most` that fits, to a part in a thousand, or 0 where the LEAST part of it does not.

    Whatever is smaller than a size that fits must fit too.
    """
    if most <= 0.0 or fits(most):
        return max(most, 0.0)
    low, high = LEAST * most, most
    if not fits(low):
        return 0.0
    for _ in range(STEPS):
        middle = math.sqrt(low * high)
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def _pool_bound(books: Books, cheap: int, dear: int, margin: float) -> float:
    """The closed-form size where one of the two is a pool and the other takes any volume at its last price."""
    last, fee = books.last, books.fee
    bound = math.inf
    if books.pool[cheap]:
        price = float(last[dear] * (1.0 - fee[dear]) / ((1.0 + margin) * (1.0 + fee[cheap])))
        bound = pool_purchase(*_reserves(books, cheap), price)
    if books.pool[dear]:
        price = float(last[cheap] * (1.0 + fee[cheap]) * (1.0 + margin) / (1.0 - fee[dear]))
        bound = min(bound, pool_sale(*_reserves(books, dear), price))
    return bound


def _reserves(books: Books, book: int) -> tuple[float, float, float]:
    """Coins, USD and fee of a pool."""
    return float(books.coins[book]), float(books.dollars[book]), float(books.pool_fee[book])
