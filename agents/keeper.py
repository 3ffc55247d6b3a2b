"""A liquidation keeper: sees who is in breach, bids for the right to close them, and has only so much capital.

A keeper fronts the margin of what it closes and is repaid from where the account's collateral lies: at once for what
lies at home, after the bridge for what lies on another chain.  Until then that capital is locked.  Keepers race: a
transaction that comes after another's finds nothing to do and has paid its gas.
"""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abm.chains.chain import Inclusion
from abm.protocol.block import keeper_liquidates
from agents.resident import Params, Resident

__all__ = ["Keeper", "KeeperParams"]

Positive = Annotated[float, Field(gt=0)]


class KeeperParams(Params):
    """Keys of a keeper."""

    protocol: str
    capital: Positive = Field(description="USD on the protocol's chain")
    latency: Positive = Field(1.0, description="seconds from seeing to the transaction's arrival")
    tip: Positive = Field(2e-9, description="USD per gas over the base fee when the race is slow")
    aggression: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="part of the expected reward that is bid as tip at most"
    )
    settle: Positive = Field(
        30.0, description="seconds for which fronted capital is locked when all collateral lies at home"
    )
    bundle: Annotated[int, Field(ge=1)] = Field(20, description="liquidations in one transaction")
    patience: Positive = Field(12.0, description="seconds before it bids again for an account that is still in breach")
    minimum: Annotated[float, Field(ge=0)] = Field(1.0, description="least reward over gas that it works for, USD")


class Keeper(Resident):
    """Bids for liquidations on one protocol."""

    kind: ClassVar[str] = "keeper"
    Params: ClassVar[type[Params]] = KeeperParams

    def settle(self) -> None:
        """Take up the capital."""
        self.target = self.protocol(self.params.protocol)
        self.endow(self.target.spec.settlement, self.target.chain, self.params.capital)
        self.locks: list[tuple[float, float]] = []
        self._sent: dict[int, float] = {}

    def available(self) -> float:
        """Capital that is neither locked nor spent, USD."""
        now = self.world.now
        self.locks = [lock for lock in self.locks if lock[0] > now]
        return self.holds(self.target.spec.settlement, self.target.chain) - sum(a for _, a in self.locks)

    def act(self) -> None:
        """Look at who is in breach, pick what pays and what the capital can front, and bid."""
        if not len(self.target.liquidatable):
            return
        ids, front, reward = self._offers()
        if not len(ids):
            return
        chosen = np.cumsum(front) <= self.available()
        ids, reward = ids[chosen], reward[chosen]
        for first in range(0, len(ids), self.params.bundle):
            self._bid(ids[first : first + self.params.bundle], reward[first : first + self.params.bundle])

    def _offers(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Accounts worth liquidating, the capital each needs and its expected reward, best first."""
        p, rule = self.target, self.target.spec.liquidation
        rows = p.liquidatable
        patience = self.world.now - self.params.patience
        self._sent = {account: sent for account, sent in self._sent.items() if sent > patience}
        if self._sent:
            rows = rows[~np.isin(p.ledger.id[rows], np.fromiter(self._sent, np.int64))]
        view = p.engine.assess(p.ledger, p.terms, rows)
        part = p.engine.requirement(p.ledger, p.terms, rows).max(axis=1, initial=0.0)
        share = np.divide(part, view.mm, out=np.ones(len(rows)), where=view.mm > 0)
        notional = np.where(view.mm > 0, view.notional * share, np.maximum(-p.ledger.quote[rows], 0.0))
        reward = np.minimum(rule.penalty * notional, np.maximum(view.equity, 0.0)) * rule.keeper_share
        gas = rule.gas * (self.world.chains[p.chain].base_fee + self.params.tip)
        pays = reward - gas > self.params.minimum
        front = np.where(view.mm > 0, view.im * share, notional)
        order = np.lexsort((p.ledger.id[rows], -reward))
        order = order[pays[order]]
        return p.ledger.id[rows][order], front[order], reward[order]

    def _bid(self, ids: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        """Send one bundle; the tip grows with the reward at stake."""
        rule = self.target.spec.liquidation
        tip = max(self.params.tip, self.params.aggression * float(np.mean(reward)) / rule.gas)
        for account in ids:
            self._sent[int(account)] = self.world.now

        def run(inclusion: Inclusion) -> None:
            self._liquidate(ids[inclusion.first : inclusion.last])

        self.send(
            self.target.chain, "liquidate", run, units=len(ids), tip=tip, gas=rule.gas, latency=self.params.latency
        )  # fmt: skip

    def _liquidate(self, ids: NDArray[np.int64]) -> None:
        """What its bundle does in the block: front the margin, close, lock what was fronted."""
        p = self.target
        rows = p.ledger.rows(ids)
        view = p.engine.assess(p.ledger, p.terms, rows)
        front = np.where(view.mm > 0, view.im, np.maximum(-p.ledger.quote[rows], 0.0))
        fits = np.cumsum(front) <= self.available()
        remote = self._remote_part(rows)
        served, _ = keeper_liquidates(p, ids[fits], self.name, self.holder)
        done = np.isin(ids, served)
        wait = self._bridge_wait()
        now = self.world.now
        home = float(np.sum(front[done] * (1.0 - remote[done])))
        away = float(np.sum(front[done] * remote[done]))
        self.locks += [(now + self.params.settle, home), (now + self.params.settle + wait, away)]

    def _remote_part(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Part of each account's collateral that lies on other chains."""
        p = self.target
        coins = p.ledger.coins[rows] * p.terms.coin_price
        away = np.array([b is not None for b in p.remote.bridge], dtype=np.bool_)
        remote = coins[:, away].sum(axis=1)
        total = np.maximum(p.ledger.quote[rows], 0.0) + coins.sum(axis=1)
        return np.asarray(np.divide(remote, total, out=np.zeros(len(rows)), where=total > 0))

    def _bridge_wait(self) -> float:
        """Seconds that coins take home over the slowest of the protocol's bridges."""
        return max((age - self.target.spec.message_interval for age in self.target.remote.usual_age), default=0.0)
