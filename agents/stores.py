"""Where an agent's means lie, and how they are brought to where they are short: exchange, chain, bridge, account."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from abm.chains.bridge import Bridge
from abm.protocol.protocol import Protocol
from agents.legs import RESERVE, Account
from agents.resident import Resident

__all__ = ["Stores"]

WALLET = 0.1
"""Part of the capital at a protocol that stays in the wallet there, for fees and top-ups."""

Send = Callable[[str, str, Callable[[], None]], None]
"""Send a transaction: chain or exchange, kind, what it does."""


@dataclass(slots=True)
class Stores:
    """The places of one agent's wallet and its accounts, each with the share that should lie there.

    Parameters
    ----------
    owner
        The agent.
    below
        Part of its share below which a place is refilled.
    minimum
        Least transfer, USD.
    leverage
        Most notional over equity at a protocol.
    """

    owner: Resident
    below: float
    minimum: float
    leverage: float
    shares: dict[tuple[str, str], float] = field(default_factory=dict)
    """By asset and place: coins that should lie there."""
    accounts: dict[str, Account] = field(default_factory=dict)
    """By protocol: its account."""
    deposit: float = 0.0
    """USD that should be the equity of each account."""
    bridged: dict[tuple[str, str], float] = field(default_factory=dict)
    """By asset and place of arrival: coins on a bridge."""

    # at the opening

    def account(self, protocol: Protocol) -> Account:
        """The agent's account at a protocol, opened empty when it is new."""
        if protocol.name not in self.accounts:
            self.accounts[protocol.name] = Account(protocol, self.owner.open(protocol, 0.0), self.leverage)
        return self.accounts[protocol.name]

    def bring(self, asset: str, place: str, amount: float) -> None:
        """Capital that comes with the agent, and should stay there."""
        self.owner.endow(asset, place, amount)
        self.shares[asset, place] = self.shares.get((asset, place), 0.0) + amount

    def fund(self, share: float) -> None:
        """Capital behind each account."""
        self.deposit = share * (1.0 - WALLET)
        for account in self.accounts.values():
            settlement, chain = account.protocol.spec.settlement, account.protocol.chain
            self.bring(settlement, chain, share * WALLET)
            self.owner.endow(settlement, chain, self.deposit)
            account.protocol.deposit(np.array([account.row]), np.array([self.deposit]))

    # what there is

    def everywhere(self, asset: str) -> float:
        """Coins in all wallets and on their way."""
        treasury = self.owner.world.treasury
        total = 0.0
        for (name, place), held in zip(treasury.tokens, treasury.balance[self.owner.holder].tolist(), strict=True):
            if name == asset:
                total += held + self._coming(asset, place)
        return total

    def _coming(self, asset: str, place: str) -> float:
        """Coins on their way to a place."""
        world, sent = self.owner.world, 0.0
        if world.transfers:
            token = world.treasury.token(asset, place)
            sent = sum(a for _, holder, _, to, _, a in world.transfers if holder == self.owner.holder and to == token)
        return sent + self.bridged.get((asset, place), 0.0)

    def bridged_value(self) -> float:
        """Coins on bridges, USD."""
        return sum(amount * self.owner.world.price(asset) for (asset, _), amount in self.bridged.items())

    def free_equity(self) -> float:
        """Equity of the accounts that their positions do not tie up, USD."""
        return sum(max(account.free(), 0.0) / self.leverage for account in self.accounts.values())

    # bringing it back

    def refill(self, send: Send) -> None:
        """Top up or draw down the accounts, and refill one place of each asset out of another."""
        for account in self.accounts.values():
            self._level(account, send)
        for asset in sorted({asset for asset, _ in self.shares}):
            self._refill(asset, send)

    def _level(self, account: Account, send: Send) -> None:
        """Bring an account back to its share where it has gone as far below or above it as a place may."""
        protocol = account.protocol
        over = self.owner.equity(protocol, account.id) - self.deposit
        if abs(over) < max((1.0 - self.below) * self.deposit, self.minimum):
            return
        settlement, chain = protocol.spec.settlement, protocol.chain

        def level() -> None:
            row = account.row
            if over > 0.0:
                protocol.withdraw(row, over)
            else:
                paid = min(-over, max(self.owner.holds(settlement, chain) - RESERVE, 0.0))
                protocol.deposit(np.array([row]), np.array([paid]))

        send(chain, "level", level)

    def _refill(self, asset: str, send: Send) -> None:
        """The place that is shortest gets what it lacks out of the place that has most to spare."""
        over = {place: self._over(asset, place) for name, place in sorted(self.shares) if name == asset}
        short = [p for p in over if over[p] < -(1.0 - self.below) * self.shares[asset, p]]
        if not short:
            return
        target = min(short, key=lambda place: over[place])
        sources = [p for p in over if over[p] > 0.0 and self._way(asset, p, target) is not None]
        if not sources:
            return
        source = max(sources, key=lambda place: over[place])
        amount = min(over[source], -over[target])
        if amount * self.owner.world.price(asset) >= self.minimum:
            send(source, "transfer", lambda: self._carry(asset, source, target, amount))

    def _over(self, asset: str, place: str) -> float:
        """Coins at a place, or on their way there, beyond its share and what its accounts are short of."""
        lacks = sum(
            max(self.deposit - self.owner.equity(a.protocol, a.id), 0.0)
            for a in self.accounts.values()
            if (a.protocol.spec.settlement, a.protocol.chain) == (asset, place)
        )
        held = self.owner.holds(asset, place) + self._coming(asset, place)
        return held - self.shares[asset, place] - lacks

    def _way(self, asset: str, source: str, target: str) -> Bridge | str | None:
        """A bridge, the name of an exchange, or no way at all."""
        world = self.owner.world
        exchanges = {v.name for v in world.scenario.venues if not v.chain}
        if exchanges & {source, target}:
            return source if source in exchanges else target
        ends = (
            b for b in world.bridges.values() if b.spec.asset == asset and {b.spec.source, b.spec.target} == {source, target}
        )  # fmt: skip
        return next(ends, None)

    def _carry(self, asset: str, source: str, target: str, amount: float) -> None:
        """Send coins on their way; refused, they stay."""
        world = self.owner.world
        amount = min(amount, self.owner.holds(asset, source))
        way = self._way(asset, source, target)
        if not isinstance(way, Bridge):
            world.transfer(self.owner.holder, asset, source, target, amount)
        elif amount > 0.0:
            here = np.array([self.owner.holder])
            refused = world.crossing.send(
                way, here, here, np.array([amount]), to_target=way.spec.target == target,
                arrived=lambda: self._on_bridge(asset, target, -amount),
            )  # fmt: skip
            if not refused:
                self._on_bridge(asset, target, amount)

    def _on_bridge(self, asset: str, place: str, change: float) -> None:
        self.bridged[asset, place] = self.bridged.get((asset, place), 0.0) + change
