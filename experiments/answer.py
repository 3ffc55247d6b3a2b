"""The answer of a sweep as a table on the terminal: paired effects with intervals."""

import click
import polars as pl

from experiments.console import print_table, usd

__all__ = ["effect_rows", "print_effects"]

SHOWN = ("liquidated_share", "owners_breached", "deficit", "adl_notional", "endogenous_share")
"""Outcomes that the terminal shows, where the sweep has them; the folder's effects.parquet has all.

Money and owners, which mean the same under cross and isolated margin: an owner has one cross account, or one isolated
account a position, so breaches and accounts cannot be compared.
"""


def effect_rows(effects: pl.DataFrame) -> list[list[str]]:
    """One row an outcome and level that is not the baseline: median at the level, paired change over seeds, intervals."""
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
                _interval(name, row["median_low"], row["median_high"]),
                _signed(name, row["mean"]),
                _interval(name, row["mean_low"], row["mean_high"]),
                f"{row['positive']:.0%}",
            ]
        )
    return rows


def print_effects(effects: pl.DataFrame) -> None:
    """Print the table, and what its intervals are."""
    seeds = sorted(set(effects["seeds"].drop_nulls().to_list())) or [0]
    over = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    plural = "seed" if over == "1" else "seeds"
    print_table(
        f"What each lever did against its baseline, same draws, over {over} {plural} (USD unless a count or a share)",
        ["outcome", "lever", "median", "median change", "95 % (sign test)", "mean change", "95 % (Student t)", "up"],
        effect_rows(effects),
    )
    click.echo(
        f"changes are averaged within each of {over} {plural}; sign test: between two of their order statistics, exact, from "
        "6 seeds on; Student t: n - 1 degrees of freedom, for a mean of normal changes, which heavy tails are not; up: "
        "share of pairs that rose; pp: percentage points"
    )


def _figure(name: str, value: float) -> str:
    return f"{value:.2%}" if name.endswith("_share") else usd(value)


def _signed(name: str, value: float) -> str:
    """A change; that of a share in percentage points."""
    if name.endswith("_share"):
        return f"{100 * value:+.2f} pp"
    return f"{'+' if value > 0 else ''}{usd(value)}"


def _interval(name: str, low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{_signed(name, low)} to {_signed(name, high)}"
