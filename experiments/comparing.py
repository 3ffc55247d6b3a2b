"""The same accounts of a document under two presets or modes."""

import polars as pl

from abm.errors import UserError
from abm.margin.compare import compare, compare_totals
from abm.margin.preset import load_preset
from experiments.explaining import netting_of
from experiments.valuing import Valued, value_document

__all__ = ["compare_document"]

ISOLATED = ":isolated"
"""What follows a preset's name where every position stands alone."""


def compare_document(text: str, place: str, a: str, b: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row an account, by name, and one row a set of rules, as `abm.margin.compare` says.

    Both have `isolated` and `saving` besides, of each side: the sum of maintenance margins of each thing alone, and what
    netting takes off it; null where the rules are no portfolio margin.

    Raises
    ------
    UserError
        The document or a preset is wrong, or the two reckon in different units.
    """
    one, other = (_valued(text, place, rules) for rules in (a, b))
    if one.unit != other.unit:
        raise UserError(
            f"{a} and {b}", f"reckon in {one.unit} and in {other.unit}", "compare presets that settle in the same asset"
        )
    covariance = one.covariance if one.document.volatility else None
    frame = compare(one.book, other.book, covariance=covariance)
    names = dict(zip(one.book.ledger.id.tolist(), one.document.names, strict=True))
    named = frame.with_columns(pl.col("account").replace_strict(names, return_dtype=pl.String))
    totals = compare_totals(frame)
    for which, side in (("a", one), ("b", other)):
        named = named.join(_netted(side, which), on="account", how="left", maintain_order="left")
    sums = {
        name: [named[f"{name}_{which}"].sum() if named[f"{name}_{which}"].count() else None for which in "ab"]
        for name in ("isolated", "saving")
    }
    return named, totals.with_columns(**{name: pl.Series(values, dtype=pl.Float64) for name, values in sums.items()})


def _netted(side: Valued, which: str) -> pl.DataFrame:
    """`account, isolated, saving`, the last two ending in `_a` or `_b`, of the accounts of portfolio margin that hold anything."""
    found = netting_of(side, range(len(side.document.names)))
    if found is None:
        found = pl.DataFrame(
            schema={"account": pl.String, "underlying": pl.String, "isolated": pl.Float64, "saving": pl.Float64}
        )
    whole = found.filter(pl.col("underlying") == "all")
    return whole.select(
        "account", pl.col("isolated").alias(f"isolated_{which}"), pl.col("saving").alias(f"saving_{which}")
    )


def _valued(text: str, place: str, rules: str) -> Valued:
    preset = load_preset(rules.removesuffix(ISOLATED))
    return value_document(text, place, preset, isolated=rules.endswith(ISOLATED))
