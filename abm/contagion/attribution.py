"""Who caused whom: the fall of each breached account's free margin, split over the price moves of liquidations.

The share of move i in breach j is sum over the prices p that j depended on of sensitivity_p (R_start_ip - R_end_ip)
over the fall, R the part of the move in the price as it was read (`response`).  Sensitivities are constant between an
account's own changes, so the sum is the path integral of the design, exactly.  What prices did beyond all moves is
`news`.  Shares into a breach are signed and sum to one.  docs/attribution.md has the rules and the limits.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from abm.contagion.endogenous import endogenous_shares
from abm.contagion.exposure import FALLS, PRICED, Exposure, read_exposure
from abm.contagion.response import Floats, Ints
from abm.contagion.trace import Trace, trace
from abm.record import Record
from abm.tables import TABLES

__all__ = ["MAJORITY", "REST", "Attribution", "attribute", "breach_weights", "complete", "rest_shares"]

REST = ("small", *PRICED, *FALLS, "news")
"""Channels into a breach that have no parent by name."""

MAJORITY = 0.5
"""Endogenous share of a breach from which it is a child in the forest: from one half on it is more likely than not to be
drawn as triggered when its cause is drawn by the shares (declustering, Zhuang, Ogata and Vere-Jones 2002).  Below, what
no liquidation did had the larger part, and the breach is a root."""

_ROUNDING = 1e-12
"""Shares of the named rest below this are rounding, and get no edge."""


@dataclass(frozen=True)
class Attribution:
    """Edges, endogenous shares and the forest; arrays by row of `breaches`.

    Attributes
    ----------
    record, exposure, found
        What was split, as read, and as traced.
    endogenous
        Share that earlier liquidations had in each breach, f8 (`abm.contagion.endogenous`).
    generation
        i8: 0 for a root, else one more than that of its largest parent.
    parent
        Id of the largest parent breach, i8; -1 for a root: of an endogenous share below MAJORITY.
    parent_share
        The share of that parent alone, f8; 0 for a root.
    stays, direct_own
        f8: with V the shares W between breaches of one owner, (I - V)^-1 1 and V 1: what a breach passes on within its
        owner's own chain (itself counted), and at one remove (`abm.contagion.influence`).
    """

    record: Record
    exposure: Exposure
    found: Trace
    endogenous: Floats
    generation: Ints
    parent: Ints
    parent_share: Floats
    stays: Floats
    direct_own: Floats

    @cached_property
    def edges(self) -> pl.DataFrame:
        """The table `cascade_edges`, made when it is first asked for."""
        return _edges(self.record, self.exposure, self.found)


def rest_shares(exposure: Exposure, small: Floats) -> dict[str, Floats]:
    """Shares of the channels of REST in each breach, by rank; news is what remains."""
    shares = {"small": small} | {name: exposure.share(name) for name in PRICED} | exposure.rest
    named = endogenous_shares(exposure) + np.sum([shares[name] for name in PRICED + FALLS], axis=0)
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
    endogenous = endogenous_shares(exposure)
    parent = np.where(endogenous >= MAJORITY, found.parent, -1)
    most = np.where(parent >= 0, found.most, 0.0)
    generation = np.zeros(len(parent), dtype=np.int64)
    for rank, other in enumerate(parent.tolist()):
        if other >= 0:
            generation[rank] = generation[other] + 1
    ids = exposure.breaches["breach"].to_numpy()
    back = np.argsort(exposure.row)
    named = np.where(parent >= 0, ids[parent], -1) if len(ids) else parent
    stays, direct_own = _within_owners(found, len(parent))
    return Attribution(
        record, exposure, found, endogenous[back], generation[back], named[back], most[back], stays[back],
        direct_own[back],
    )  # fmt: skip


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
    large = (pl.col("weight") != 0.0) & (pl.col("weight").abs() >= floor)
    return pl.DataFrame(pairs).filter(large).sort("child", "parent")


def _within_owners(found: Trace, count: int) -> tuple[Floats, Floats]:
    """(I - V)^-1 1 and V 1 by rank, V the weights of the trace's pairs, which are of one owner each."""
    stays, direct = np.ones(count), np.zeros(count)
    pairs = zip(found.heir[::-1].tolist(), found.origin[::-1].tolist(), found.weight[::-1].tolist(), strict=True)
    for heir, origin, weight in pairs:  # the latest child first: what it passes on itself is complete
        stays[origin] += weight * stays[heir]
        direct[origin] += weight
    return stays, direct


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
