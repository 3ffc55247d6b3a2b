"""The base of every strategic agent: a name, a wallet, accounts on protocols, a turn on its own cadence.

One turn falls into each cadence, at a moment drawn for it: a fixed phase would let one of several that wait for the
same block win every race.

A kind of agent is one class in one file: its `Params` are the keys of `[agents.params]` in a scenario, its `act` is
what it does on its turn.  Everything it does reaches the world as a transaction, after a latency.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import mesa
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError, nearest
from abm.forms import explain
from abm.identity import account_id, owner_ids
from abm.ledger import CROSS, ISOLATED
from abm.model import CrossMarginModel, Turn
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import open_account, stand
from abm.spec import AgentSpec
from abm.tape import Cause
from abm.timetable import at_times

__all__ = ["Params", "Resident", "read_params"]

ROUNDING = 1e-9
"""Part of a position below which nothing is missing from it."""


class Params(BaseModel):
    """Base of a kind's own keys: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_params[P: BaseModel](form: type[P], spec: AgentSpec) -> P:
    """The keys of an agent, checked.

    Raises
    ------
    ScenarioError
        An unknown key, or a value that the kind does not take.
    """
    try:
        return form.model_validate(spec.params)
    except ValidationError as error:
        raise explain(form, error, f"agents.{spec.name}.params", ScenarioError, join=".") from error


class Resident(mesa.Agent):  # type: ignore[misc]
    """A strategic agent.

    Attributes
    ----------
    name, kind, params, jitter
        Who it is; what its keys say; mean seconds by which its transactions are late.
    owner, holder
        Its id, and its row in the treasury.
    accounts
        Its sub-accounts: protocol and account id.
    actions
        Transactions of its own that were executed.
    """

    kind: ClassVar[str]
    Params: ClassVar[type[Params]]

    def __init__(self, model: CrossMarginModel, spec: AgentSpec, name: str) -> None:
        super().__init__(model)
        self.name, self.jitter = name, spec.jitter
        self.world = model.world
        self.params: Any = read_params(self.Params, spec)
        self.owner = int(owner_ids(name)[0])
        self.holder = int(self.world.treasury.add_owners(np.array([self.owner]))[0])
        self.accounts: list[tuple[Protocol, int]] = []
        self.actions = 0
        self._received = 0.0
        model.inhabitants.append(self)
        self.settle()

        def moment(turn: int) -> float:
            return model.start + spec.cadence * (turn + float(self.world.draws.uniform("turn", name, turn)))

        self._turns = model.schedule_recurring(self._turn, at_times(moment), priority=Turn.AGENT)

    def settle(self) -> None:
        """Take up capital and accounts before the clock starts."""

    def _turn(self) -> None:
        self.world.tape.enter("", 0, float(self.model.time))
        self.act()

    @abstractmethod
    def act(self) -> None:
        """One turn, at `world.now`."""

    def remove(self) -> None:
        """Leave the world, and the clock."""
        self._turns.stop()
        super().remove()

    # means

    def endow(self, asset: str, place: str, amount: float) -> None:
        """Capital that comes with the agent, into its wallet."""
        self.world.treasury.inject(self.holder, self.world.treasury.token(asset, place), amount)

    def holds(self, asset: str, place: str) -> float:
        """Coins of its wallet at a place."""
        return float(self.world.treasury.balance[self.holder, self.world.treasury.token(asset, place)])

    def protocol(self, name: str) -> Protocol:
        """A protocol by name.

        Raises
        ------
        ScenarioError
            There is none of that name.
        """
        found = self.world.protocols.get(name)
        if found is None:
            raise ScenarioError(
                f"agents.{self.name}.params.protocol", f"unknown protocol '{name}'", nearest(name, self.world.protocols)
            )
        return found

    def open(self, protocol: Protocol, deposit: float, *, mode: int = CROSS) -> int:
        """Open a sub-account with a deposit out of capital that comes with the agent; its id."""
        account = account_id(self.owner, len(self.accounts))
        row = open_account(protocol, self.owner, account, mode=mode, cohort=self.world.cohort(self.name))
        self.endow(protocol.spec.settlement, protocol.chain, deposit)
        protocol.deposit(np.array([row]), np.array([deposit]))
        self.accounts.append((protocol, account))
        return account

    def open_ordinary(self, protocol: Protocol, deposit: float) -> int:
        """Open a sub-account that holds positions as the protocol's ordinary accounts do; its id."""
        return self.open(protocol, deposit, mode=ISOLATED if protocol.spec.mode == "isolated" else CROSS)

    def hold(self, protocol: Protocol, account: int, market: int, size: float) -> None:
        """Open a position before the clock starts, against the street at today's price.

        Raises
        ------
        ScenarioError
            The deposit does not meet its initial margin.
        """
        row, at = np.array([protocol.ledger.row(account)]), np.array([market])
        price = float(protocol.terms.price[market])
        if not protocol.admits(row, at, np.array([size]))[0]:
            raise ScenarioError(
                f"agents.{self.name}.params",
                f"{abs(size) * price:.0f} USD of {protocol.markets[market]} need more initial margin than the deposit",
                "lower the leverage or the size",
            )
        stand(protocol, row, at, np.array([size]), np.array([price]))

    # what it sees

    def equity(self, protocol: Protocol, account: int) -> float:
        """Equity of one of its accounts, USD."""
        row = np.array([protocol.ledger.row(account)])
        return float(protocol.engine.assess(protocol.ledger, protocol.terms, row).equity[0])

    def size(self, protocol: Protocol, account: int, market: int) -> float:
        """Its position in a market, signed coins."""
        return protocol.ledger.held(protocol.ledger.row(account), market)

    def market(self, protocol: Protocol, asset: str) -> int:
        """A market of a protocol by asset.

        Raises
        ------
        ScenarioError
            The protocol has no such market.
        """
        if asset not in protocol.assets:
            raise ScenarioError(
                f"agents.{self.name}.params",
                f"{protocol.name} has no market of '{asset}'",
                nearest(asset, protocol.assets),
            )
        return protocol.assets.index(asset)

    def spot_book(self, venue: str, asset: str) -> int:
        """The spot book of a coin on a venue, other than the coin that all are paid in.

        Raises
        ------
        ScenarioError
            There is no such venue, or it does not trade the coin.
        """
        named = enumerate(self.world.books.names)
        books = {f"{b.venue} {b.asset}": i for i, b in named if b.kind != "perp" and b.asset != self.world.settlement}
        found = books.get(f"{venue} {asset}")
        if found is None:
            raise ScenarioError(
                f"agents.{self.name}.params.venue",
                f"no spot market '{venue} {asset}'",
                nearest(f"{venue} {asset}", books),
            )
        return found

    # what it does

    def send(
        self,
        chain: str,
        kind: str,
        run: Callable[[Inclusion], None],
        *,
        units: int = 1,
        tip: float = 1e-9,
        gas: float = 150_000.0,
        latency: float = 0.5,
    ) -> None:
        """Send a transaction; when it is included the fee is paid out of the wallet, and without the fee it fails."""
        cash = (
            None
            if chain not in {c.name for c in self.world.scenario.chains}
            else self.world.treasury.token(self.world.settlement, chain)
        )

        def execute(inclusion: Inclusion) -> None:
            if cash is not None and not self._pay(cash, chain, inclusion.fee):
                return
            self.actions += 1
            run(inclusion)

        self.world.submit(
            self.name, chain, kind, execute, units=units, tip=tip, gas=gas, latency=latency, jitter=self.jitter
        )

    def _pay(self, token: int, chain: str, fee: float) -> bool:
        treasury = self.world.treasury
        if treasury.balance[self.holder, token] < fee:
            return False
        treasury.move(self.holder, treasury.holder(f"fees:{chain}"), token, fee)
        return True

    def order(
        self, protocol: Protocol, account: int, market: int, size: float, *, tip: float = 1e-9, latency: float = 0.5
    ) -> None:
        """Send an order for a perpetual: signed coins at the price of its block, if the initial margin allows."""

        def trade(_: Inclusion) -> None:
            row = np.array([protocol.ledger.row(account)])
            protocol.trade(row, np.array([market]), np.array([size]))

        self.send(protocol.chain, "order", trade, tip=tip, latency=latency)

    def aim(
        self, protocol: Protocol, account: int, market: int, target: float, *, tip: float = 1e-9, latency: float = 0.5,
        slippage: float = 1.0, cause: Cause = "trades",
    ) -> None:  # fmt: skip
        """Send an order for what is missing, in the block that includes it, from a target: signed coins.

        It is filled whole, in part or not at all (1, 1/2, 1/4, 1/8, 0) so that its price is within the slippage, as a
        fraction, of the last price at sending.
        """
        book = int(protocol.books[market])
        seen = float(self.world.books.last[book])

        def trade(_: Inclusion) -> None:
            held = self.size(protocol, account, market)
            missing = target - held
            if abs(missing) <= ROUNDING * max(abs(target), abs(held)):
                return
            size = self._within(book, missing, seen, slippage)
            if size != 0.0:
                row = np.array([protocol.ledger.row(account)])
                protocol.trade(row, np.array([market]), np.array([size]), cause=cause)

        self.send(protocol.chain, "order", trade, tip=tip, latency=latency)

    def _within(self, book: int, size: float, seen: float, slippage: float) -> float:
        """The part of an order that the book fills at a price within the slippage of what was seen."""
        sign = 1.0 if size > 0.0 else -1.0
        for part in (1.0, 0.5, 0.25, 0.125):
            price = self.world.books.quote(book, part * size, self.world.now)
            if sign * (price / seen - 1.0) <= slippage:
                return part * size
        return 0.0

    def top_up(self, protocol: Protocol, account: int, amount: float, *, latency: float = 0.5) -> None:
        """Send a deposit from the wallet on the protocol's chain."""

        def pay(_: Inclusion) -> None:
            paid = min(amount, self.holds(protocol.spec.settlement, protocol.chain))
            if paid > 0.0:
                protocol.deposit(np.array([protocol.ledger.row(account)]), np.array([paid]))

        self.send(protocol.chain, "deposit", pay, latency=latency)

    def withdraw(self, protocol: Protocol, account: int, amount: float, *, latency: float = 0.5) -> None:
        """Send a withdrawal into the wallet on the protocol's chain: as much as the initial margin leaves free then; what
        the protocol has no cash for waits in its queue."""

        def take(_: Inclusion) -> None:
            protocol.withdraw(protocol.ledger.row(account), amount)

        self.send(protocol.chain, "withdraw", take, latency=latency)

    # what is looked at

    def wealth(self) -> float:
        """Wallets at spot prices, coins between exchanges and chains, and equity of its accounts, USD.

        The debt of an account is the protocol's loss: nobody makes it good.
        """
        coins = self.world.treasury.balance[self.holder].copy()
        for _, holder, _, token, _, amount in self.world.transfers:
            coins[token] += amount if holder == self.holder else 0.0
        wallets = float(coins @ self.world.prices_by_token())
        return wallets + sum(max(self.equity(p, a), 0.0) for p, a in self.accounts)

    def received(self) -> float:
        """What came from outside since the opening, USD."""
        return self._received
