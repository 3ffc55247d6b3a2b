"""`crossfire trace`: who caused whom."""

from pathlib import Path

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
    from experiments.tracing import print_trace, trace_tables

    record = Record.read(run)
    folder = out or run / "trace"
    if out is not None or not (folder / "cascade.graphml").is_file():  # a run's own trace never changes
        write_graph(record, folder)
    tables = trace_tables(record, top)
    if as_json:
        print_json({"folder": str(folder)} | {name: frame.to_dicts() for name, frame in tables.items()})
        return
    print_trace(tables)
    click.echo(f"{folder}: cascade.graphml, nodes, edges, trees, influence (Parquet)")
