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
from abm.keys import NonNegative, Positive
from abm.protocol.block import close_for_keeper, in_breach
from abm.protocol.liquidation import stakes
from agents.resident import Params, Resident

__all__ = ["Keeper", "KeeperParams"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class KeeperParams(Params):
    """Keys of a keeper."""

    protocol: str = Field(description="the protocol")
    capital: Positive = Field(description="USD on the protocol's chain")
    latency: Positive = Field(1.0, description="seconds from seeing to the transaction's arrival")
    tip: Positive = Field(2e-9, description="USD per gas over the base fee when the race is slow")
    aggression: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="part of the expected reward that is bid as tip: whoever loses the race pays it too"
    )
    settle: Positive = Field(
        30.0, description="seconds for which fronted capital is locked when all collateral lies at home"
    )
    bundle: Annotated[int, Field(ge=1)] = Field(20, description="liquidations in one transaction")
    patience: Positive = Field(12.0, description="seconds before it bids again for an account that is still in breach")
    minimum: NonNegative = Field(1.0, description="least reward over gas that it works for, USD")


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
        chosen = self._affordable(front)
        ids, reward = ids[chosen], reward[chosen]
        for first in range(0, len(ids), self.params.bundle):
            self._bid(ids[first : first + self.params.bundle], reward[first : first + self.params.bundle])

    def _offers(self) -> tuple[Ints, Floats, Floats]:
        """Accounts worth liquidating, the capital each needs and its expected reward, best first."""
        p, rule, at_stake = self.target, self.target.spec.liquidation, self.target.stakes
        ids = p.ledger.id[p.liquidatable]
        reward = np.minimum(rule.penalty * at_stake.notional, np.maximum(at_stake.equity, 0.0)) * rule.keeper_share
        gas = rule.gas * (self.world.chains[p.chain].base_fee + self.params.tip)
        new = np.flatnonzero((reward - gas > self.params.minimum) & ~self._waits_for(ids))
        order = new[np.lexsort((ids[new], -reward[new]))]
        return ids[order], at_stake.margin[order], reward[order]

    def _waits_for(self, ids: Ints) -> NDArray[np.bool_]:
        """bool[ids]: accounts that it has bid for within its patience."""
        late = self.world.now - self.params.patience
        while self._sent and next(iter(self._sent.values())) <= late:
            del self._sent[next(iter(self._sent))]
        if not self._sent:
            return np.zeros(len(ids), np.bool_)
        sent = np.sort(np.fromiter(self._sent, np.int64, len(self._sent)))
        return np.asarray(sent[np.minimum(np.searchsorted(sent, ids), len(sent) - 1)] == ids)

    def _affordable(self, front: Floats) -> NDArray[np.bool_]:
        """Which of the accounts, best first, its capital can front together; what is too large alone is passed over."""
        capital = self.available()
        alone = front <= capital
        return np.asarray(alone & (np.cumsum(np.where(alone, front, 0.0)) <= capital))

    def _bid(self, ids: Ints, reward: Floats) -> None:
        """Send one bundle; the tip grows with the reward at stake."""
        rule = self.target.spec.liquidation
        tip = max(self.params.tip, self.params.aggression * float(np.mean(reward)) / rule.gas)
        for account in ids.tolist():
            self._sent.pop(account, None)  # to the end: the oldest bid stands first
            self._sent[account] = self.world.now

        def run(inclusion: Inclusion) -> None:
            self._liquidate(ids[inclusion.first : inclusion.last])

        self.send(
            self.target.chain, "liquidate", run, units=len(ids), tip=tip, gas=rule.gas, latency=self.params.latency
        )  # fmt: skip

    def _liquidate(self, ids: Ints) -> None:
        """What its bundle does in the block: front the margin, close, lock what was fronted."""
        p = self.target
        rows = in_breach(p, ids)
        if not len(rows):
            return
        at_stake = stakes(p, rows, p.engine.assess(p.ledger, p.terms, rows))
        front = at_stake.margin
        fits = self._affordable(front)
        if not fits.any():
            return
        away = front[fits] * self._remote_part(rows, at_stake.equity)[fits]
        close_for_keeper(p, rows[fits], self.name, self.holder)
        free = self.world.now + self.params.settle
        self.locks += [(free, float(np.sum(front[fits] - away))), (free + self._bridge_wait(), float(away.sum()))]

    def _remote_part(self, rows: Ints, equity: Floats) -> Floats:
        """Part of what each account is worth, debts apart, that lies on other chains."""
        p = self.target
        coins = p.ledger.coins[rows] * p.terms.coin_price
        away = np.array([b is not None for b in p.remote.bridge], dtype=np.bool_)
        remote = coins[:, away].sum(axis=1)
        total = np.maximum(equity - coins.sum(axis=1), 0.0) + coins.sum(axis=1)
        return np.asarray(np.divide(remote, total, out=np.zeros(len(rows)), where=total > 0))

    def _bridge_wait(self) -> float:
        """Seconds that coins take home over the slowest of the protocol's bridges."""
        return max((age - self.target.spec.message_interval for age in self.target.remote.usual_age), default=0.0)
