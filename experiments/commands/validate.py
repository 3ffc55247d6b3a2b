"""`crossfire validate`: whether a scenario is one."""

import click

__all__ = ["command"]


@click.command("validate", epilog="Example: crossfire validate my-scenario.toml")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print {file, valid, name, error}.")
def command(file: str, as_json: bool) -> int:
    """Check a scenario FILE (or a shipped name): keys, values, names, the agents' own keys, and that the pieces fit."""
    from abm.errors import UserError
    from abm.scenario import Scenario
    from experiments.console import print_json, warn_of_unfelt
    from experiments.naming import mistakes_in
    from experiments.simulate import check

    try:
        scenario = Scenario.load(file)
        with mistakes_in(file, {}):
            check(scenario)
    except UserError as error:
        if not as_json:
            raise
        print_json({"file": file, "valid": False, "name": None, "error": str(error)})
        return 2
    warn_of_unfelt(scenario)
    if as_json:
        print_json({"file": file, "valid": True, "name": scenario.name, "error": None})
    else:
        protocols, agents = (", ".join(p.name for p in part) for part in (scenario.protocols, scenario.agents))
        click.echo(f"{file}: valid ({scenario.name}: protocols {protocols}; inhabitants {agents or 'none'})")
    return 0
