"""`crossfire diff`: what differs between two runs."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("diff", epilog="Example: crossfire diff results/a results/b")
@click.argument("first", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("second", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print {equal, scenario, summary, tables}.")
def command(first: Path, second: Path, as_json: bool) -> int:
    """Say what differs between two runs: scenario keys, summary, tables.  Exit code 1 where anything does."""
    from abm.record import Record
    from experiments.compare import compare
    from experiments.console import print_json, print_table

    found = compare(Record.read(first), Record.read(second))
    if as_json:
        print_json({"equal": found.equal, "scenario": found.scenario, "summary": found.summary, "tables": found.tables})
        return 0 if found.equal else 1
    if found.equal:
        click.echo("equal: scenario, summary and all tables")
        return 0
    for title, part in (("Scenario", found.scenario), ("Summary", found.summary), ("Tables", found.tables)):
        if part:
            columns = list(part[0])
            print_table(title, columns, [[str(row[c]) for c in columns] for row in part])
        else:
            click.echo(f"{title}: equal")
    return 1
