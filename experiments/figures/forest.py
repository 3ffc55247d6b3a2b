"""The breaches of a record as a forest: each hangs on the breach that has the largest share in it."""

import polars as pl

from abm.contagion.attribution import attribute
from abm.record import Record

__all__ = ["forest_frame", "numbered_roots"]

_COLUMNS = ("breach", "time", "round", "protocol", "account", "cohort", "notional", "deficit", "generation")


def forest_frame(record: Record) -> pl.DataFrame:
    """The forest of largest parents (`abm.contagion.attribution`).

    Returns
    -------
    pl.DataFrame
        One row a breach, in the order of the table: `breach, time, round, protocol, account, cohort, notional,
        deficit, generation`, `parent` (breach; null: a root), `share` of the parent in it, `root` of its tree.
    """
    done = attribute(record)
    rows = record["breaches"].select(_COLUMNS)
    parent = pl.Series("parent", done.parent, dtype=pl.Int64)
    forest = rows.with_columns(
        pl.Series("generation", done.generation, dtype=pl.Int64),
        pl.Series("share", done.parent_share, dtype=pl.Float64),
        parent.set(parent < 0, None),
    )
    root: dict[int, int] = {}
    for breach, above in forest.sort("generation", "breach").select("breach", "parent").iter_rows():
        root[breach] = breach if above is None else root[above]
    return forest.with_columns(root=pl.Series([root[b] for b in forest["breach"]], dtype=pl.Int64))


def numbered_roots(forest: pl.DataFrame) -> pl.DataFrame:
    """The roots, the one with the largest tree first.

    Returns
    -------
    pl.DataFrame
        The rows of the forest that are roots, with `number` from 1 and of each tree `breaches`, `tree_notional`
        (USD), `depth` (generations below the root).
    """
    trees = forest.group_by("root").agg(
        breaches=pl.len().cast(pl.Int64),
        tree_notional=pl.col("notional").sum(),
        depth=pl.col("generation").max(),
    )
    roots = forest.filter(pl.col("breach") == pl.col("root")).join(trees, on="root")
    ranked = roots.sort(["breaches", "root"], descending=[True, False])
    return ranked.with_columns(number=pl.int_range(1, pl.len() + 1))
