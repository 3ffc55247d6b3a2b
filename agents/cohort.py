"""A cohort: a crowd of ordinary accounts on the columns of a protocol's ledger.

Each account acts at the points of a Poisson process (thinning: candidates come at the largest total rate, and a draw
keyed by the account and its own count says which of its current hazards strikes, or none): it trades, deleverages
of its own will the more the deeper its drawdown, stops out a losing position, or tops up out of its idle wallet.
Draws are made only for those whose candidate is due.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import mesa
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError, nearest
from abm.identity import owner_ids
from abm.keys import Fraction, NonNegative, Positive
from abm.model import CrossMarginModel, Turn
from abm.protocol.protocol import Protocol
from abm.spec import AgentSpec
from abm.timetable import on_grid
from agents.portfolios import PortfolioParams, draw_portfolios, open_portfolios
from agents.resident import Params, read_params

__all__ = ["Cohort", "CohortParams", "Crowd"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86400.0


class CrowdParams(Params):
    """How ordinary accounts behave; rates are a day."""

    protocol: str = Field(description="the protocol")
    trades: NonNegative = Field(2.0, description="changes of a position a day")
    deleverage: NonNegative = Field(
        6.0, description="voluntary reductions a day at a drawdown of one (rate grows with it)"
    )
    reduce: Fraction = Field(0.5, description="part of a position that a voluntary reduction closes")
    stop: Positive = Field(0.3, description="loss over deposits at which stops trigger")
    stop_share: Fraction = Field(0.2, description="share of accounts that keep stops")
    stop_rate: NonNegative = Field(200.0, description="executions of a triggered stop a day")
    top_ups: NonNegative = Field(50.0, description="top-ups a day of an account whose health is below the level")
    top_up_below: Positive = Field(1.6, description="margin equity over maintenance that worries")
    top_up_part: Fraction = Field(0.5, description="part of the idle wallet that a top-up uses")
    tip: NonNegative = Field(0.5e-9, description="USD per gas over the base fee")
    gas: Positive = Field(2000.0, description="gas of one action (app-chain orders are cheap)")
    latency: NonNegative = Field(1.0, description="seconds until a transaction reaches its chain")
    wallet_chain: str = Field("", description="where the idle wallet lies; empty: the protocol's own chain")


class CohortParams(CrowdParams, PortfolioParams):
    """Keys of a cohort: its portfolios and its behaviour."""


class Crowd(mesa.Agent):  # type: ignore[misc]
    """The behaviour of ordinary accounts; `open_accounts` says where they come from."""

    kind: ClassVar[str]
    Params: ClassVar[type[CrowdParams]]

    def __init__(self, model: CrossMarginModel, spec: AgentSpec, name: str) -> None:
        super().__init__(model)
        self.name, self.world, self.jitter = name, model.world, spec.jitter
        self.params: Any = read_params(self.Params, spec)
        self.owner = int(owner_ids(name)[0])
        self.actions = 0
        if self.params.protocol not in self.world.protocols:
            raise ScenarioError(
                f"agents.{name}.params.protocol",
                f"unknown protocol '{self.params.protocol}'",
                nearest(self.params.protocol, self.world.protocols),
            )
        self.target: Protocol = self.world.protocols[self.params.protocol]
        self._check_wallet()
        self.ids: Ints = self.open_accounts(model)
        self._holders = np.unique(self.target.ledger.holder[self.target.ledger.rows(self.ids)])
        model.inhabitants.append(self)
        p = self.params
        self._most = p.trades + p.deleverage + p.stop_rate + p.top_ups
        self._count = np.zeros(len(self.ids), np.int64)
        self._due = np.full(len(self.ids), np.inf)
        if self._most > 0.0:
            self._due = model.start + self._wait(np.arange(len(self.ids)))
            self._turns = model.schedule_recurring(
                self._turn, on_grid(model.start + spec.cadence, spec.cadence), priority=Turn.AGENT
            )

    def _check_wallet(self) -> None:
        """The idle wallet lies where the protocol takes deposits out of it.

        Raises
        ------
        ScenarioError
            It does not.
        """
        p, here = self.target, self.params.wallet_chain or self.target.chain
        places = [p.chain, *(chain for asset, chain in p.collaterals if asset == p.spec.settlement)]
        if here not in places:
            raise ScenarioError(
                f"agents.{self.name}.params.wallet_chain",
                f"{p.name} takes no {p.spec.settlement} on '{here}'",
                nearest(here, places),
            )

    def open_accounts(self, model: CrossMarginModel) -> Ints:
        """Open the accounts; their ids."""
        raise TypeError("a crowd has accounts: use a Cohort or a Snapshot")

    def _wait(self, chosen: Ints) -> Floats:
        """Seconds to the next candidate of each."""
        draws = self.world.draws.exponential("candidate", self.ids[chosen], self._count[chosen])
        return np.asarray(draws * (DAY / self._most))

    # a turn

    def _turn(self) -> None:
        self.world.tape.enter("", 0, float(self.model.time))
        self.act()

    def act(self) -> None:
        """Let those whose candidates are due act, and send what they do as bundles; one candidate of each at a time."""
        chosen = np.flatnonzero(self._due <= self.world.now)
        while len(chosen):
            self._act(chosen)
            chosen = chosen[self._due[chosen] <= self.world.now]

    def _act(self, chosen: Ints) -> None:
        rows = self.target.ledger.rows(self.ids[chosen])
        hazards = self._hazards(rows)
        u = self.world.draws.uniform("which", self.ids[chosen], self._count[chosen]) * self._most
        edge = np.cumsum(hazards, axis=1)
        which = (u[:, None] >= edge).sum(axis=1)
        self._count[chosen] += 1
        self._due[chosen] += self._wait(chosen)
        holds = self.target.ledger.holds(rows)
        self._trade(chosen[(which == 0) & holds])
        self._reduce(chosen[(which == 1) & holds], self.params.reduce, "deleverage")
        self._reduce(chosen[(which == 2) & holds], 1.0, "stop")
        self._top_up(chosen[which == 3])

    def _hazards(self, rows: Ints) -> Floats:
        """float64[rows, 4], a day: trade, deleverage, stop, top up."""
        p, ledger = self.params, self.target.ledger
        view = self.target.engine.assess(ledger, self.target.terms, rows)
        put_in = np.maximum(ledger.deposited[rows], 1.0)
        drawdown = np.clip(1.0 - view.equity / put_in, 0.0, 1.0)
        keeps_stop = self.world.draws.uniform("keeps stop", ledger.owner[rows], 0) < p.stop_share
        worried = (view.mm > 0) & (view.margin_equity < p.top_up_below * view.mm)
        return np.stack(
            [
                np.full(len(rows), p.trades),
                p.deleverage * drawdown,
                np.where(keeps_stop & (drawdown > p.stop), p.stop_rate, 0.0),
                np.where(worried, p.top_ups, 0.0),
            ],
            axis=1,
        )

    def _position(self, chosen: Ints, purpose: str) -> tuple[Ints, Ints, Floats]:
        """Rows, and one of each account's positions drawn at random: market and size."""
        ledger = self.target.ledger
        rows = ledger.rows(self.ids[chosen])
        live = ledger.slot_market[rows] >= 0
        u = self.world.draws.uniform(purpose, self.ids[chosen], self._count[chosen])
        pick = np.minimum((u * live.sum(axis=1)).astype(np.int64), live.sum(axis=1) - 1)
        market = np.where(live, ledger.slot_market[rows].astype(np.int64), np.iinfo(np.int64).max)
        chosen_market = np.take_along_axis(np.sort(market, axis=1), pick[:, None], axis=1)[:, 0]
        held = ledger.slot_market[rows] == chosen_market[:, None]
        return rows, chosen_market, np.sum(np.where(held, ledger.slot_size[rows], 0.0), axis=1)

    def _trade(self, chosen: Ints) -> None:
        """Change one position by a lognormal factor, more or less at even odds."""
        if not len(chosen):
            return
        _, markets, sizes = self._position(chosen, "which position")
        z = self.world.draws.normal("resize", self.ids[chosen], self._count[chosen])
        self._orders(chosen, markets, sizes * np.clip(np.expm1(0.3 * z), -0.9, 1.0), "trade")

    def _reduce(self, chosen: Ints, part: float, why: str) -> None:
        """Close part of one position."""
        if not len(chosen):
            return
        _, markets, sizes = self._position(chosen, "which position")
        self._orders(chosen, markets, -part * sizes, why)

    def _orders(self, chosen: Ints, markets: Ints, sizes: Floats, why: str) -> None:
        """Send the orders as one bundle; each is executed in the block that includes it."""
        ids, p = self.ids[chosen], self.target

        def run(inclusion: Inclusion) -> None:
            part = slice(inclusion.first, inclusion.last)
            rows, size = p.ledger.rows(ids[part]), sizes[part]
            if why != "trade":
                held = p.ledger.size(rows, markets[part])
                size = np.where(held * size < 0, -np.sign(held) * np.minimum(np.abs(size), np.abs(held)), 0.0)
            filled = p.trade(rows, markets[part], size)
            self.actions += int(np.count_nonzero(filled))
            if why != "trade":
                notional = float(np.sum(np.abs(filled) * p.terms.price[markets[part]]))
                self.world.voluntary[self.name] = self.world.voluntary.get(self.name, 0.0) + notional

        self._send(p.chain, why, run, ids)

    def _top_up(self, chosen: Ints) -> None:
        """Deposit part of the idle wallet, on the chain where it lies."""
        if not len(chosen):
            return
        p, here = self.target, self.params.wallet_chain or self.target.chain
        settlement = p.spec.settlement
        collateral = -1 if here == p.chain else p.collaterals.index((settlement, here))
        token = self.world.treasury.token(settlement, here)
        ids = self.ids[chosen]

        def run(inclusion: Inclusion) -> None:
            rows = p.ledger.rows(ids[inclusion.first : inclusion.last])
            held = self.world.treasury.balance[p.ledger.holder[rows], token]
            amounts = self.params.top_up_part * np.maximum(held, 0.0)
            first = np.unique(p.ledger.holder[rows], return_index=True)[1]
            pays = np.zeros(len(rows), np.bool_)
            pays[first] = True
            pays &= amounts > 1.0
            if pays.any():
                self.actions += int(np.count_nonzero(p.deposit(rows[pays], amounts[pays], collateral)))

        self._send(here, "top_up", run, ids)

    def _send(self, chain: str, kind: str, run: Callable[[Inclusion], None], ids: Ints) -> None:
        """Send a bundle, one unit an account; what is included pays its gas first."""
        p = self.params

        def execute(inclusion: Inclusion) -> None:
            self._pay_gas(chain, ids[inclusion.first : inclusion.last], inclusion.fee)
            run(inclusion)

        self.world.submit(
            self.name, chain, kind, execute, units=len(ids), tip=p.tip, gas=p.gas, latency=p.latency,
            jitter=self.jitter,
        )  # fmt: skip

    def _pay_gas(self, chain: str, ids: Ints, fee: float) -> None:
        """Each owner pays for its accounts out of its idle wallet, where that lies, as far as it goes."""
        p, treasury = self.target, self.world.treasury
        token = treasury.token(p.spec.settlement, self.params.wallet_chain or p.chain)
        holders, accounts = np.unique(p.ledger.holder[p.ledger.rows(ids)], return_counts=True)
        paid = np.minimum(fee / len(ids) * accounts, np.maximum(treasury.balance[holders, token], 0.0))
        treasury.collect(holders, treasury.holder(f"fees:{chain}"), token, paid)

    # what is looked at

    def wealth(self) -> float:
        """Equity of all accounts and the idle wallets of their owners, USD."""
        p = self.target
        rows = p.ledger.rows(self.ids)
        equity = float(np.sum(p.engine.assess(p.ledger, p.terms, rows).equity))
        return equity + float(np.sum(self.world.treasury.balance[self._holders] @ self.world.prices_by_token()))

    def received(self) -> float:
        """Nothing comes from outside after the opening."""
        return 0.0


class Cohort(Crowd):
    """A crowd whose portfolios are drawn."""

    kind: ClassVar[str] = "cohort"
    Params: ClassVar[type[CrowdParams]] = CohortParams

    def open_accounts(self, model: CrossMarginModel) -> Ints:
        """Draw the portfolios and open them at the opening's prices.

        Raises
        ------
        ScenarioError
            Its keys name a coin, a market or a cohort that is not there.
        """
        self._check_names()
        p, world = self.target, self.world
        owners = owner_ids(self.params.twin or self.name, self.params.accounts)
        volatility = world.books.usual[p.books]
        portfolio = draw_portfolios(self.params, p, owners, world.draws, volatility)
        return open_portfolios(p, portfolio, self.params, owners, world.cohort(self.name))

    def _check_names(self) -> None:
        p = self.target
        for share in self.params.coins:
            coin = (share.asset, share.chain or p.chain)
            if coin not in p.collaterals:
                names = ", ".join(f"{a}@{c}" for a, c in p.collaterals)
                raise ScenarioError(
                    f"agents.{self.name}.params.coins",
                    f"{p.name} takes no {'@'.join(coin)}",
                    f"allowed: {names}" if names else "remove it",
                )
        cohorts = [a.name for a in self.world.scenario.agents if a.kind == self.kind and a.name != self.name]
        wanted = [("markets", market, p.assets) for market in self.params.markets]
        wanted += [("twin", self.params.twin, tuple(cohorts))] if self.params.twin else []
        for key, word, words in wanted:
            if word not in words:
                raise ScenarioError(f"agents.{self.name}.params.{key}", f"unknown name '{word}'", nearest(word, words))
