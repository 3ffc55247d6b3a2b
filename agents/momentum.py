"""A momentum trader: follows the sign and the strength of a trend of the index, with capped leverage.

Its signal is the difference of a fast and a slow exponential mean of the log index over the standard deviation that
this difference would have in a random walk of the same volatility (the crossover of Baz, Granger, Harvey, Le Roux and
Rattray, Dissecting investment strategies in the cross section and time series, 2015).  With time constants f < s and
volatility v per square root of a second that is v (s - f) / sqrt(2 (s + f)).
"""

import math
from typing import ClassVar

from pydantic import Field, model_validator

from abm.keys import Positive
from agents.orders import OrderParams
from agents.resident import Params, Resident

__all__ = ["MomentumParams", "MomentumTrader", "spread_of_means"]


class MomentumParams(OrderParams):
    """Keys of a momentum trader."""

    market: str = Field(description="the coin that it follows")
    capital: Positive = Field(description="deposit at the opening, USD")
    fast: Positive = Field(300.0, description="seconds of the fast mean")
    slow: Positive = Field(1800.0, description="seconds of the slow mean")
    memory: Positive = Field(3600.0, description="seconds of the mean of squared returns that gives volatility")
    gain: Positive = Field(1.0, description="leverage per standard deviation of the signal")
    cap: Positive = Field(3.0, description="largest leverage")
    band: Positive = Field(0.25, description="change of leverage below which it does not trade")
    slippage: Positive = Field(
        0.02, description="largest move of the price, as a fraction, at which an order is filled"
    )

    @model_validator(mode="after")
    def _slower(self) -> "MomentumParams":
        if self.slow <= self.fast:
            raise ValueError(f"slow {self.slow} s is not longer than fast {self.fast} s")
        return self


def spread_of_means(volatility: float, fast: float, slow: float) -> float:
    """Standard deviation of (fast mean - slow mean) of a random walk; volatility per square root of a second."""
    return volatility * (slow - fast) / math.sqrt(2.0 * (slow + fast))


class MomentumTrader(Resident):
    """Buys what rises and sells what falls."""

    kind: ClassVar[str] = "momentum"
    Params: ClassVar[type[Params]] = MomentumParams
    params: MomentumParams

    def settle(self) -> None:
        """Deposit, and begin with no trend and the coin's usual volatility."""
        p = self.target = self.protocol(self.params.protocol)
        self._market = self.market(p, self.params.market)
        self.endow(p.spec.settlement, p.chain, self.params.wallet)
        self._account = self.open_ordinary(p, self.params.capital)
        self._last = self._fast = self._slow = math.log(float(p.marks.index[self._market]))
        self._variance = float(self.world.books.usual[p.books[self._market]]) ** 2
        self._seen = self.world.now

    def act(self) -> None:
        """Look at the index, and trade when the signal asks for another leverage."""
        self._look()
        self._follow(self.signal())

    def signal(self) -> float:
        """The trend in standard deviations; 0 where the index has never moved."""
        spread = spread_of_means(math.sqrt(self._variance), self.params.fast, self.params.slow)
        return (self._fast - self._slow) / spread if spread > 0.0 else 0.0

    def _look(self) -> None:
        """Update the means and the volatility by what has happened since the last look."""
        seconds = self.world.now - self._seen
        if seconds <= 0.0:
            return
        index = math.log(float(self.target.marks.index[self._market]))
        self._fast += (index - self._fast) * -math.expm1(-seconds / self.params.fast)
        self._slow += (index - self._slow) * -math.expm1(-seconds / self.params.slow)
        rate = (index - self._last) ** 2 / seconds
        self._variance += (rate - self._variance) * -math.expm1(-seconds / self.params.memory)
        self._last, self._seen = index, self.world.now

    def _follow(self, signal: float) -> None:
        """Order the position that the signal asks for, when it is far enough from the one held."""
        equity = self.equity(self.target, self._account)
        if equity <= 0.0:
            return
        price = float(self.target.terms.price[self._market])
        wanted = max(-self.params.cap, min(self.params.gain * signal, self.params.cap))
        held = self.size(self.target, self._account, self._market) * price / equity
        if abs(wanted - held) > self.params.band:
            self.aim(
                self.target, self._account, self._market, wanted * equity / price,
                tip=self.params.tip, latency=self.params.latency, slippage=self.params.slippage,
            )  # fmt: skip
