"""`crossfire sweep`: many runs on Ray."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from experiments.sweep import SweepResult

__all__ = ["command"]


@click.command("sweep", epilog="Example: crossfire sweep crash-levers --workers 2 --out results/levers")
@click.argument("design")
@click.option("--workers", type=click.IntRange(min=1), help="Processes on this machine; one for each core by default.")
@click.option("--address", help="A Ray cluster: ray://host:10001 or host:port.")
@click.option("--resume", is_flag=True, help="Go on with a sweep that was interrupted.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the sweep; results/sweeps/DESIGN by default.")
@click.option("--json", "as_json", is_flag=True, help="Print folder, counts and effects as JSON.")
def command(
    design: str, workers: int | None, address: str | None, resume: bool, out: Path | None, as_json: bool
) -> int:
    """Run every run of DESIGN (a shipped name or a path), and tell what the levers did.

    Exit code 1: some runs failed; their reasons are in the folder.
    """
    from experiments.answer import print_effects
    from experiments.console import print_json, sweep_progress
    from experiments.design import Design
    from experiments.interrupt import interrupted
    from experiments.sweep import run_sweep

    if workers is not None and address is not None:
        raise click.UsageError("--workers and --address exclude each other; a cluster has its own workers")
    plan = Design.load(design)
    folder = out or Path("results") / "sweeps" / plan.name
    try:
        with sweep_progress(plan.name) as progress:
            result = run_sweep(plan, folder, workers=workers, address=address, resume=resume, progress=progress)
    except BaseException:
        if interrupted():
            click.echo(
                f"finished runs are kept; go on with: crossfire sweep {design} --out {folder} --resume", err=True
            )
        raise
    if as_json:
        print_json(
            {
                "folder": str(folder), "total": result.total, "done": result.done, "reused": result.reused,
                "failed": [{"run": f.run, "reason": f.reason} for f in result.failed],
                "damaged": list(result.damaged), "effects": result.effects.to_dicts(),
            }
        )  # fmt: skip
    else:
        _tell(result, folder)
        if result.effects["pairs"].sum():
            print_effects(result.effects)
        elif plan.kind == "latin_hypercube":
            click.echo(
                f"points of a hypercube make no pairs: see {folder}/sensitivity.parquet, or crossfire report {folder}"
            )
    return 1 if result.failed else 0


def _tell(result: "SweepResult", folder: Path) -> None:
    click.echo(f"{result.done} of {result.total} runs done ({result.reused} from before) in {folder}")
    for file in result.damaged:
        click.echo(f"damaged and run again: {file}", err=True)
    for failure in result.failed:
        click.echo(f"failed: {failure.run}: {failure.reason}", err=True)
