"""`crossfire run`: one run of a scenario."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("run", epilog="Example: crossfire run crash --seed 7 --set clock.duration=3600 --out results/mine")
@click.argument("scenario")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of all draws; the scenario's own by default.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key, e.g. protocols.harbor.mode=isolated; repeatable.",
)
@click.option("--prices", type=click.Path(path_type=Path), help="Bars to replay or to bootstrap from (Parquet or CSV).")
@click.option(
    "--accounts",
    type=click.Path(path_type=Path),
    help="Accounts to start from instead of the cohorts (Parquet or CSV).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run; results/SCENARIO/ID by default.")
@click.option("--force", is_flag=True, help="Replace a run that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print folder and summary as JSON.")
def command(
    scenario: str, seed: int | None, changes: tuple[str, ...], prices: Path | None, accounts: Path | None,
    out: Path | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run SCENARIO (a shipped name or a path) once and leave its record in a folder."""
    from abm.record import claim_folder
    from abm.scenario import Scenario
    from experiments.console import overrides, print_json, run_progress, warn_of_unfelt
    from experiments.naming import mistakes_in
    from experiments.simulate import run_id, simulate

    world = Scenario.load(scenario)
    values = overrides(changes) | ({"seed": seed} if seed is not None else {})
    world = world.override(values) if values else world
    folder = out or Path("results") / world.name / run_id(world, prices, accounts)
    claim_folder(folder, force=force)
    with mistakes_in(scenario, values), run_progress(world.name) as progress:
        record = simulate(world, prices_file=prices, accounts=accounts, progress=progress)
    record.write(folder, force=force)
    warn_of_unfelt(world)
    if as_json:
        print_json({"folder": str(folder), "summary": record.summary})
    else:
        _tell(folder, record.summary)


def _tell(folder: Path, summary: dict[str, float]) -> None:
    from experiments.console import usd

    click.echo(
        f"{summary['owners_breached']:,} owners with {summary['first_breaches']:,} first breaches ({summary['breaches']:,} "
        f"in all), {summary['liquidations']:,} liquidations of {usd(summary['liquidated_notional'])} USD, "
        f"{summary['liquidated_share']:.1%} of open interest, deficits {usd(summary['deficit'])} USD; endogenous share "
        f"{summary['endogenous_share']:.1%} of first breaches by notional, net of what liquidations held up"
    )
    click.echo(f"{folder}")
    click.echo(f"next: crossfire trace {folder}; crossfire report {folder}")
