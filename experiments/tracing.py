"""The trace of a run on the terminal: what its breaches were due to, where they began, and who weighs most."""

from typing import Any

import click
import polars as pl

from abm.contagion import graph, measures
from abm.contagion.attribution import MAJORITY, attribute
from abm.contagion.endogenous import endogenous_share
from abm.record import Record
from experiments.console import print_table

__all__ = ["print_trace", "trace_tables"]

TITLES = {
    "endogenous": (
        "Endogenous share",
        "fraction of the falls into breaches that earlier liquidations' price moves had",
    ),
    "channels": (
        "What the breaches were due to",
        "mean share of each cause (fractions): over first breaches of an account in an episode by notional (first_usd) and "
        "by number (first), over all (all_usd, all), and over all by USD of fall (fallen); impact and small are liquidations",
    ),
    "origins": (
        "Where it began",
        f"breaches with less than {MAJORITY:.0%} of the fall, either way, from earlier liquidations; others: breaches of "
        "other owners worth that entered here; total: all that did, itself counted; endogenous, share: fractions; "
        "notional: USD",
    ),
    "trees": (
        "Largest trees",
        f"a child had {MAJORITY:.0%} or more of its fall from earlier liquidations; parent_share: median share of a parent "
        "alone in its child; duration: s, notional: USD",
    ),
    "accounts": (
        "Most systemic accounts",
        "others: influence on breaches of other owners, direct_others: at one remove, own: its own and its owner's, but_for: "
        "what falls away without it; all in breaches",
    ),
    "assets": (
        "Most systemic assets, by market",
        "mean share of liquidations' moves of the market in a breach (fractions); influence through it (breaches)",
    ),
    "oracles": (
        "Most systemic oracles and marks, by venue read",
        "mean share in a breach that came through it (fractions); part of the sum of first_usd",
    ),
    "bridges": ("Most systemic bridges", "mean share of late messages in a breach of the protocol (fractions)"),
}
"""Title of each table, and what its numbers are."""


def trace_tables(record: Record, top: int) -> dict[str, pl.DataFrame]:
    """The tables of a trace by name: endogenous, channels, origins, trees, accounts, assets, oracles, bridges."""
    done = attribute(record)
    share = endogenous_share(record, done.endogenous)
    return {
        "endogenous": pl.DataFrame([share]) if len(record["breaches"]) else pl.DataFrame(),
        "channels": measures.channel_shares(record),
        "origins": measures.origins(record).head(top),
        "trees": graph.trees(record, done).head(top),
        "accounts": measures.systemic_accounts(record, top),
        "assets": measures.assets(record).head(top),
        "oracles": measures.oracles(record).head(top),
        "bridges": measures.bridges(record).head(top),
    }


def print_trace(tables: dict[str, pl.DataFrame]) -> None:
    """Print the tables, each with what its numbers are; an empty one as a sentence."""
    for name, frame in tables.items():
        title, meaning = TITLES[name]
        if name == "trees":
            frame = frame.filter(pl.col("size") > 1)
        if frame.is_empty():
            click.echo(f"{title}: none")
        else:
            print_table(title, frame.columns, [[_cell(v) for v in row] for row in frame.rows()])
            click.echo(meaning)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
