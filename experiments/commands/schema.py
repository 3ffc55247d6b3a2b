"""`crossfire schema`: the form of a scenario, and of what a run leaves."""

import click

__all__ = ["command"]


@click.command("schema", epilog="Example: crossfire schema > crossfire.schema.json")
@click.option("--tables", is_flag=True, help="Print every column of a run's tables with type, unit and meaning.")
@click.option("--json", "as_json", is_flag=True, help="The tables as JSON (the scenario's schema is JSON anyhow).")
def command(tables: bool, as_json: bool) -> None:
    """Print the JSON schema of a scenario, so that an editor completes its keys."""
    import json

    if not tables:
        from experiments.schema import scenario_schema

        click.echo(json.dumps(scenario_schema(), indent=2))
        return
    from abm.tables import TABLES, describe

    if as_json:
        found = {
            t.name: [{"name": c.name, "type": str(c.dtype), "unit": c.unit, "meaning": c.meaning} for c in t.columns]
            for t in TABLES.values()
        }
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(describe())
