"""The other side of a trade: makers by what they quote, and the street for the rest.

The *street* is the part of the market that is not modelled; it meets its margin from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Counterparty"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Counterparty:
    """Quotes of the makers among the agents, by market, and the trades against them."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._quotes: dict[int, dict[int, float]] = {}
        self._sorted: dict[int, tuple[list[int], Floats]] = {}

    def quote(self, account: int, market: int, usd: float) -> None:
        """A maker's depth within one per cent, on one side, USD; replaces its earlier quote.  A locked account has none."""
        if account in self._protocol.locks:
            usd = 0.0
        quotes = self._quotes.setdefault(market, {})
        quotes[account] = usd
        accounts = sorted(quotes)
        self._sorted[market] = accounts, np.array([quotes[a] for a in accounts])
        total = sum(quotes[a] for a in accounts)
        self._protocol.tape.books.set_maker_depth(int(self._protocol.books[market]), total)

    def quotes(self, account: int) -> bool:
        """Whether an account quotes anywhere."""
        return any(quotes.get(account, 0.0) > 0.0 for quotes in self._quotes.values())

    def trade(self, rows: Ints, market: int, sizes: Floats, price: float, fee: float) -> tuple[Ints, Floats, Floats]:
        """Book the accounts' trades at a price, with a fee (fraction), and the opposite ones of makers and street: rows
        and sizes of those, and the fees, USD."""
        p = self._protocol
        accounts, quoted = self._sorted.get(market, ([], np.zeros(0)))
        makers = np.array([p.ledger.row(account) for account in accounts], np.int64)
        return p.ledger.fill(
            rows, sizes, market, price, fee, float(p.funding[market]), p.tape.time, makers=makers, quoted=quoted,
            depth=float(p.tape.books.depth[p.books[market]]), street=p.street,
        )  # fmt: skip

    def street_call(self) -> None:
        """The street puts up what its leverage asks for, from outside."""
        p = self._protocol
        view = p.engine.assess(p.ledger, p.terms, np.array([p.street]))
        missing = float(view.notional[0]) / p.spec.street_leverage - float(view.equity[0])
        if missing > 0.0:
            p.treasury.inject(p.holder, p.cash_token, missing)
            p.ledger.quote[p.street] += missing
            p.ledger.deposited[p.street] += missing
            p.tape.event("street_call", p.name, int(p.ledger.id[p.street]), "", p.spec.settlement, missing)
