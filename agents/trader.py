"""A leveraged trader: a directional book at a target leverage on one protocol.

It takes a view, long or short, on each of its markets, and redraws all views at keyed times.  Between them it holds
its notional at a target multiple of its equity, as leverage targeting has it (Adrian and Shin, Liquidity and leverage,
2010): it buys after gains and sells after losses, but only outside a band.  A drawdown makes it close everything and
wait for its next view, and so does a gain.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from abm.keys import Names, Positive
from agents.orders import OrderParams
from agents.resident import Params, Resident

__all__ = ["LeveragedTrader", "TraderParams"]


class TraderParams(OrderParams):
    """Keys of a leveraged trader."""

    markets: Names = Field((), description="coins of its book, with equal weights; empty: all markets")
    capital: Positive = Field(description="deposit at the opening, USD")
    leverage: Positive = Field(3.0, description="target of notional over equity")
    band: Positive = Field(0.2, description="relative distance from the target beyond which it trades")
    long_share: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="probability that a view is long")
    view: Positive = Field(86400.0, description="mean seconds for which views are held, exponential")
    cut: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.25, description="fall from the best equity under these views at which it closes"
    )
    take: Positive = Field(0.5, description="gain over the equity at the views' beginning at which it closes")


class LeveragedTrader(Resident):
    """Holds a directional book, and cuts it when it hurts."""

    kind: ClassVar[str] = "trader"
    Params: ClassVar[type[Params]] = TraderParams
    params: TraderParams

    def settle(self) -> None:
        """Open the accounts (under isolated margin one for each market) with the first views' positions."""
        p = self.target = self.protocol(self.params.protocol)
        markets = [self.market(p, asset) for asset in self.params.markets or p.assets]
        self.endow(p.spec.settlement, p.chain, self.params.wallet)
        accounts = len(markets) if p.spec.mode == "isolated" else 1
        opened = [self.open_ordinary(p, self.params.capital / accounts) for _ in range(accounts)]
        self._account = {market: opened[i % accounts] for i, market in enumerate(markets)}
        self._weight = accounts / len(markets)
        self._views = 0
        self._form_views()
        for market, account in self._account.items():
            self.hold(p, account, market, self._wanted(market))

    def act(self) -> None:
        """Form new views when it is time, close when it hurts or pays enough, and keep the leverage."""
        if self.world.now >= self._until:
            self._form_views()
        elif self._hurts() or self._pays():
            self._out = True
        for market in self._account:
            self._steer(market)

    def total(self) -> float:
        """Equity of all its accounts, USD."""
        return sum(self.equity(self.target, account) for _, account in self.accounts)

    def _form_views(self) -> None:
        """Draw a side for each market, and how long it is believed in."""
        draws, name, n = self.world.draws, self.name, self._views
        self._views += 1
        self._until = self.world.now + self.params.view * float(draws.exponential("view", name, n))
        chance = {m: float(draws.uniform(f"side {self.target.assets[m]}", name, n)) for m in self._account}
        self._side = {m: 1.0 if u < self.params.long_share else -1.0 for m, u in chance.items()}
        self._entered = self._best = self.total()
        self._out = False

    def _hurts(self) -> bool:
        """Whether the drawdown from the best equity under these views is too deep."""
        now = self.total()
        self._best = max(self._best, now)
        return now < (1.0 - self.params.cut) * self._best

    def _pays(self) -> bool:
        """Whether the views have earned enough."""
        return self.total() > (1.0 + self.params.take) * self._entered

    def _wanted(self, market: int) -> float:
        """Signed coins that its view, its leverage and its equity ask for."""
        if self._out:
            return 0.0
        equity = max(self.equity(self.target, self._account[market]), 0.0)
        notional = self.params.leverage * equity * self._weight
        return self._side[market] * notional / float(self.target.terms.price[market])

    def _steer(self, market: int) -> None:
        """Order what is missing from the target, when it is outside the band."""
        wanted, held = self._wanted(market), self.size(self.target, self._account[market], market)
        if abs(wanted - held) > self.params.band * abs(wanted):
            self.aim(
                self.target, self._account[market], market, wanted,
                tip=self.params.tip, latency=self.params.latency, slippage=self.params.slippage,
            )  # fmt: skip
