"""Closing accounts that hold options: a share of everything at once, so that no hedge goes before what it hedges.

The share is the least that restores the target (`abm.margin.restore`), as at Derive, whose auction sells a share of the
whole portfolio (https://github.com/derivexyz/v2-core, src/liquidation/DutchAuction.sol).  Options go to the street at bid or
ask without fee, perpetuals to the book; the penalty is that of the protocol, for options on their notional at the index.
The protocol does this itself, whatever its route: keepers and the vault take no options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.engine import Assessment
from abm.margin.restore import share_of_portfolio
from abm.option_legs import holds_options, legs_of
from abm.protocol.liquidation import close_positions, log_liquidations, penalise
from abm.protocol.options.quoting import Quote, quote
from abm.protocol.options.trading import board_of, book_options

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["close_portfolios", "serve_options", "without_options"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def without_options(protocol: Protocol, rows: Ints) -> Ints:
    """Those of some rows that hold no options."""
    return rows[~holds_options(protocol.ledger, rows)]


def serve_options(protocol: Protocol, rows: Ints, view: Assessment) -> tuple[Ints, Assessment, bool]:
    """Close what holds options among accounts in breach, worst first; the others, and whether anything was closed."""
    legged = holds_options(protocol.ledger, rows)
    if not legged.any():
        return rows, view, False
    chosen = np.flatnonzero(legged)[: protocol.spec.liquidation.per_round]
    close_portfolios(protocol, rows[chosen])
    others = np.flatnonzero(~legged)
    return rows[others], view.of(others), True


def close_portfolios(protocol: Protocol, rows: Ints) -> Floats:
    """Close a share of all options and positions of each of some accounts; the shares, 0 to 1."""
    rule, ledger, terms = protocol.spec.liquidation, protocol.ledger, protocol.terms
    view = protocol.engine.assess(ledger, terms, rows)
    share = np.ones(len(rows))
    large = np.flatnonzero((view.notional > rule.dust) & (rule.policy != "whole"))
    if len(large):
        found = share_of_portfolio(
            protocol.engine, ledger, terms, rows[large], target=rule.target, penalty=rule.penalty
        )  # fmt: skip
        share[large] = np.clip(found.amount, rule.least, 1.0)
    _close_options(protocol, rows, share)
    _close_perpetuals(protocol, rows, share)
    return share


def _close_options(protocol: Protocol, rows: Ints, share: Floats) -> None:
    """Legs to the street at bid or ask; penalties on their notional."""
    board, ledger, tape = board_of(protocol), protocol.ledger, protocol.tape
    at, series, held = legs_of(ledger, rows)
    sizes = -held * share[at]
    offered = quote(board, protocol.terms.known.series, series, sizes)
    free = Quote(offered.premium, np.zeros(len(sizes)), offered.vol)
    book_options(protocol, rows[at], series, sizes, free, "liquidation")
    coin = board.index[board.market[board.listing.table[series]]]
    notional = np.abs(sizes) * coin
    total = np.bincount(at, notional, len(rows))
    penalty = penalise(protocol, rows, total)
    part = penalty[at] * notional / np.maximum(total[at], 1e-300)
    log_liquidations(
        protocol, rows[at], [board.listing.names[s] for s in series], sizes, offered.premium, part, [""] * len(at),
        "book", -1, np.zeros(len(at)),
    )  # fmt: skip
    tape.round += 1


def _close_perpetuals(protocol: Protocol, rows: Ints, share: Floats) -> None:
    """The same share of every position to the book, the last slot first, as what is closed whole frees its place."""
    ledger = protocol.ledger
    wanted = np.abs(ledger.slot_size[rows]) * share[:, None]
    for k in range(ledger.slots - 1, -1, -1):
        some = np.flatnonzero(ledger.slot_market[rows, k] >= 0)
        if len(some):
            slots = np.full(len(some), k)
            close_positions(protocol, rows[some], slots, wanted[some, k], [""] * len(some), "book")
