"""A late topper: holds a leveraged position and saves it by hand, if the money comes in time.

It looks at its margin only on its cadence.  When it worries it acts after a reaction time, lognormal as human
response times are, and pays out of a wallet at home, or out of one on another chain, over a bridge: then the money
takes the bridge's finality and delay too.  What comes when the position is gone stays in the wallet.  Once too
little is left of what was put in it gives up.
"""

import math
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from abm.chains.bridge import Bridge
from abm.chains.chain import Inclusion
from abm.errors import ScenarioError, nearest
from abm.keys import Fraction, NonNegative, Positive
from agents.resident import Params, Resident

__all__ = ["LateTopper", "LateTopperParams"]


class LateTopperParams(Params):
    """Keys of a late topper."""

    protocol: str = Field(description="where its position is")
    market: str = Field(description="the coin")
    capital: Positive = Field(description="deposit at the opening, USD")
    leverage: Positive = Field(10.0, description="notional over equity at the opening")
    long_share: Fraction = Field(1.0, description="probability that it is long")
    wallet: NonNegative = Field(description="USD for top-ups and fees")
    chain: str = Field("", description="where the wallet lies; empty: the protocol's own chain")
    bridge: str = Field("", description="the bridge home, for a wallet on another chain")
    worry: Positive = Field(1.5, description="margin equity over maintenance below which it acts")
    restore: Positive = Field(2.0, description="margin equity over maintenance that it wants to restore")
    reaction: Positive = Field(120.0, description="median seconds from worry to action")
    reaction_sigma: NonNegative = Field(1.0, description="standard deviation of the logarithm of that time")
    give_up: Fraction = Field(0.1, description="equity over net deposits below which it writes the position off")
    latency: NonNegative = Field(0.5, description="seconds until a transaction reaches its chain")
    tip: NonNegative = Field(1e-9, description="USD per gas over the base fee")

    @model_validator(mode="after")
    def _ordered(self) -> "LateTopperParams":
        if self.restore < self.worry:
            raise ValueError(f"restore {self.restore} lies under worry {self.worry}")
        return self


class LateTopper(Resident):
    """Tops up by hand, late.

    Attributes
    ----------
    paid
        What it has deposited after the opening, USD.
    too_late
        How often the money came when there was no position left to save.
    """

    kind: ClassVar[str] = "late_topper"
    Params: ClassVar[type[Params]] = LateTopperParams
    params: LateTopperParams

    def settle(self) -> None:
        """Bring the wallet and the deposit, and hold the position."""
        k = self.params
        p = self.target = self.protocol(k.protocol)
        self._market = self.market(p, k.market)
        self._from = k.chain or p.chain
        self._bridge = self._way_home() if self._from != p.chain else None
        self.endow(p.spec.settlement, self._from, k.wallet)
        self._account = self.open_ordinary(p, k.capital)
        side = 1.0 if self.world.draws.uniform("side", self.name, 0) < k.long_share else -1.0
        self.hold(p, self._account, self._market, side * k.leverage * k.capital / float(p.terms.price[self._market]))
        self.paid, self.too_late = 0.0, 0
        self._worries = 0
        self._busy_until = -math.inf

    def act(self) -> None:
        """Look, and when it is worrying, decide to pay."""
        if self.world.now < self._busy_until or not self._holds_position() or self._gives_up():
            return
        missing = self._missing()
        if missing > 0.0:
            self._react(missing)

    def _way_home(self) -> Bridge:
        """The bridge from the wallet's chain to the protocol's.

        Raises
        ------
        ScenarioError
            There is no such bridge, or it joins other chains or carries another asset.
        """
        where, home = f"agents.{self.name}.params.bridge", self.target.chain
        bridge = self.world.bridges.get(self.params.bridge)
        if bridge is None:
            raise ScenarioError(
                where, f"unknown bridge '{self.params.bridge}'", nearest(self.params.bridge, self.world.bridges)
            )
        spec = bridge.spec
        if {spec.source, spec.target} != {self._from, home} or spec.asset != self.target.spec.settlement:
            raise ScenarioError(
                where,
                f"'{spec.name}' carries {spec.asset} between {spec.source} and {spec.target},"
                f" not {self.target.spec.settlement} between {self._from} and {home}",
                "name another bridge or another chain",
            )
        return bridge

    # deciding

    def _holds_position(self) -> bool:
        return self.size(self.target, self._account, self._market) != 0.0

    def _gives_up(self) -> bool:
        """Whether too little is left of what was put in."""
        put_in = float(self.target.ledger.deposited[self.target.ledger.row(self._account)])
        return self.equity(self.target, self._account) < self.params.give_up * put_in

    def _missing(self) -> float:
        """What restores its margin, USD, as far as the wallet has it; 0 where there is no worry."""
        p = self.target
        view = p.engine.assess(p.ledger, p.terms, np.array([p.ledger.row(self._account)]))
        equity, need = float(view.margin_equity[0]), float(view.mm[0])
        if equity >= self.params.worry * need:
            return 0.0
        return min(self.params.restore * need - equity, self.holds(p.spec.settlement, self._from))

    def _react(self, amount: float) -> None:
        """Act after the reaction time; until then, and until the transaction has expired, do nothing more."""
        k = self.params
        z = float(self.world.draws.normal("reaction", self.name, self._worries))
        self._worries += 1
        delay = k.reaction * math.exp(k.reaction_sigma * z) + k.latency
        expiry = next(c.expiry for c in self.world.scenario.chains if c.name == self._from)
        self._busy_until = self.world.now + delay + expiry

        def pay(_: Inclusion) -> None:
            self._busy_until = -math.inf
            if self._bridge is None:
                self._deposit(amount)
            else:
                self._cross(self._bridge, amount)

        self.send(self._from, "deposit" if self._bridge is None else "bridge", pay, tip=k.tip, latency=delay)

    # paying

    def _deposit(self, amount: float) -> None:
        """Deposit at home, if there is still something to save."""
        p = self.target
        amount = min(amount, self.holds(p.spec.settlement, p.chain))
        if not self._holds_position():
            self.too_late += 1
        elif amount > 0.0:
            self.paid += float(p.deposit(np.array([p.ledger.row(self._account)]), np.array([amount]))[0])

    def _cross(self, bridge: Bridge, amount: float) -> None:
        """Send the money home; it is deposited when it has arrived.  A bridge that refuses is tried again."""
        amount = min(amount, self.holds(self.target.spec.settlement, self._from))
        if amount <= 0.0:
            return
        home, me = self.target.chain, np.array([self.holder])

        def arrived() -> None:
            self._busy_until = -math.inf
            self.send(
                home, "deposit", lambda _: self._deposit(amount), tip=self.params.tip, latency=self.params.latency
            )  # fmt: skip

        refused = self.world.crossing.send(
            bridge, me, me, np.array([amount]), to_target=bridge.spec.target == home, arrived=arrived
        )  # fmt: skip
        if not refused:
            self._busy_until = math.inf
