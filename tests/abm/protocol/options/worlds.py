"""The small world with portfolio margin and options on BTC: 50,000 USD at the opening, one expiry after three hours.

Impact and spreads of books are off unless a test wants them, so that everything can be worked out on paper.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abm.identity import account_id, owner_ids
from abm.ledger import CROSS
from abm.model import CrossMarginModel
from abm.protocol.options.board import Board
from abm.protocol.options.settlement import tick_options
from abm.protocol.options.trading import board_of
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import open_account
from abm.scenario import Scenario
from agents.population import populate
from tests.abm.protocol.bench import FREE
from tests.agents.worlds import description

HOUR = 3600.0
EXPIRY = 3 * HOUR
STRIKES = (-0.1, -0.02, 0.0, 0.02, 0.1)
"""45,000, 49,000, 50,000, 51,000, 55,000 USD; series 0 and 1 are call and put of the first, and so on."""


def option_table(**keys: Any) -> dict[str, Any]:
    """A table of options on BTC with one expiry."""
    return {
        "asset": "BTC", "step": 500.0, "strikes": STRIKES, "expiries": [EXPIRY], "daily": 0, "weekly": 0, "monthly": 0,
    } | keys  # fmt: skip


def options_scenario(
    agents: Sequence[Mapping[str, Any]] = (), change: Mapping[str, Any] | None = None, *, free: bool = True,
    options: Sequence[Mapping[str, Any]] = ({},), **replace: Any,
) -> Scenario:  # fmt: skip
    """The scenario; `options` are keys of the tables, `free` turns impact and spreads off."""
    data = description() | {"agents": [dict(a) for a in agents]} | replace
    protocol = data["protocols"][0]
    protocol |= {
        "preset": "derive_pmrm", "markets": [{"asset": "BTC"}, {"asset": "ETH"}], "collateral": [],
        "options": [option_table(**o) for o in options],
    }  # fmt: skip
    changes = (FREE if free else {}) | dict(change or {})
    return Scenario.from_dict(data).override(changes)


def options_model(*args: Any, **keys: Any) -> CrossMarginModel:
    """The world, peopled and not yet run."""
    return populate(CrossMarginModel(options_scenario(*args, **keys)))


class Desk:
    """The world in the hands of a test: accounts opened by hand, prices and time set by hand."""

    def __init__(self, *args: Any, **keys: Any) -> None:
        self.model = options_model(*args, **keys)
        self.world = self.model.world
        self.protocol: Protocol = self.world.protocols["harbor"]
        self.board: Board = board_of(self.protocol)
        self.height = 0

    def account(self, name: str, deposit: float) -> int:
        """Open a sub-account; its row."""
        p, owner = self.protocol, int(owner_ids(name)[0])
        holder = int(self.world.treasury.add_owners(np.array([owner]))[0])
        row = open_account(p, owner, account_id(owner, 0), mode=CROSS, cohort=self.world.cohort(name))
        self.world.treasury.inject(holder, p.cash_token, deposit)
        p.deposit(np.array([row]), np.array([deposit]))
        return row

    def move(self, seconds: float = 1.0, btc: float | None = None) -> None:
        """Let time pass to a price tick, and enter the block of that time."""
        now, books = self.world.now + seconds, self.world.books
        row = self.world.path.values[0].copy()
        for i, book in enumerate(books.names):
            price = btc if book.asset == "BTC" and btc is not None else float(books.exogenous[i])
            row[books.columns[i]] = price
        self.height += 1
        books.tick(now, row)
        self.world.tape.enter("alpha", self.height, now)
        books.open_block(books.of_chain("alpha"), now)
        self.world.feeds["feed"].open(now, books.last)
        self.protocol.marks.compute()
        tick_options(self.protocol, now)
        self.protocol.refresh(now)
        self.protocol.snapshot(now)

    def audit(self) -> None:
        """Money, positions and options add up."""
        worst = {what: e for what, e in self.world.audit().items() if not abs(e) <= 1e-9}
        assert not worst

    def equity(self, *rows: int) -> np.ndarray:
        """USD."""
        p = self.protocol
        return p.engine.assess(p.ledger, p.terms, np.array(rows)).equity

    def spare(self, row: int) -> float:
        """Margin equity less initial margin, USD."""
        p = self.protocol
        view = p.engine.assess(p.ledger, p.terms, np.array([row]))
        return float(view.margin_equity[0] - view.im[0])
