"""An oracle manipulator: it holds a position, then moves the spot prices that decide everybody's margin.

The pattern of Mango Markets (11 October 2022): a long position, thin spot markets bought up on the venues that the
oracle reads, unrealised profit withdrawn as collateral, the position left behind.  Whether it pays is the world's
answer: it pays its own impact, and there is no price that it moves but by trading.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.keys import Fraction, Names, NonNegative, Positive
from agents.resident import Params, Resident

__all__ = ["Manipulator", "ManipulatorParams"]


class ManipulatorParams(Params):
    """Keys of a manipulator: it opens, pushes, holds, unwinds, one after the other."""

    protocol: str = Field(description="the victim: where its position is")
    asset: str = Field(description="the coin of the position, whose spot price it pushes")
    side: Literal[-1, 1] = Field(1, description="1: long and pump, -1: short and dump")
    venues: Names = Field(min_length=1, description="venues whose spot price it pushes")
    margin: Positive = Field(description="USD deposited at the protocol")
    spot: Positive = Field(description="USD for the push (a dumper has coins worth that), split by the venues' depth")
    leverage: Positive = Field(5.0, description="notional of the position over the margin")
    start: NonNegative = Field(description="seconds at which it begins to open its position")
    opening: NonNegative = Field(60.0, description="seconds over which it opens it")
    push: Positive = Field(120.0, description="seconds over which it pushes")
    hold: Positive = Field(120.0, description="seconds over which it takes its profit and defends the price")
    unwind: Positive = Field(300.0, description="seconds over which it trades its spot back")
    defend: Fraction = Field(0.3, description="part of the spot budget kept for the defence")
    exit: Literal["withdraw", "close"] = Field(
        "withdraw", description="take out what the inflated equity allows, or close the position during the hold"
    )
    wallet: NonNegative = Field(1000.0, description="USD kept on the protocol's chain for fees")
    latency: Positive = Field(0.3, description="seconds from deciding to the order's arrival")
    tip: NonNegative = Field(2e-8, description="USD per gas over the base fee")


class Manipulator(Resident):
    """Opens a position, pushes spot prices, takes its profit, unwinds."""

    kind: ClassVar[str] = "manipulator"
    Params: ClassVar[type[Params]] = ManipulatorParams

    def settle(self) -> None:
        """Bring the margin, and cash (or coins, to dump) to the venues."""
        k, p = self.params, self.protocol(self.params.protocol)
        self.target, self.perp = p, self.market(p, k.asset)
        self.account = self.open(p, k.margin)
        self.endow(p.spec.settlement, p.chain, k.wallet)
        self.books = [self.spot_book(venue, k.asset) for venue in k.venues]
        self._push_at = k.start + k.opening
        self._hold_at = self._push_at + k.push
        self._unwind_at = self._hold_at + k.hold
        self.diary: list[tuple[float, str, float]] = []
        """What it did: time, what, USD (bought or taken out: positive; sold: negative)."""
        self._bring_budget()
        self._opened = self._pushed = self._whole = 0.0
        self._last = self._unwind_at
        self._gone = False

    def _bring_budget(self) -> None:
        """Each venue's part of the budget, by its depth: so much depth moves by as much everywhere."""
        k, books = self.params, self.world.books
        depth = books.depth[self.books]
        usd = k.spot * depth / np.sum(depth)
        self.budget = usd if k.side > 0 else usd / books.last[self.books]
        """float64[venues]: USD to buy with, or coins to sell."""
        for book, amount in zip(self.books, self.budget, strict=True):
            asset = self.world.settlement if k.side > 0 else k.asset
            self.endow(asset, self.world.place(books.names[book].venue), float(amount))
        self.inventory = np.array([self._coins(book) for book in self.books])

    def _coins(self, book: int) -> float:
        return self.holds(self.params.asset, self.world.place(self.world.books.names[book].venue))

    def act(self) -> None:
        """Open; push; take profit and defend; unwind."""
        now = self.world.now
        if now < self.params.start:
            return
        if self._opened < 1.0:
            self._take_position(now)
        if self._pushed < 1.0 and now >= self._push_at:
            self._push(now)
        if self._hold_at <= now < self._unwind_at:
            self._take_profit(now)
        if now >= self._unwind_at:
            self._leave()
            self._unwind(now)
        self._last = max(now, self._unwind_at)

    # the position

    def _take_position(self, now: float) -> None:
        """The next slice of the position."""
        k = self.params
        done = min((now - k.start) / k.opening, 1.0) if k.opening > 0.0 else 1.0
        usd = (done - self._opened) * k.leverage * k.margin
        self._opened = done
        self._perp_order("open", lambda: k.side * usd / self._perp_price())

    def _take_profit(self, now: float) -> None:
        """Take out what the equity allows, or close in proportion to the time that is over."""
        if self.params.exit == "withdraw":
            self._withdraw()
            return
        held = self.size(self.target, self.account, self.perp)
        self._whole = max(self._whole, abs(held))
        kept = self._whole * max(1.0 - (now - self._hold_at) / self.params.hold, 0.0)
        if abs(held) > kept:
            self._perp_order("close", lambda: -np.sign(held) * self._beyond(kept))

    def _leave(self) -> None:
        """Close what is left and take the rest out where that brings something; else leave it behind."""
        if self._gone:
            return
        held = self.size(self.target, self.account, self.perp)
        if held and self._worth_closing(held) <= 0.0:
            self._gone = True
            self._note("abandon", self.equity(self.target, self.account))
            return
        if held:
            self._perp_order("close", lambda: -np.sign(held) * self._beyond(0.0))
        elif self.target.withdrawable(self.target.ledger.row(self.account)) > 0.0:
            self._withdraw()
        else:
            self._gone = True

    def _beyond(self, kept: float) -> float:
        """Coins of the position, without sign, beyond those to be kept."""
        return max(abs(self.size(self.target, self.account, self.perp)) - kept, 0.0)

    def _worth_closing(self, held: float) -> float:
        """What closing now would leave on the account: the equity at the price of the trade, not at the mark; USD."""
        p, books = self.target, self.world.books
        price = books.quote(int(p.books[self.perp]), -held, self.world.now)
        return self.equity(p, self.account) + held * (price - float(p.terms.price[self.perp]))

    def _perp_price(self) -> float:
        return float(self.world.books.last[self.target.books[self.perp]])

    def _perp_order(self, what: str, size: Callable[[], float]) -> None:
        """Send an order whose size is decided in its block."""
        p = self.target

        def trade(_: Inclusion) -> None:
            row = np.array([p.ledger.row(self.account)])
            got = p.trade(row, np.array([self.perp]), np.array([size()]))
            self._note(what, float(got[0]) * self._perp_price())

        self.send(p.chain, "order", trade, tip=self.params.tip, latency=self.params.latency)

    def _withdraw(self) -> None:
        """Take out all that the initial margin leaves free."""
        p = self.target

        def take(_: Inclusion) -> None:
            row = p.ledger.row(self.account)
            self._note("withdraw", p.withdraw(row, p.withdrawable(row)))

        self.send(p.chain, "withdraw", take, tip=self.params.tip, latency=self.params.latency)

    # the spot

    def _push(self, now: float) -> None:
        """Spend what the plan says: all but the defence evenly over the push, the defence evenly over the hold."""
        k = self.params
        pushed = min((now - self._push_at) / k.push, 1.0)
        held = min(max((now - self._hold_at) / k.hold, 0.0), 1.0)
        done = (1.0 - k.defend) * pushed + k.defend * held
        for book, amount in zip(self.books, (done - self._pushed) * self.budget, strict=True):
            self._spot_order("push", book, self._to_push(book, float(amount)))
        self._pushed = done

    def _to_push(self, book: int, amount: float) -> Callable[[], float]:
        """Coins that an amount of USD buys with their impact, or the coins to sell."""
        books = self.world.books

        def buys() -> float:
            return amount / books.quote(book, amount / float(books.last[book]), self.world.now)

        return buys if self.params.side > 0 else lambda: -amount

    def _unwind(self, now: float) -> None:
        """Trade back what it has bought or sold, evenly over what is left of the time."""
        left = self._unwind_at + self.params.unwind - self._last
        share = min((now - self._last) / left, 1.0) if left > 0.0 else 1.0
        for book, kept in zip(self.books, self.inventory, strict=True):
            if abs(self._coins(book) - kept) > 1e-9 * max(kept, 1.0):
                self._spot_order("unwind", book, self._to_unwind(book, float(kept), share))

    def _to_unwind(self, book: int, kept: float, share: float) -> Callable[[], float]:
        return lambda: share * (kept - self._coins(book))

    def _spot_order(self, what: str, book: int, volume: Callable[[], float]) -> None:
        """Send a spot order whose size is decided in its block; the wallet bounds it."""

        def trade(_: Inclusion) -> None:
            fill = self.world.spot_trade(self.holder, book, volume(), "trades")
            self._note(what, fill.volume * fill.price)

        chain = self.world.books.names[book].chain
        self.send(chain, "order", trade, tip=self.params.tip, latency=self.params.latency)

    def _note(self, what: str, usd: float) -> None:
        if usd != 0.0:
            self.diary.append((self.world.now, what, usd))
