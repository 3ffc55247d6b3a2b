"""The trace of a run on the terminal: what its breaches were due to, and who weighs most."""

from typing import Any

import click
import polars as pl

from abm.contagion import graph, measures
from abm.record import Record
from experiments.console import print_table

__all__ = ["print_trace", "trace_tables"]

TITLES = {
    "channels": "What the breaches were due to",
    "trees": "Largest trees",
    "roots": "Roots of the largest trees",
    "accounts": "Most systemic accounts",
    "assets": "Most systemic markets",
    "oracles": "Prices through which impact reached breaches",
    "bridges": "Bridges whose delay reached breaches",
}


def trace_tables(record: Record, top: int) -> dict[str, pl.DataFrame]:
    """The tables of a trace by name: channels, trees, roots, accounts, assets, oracles, bridges."""
    return {
        "channels": measures.channel_shares(record),
        "trees": graph.trees(record).head(top),
        "roots": measures.roots(record).head(top),
        "accounts": measures.systemic_accounts(record, top),
        "assets": measures.assets(record).head(top),
        "oracles": measures.oracles(record).head(top),
        "bridges": measures.bridges(record).head(top),
    }


def print_trace(tables: dict[str, pl.DataFrame]) -> None:
    """Print the tables; an empty one as a sentence."""
    for name, frame in tables.items():
        if frame.is_empty():
            click.echo(f"{TITLES[name]}: none")
        else:
            print_table(TITLES[name], frame.columns, [[_cell(v) for v in row] for row in frame.rows()])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
