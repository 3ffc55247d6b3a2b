"""Governance of a protocol's risk: margins and haircuts follow volatility and depth, late and in steps.

A decision is a transaction with a timelock: it takes effect a stated delay after it was made, and margins that rise
then can liquidate without any price move.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from abm.chains.chain import Inclusion
from abm.spec import NonNegative, Positive
from agents.resident import Params, Resident

__all__ = ["Governor", "GovernorParams"]

Floats = NDArray[np.float64]

GRACE = 30.0
"""Seconds after a decision's last chance of inclusion at which it counts as failed."""


class GovernorParams(Params):
    """Keys of a governor."""

    protocol: str = Field(description="the protocol")
    volatility: NonNegative = Field(0.25, description="rise of the margin scale per unit of excess volatility")
    depth: NonNegative = Field(0.5, description="rise of the margin scale at a depth of nothing")
    floor: Positive = Field(1.0, description="least margin scale")
    ceiling: Positive = Field(3.0, description="largest margin scale")
    step: Positive = Field(0.25, description="largest change of a margin scale in one decision")
    tighten_band: NonNegative = Field(0.05, description="distance of the aim above the scale that it lets be")
    loosen_band: NonNegative = Field(0.25, description="distance of the aim below the scale that it lets be")
    haircut: NonNegative = Field(
        0.0, description="haircut added to a collateral per unit of its excess volatility; 0: haircuts stay"
    )
    haircut_ceiling: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="largest haircut that it sets")
    haircut_step: Positive = Field(
        0.05, description="largest change of a haircut in one decision; below half of it, it lets be"
    )
    delay: NonNegative = Field(300.0, description="seconds between a decision and its effect (timelock)")
    wallet: NonNegative = Field(100.0, description="USD kept on the chain for fees")
    tip: NonNegative = Field(2e-8, description="USD per gas over the base fee")

    @model_validator(mode="after")
    def _ordered(self) -> "GovernorParams":
        if self.floor > self.ceiling:
            raise ValueError(f"floor {self.floor} exceeds ceiling {self.ceiling}")
        return self


class Governor(Resident):
    """Watches volatility and depth, and moves margins and haircuts."""

    kind: ClassVar[str] = "governor"
    Params: ClassVar[type[Params]] = GovernorParams

    def settle(self) -> None:
        """Take up office with what is in force."""
        p = self.target = self.protocol(self.params.protocol)
        self.endow(self.world.settlement, p.chain, self.params.wallet)
        self.scale: Floats = p.margin_scale.copy()
        """float64[M]: margin scales as decided, in force or under the timelock."""
        self.cut: Floats = p.haircut.copy()
        """float64[H]: haircuts as decided."""
        self._opening_cut = p.haircut.copy()
        self._expiry = next(c.expiry for c in self.world.scenario.chains if c.name == p.chain)
        self._under_way = 0
        self._deadline = -np.inf

    def act(self) -> None:
        """Accept what has failed, then decide on margins and haircuts."""
        self._accept()
        self._decide_margins()
        if self.params.haircut > 0.0:
            self._decide_haircuts()

    def _accept(self) -> None:
        """A decision that the chain never took is void: begin from what is in force."""
        if self._under_way and self.world.now > self._deadline:
            self._under_way = 0
            self.scale, self.cut = self.target.margin_scale.copy(), self.target.haircut.copy()

    # what it sees

    def excess_volatility(self, books: NDArray[np.int64]) -> Floats:
        """float64: realised over usual volatility less one, not below zero; 0 where nothing is usual."""
        state = self.world.books
        usual = state.usual[books]
        ratio = np.divide(np.sqrt(state.variance[books]), usual, out=np.ones(len(books)), where=usual > 0)
        return np.asarray(np.maximum(ratio - 1.0, 0.0))

    def called_for(self) -> Floats:
        """float64[M]: the margin scales that today's volatility and depth call for."""
        state, books = self.world.books, self.target.books
        missing = np.clip(1.0 - state.depth[books] / (state.calm_depth[books] + state.calm_makers[books]), 0.0, 1.0)
        rise = self.params.volatility * self.excess_volatility(books) + self.params.depth * missing
        return np.asarray(np.clip(1.0 + rise, self.params.floor, self.params.ceiling))

    # what it decides

    def _decide_margins(self) -> None:
        """Where the aim lies outside the band around the decided scale: a step towards it."""
        gap = self.called_for() - self.scale
        moves = (gap > self.params.tighten_band) | (gap < -self.params.loosen_band)
        for market in np.flatnonzero(moves):
            step = float(np.clip(gap[market], -self.params.step, self.params.step))
            self.scale[market] += step
            self._propose_margin(int(market), float(self.scale[market]))

    def _propose_margin(self, market: int, scale: float) -> None:
        p = self.target

        def enact() -> None:
            p.margin_scale[market] = scale
            self.world.tape.event("margin", p.name, -1, p.markets[market], "", scale)

        self._propose("margin", enact)

    def _decide_haircuts(self) -> None:
        """The same for the collateral that has a market of its own."""
        spots = np.array(self.target.spot_books, np.int64)
        for h in np.flatnonzero(spots >= 0):
            excess = float(self.excess_volatility(spots[h : h + 1])[0])
            least = float(self._opening_cut[h])
            most = max(self.params.haircut_ceiling, least)
            gap = min(least + self.params.haircut * excess, most) - float(self.cut[h])
            if abs(gap) > 0.5 * self.params.haircut_step:
                self.cut[h] += float(np.clip(gap, -self.params.haircut_step, self.params.haircut_step))
                self._propose_haircut(int(h), float(self.cut[h]))

    def _propose_haircut(self, collateral: int, cut: float) -> None:
        p = self.target

        def enact() -> None:
            haircut = p.haircut.copy()  # history keeps the old array
            haircut[collateral] = cut
            p.haircut = haircut
            self.world.tape.event("haircut", p.name, -1, "", p.collaterals[collateral][0], cut)

        self._propose("haircut", enact)

    def _propose(self, kind: str, enact: Callable[[], None]) -> None:
        """Send a decision under its timelock."""
        self._under_way += 1
        self._deadline = self.world.now + self.params.delay + self._expiry + GRACE

        def run(_: Inclusion) -> None:
            self._under_way -= 1
            enact()

        self.send(self.target.chain, kind, run, tip=self.params.tip, latency=self.params.delay)
