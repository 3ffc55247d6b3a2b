"""The same accounts of a document under two presets or modes."""

import polars as pl

from abm.errors import UserError
from abm.margin.compare import compare, compare_totals
from abm.margin.preset import load_preset
from experiments.valuing import Valued, value_document

__all__ = ["compare_document"]

ISOLATED = ":isolated"
"""What follows a preset's name where every position stands alone."""


def compare_document(text: str, place: str, a: str, b: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row an account, by name, and one row a set of rules, as `abm.margin.compare` says.

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
    return named, compare_totals(frame)


def _valued(text: str, place: str, rules: str) -> Valued:
    preset = load_preset(rules.removesuffix(ISOLATED))
    return value_document(text, place, preset, isolated=rules.endswith(ISOLATED))
