"""`crossfire new`: a scenario to start from."""

import re
from importlib.resources import files
from pathlib import Path

import click

__all__ = ["command"]


@click.command("new", epilog="Example: crossfire new my-world && crossfire run my-world.toml")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; NAME.toml by default.")
@click.option("--json", "as_json", is_flag=True, help="Print {file}.")
def command(name: str, out: Path | None, as_json: bool) -> None:
    """Write a commented scenario called NAME, small enough to run in seconds, to start from."""
    from abm.errors import ScenarioError

    name = name.removesuffix(".toml")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", name):
        raise ScenarioError(
            f"NAME {name}", "not a name", "use letters, digits, '-', '_' and '.', beginning with a letter"
        )
    path = out or Path(f"{name}.toml")
    if path.suffix != ".toml":
        raise ScenarioError(f"--out {path}", "not a .toml file", f"name it {path}.toml")
    template = Path(str(files("experiments"))) / "templates" / "scenario.toml"
    _write(path, template.read_text(encoding="utf-8").replace("@NAME@", name))
    if as_json:
        import json

        click.echo(json.dumps({"file": str(path)}))
    else:
        click.echo(f"{path}\nnext: crossfire run {path}")


def _write(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    from abm.errors import ScenarioError

    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError as error:
        raise ScenarioError(str(path), "exists", "choose another name or --out") from error
    except OSError as error:
        raise ScenarioError(str(path), f"cannot be written ({error.strerror})", "choose another --out") from error
