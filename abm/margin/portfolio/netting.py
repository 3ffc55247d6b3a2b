"""What one requirement over everything saves: against the sum of the requirements of each thing alone."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Terms

if TYPE_CHECKING:
    from abm.margin.families.scenario_grid import ScenarioGrid

__all__ = ["netting"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = ("slot_size", "leg_size", "coins")
"""Where sizes are."""


def netting(engine: "ScenarioGrid", ledger: Ledger, terms: Terms, rows: Ints) -> pl.DataFrame:
    """Maintenance margin isolated and netted, in the settlement asset; haircuts of collateral are the same in both.

    One row an account and underlying in which it has something: `account` (its id), `underlying`, `isolated` the sum over its
    positions, options and moving collaterals, each alone, `netted` all of that underlying together, `saving` the difference;
    and one with the underlying "all", where netted is the account's own, with any offset between underlyings.
    """
    rows = np.asarray(rows, np.int64)
    names = [*engine.plan.names, "all"]
    of = _underlyings(engine, ledger, terms, rows)
    isolated, netted = np.zeros((len(rows), len(names))), np.zeros((len(rows), len(names)))
    there = np.zeros((len(rows), len(names)), np.bool_)
    for column in COLUMNS:
        for k in range(of[column].shape[1]):
            under, alone = of[column][:, k], _kept(ledger, rows, {column: np.arange(of[column].shape[1]) == k})
            has = np.flatnonzero((under >= 0) & (getattr(alone, column)[:, k] != 0.0))
            mm = engine.assess(alone, terms, has).mm
            isolated[has, under[has]] += mm
            isolated[has, -1] += mm
            there[has, under[has]] = there[has, -1] = True
    for u in range(len(engine.plan.names)):
        mine = _kept(ledger, rows, {column: of[column] == u for column in COLUMNS})
        netted[:, u] = engine.assess(mine, terms, np.arange(len(rows))).mm
    netted[:, -1] = engine.assess(ledger, terms, rows).mm
    at, which = np.nonzero(there)
    return pl.DataFrame(
        {
            "account": ledger.id[rows][at],
            "underlying": [names[u] for u in which],
            "isolated": isolated[at, which],
            "netted": netted[at, which],
        }
    ).with_columns((pl.col("isolated") - pl.col("netted")).alias("saving"))


def _underlyings(engine: "ScenarioGrid", ledger: Ledger, terms: Terms, rows: Ints) -> dict[str, Ints]:
    """int64[rows, ...] by column of sizes: the underlying of each entry, -1: none."""
    plan, none = engine.plan, np.array([-1])
    market = np.append(plan.market_underlying, none)[ledger.slot_market[rows]]
    series = np.append(terms.known.series.underlying.astype(np.int64), none)[ledger.leg_series[rows]]
    return {
        "slot_size": market,
        "leg_size": np.append(plan.market_underlying, none)[series],
        "coins": np.broadcast_to(plan.coin_underlying, (len(rows), len(plan.coin_underlying))),
    }


def _kept(ledger: Ledger, rows: Ints, keep: dict[str, NDArray[np.bool_]]) -> Ledger:
    """The accounts with the sizes that are kept alone, and without cash."""
    made = ledger.copy(rows)
    made.quote = np.zeros(len(rows))
    for column in COLUMNS:
        sizes = getattr(made, column)
        setattr(made, column, np.where(keep[column], sizes, 0.0) if column in keep else np.zeros_like(sizes))
    return made
