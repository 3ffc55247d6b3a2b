"""The cascade as graphs: causes in full, breaches only, and the forest.

In the forest a breach is a child only if earlier liquidations had most of its fall, and hangs under its largest parent,
which can have little of it alone: the parent's share goes with every edge.  Its mean offspring is one less the share of
roots by construction and says nothing on criticality (docs/attribution.md).  How much a breach began is `influence`.
"""

from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl

from abm.contagion.attribution import Attribution, attribute, breach_weights, complete
from abm.contagion.influence import influence
from abm.record import Record, write_folder

__all__ = [
    "breach_graph",
    "cause_graph",
    "edge_table",
    "forest",
    "largest_tree",
    "node_table",
    "trees",
    "write_graph",
]

_KINDS = {
    "breach": (
        "breaches",
        "breach",
        ("time", "protocol", "account", "cohort", "episode", "generation", "notional", "deficit"),
    ),
    "liquidation": (
        "liquidations",
        "liquidation",
        ("time", "protocol", "account", "market", "quantity", "price", "route"),
    ),
    "price_move": ("price_moves", "move", ("time", "venue", "market", "amount", "volume")),
}


def node_table(record: Record) -> pl.DataFrame:
    """Nodes of the cause graph: `node` (`breach:3`, `rest:news`), `kind`, `id`, and what the tables know of them.

    Price moves that no liquidation made are left out: nothing leads on from them by name.
    """
    frames = []
    for kind, (table, key, columns) in _KINDS.items():
        rows = record[table]
        if kind == "price_move":
            rows = rows.filter(pl.col("cause") == "liquidation")
        name = pl.concat_str(pl.lit(f"{kind}:"), pl.col(key).cast(pl.String)).alias("node")
        frames.append(rows.select(name, pl.lit(kind).alias("kind"), pl.col(key).alias("id"), *columns))
    rest = edge_table(record).filter(pl.col("source").str.starts_with("rest:")).select(node="source").unique()
    frames.append(rest.sort("node").with_columns(pl.lit("rest").alias("kind"), pl.lit(-1, pl.Int64).alias("id")))
    return pl.concat(frames, how="diagonal")


def edge_table(record: Record) -> pl.DataFrame:
    """Edges of the cause graph: source, target, channel, share, episode."""
    edges = complete(record)["cascade_edges"]
    edges = edges.filter((pl.col("child_kind") != "price_move") | (pl.col("parent") >= 0))
    named = pl.concat_str("parent_kind", pl.lit(":"), pl.col("parent").cast(pl.String))
    rest = pl.concat_str(pl.lit("rest:"), "parent_kind")
    return edges.select(
        pl.when(pl.col("parent") >= 0).then(named).otherwise(rest).alias("source"),
        pl.concat_str("child_kind", pl.lit(":"), pl.col("child").cast(pl.String)).alias("target"),
        "channel",
        "share",
        "episode",
    )


def cause_graph(record: Record) -> nx.DiGraph:
    """Who caused whom: breach -> its liquidations -> price moves -> breaches, and the named rest.

    Nodes are `breach:ID`, `liquidation:ID`, `price_move:ID` and `rest:CHANNEL` with plain attributes; edges carry
    `channel`, `share` (signed; into a breach or a price move they sum to one) and `episode`.
    """
    graph = nx.DiGraph()
    record = complete(record)
    for row in node_table(record).iter_rows(named=True):
        graph.add_node(row.pop("node"), **{k: v for k, v in row.items() if v is not None})
    for row in edge_table(record).iter_rows(named=True):
        graph.add_edge(row.pop("source"), row.pop("target"), **row)
    return graph


def breach_graph(record: Record, threshold: float = 0.01) -> nx.DiGraph:
    """Breaches only, by id: `weight` is W[i, j], the signed share of i in j through all price moves.

    Pairs with a share of less than `threshold` in size have no edge, so weights need not sum to the endogenous share.
    """
    graph = nx.DiGraph()
    _add_breaches(graph, complete(record)["breaches"])
    for parent, child, weight in breach_weights(record, threshold).iter_rows():
        graph.add_edge(parent, child, weight=weight)
    return graph


def forest(record: Record) -> dict[int, int | None]:
    """Largest parent breach of each breach by id; None for a root, in whose fall earlier liquidations had less than half."""
    done = attribute(record)
    pairs = zip(record["breaches"]["breach"].to_list(), done.parent.tolist(), strict=True)
    return {breach: parent if parent >= 0 else None for breach, parent in pairs}


def trees(record: Record, done: Attribution | None = None) -> pl.DataFrame:
    """Trees of the forest, largest first; `done` is the record's attribution where it is at hand.

    Returns
    -------
    root (breach), size (breaches), parent_share (median over the children of the share that the parent alone had in them;
    null without a child), depth (generations after the root), duration (s from the root to the last), accounts (different
    ones), notional (USD at the breaches).
    """
    return _trees(record, done or attribute(record))


def largest_tree(record: Record) -> nx.DiGraph:
    """The tree with most breaches (of equals the first root): nodes by id, edges parent -> child.

    `weight` of an edge is the share of the parent alone in the child.
    """
    done, graph = attribute(record), nx.DiGraph()
    breaches = record["breaches"].with_columns(
        pl.Series("generation", done.generation),
        pl.Series("parent", done.parent),
        pl.Series("weight", done.parent_share),
        pl.Series("root", _roots(record["breaches"]["breach"], done)),
    )
    if not len(breaches):
        return graph
    members = breaches.filter(pl.col("root") == _trees(record, done)["root"][0])
    _add_breaches(graph, members)
    for row in members.filter(pl.col("parent") >= 0).iter_rows(named=True):
        graph.add_edge(row["parent"], row["breach"], weight=row["weight"])
    return graph


def write_graph(record: Record, folder: Path) -> Path:
    """Write cascade.graphml, nodes.parquet, edges.parquet, trees.parquet and influence.parquet, all or nothing.

    Raises
    ------
    RunFolderError
        The folder is there with something in it, or cannot be written.
    """
    record = complete(record)

    def fill(target: Path) -> None:
        nx.write_graphml(cause_graph(record), target / "cascade.graphml")
        node_table(record).write_parquet(target / "nodes.parquet")
        edge_table(record).write_parquet(target / "edges.parquet")
        trees(record).write_parquet(target / "trees.parquet")
        influence(record).write_parquet(target / "influence.parquet")

    return write_folder(folder, fill)


def _add_breaches(graph: nx.DiGraph, breaches: pl.DataFrame) -> None:
    for row in breaches.select("breach", *_KINDS["breach"][2]).iter_rows(named=True):
        graph.add_node(row.pop("breach"), **row)


def _roots(breach: pl.Series, done: Attribution) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Root of each row's tree, by id; parents come in an earlier generation."""
    ids = breach.to_list()
    root = dict(zip(ids, ids, strict=True))
    for row in np.argsort(done.generation, kind="stable").tolist():
        if done.parent[row] >= 0:
            root[ids[row]] = root[int(done.parent[row])]
    return np.array([root[i] for i in ids], dtype=np.int64)


def _trees(record: Record, done: Attribution) -> pl.DataFrame:
    breaches = record["breaches"].with_columns(
        pl.Series("generation", done.generation, dtype=pl.Int64),
        pl.Series("root", _roots(record["breaches"]["breach"], done), dtype=pl.Int64),
        pl.Series("share", np.where(done.parent >= 0, done.parent_share, np.nan), nan_to_null=True, dtype=pl.Float64),
    )
    return (
        breaches.group_by("root")
        .agg(
            pl.len().cast(pl.Int64).alias("size"),
            pl.col("share").median().alias("parent_share"),
            pl.col("generation").max().alias("depth"),
            (pl.col("time").max() - pl.col("time").min()).alias("duration"),
            pl.struct("protocol", "account").n_unique().cast(pl.Int64).alias("accounts"),
            pl.col("notional").sum(),
        )
        .sort(["size", "root"], descending=[True, False])
    )
