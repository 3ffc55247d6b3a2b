"""The answer of a sweep as a table on the terminal: paired effects with intervals."""

import click
import polars as pl

from experiments.console import print_table, usd

__all__ = ["effect_rows", "print_effects"]

SHARES = ("endogenous_share",)
"""Outcomes that are fractions."""

SHOWN = ("breaches", "liquidated_notional", "deficit", "adl_notional", "endogenous_share")
"""Outcomes that the terminal shows, where the sweep has them; the folder's effects.parquet has all."""


def effect_rows(effects: pl.DataFrame) -> list[list[str]]:
    """One row an outcome and level that is not the baseline: median at the level, paired median change, interval."""
    rows = []
    shown = effects.filter(~pl.col("baseline") & pl.col("median").is_not_null() & pl.col("outcome").is_in(SHOWN))
    for row in shown.iter_rows(named=True):
        name = row["outcome"]
        rows.append(
            [
                name,
                f"{row['lever']} = {row['level']}",
                _figure(name, row["q50"]),
                _signed(name, row["median"]),
                f"{_signed(name, row['median_low'])} to {_signed(name, row['median_high'])}",
                f"{row['positive']:.0%}",
                f"{row['pairs']}",
            ]
        )
    return rows


def print_effects(effects: pl.DataFrame) -> None:
    """Print the table."""
    print_table(
        "What each lever did, against its baseline, same draws (USD unless a count or a share)",
        ["outcome", "lever", "median", "paired change", "interval", "pairs up", "pairs"],
        effect_rows(effects),
    )
    click.echo("interval: 95 % bootstrap over seeds; with few seeds it is no wider than their range, so add seeds")


def _figure(name: str, value: float) -> str:
    return f"{value:.1%}" if name in SHARES else usd(value)


def _signed(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{'+' if value > 0 else ''}{_figure(name, value)}"
