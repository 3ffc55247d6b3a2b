"""`crossfire trace`: who caused whom."""

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("trace", epilog="Example: crossfire trace results/mine --top 5")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the graph files; RUN/trace by default.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows in each table.")
@click.option("--json", "as_json", is_flag=True, help="Print the tables as JSON.")
def command(run: Path, out: Path | None, top: int, as_json: bool) -> None:
    """Trace the cascade network of RUN: GraphML and Parquet in a folder, top causes on the terminal."""
    from abm.contagion.graph import write_graph
    from abm.record import Record
    from experiments.console import print_json

    record = Record.read(run)
    folder = write_graph(record, out or run / "trace")
    tables = trace_tables(record, top)
    if as_json:
        print_json({"folder": str(folder)} | {name: frame.to_dicts() for name, frame in tables.items()})
        return
    print_trace(tables)
    click.echo(f"{folder}: cascade.graphml, nodes, edges, trees, influence (Parquet)")


def trace_tables(record: Any, top: int) -> dict[str, Any]:
    """The tables of a trace by name: channels, trees, roots, accounts, assets, oracles, bridges."""
    from abm.contagion import graph, measures

    return {
        "channels": measures.channel_shares(record),
        "trees": graph.trees(record).head(top),
        "roots": measures.roots(record).head(top),
        "accounts": measures.systemic_accounts(record, top),
        "assets": measures.assets(record).head(top),
        "oracles": measures.oracles(record).head(top),
        "bridges": measures.bridges(record).head(top),
    }


TITLES = {
    "channels": "What the breaches were due to",
    "trees": "Largest trees",
    "roots": "Roots of the largest trees",
    "accounts": "Most systemic accounts",
    "assets": "Most systemic markets",
    "oracles": "Prices through which impact reached breaches",
    "bridges": "Bridges whose delay reached breaches",
}


def print_trace(tables: dict[str, Any]) -> None:
    """Print the tables; an empty one as a sentence."""
    from experiments.console import print_table

    for name, frame in tables.items():
        if frame.is_empty():
            click.echo(f"{TITLES[name]}: none")
        else:
            print_table(TITLES[name], frame.columns, [[_cell(v) for v in row] for row in frame.rows()])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
