"""A carry trader: buys the coin and shorts its perpetual while longs pay shorts, and is out when that turns.

The size grows in proportion to the latest funding rate, annualised, above a threshold (the cash-and-carry trade of
Schmeling, Schrimpf and Todorov, Crypto carry, BIS working paper 1087, 2023).  It buys spot first and then shorts
what it got, so that the two legs are one order apart.
"""

from typing import ClassVar

from pydantic import Field, model_validator

from abm.chains.chain import Inclusion
from abm.keys import Finite, Positive
from agents.orders import OrderParams
from agents.resident import Params, Resident

__all__ = ["YEAR", "CarryParams", "CarryTrader"]

YEAR = 365.0 * 86400.0


class CarryParams(OrderParams):
    """Keys of a carry trader."""

    market: str = Field(description="the coin")
    venue: str = Field(description="the spot venue where it buys")
    capital: Positive = Field(description="USD, split so that the short has its leverage when all is spent")
    leverage: Positive = Field(2.0, description="notional of the short over its margin when all is spent")
    shed: Positive = Field(6.0, description="notional of the short over its margin above which it sheds both legs")
    close: Finite = Field(0.0, description="annual funding at or below which it closes")
    threshold: Finite = Field(0.05, description="annual funding above which it opens")
    full: Finite = Field(0.30, description="annual funding at which all is spent")
    step: Positive = Field(0.02, description="part of its means below which it changes nothing")
    slippage: Positive = Field(
        0.02, description="largest move of the price, as a fraction, at which its short is filled"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "CarryParams":
        for low, high in (("close", "threshold"), ("threshold", "full"), ("leverage", "shed")):
            if getattr(self, high) <= getattr(self, low):
                raise ValueError(f"{high} {getattr(self, high)} is not above {low} {getattr(self, low)}")
        return self


class CarryTrader(Resident):
    """Long the coin, short its perpetual, as much as funding pays for."""

    kind: ClassVar[str] = "carry"
    Params: ClassVar[type[Params]] = CarryParams
    params: CarryParams

    def settle(self) -> None:
        """Bring cash to the spot venue and margin to the protocol."""
        k = self.params
        p = self.target = self.protocol(k.protocol)
        self._market = self.market(p, k.market)
        self._book = self.spot_book(k.venue, k.market)
        self._place = self.world.place(k.venue)
        self.endow(p.spec.settlement, p.chain, k.wallet)
        self.endow(self.world.settlement, self._place, k.capital * k.leverage / (1.0 + k.leverage))
        self._account = self.open_ordinary(p, k.capital / (1.0 + k.leverage))

    def act(self) -> None:
        """Look at funding, and trade both legs, or the short alone where it is not what the coins ask for."""
        coins, step = self.coins(), self.params.step * self._means()
        missing = self._wanted() - coins
        if abs(missing) > step or (missing < 0.0 and coins + missing <= 0.0):
            self._trade_spot(missing)
        elif abs(coins + self.size(self.target, self._account, self._market)) > step:
            self._hedge()

    def coins(self) -> float:
        """Coins that it owns."""
        return self.holds(self.params.market, self._place)

    def annual_funding(self) -> float:
        """The latest funding rate that longs paid, a year; 0 before the first payment."""
        funding = self.world.funding[self.target.name]
        return float(funding.rates[self._market] * YEAR / funding.interval[self._market])

    def _means(self) -> float:
        """Coins that it could own if all its spot cash were spent."""
        cash = self.holds(self.world.settlement, self._place)
        return self.coins() + cash / float(self.world.books.last[self._book])

    def _wanted(self) -> float:
        """Coins that funding pays for; what is held stays until funding turns, or the short's margin is short."""
        k, rate = self.params, self.annual_funding()
        if rate <= k.close:
            return 0.0
        part = min(max((rate - k.threshold) / (k.full - k.threshold), 0.0), 1.0)
        margin = max(self.equity(self.target, self._account), 0.0)
        limit = k.shed * margin / float(self.target.terms.price[self._market])
        return min(max(part * self._means(), self.coins()), limit)

    def _trade_spot(self, coins: float) -> None:
        """Buy or sell coins, and hedge what has come of it."""

        def trade(_: Inclusion) -> None:
            self.world.spot_trade(self.holder, self._book, coins, "arbitrage")
            self._hedge()

        self.send(self._place, "order", trade, tip=self.params.tip, latency=self.params.latency)

    def _hedge(self) -> None:
        """Be as short as it owns coins."""
        self.aim(
            self.target, self._account, self._market, -self.coins(),
            tip=self.params.tip, latency=self.params.latency, slippage=self.params.slippage, cause="arbitrage",
        )  # fmt: skip
