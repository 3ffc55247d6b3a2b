"""A market maker on a protocol's perpetuals, with an account there that is margined like anybody's.

It quotes depth = base * exp(-a * max(realised/usual volatility - 1, 0) - b * loss/capital) within one per cent on
each side (depth: abm/venues/depth.py).  What it is filled with lies on its account: losses, and an
auto-deleveraging that closes its hedge, take its capital and so its depth.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from abm.chains.chain import Inclusion
from abm.keys import Fraction, NonNegative, Positive
from agents.resident import Params, Resident

__all__ = ["MarketMaker", "MarketMakerParams"]

Floats = NDArray[np.float64]


class MarketMakerParams(Params):
    """Keys of a market maker."""

    protocol: str = Field(description="the protocol")
    capital: Positive = Field(description="USD deposited on its account")
    depth: dict[str, Positive] = Field(
        min_length=1, description="base depth by asset, USD within one per cent on one side"
    )
    volatility_response: NonNegative = Field(0.5, description="a, per unit of realised over usual volatility less one")
    loss_response: NonNegative = Field(3.0, description="b, per unit of loss over capital")
    withdraw_below: Positive = Field(1.5, description="margin equity over initial margin at which it quotes no more")
    return_above: Positive = Field(2.5, description="the same ratio from which it quotes again")
    stop_below: Fraction = Field(0.2, description="equity over capital below which it quotes no more")
    limit: Positive = Field(1.0, description="position over base depth beyond which it trades away")
    reduce: Positive = Field(0.05, description="most that it trades away in a turn, over the depth of the book then")
    requote: Fraction = Field(0.05, description="change, over base depth, at which it quotes anew")
    wallet: NonNegative = Field(100.0, description="USD kept on the chain for fees")
    latency: Positive = Field(0.3, description="seconds from deciding to the transaction's arrival")
    tip: NonNegative = Field(5e-9, description="USD per gas over the base fee")
    gas: Positive = Field(20000.0, description="gas of a change of its quotes")

    @model_validator(mode="after")
    def _ordered(self) -> "MarketMakerParams":
        if self.return_above < self.withdraw_below:
            raise ValueError(f"return_above {self.return_above} lies under withdraw_below {self.withdraw_below}")
        return self


class MarketMaker(Resident):
    """Quotes depth, and trades away what it cannot carry."""

    kind: ClassVar[str] = "market_maker"
    Params: ClassVar[type[Params]] = MarketMakerParams

    def settle(self) -> None:
        """Deposit the capital and quote the base depth."""
        p = self.target = self.protocol(self.params.protocol)
        self.markets = np.array([self.market(p, asset) for asset in self.params.depth], np.int64)
        self.base: Floats = np.array([*self.params.depth.values()], dtype=np.float64)
        self.account = self.open(p, self.params.capital)
        self.endow(p.spec.settlement, p.chain, self.params.wallet)
        self.present = True
        self._sequence = self._shown_sequence = 0
        self._sent = self.base.copy()
        self._patience = -np.inf
        self._show(self.base)

    def act(self) -> None:
        """Decide whether to be there, quote, and trade away what is too much."""
        self.present = self._stays()
        self._quote(self.wanted())
        self._trade_away()

    # being there

    def _stays(self) -> bool:
        """Whether its margin lets it quote: out below one level, back above another."""
        p, row = self.target, self._row()
        view = p.engine.assess(p.ledger, p.terms, row)
        equity, im = float(view.equity[0]), float(view.im[0])
        if p.ledger.breach[row[0]] >= 0 or equity < self.params.stop_below * self.params.capital:
            return False
        level = self.params.withdraw_below if self.present else self.params.return_above
        return bool(view.margin_equity[0] >= level * im)

    # quoting

    def wanted(self) -> Floats:
        """float64[markets]: the depth that it wants to quote now, USD."""
        if not self.present:
            return np.zeros(len(self.base))
        books, at = self.world.books, self.target.books[self.markets]
        usual = books.usual[at]
        ratio = np.divide(np.sqrt(books.variance[at]), usual, out=np.ones(len(at)), where=usual > 0)
        lost = max(1.0 - self.equity(self.target, self.account) / self.params.capital, 0.0)
        calm = self.params.volatility_response * np.maximum(ratio - 1.0, 0.0)
        return np.asarray(self.base * np.exp(-calm - self.params.loss_response * lost))

    def _quote(self, wanted: Floats) -> None:
        """Send the new quotes where they differ enough from those sent last, or those have not been shown."""
        differ = np.abs(wanted - self._sent) > self.params.requote * self.base
        leaves = (wanted == 0.0) & (self._sent > 0.0)
        unheard = self._shown_sequence < self._sequence and self.world.now > self._patience
        if not (differ | leaves).any() and not unheard:
            return
        self._sequence += 1
        self._sent = wanted
        number = self._sequence
        self._patience = self.world.now + 10.0 * self.world.chains[self.target.chain].interval

        def show(_: Inclusion) -> None:
            if number > self._shown_sequence:  # a later one may have overtaken it
                self._shown_sequence = number
                self._show(wanted)

        self.send(
            self.target.chain, "quote", show, tip=self.params.tip, gas=self.params.gas, latency=self.params.latency
        )  # fmt: skip

    def _show(self, depths: Floats) -> None:
        for market, usd in zip(self.markets, depths, strict=True):
            self.target.counterparty.quote(self.account, int(market), float(usd))

    # inventory

    def excess(self) -> Floats:
        """float64[markets]: signed coins beyond its limit; while it quotes nothing, all that it holds."""
        p = self.target
        held = p.ledger.size(np.repeat(self._row(), len(self.markets)), self.markets)
        limit = self.params.limit * self.base / p.terms.price[self.markets] if self.present else 0.0
        return np.asarray(np.sign(held) * np.maximum(np.abs(held) - limit, 0.0))

    def _trade_away(self) -> None:
        """Send an order that closes the excess it then has, as far as the depth there is then bears it."""
        if not self.excess().any():
            return

        def trade(_: Inclusion) -> None:
            excess, at = self.excess(), self.target.books[self.markets]
            most = self.params.reduce * self.world.books.depth[at] / self.world.books.last[at]
            sizes = -np.clip(excess, -most, most)
            some = sizes != 0.0
            rows = np.full(int(some.sum()), self._row()[0])
            self.target.trade(rows, self.markets[some], sizes[some])

        self.send(self.target.chain, "order", trade, tip=self.params.tip, latency=self.params.latency)

    def _row(self) -> NDArray[np.int64]:
        return np.array([self.target.ledger.row(self.account)])
