"""A hedger: owns coins on an exchange and is short the perpetual against them.

Its coins and its short lie in different places, so a rise is a gain in the one and a margin call in the other, which
it meets out of its wallet as far as that goes.  When its short is auto-deleveraged it is left long without wanting to
be: on its next turn it sees that and sells the perpetual again, at the price of then.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator

from abm.keys import NonNegative, Positive
from agents.orders import OrderParams
from agents.resident import Params, Resident

__all__ = ["Hedger", "HedgerParams"]


class HedgerParams(OrderParams):
    """Keys of a hedger."""

    market: str = Field(description="the coin that it owns and hedges")
    venue: str = Field(description="the spot venue where the coins lie")
    coins: Positive = Field(description="coins owned")
    ratio: Annotated[float, Field(ge=0, le=1)] = Field(1.0, description="part of the coins that is hedged")
    band: Positive = Field(0.02, description="part of the coins by which net delta may be off")
    leverage: Positive = Field(3.0, description="notional of the short over its deposit at the opening")
    wallet: NonNegative = Field(10000.0, description="USD on the protocol's chain for margin calls and fees")
    call: Positive = Field(2.0, description="margin equity over maintenance below which it tops up")
    restore: Positive = Field(3.0, description="margin equity over maintenance that a top-up restores")

    @model_validator(mode="after")
    def _ordered(self) -> "HedgerParams":
        if self.restore < self.call:
            raise ValueError(f"restore {self.restore} lies under call {self.call}")
        return self


class Hedger(Resident):
    """Keeps the net delta of its coins and its short near a target."""

    kind: ClassVar[str] = "hedger"
    Params: ClassVar[type[Params]] = HedgerParams
    params: HedgerParams

    def settle(self) -> None:
        """Bring the coins, the deposit and the wallet, and be hedged at the opening."""
        k = self.params
        p = self.target = self.protocol(k.protocol)
        self._market = self.market(p, k.market)
        self.spot_book(k.venue, k.market)
        self._place = self.world.place(k.venue)
        self.endow(k.market, self._place, k.coins)
        self.endow(p.spec.settlement, p.chain, k.wallet)
        notional = k.coins * k.ratio * float(p.terms.price[self._market])
        self._account = self.open_ordinary(p, notional / k.leverage)
        self.hold(p, self._account, self._market, self._wanted())

    def act(self) -> None:
        """Meet a margin call, and rehedge."""
        self._meet_call()
        self._rehedge()

    def net_delta(self) -> float:
        """Coins owned and the short together, less the part that is not to be hedged."""
        return self.size(self.target, self._account, self._market) - self._wanted()

    def _wanted(self) -> float:
        """The short that the coins ask for, signed coins."""
        return -self.params.ratio * self.holds(self.params.market, self._place)

    def _meet_call(self) -> None:
        """Top up when the short has lost too much of its margin."""
        p = self.target
        view = p.engine.assess(p.ledger, p.terms, np.array([p.ledger.row(self._account)]))
        equity, need = float(view.margin_equity[0]), float(view.mm[0])
        if equity < self.params.call * need:
            missing = min(self.params.restore * need - equity, self.holds(p.spec.settlement, p.chain))
            if missing > 0.0:
                self.top_up(p, self._account, missing, latency=self.params.latency)

    def _rehedge(self) -> None:
        """Trade the perpetual when net delta has left the band, as after a liquidation or auto-deleveraging."""
        if abs(self.net_delta()) > self.params.band * self.holds(self.params.market, self._place):
            self.aim(
                self.target, self._account, self._market, self._wanted(),
                tip=self.params.tip, latency=self.params.latency, slippage=self.params.slippage,
            )  # fmt: skip
