"""Who caused whom: the fall of each breached account's free margin, split over the price moves of liquidations.

The share of move i in breach j is sum over the prices p that j depended on of sensitivity_p (R_start_ip - R_end_ip)
over the fall, R the part of the move in the price as it was read (`response`).  Sensitivities are constant between an
account's own changes, so the sum is the path integral of the design, exactly.  What prices did beyond all moves is
`news`.  Shares into a breach are signed and sum to one.  docs/attribution.md has the rules and the limits.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from abm.contagion.exposure import FALLS, PRICED, Exposure, read_exposure
from abm.contagion.response import Floats, Ints
from abm.contagion.trace import SMALL, Trace, trace
from abm.record import Record
from abm.tables import TABLES

__all__ = ["REST", "Attribution", "attribute", "breach_weights", "complete", "rest_shares"]

REST = ("small", *PRICED, *FALLS, "news")
"""Channels into a breach that have no parent by name."""

_ROUNDING = 1e-12
"""Shares of the named rest below this are rounding, and get no edge."""


@dataclass(frozen=True)
class Attribution:
    """Edges and generations.

    Attributes
    ----------
    edges
        The table `cascade_edges`.
    generation
        Of each row of `breaches`, i8: 0 for a root, else one more than that of its largest parent.
    parent
        Id of the largest parent breach of each row, i8; -1 for a root.
    parent_share
        Its share of the row, f8; 0 for a root.
    """

    edges: pl.DataFrame
    generation: Ints
    parent: Ints
    parent_share: Floats


def rest_shares(exposure: Exposure, small: Floats) -> dict[str, Floats]:
    """Shares of the channels of REST in each breach, by rank; news is what remains."""
    shares = {"small": small} | {name: exposure.share(name) for name in PRICED} | exposure.rest
    named = exposure.share("impact") + np.sum([shares[name] for name in PRICED + FALLS], axis=0)
    shares["news"] = 1.0 - named
    return shares


def attribute(record: Record) -> Attribution:
    """Split every breach of a record.

    Raises
    ------
    AuditError
        The record contradicts itself (`read_exposure`).
    """
    exposure = read_exposure(record)
    found = trace(exposure)
    parent = np.where(found.traced >= SMALL, found.parent, -1)
    most = np.where(parent >= 0, found.most, 0.0)
    generation = np.zeros(len(parent), dtype=np.int64)
    for rank, other in enumerate(parent.tolist()):
        if other >= 0:
            generation[rank] = generation[other] + 1
    ids = exposure.breaches["breach"].to_numpy()
    back = np.argsort(exposure.row)
    named = np.where(parent >= 0, ids[parent], -1) if len(ids) else parent
    return Attribution(_edges(record, exposure, found), generation[back], named[back], most[back])


def complete(record: Record, done: Attribution | None = None) -> Record:
    """The record with `cascade_edges` and the column `generation` of `breaches` filled in; as it is if they are.

    `done` is the record's attribution where it is at hand.
    """
    if len(record["cascade_edges"]):
        return record
    done = done or attribute(record)
    breaches = record["breaches"].with_columns(pl.Series("generation", done.generation, dtype=pl.Int64))
    return replace(record, tables=record.tables | {"cascade_edges": done.edges, "breaches": breaches})


def breach_weights(record: Record, floor: float) -> pl.DataFrame:
    """Shares of breaches in breaches with a size of at least `floor`: parent, child, weight (signed)."""
    exposure = read_exposure(record)
    found = trace(exposure, floor)
    ids = exposure.breaches["breach"].to_numpy()
    pairs = {"parent": ids[found.origin], "child": ids[found.heir], "weight": found.weight}
    return pl.DataFrame(pairs).filter(pl.col("weight") != 0.0).sort("child", "parent")


def _edges(record: Record, exposure: Exposure, found: Trace) -> pl.DataFrame:
    episodes = record["breaches"].select("breach", "episode")
    liquidations = record["liquidations"].join(episodes, on="breach", how="left", maintain_order="left")
    by_move = liquidations.filter(pl.col("move") >= 0).group_by("move").agg(pl.col("episode").min())
    moves = record["price_moves"].join(by_move, on="move", how="left", maintain_order="left")
    moved = liquidations.filter(pl.col("move") >= 0).drop("episode").join(by_move, on="move", maintain_order="left")
    frames = [
        _frame(liquidations, "breach", "breach", "liquidation", "liquidation", "service", pl.lit(1.0)),
        _frame(moved, "liquidation", "liquidation", "move", "price_move", "execution", pl.col("share")),
        *(
            _frame(moves.filter(pl.col("cause") == cause), None, cause, "move", "price_move", cause, pl.lit(1.0))
            for cause in ("trades", "arbitrage")
        ),
        _impact_edges(exposure, found),
        *_rest_edges(exposure, found),
    ]
    return pl.concat(frames)


def _frame(
    rows: pl.DataFrame, parent: str | None, parent_kind: str, child: str, child_kind: str, channel: str, share: pl.Expr
) -> pl.DataFrame:
    """Rows as edges, in the columns and order of the table."""
    columns = [
        (pl.lit(-1) if parent is None else pl.col(parent)).alias("parent"),
        pl.lit(parent_kind).alias("parent_kind"),
        pl.col(child).alias("child"),
        pl.lit(child_kind).alias("child_kind"),
        pl.lit(channel).alias("channel"),
        share.alias("share"),
        pl.col("episode").fill_null(-1),
    ]
    edges = rows.select(columns).sort("child", "parent", maintain_order=True)
    return edges.cast(dict(TABLES["cascade_edges"].schema()))  # type: ignore[arg-type]


def _impact_edges(exposure: Exposure, found: Trace) -> pl.DataFrame:
    pairs = exposure.breaches[found.child].select("breach", "episode")
    pairs = pairs.with_columns(
        pl.Series("move", exposure.lanes["impact"].move[found.position]), pl.Series("share", found.share)
    )
    return _frame(pairs, "move", "price_move", "breach", "breach", "impact", pl.col("share"))


def _rest_edges(exposure: Exposure, found: Trace) -> list[pl.DataFrame]:
    breaches = exposure.breaches.select("breach", "episode")
    shares = rest_shares(exposure, found.small)
    return [
        _frame(
            breaches.with_columns(pl.Series("share", shares[name])).filter(pl.col("share").abs() > _ROUNDING),
            None,
            name,
            "breach",
            "breach",
            name,
            pl.col("share"),
        )
        for name in REST
    ]
