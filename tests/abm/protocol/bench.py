"""A protocol on the bench: accounts opened by hand, prices set by hand, one block at a time.

Impact, spreads and fees are off unless a test wants them, so that everything can be worked out on paper: BTC at 50,000,
ETH at 2,000, both with an initial margin of 5 % and a maintenance margin of 3 %.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abm.identity import account_id, owner_ids
from abm.ledger import CROSS, MODES
from abm.model import CrossMarginModel
from abm.protocol.block import run_block
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import open_account
from abm.protocol.waterfall import socialise
from abm.world import World
from tests.agents.worlds import small_world

BTC, ETH = 0, 1
HOME, AWAY = 0, 1
"""Collateral of the small world: ETH at home with a haircut of 10 %, USDC on the other chain."""

FREE = {
    "venues.harbor-book.impact.enabled": False,
    "venues.bourse.impact.enabled": False,
    "venues.harbor-book.markets.*.spread": 0.0,
    "venues.bourse.markets.*.spread": 0.0,
}
"""Trades at the last price, whatever their size."""


class Bench:
    """A small world in the hands of a test."""

    def __init__(self, liquidation: Mapping[str, Any] | None = None, change: Mapping[str, Any] | None = None) -> None:
        rule = {f"protocols.harbor.liquidation.{key}": value for key, value in (liquidation or {}).items()}
        self.model: CrossMarginModel = small_world([], FREE | rule | dict(change or {}))
        self.world: World = self.model.world
        self.protocol: Protocol = self.world.protocols["harbor"]
        self.height = 0
        self.world.crossing.back(self.world.bridges["span"])

    # accounts

    def account(
        self, name: str, deposit: float = 0.0, *, number: int = 0, mode: int = CROSS, coins: Mapping[int, float] = {},
        held: Sequence[tuple[int, float]] = (),
    ) -> int:  # fmt: skip
        """Open a sub-account with settlement coins, collateral (coins by place in the list) and positions; its id."""
        p, owner = self.protocol, int(owner_ids(name)[0])
        holder = int(self.world.treasury.add_owners(np.array([owner]))[0])
        account = account_id(owner, number)
        row = np.array([open_account(p, owner, account, mode=mode, cohort=self.world.cohort(name))])
        self.give(holder, p.cash_token, deposit)
        p.deposit(row, np.array([deposit]))
        for collateral, amount in coins.items():
            self.give(p.holder, p.coin_tokens[collateral], amount)
            p.ledger.coins[row, collateral] += amount
        for market, size in held:
            self.hold(account, market, size)
        return account

    def give(self, holder: int, token: int, amount: float) -> None:
        """Coins from outside; what comes to the bridge's target has its lock."""
        self.world.treasury.inject(holder, token, amount)
        bridge = self.world.bridges["span"]
        if token == self.world.crossing.tokens(bridge)[1]:
            self.world.treasury.inject(self.world.crossing.vault(bridge), self.world.crossing.tokens(bridge)[0], amount)
            bridge.locked += amount
            bridge.minted += amount

    def hold(self, account: int, market: int, size: float, price: float | None = None) -> None:
        """Give an account a position against the street, at today's price."""
        p = self.protocol
        at = float(p.terms.price[market]) if price is None else price
        p.ledger.trade(
            np.array([self.row(account), p.street]), np.array([market, market]), np.array([size, -size]),
            np.array([at, at]), p.funding, self.world.now,
        )  # fmt: skip

    def against(self, loser: int, winner: int, market: int, size: float) -> None:
        """Give two accounts opposite positions, at today's price."""
        p = self.protocol
        price = float(p.terms.price[market])
        p.ledger.trade(
            np.array([self.row(loser), self.row(winner)]), np.array([market, market]), np.array([size, -size]),
            np.array([price, price]), p.funding, self.world.now,
        )  # fmt: skip

    # time

    def move(self, seconds: float = 1.0, **prices: float) -> None:
        """Let time pass, set coins' prices everywhere (the oracle knows at once), and enter the block of that time."""
        now = self.world.now + seconds
        books = self.world.books
        row = self.world.path.values[0].copy()
        for i, book in enumerate(books.names):
            row[books.columns[i]] = prices.get(book.asset, float(books.exogenous[i]))
        self.height += 1
        books.tick(now, row)
        self.world.tape.enter("alpha", self.height, now)
        books.open_block(books.of_chain("alpha"), now)
        self.world.feeds["feed"].open(now, books.last)
        self.protocol.refresh(now)

    def block(self, seconds: float = 1.0, **prices: float) -> None:
        """As `move`, and the protocol's block."""
        self.move(seconds, **prices)
        for bridge in self.world.bridges.values():
            self.world.crossing.deliver(bridge, self.world.now, "target")
        run_block(self.protocol, self.world.episodes)
        self.audit()

    def socialise(self) -> float:
        """Charge the bad debt."""
        return socialise(self.protocol)

    # looking

    def row(self, account: int) -> int:
        return self.protocol.ledger.row(account)

    def rows(self, *accounts: int) -> np.ndarray:
        return np.array([self.row(a) for a in accounts], np.int64)

    def equity(self, account: int) -> float:
        p = self.protocol
        return float(p.engine.assess(p.ledger, p.terms, self.rows(account)).equity[0])

    def free(self, account: int) -> float:
        p = self.protocol
        return float(p.engine.assess(p.ledger, p.terms, self.rows(account)).free_margin[0])

    def size(self, account: int, market: int = BTC) -> float:
        return float(self.protocol.ledger.size(self.rows(account), market)[0])

    def in_breach(self, account: int) -> bool:
        return bool(self.protocol.ledger.breach[self.row(account)] >= 0)

    def table(self, name: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table so far, of which some columns equal something."""
        rows = self.world.log.frame(name).to_dicts()
        return [r for r in rows if all(r[key] == value for key, value in equal.items())]

    def audit(self) -> None:
        """Money and positions add up."""
        worst = {what: e for what, e in self.world.audit().items() if not abs(e) <= 1e-9}
        assert not worst


def system_rows(bench: Bench) -> np.ndarray:
    """Rows of street and vault."""
    return np.flatnonzero(bench.protocol.ledger.mode == MODES.index("system"))
