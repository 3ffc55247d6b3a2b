"""An arbitrageur ties the venues of a coin with finite capital, which must lie in the right place.

Where one book is cheaper than another by more than fees, spreads and a margin, it buys here and sells there at the
same time: a part of its free capital in each turn, and never more than closes the gap by the books' own impact.  Coins
and cash pile up on opposite sides; transfers that take time, and that a suspended exchange stops, bring them back.
"""

import math
from collections.abc import Callable
from itertools import permutations
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError, nearest
from abm.keys import Fraction, Names, NonNegative, Positive
from agents.legs import Leg, PerpLeg, SpotLeg, closing_size, size_within
from agents.resident import Params, Resident
from agents.stores import Stores

__all__ = ["Arbitrageur", "ArbitrageurParams"]


class ArbitrageurParams(Params):
    """Keys of an arbitrageur."""

    capital: Positive = Field(description="USD in all, the same for each spot market and each protocol")
    assets: Names = Field((), description="coins whose books it ties; empty: all")
    pairs: tuple[tuple[str, str], ...] = Field(
        (), description="pairs of books as venue/market (spot1/BTC, harbor-book/BTC-PERP); empty: all of each coin"
    )
    inventory: Fraction = Field(0.5, description="part of the capital at a spot market that is coins")
    trade: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="most of its free capital that one trade uses, a turn"
    )
    margin: NonNegative = Field(0.0003, description="relative profit over fees and spreads that it asks for")
    minimum: Positive = Field(100.0, description="least trade or transfer, USD")
    leverage: Positive = Field(3.0, description="most notional over equity at a protocol")
    refill_below: Fraction = Field(
        0.3, description="part of a place's share of coins or cash below which it is refilled"
    )
    refill_every: Positive = Field(60.0, description="seconds between looks at where its means lie")
    latency: Positive = Field(0.2, description="seconds from seeing to the order's arrival")
    tip: NonNegative = Field(5e-9, description="USD per gas over the base fee")


class Arbitrageur(Resident):
    """Buys the cheap, sells the dear, brings its means back to where they are needed."""

    kind: ClassVar[str] = "arbitrageur"
    Params: ClassVar[type[Params]] = ArbitrageurParams

    def settle(self) -> None:
        """Find the legs, and lay the same capital behind each place."""
        self.stores = Stores(self, self.params.refill_below, self.params.minimum, self.params.leverage)
        self.legs = self._legs()
        self.books = np.array([leg.book for leg in self.legs], np.int64)
        self.pairs = self._pairs()
        self._endow()
        self._orders: dict[int, float] = {}
        self._number = 0
        self._look = self.world.now + self.params.refill_every
        self._hedged = True

    # means

    def _legs(self) -> list[Leg]:
        """Its legs, in order of book, without means yet."""
        names = self.world.books.names
        known = [b.asset for b in names if b.asset != self.world.settlement]  # a coin is not bought with itself
        for asset in self.params.assets:
            if asset not in known:
                raise ScenarioError(
                    f"agents.{self.name}.params.assets", f"'{asset}' trades nowhere", nearest(asset, known)
                )
        perps = {int(b): (p, m) for p in self.world.protocols.values() for m, b in enumerate(p.books)}
        wanted = {name for pair in self.params.pairs for name in pair}
        legs: list[Leg] = []
        for i, at in enumerate(names):
            ties = f"{at.venue}/{at.market}" in wanted if wanted else at.asset in (self.params.assets or known)
            ties = ties and at.asset in known
            if ties and at.kind != "perp":
                legs.append(SpotLeg(self.world, i, at.asset, self.world.place(at.venue), self.holder))
            elif ties and i in perps:
                p, market = perps[i]
                legs.append(PerpLeg(self.world, i, at.asset, p.chain, self.stores.account(p), market))
        return legs

    def _pairs(self) -> NDArray[np.int64]:
        """int64[P, 2]: positions of two legs of one coin, cheap and dear, either way round."""
        where = f"agents.{self.name}.params.pairs"
        at = {leg.name: i for i, leg in enumerate(self.legs)}
        chosen = set()
        for pair in self.params.pairs:
            for name in pair:
                if name not in at:
                    books = [f"{b.venue}/{b.market}" for b in self.world.books.names]
                    raise ScenarioError(where, f"'{name}' is no book that it can trade", nearest(name, books))
            chosen |= {(at[pair[0]], at[pair[1]]), (at[pair[1]], at[pair[0]])}
        found = [
            (i, j)
            for i, j in permutations(range(len(self.legs)), 2)
            if self.legs[i].asset == self.legs[j].asset and (not chosen or (i, j) in chosen)
        ]
        if not found or (chosen and set(found) != chosen):
            raise ScenarioError(where, "a pair is two different books of one coin", "name two, or add a venue")
        return np.array(found, np.int64)

    def _endow(self) -> None:
        """The same for each spot market and each protocol; some of a protocol's stays in the wallet there."""
        spots = [leg for leg in self.legs if isinstance(leg, SpotLeg)]
        share = self.params.capital / (len(spots) + len(self.stores.accounts))
        for leg in spots:
            self.stores.bring(self.world.settlement, leg.place, share * (1.0 - self.params.inventory))
            price = float(self.world.books.last[leg.book])
            self.stores.bring(leg.asset, leg.place, share * self.params.inventory / price)
        self.stores.fund(share)
        self.assets = sorted({leg.asset for leg in self.legs})
        self._neutral = {asset: self.exposure(asset) for asset in self.assets}

    def exposure(self, asset: str) -> float:
        """Coins that it holds in all: wallets, on the way, perpetuals."""
        perps = sum(leg.held() for leg in self.legs if isinstance(leg, PerpLeg) and leg.asset == asset)
        return self.stores.everywhere(asset) + perps

    def free_capital(self) -> float:
        """Wallets, and the equity of its accounts that its positions do not tie up at its leverage; USD."""
        wallets = float(self.world.treasury.balance[self.holder] @ self.world.prices_by_token())
        return wallets + self.stores.free_equity()

    # a turn

    def act(self) -> None:
        """Wait for what is under way; square what one leg alone has left; trade the widest gaps; refill."""
        now = self.world.now
        self._orders = {number: until for number, until in self._orders.items() if until > now}
        if self._orders:
            return
        if not self._hedged:
            self._square()
        self._trade_gaps()
        if now >= self._look and not self._orders:
            self._look, self._hedged = now + self.params.refill_every, False  # a liquidation may have taken a leg
            self.stores.refill(self._send)

    def _prices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """float64[legs]: what the first coin costs and brings, fees and half the spread included."""
        books, at = self.world.books, self.books
        cost = books.fee[at] + np.where(books.pool[at] > 0, books.pool_fee[at], 0.5 * books.spread[at])
        return books.last[at] * (1.0 + cost), books.last[at] * (1.0 - cost)

    def _trade_gaps(self) -> None:
        """The widest gaps first, no leg twice."""
        ask, bid = self._prices()
        gap = bid[self.pairs[:, 1]] / ask[self.pairs[:, 0]] - 1.0 - self.params.margin
        if gap.max() <= 0.0:
            return
        used: set[int] = set()
        most = self.params.trade * self.free_capital()
        for k in np.argsort(-gap, kind="stable"):
            i, j = (int(leg) for leg in self.pairs[k])
            if gap[k] <= 0.0:
                return
            if used & {i, j}:
                continue
            cheap, dear = self.legs[i], self.legs[j]
            room = min(cheap.room(1), dear.room(-1), most / float(self.world.books.last[cheap.book]))
            if self._trade(cheap, dear, room):
                used |= {i, j}

    def _trade(self, cheap: Leg, dear: Leg, most: float) -> bool:
        """Buy and sell as much as pays, at most as there are means for (coins); whether that was worth it."""
        books = self.world.books
        price = float(books.last[cheap.book])
        if most * price < self.params.minimum:
            return False
        size = closing_size(books, cheap.book, dear.book, most, self.params.margin, self.world.now)
        if size * price < self.params.minimum:
            return False
        self._order(cheap, size, limited=True)
        self._order(dear, -size, limited=True)
        return True

    def _square(self) -> None:
        """Where a leg failed or was cut, trade what stands open at the best price there is."""
        ask, bid = self._prices()
        self._hedged = True
        for asset in self.assets:
            missing = self._neutral[asset] - self.exposure(asset)
            sign: Literal[-1, 1] = 1 if missing > 0.0 else -1
            least = self.params.minimum / self.world.price(asset)
            legs = [i for i, leg in enumerate(self.legs) if leg.asset == asset and leg.room(sign) >= least]
            if abs(missing) >= least and legs:
                best = min(legs, key=lambda i: ask[i]) if missing > 0.0 else max(legs, key=lambda i: bid[i])
                self._order(self.legs[best], sign * min(abs(missing), self.legs[best].room(sign)))

    def _order(self, leg: Leg, volume: float, *, limited: bool = False) -> None:
        """Send one leg to its book; limited, it is filled up to half the margin beyond the price it was planned at.

        Without a limit several arbitrageurs would close the same gap, each in full, and open one the other way.
        """
        books = self.world.books
        sign = math.copysign(1.0, volume)
        limit = books.quote(leg.book, volume, self.world.now) * (1.0 + sign * 0.5 * self.params.margin)

        def fill() -> None:
            self._hedged = False
            size = size_within(books, leg.book, volume, limit, self.world.now) if limited else volume
            if size != 0.0:
                leg.trade(size)

        self._send(books.names[leg.book].chain, "order", fill)

    def _send(self, chain: str, kind: str, run: Callable[[], None]) -> None:
        """Send a transaction, and wait for it within reason."""
        number = self._number = self._number + 1
        patience = self.params.latency + 5.0 * self.world.chains[chain].interval + 5.0
        self._orders[number] = self.world.now + patience

        def execute(_: Inclusion) -> None:
            self._orders.pop(number, None)
            run()

        self.send(chain, kind, execute, tip=self.params.tip, latency=self.params.latency)

    def wealth(self) -> float:
        """Wallets, coins on their way, and equity, USD."""
        return super().wealth() + self.stores.bridged_value()
