"""What is looked at of options through time: every series' mark, and the Greeks of every class of accounts."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.margin.options.aggregate import per_protocol, sheet
from abm.margin.options.greeks import NAMES
from abm.option_legs import holds_options, leg_sums
from abm.protocol.options.board import Board
from abm.protocol.options.exposure import account_greeks
from abm.protocol.protocol import Protocol
from abm.world import World

__all__ = ["option_summary", "sample_options"]

Floats = NDArray[np.float64]


def sample_options(world: World) -> None:
    """Rows of `option_marks` and `greeks`, of the protocols that have options."""
    for protocol in world.protocols.values():
        if protocol.options is not None:
            _sample_marks(world, protocol, protocol.options)
            _sample_greeks(world, protocol, protocol.options)


def _sample_marks(world: World, protocol: Protocol, board: Board) -> None:
    """One row for each series that has not expired."""
    listing, series = board.listing, protocol.terms.known.series
    live = np.flatnonzero(listing.expiry > world.now)
    live = live[live < len(series)]
    _, interest = leg_sums(protocol.ledger, len(listing))
    world.log.rows(
        "option_marks", len(live), time=world.now, protocol=protocol.name, series=[listing.names[s] for s in live],
        forward=series.forward[live], vol=series.vol[live], premium=sheet(series)[live, 0], open_interest=interest[live],
    )  # fmt: skip


def _sample_greeks(world: World, protocol: Protocol, board: Board) -> None:
    """For each underlying the sums over all ordinary accounts, and over every class that holds options, in order of name."""
    ledger, markets = protocol.ledger, len(protocol.markets)
    everyone = ledger.by_id(np.arange(len(ledger)))
    with_legs = np.unique(ledger.cohort[everyone[holds_options(ledger, everyone)]]).astype(np.int64)
    names = sorted((world.cohorts[c], int(c)) for c in with_legs)
    rows = everyone[np.isin(ledger.cohort[everyone], with_legs)]
    held, by_index = account_greeks(protocol, rows)
    groups = len(world.cohorts) + 1
    ordinary = ledger.mode[rows] != SYSTEM
    group = ledger.cohort[rows].astype(np.int64)
    both = np.concatenate([np.arange(len(rows)), np.flatnonzero(ordinary)])
    into = np.concatenate([group, np.full(int(ordinary.sum()), groups - 1)])
    sums = per_protocol(np.dstack([held, by_index])[both], into, groups)
    perpetual = _perpetuals(protocol, world, markets)
    for table, spec in enumerate(board.specs):
        m = int(board.market[table])
        for name, g in [("", groups - 1), *names]:
            figures = dict(zip(NAMES, sums[g, m].tolist(), strict=False))
            world.log.rows(
                "greeks", 1, time=world.now, protocol=protocol.name, cohort=name, asset=spec.asset,
                perpetual=float(perpetual[g, m]), net_delta=float(sums[g, m, -1] + perpetual[g, m]), **figures,
            )  # fmt: skip


def _perpetuals(protocol: Protocol, world: World, markets: int) -> Floats:
    """float64[classes + 1, M]: positions of each class, and of all ordinary accounts, coins."""
    ledger = protocol.ledger
    rows = ledger.by_id(np.arange(len(ledger)))
    at, slot = np.nonzero(ledger.slot_market[rows] >= 0)
    row = rows[at]
    made = np.zeros((len(world.cohorts) + 1, markets))
    market, size = ledger.slot_market[row, slot].astype(np.int64), ledger.slot_size[row, slot]
    np.add.at(made, (ledger.cohort[row].astype(np.int64), market), size)
    mine = ledger.mode[row] != SYSTEM
    np.add.at(made, (np.full(int(mine.sum()), len(world.cohorts)), market[mine]), size[mine])
    return made


def option_summary(tables: dict[str, pl.DataFrame]) -> dict[str, float]:
    """Plain figures of options (docs/record.md): options and premium traded after the opening, what was closed of accounts
    in breach, what was paid at expiry."""
    trades, settled = tables["option_trades"], tables["option_settlements"]
    later = trades.filter(pl.col("kind") != "open")
    closed = trades.filter(pl.col("kind") == "liquidation")
    premium = (later["quantity"].abs() * later["premium"]).to_numpy()
    return {
        "options_traded": float(np.sum(later["quantity"].abs().to_numpy())),
        "option_premium": float(np.sum(premium)),
        "options_liquidated": float(np.sum(closed["quantity"].abs().to_numpy())),
        "options_settled": float(np.sum(np.maximum(settled["amount"].to_numpy(), 0.0))),
    }
