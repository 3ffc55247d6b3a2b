"""`crossfire demo`: from nothing to a picture of a cascade with every cause named."""

import time
from pathlib import Path

import click

__all__ = ["command"]


@click.command("demo", epilog="Example: crossfire demo --out results/demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/demo"),
    show_default=True,
    help="Folder; an earlier demo there is replaced.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes of the sweep; one for each core by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the paths and the effects as JSON.")
def command(out: Path, workers: int | None, as_json: bool) -> int:
    """Run the crash, sweep margin mode, keeper capital and bridge delay over its hour, trace it, write the report."""
    from experiments.demo import run_demo

    started = time.monotonic()
    code = run_demo(out, workers=workers, as_json=as_json)
    click.echo(f"done in {time.monotonic() - started:.0f} s", err=True)
    return code
