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
        """A maker's depth within one per cent, on one side, USD; replaces its earlier quote."""
        quotes = self._quotes.setdefault(market, {})
        quotes[account] = usd
        accounts = sorted(quotes)
        self._sorted[market] = accounts, np.array([quotes[a] for a in accounts])
        total = sum(quotes[a] for a in accounts)
        self._protocol.tape.books.set_maker_depth(int(self._protocol.books[market]), total)

    def trade(self, rows: Ints, market: int, sizes: Floats, price: float) -> tuple[Ints, Floats]:
        """Book the accounts' trades at a price, and the opposite ones of makers and street: rows and sizes of those."""
        p = self._protocol
        others, shares = self._makers(market)
        net = float(np.sum(sizes))
        against = -net * shares
        others, against = others[against != 0.0], against[against != 0.0]
        others = np.append(others, p.street)
        against = np.append(against, -net - float(np.sum(against)))
        all_rows = np.concatenate([rows, others]).astype(np.int64)
        all_sizes = np.concatenate([sizes, against])
        n = len(all_rows)
        p.ledger.trade(
            all_rows, np.full(n, market), all_sizes, np.full(n, price), p.funding, p.tape.time
        )  # fmt: skip
        return others, against

    def _makers(self, market: int) -> tuple[Ints, Floats]:
        """Rows of the makers that quote and are not in breach, and the share of the volume that each takes."""
        p = self._protocol
        if market not in self._sorted:
            return np.zeros(0, np.int64), np.zeros(0)
        accounts, usd = self._sorted[market]
        rows = np.array([p.ledger.row(account) for account in accounts], np.int64)
        usd = np.where(p.ledger.breach[rows] >= 0, 0.0, usd)
        book = int(p.books[market])
        return rows, usd / max(float(p.tape.books.depth[book]), float(np.sum(usd)), 1e-300)

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
