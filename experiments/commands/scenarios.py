"""`crossfire scenarios`: what is shipped."""

import click

__all__ = ["command"]


@click.command("scenarios", epilog="Example: crossfire scenarios --json")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {name, purpose}.")
def command(as_json: bool) -> None:
    """List the scenarios that are shipped, with the purpose of each."""
    import tomllib

    from abm.scenario import shipped_scenarios

    rows = [
        {"name": name, "purpose": tomllib.loads(path.read_text(encoding="utf-8")).get("purpose", "")}
        for name, path in shipped_scenarios().items()
    ]
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['purpose']}")
