"""Governance of a protocol's risk: margins and haircuts follow volatility and depth, or a forecast, late and in steps.

The rules themselves are `abm.margin.thresholds` and `abm.margin.haircuts`.  A decision is a transaction with a timelock: it takes effect a stated delay after it was made, and margins that rise
then can liquidate without any price move.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from abm.chains.chain import Inclusion
from abm.keys import NonNegative, Positive
from abm.margin.haircuts import moving_haircut, sale_cost
from abm.margin.thresholds import (
    buffered,
    floored,
    forecast_scale,
    limited,
    move_quantile,
    quantile_factor,
    reactive_scale,
    stressed,
)
from agents.outlook import NOTHING, Learning, Outlook, read_history
from agents.resident import Params, Resident

__all__ = ["Governor", "GovernorParams"]

Floats = NDArray[np.float64]

GRACE = 30.0
"""Seconds after a decision's last chance of inclusion at which it counts as failed."""

Model = Literal["ewma", "ewma-fitted", "har", "har-level", "garch", "boosting"]

READ_BY = {
    "reactive": ("volatility", "depth", "haircut"),
    "forecast": (
        "model", "period", "close_out", "confidence", "tail", "refit", "history", "procyclicality", "stress", "sale",
    ),
}  # fmt: skip
"""Keys that one rule alone reads."""


class GovernorParams(Params):
    """Keys of a governor."""

    protocol: str = Field(description="the protocol")
    rule: Literal["reactive", "forecast"] = Field(
        "reactive", description="reactive: to today's volatility and depth; forecast: to a forecast of the move to come"
    )
    volatility: NonNegative = Field(
        0.25, description="reactive: rise of the margin scale per unit of excess volatility"
    )
    depth: NonNegative = Field(0.5, description="reactive: rise of the margin scale at a depth of nothing")
    floor: Positive = Field(1.0, description="least margin scale")
    ceiling: Positive = Field(3.0, description="largest margin scale")
    step: Positive = Field(0.25, description="largest change of a margin scale in one decision")
    tighten_band: NonNegative = Field(0.05, description="distance of the aim above the scale that it lets be")
    loosen_band: NonNegative = Field(0.25, description="distance of the aim below the scale that it lets be")
    haircut: NonNegative = Field(
        0.0, description="reactive: haircut added to a collateral per unit of its excess volatility; 0: haircuts stay"
    )
    haircut_ceiling: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="largest haircut that it sets")
    haircut_step: Positive = Field(
        0.05, description="largest change of a haircut in one decision; below half of it, it lets be"
    )
    model: Model = Field("ewma", description="forecast: the model")
    period: Positive = Field(60.0, description="forecast: seconds of a period, whose variance is forecast")
    close_out: Positive = Field(900.0, description="forecast: seconds over which a position is closed")
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = Field(
        0.99, description="forecast: probability with which a move over that time is covered"
    )
    tail: NonNegative = Field(
        4.0, description="forecast: degrees of freedom of the move's distribution, above 2; 0: normal"
    )
    refit: Annotated[int, Field(ge=1)] = Field(30, description="forecast: periods between refits")
    history: str = Field(
        "", description="forecast: a file of bars to learn from before the run; relative to the working directory"
    )
    procyclicality: Literal["none", "floor", "stress", "buffer"] = Field(
        "none", description="forecast: what keeps margins from rising when it hurts (docs/thresholds.md)"
    )
    stress: Annotated[float, Field(ge=1)] = Field(
        4.0, description="forecast: volatility of stressed observations over the usual one"
    )
    sale: NonNegative = Field(
        0.0, description="forecast: USD of a collateral whose sale its haircut must cover; 0: haircuts stay"
    )
    delay: NonNegative = Field(300.0, description="seconds between a decision and its effect (timelock)")
    wallet: NonNegative = Field(100.0, description="USD kept on the chain for fees")
    tip: NonNegative = Field(2e-8, description="USD per gas over the base fee")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor > self.ceiling:
            raise ValueError(f"floor {self.floor} exceeds ceiling {self.ceiling}")
        quantile_factor(self.confidence, self.tail)
        return self

    @model_validator(mode="after")
    def _read(self) -> Self:
        """No key is set that the rule does not read."""
        for rule in READ_BY.keys() - {self.rule}:
            for key in READ_BY[rule]:
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise ValueError(f'{key} is not read by rule "{self.rule}"; leave it out, or set rule = "{rule}"')
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
        self._spots = np.array(p.spot_books, np.int64)
        self._base = np.array([m.mmf for m in p.spec.markets])
        self._collected = np.full(len(p.books), np.inf)  # a buffer begins full
        self._outlook = self._learned() if self.params.rule == "forecast" else None

    def _learned(self) -> Outlook:
        """An outlook on its markets, then on the collateral that has a market of its own."""
        p, keys = self.target, self.params
        there = self._spots >= 0
        self._watched = np.concatenate([p.books, self._spots[there]])
        assets = [*p.assets, *(p.collaterals[h][0] for h in np.flatnonzero(there))]
        known = read_history(Path(keys.history), sorted(set(assets)), keys.period) if keys.history else {}
        self._factor = quantile_factor(keys.confidence, keys.tail)
        learning = Learning(keys.model, keys.period, math.ceil(keys.close_out / keys.period), keys.refit)
        usual = self.world.books.usual[self._watched] ** 2
        return Outlook(learning, usual, [known.get(asset, NOTHING) for asset in assets])

    def act(self) -> None:
        """Accept what has failed, then decide on margins and haircuts."""
        self._accept()
        if self._outlook is not None:
            self._outlook.look(self.world.now, self.world.books.last[self._watched])
        self._decide_margins()
        if self.params.haircut > 0.0 or self.params.sale > 0.0:
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
        """float64[M]: the margin scales that volatility and depth of today, or those to come, call for."""
        keys, p, state = self.params, self.target, self.world.books
        if self._outlook is not None:
            return forecast_scale(self._margins(self._outlook), self._base, keys.floor, keys.ceiling)
        missing = np.clip(
            1.0 - state.depth[p.books] / (state.calm_depth[p.books] + state.calm_makers[p.books]), 0.0, 1.0
        )
        return reactive_scale(
            self.excess_volatility(p.books), missing, volatility=keys.volatility, depth=keys.depth, floor=keys.floor,
            ceiling=keys.ceiling,
        )  # fmt: skip

    def _moves(self, variance: Floats) -> Floats:
        """float64: the covered move over the close-out time, by variance per second."""
        return move_quantile(variance, self.params.close_out, self._factor)

    def _margins(self, outlook: Outlook) -> Floats:
        """float64[M]: margin per unit of notional."""
        p, tool = self.target, self.params.procyclicality
        margin = self._moves(outlook.variance()[: len(p.books)])
        usual = self.world.books.usual[p.books]
        if tool == "floor":
            return floored(margin, self._moves(usual**2))
        if tool == "stress":
            return stressed(margin, self._moves((self.params.stress * usual) ** 2))
        if tool == "buffer":
            margin = self._collected = buffered(margin, self._collected)
        return margin

    # what it decides

    def _decide_margins(self) -> None:
        """Where the aim lies outside the band around the decided scale: a step towards it."""
        keys, before = self.params, self.scale
        self.scale = limited(before, self.called_for(), step=keys.step, above=keys.tighten_band, below=keys.loosen_band)
        for market in np.flatnonzero(self.scale != before):
            self._propose_margin(int(market), float(self.scale[market]))

    def _propose_margin(self, market: int, scale: float) -> None:
        p = self.target

        def enact() -> None:
            p.margin_scale[market] = scale
            self.world.tape.event("margin", p.name, -1, p.markets[market], "", scale)

        self._propose("margin", enact)

    def _decide_haircuts(self) -> None:
        """The same for the collateral that has a market of its own."""
        aim, half = self._haircuts(), 0.5 * self.params.haircut_step
        before = self.cut
        self.cut = limited(before, aim, step=self.params.haircut_step, above=half, below=half)
        for h in np.flatnonzero(self.cut != before):
            self._propose_haircut(int(h), float(self.cut[h]))

    def _haircuts(self) -> Floats:
        """float64[H]: the haircuts that are called for; those of the opening where there is no market, and at least."""
        keys, state, there = self.params, self.world.books, self._spots >= 0
        spots, least = self._spots[there], self._opening_cut[there]
        aim = self._opening_cut.copy()
        if self._outlook is None:
            most = np.maximum(keys.haircut_ceiling, least)
            aim[there] = np.minimum(least + keys.haircut * self.excess_volatility(spots), most)
            return aim
        moves = self._moves(self._outlook.variance()[len(self.target.books) :])
        cost = sale_cost(np.full(len(spots), keys.sale), state.depth[spots], state.coefficient[spots])
        aim[there] = moving_haircut(moves, cost, least, keys.haircut_ceiling)
        return aim

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
