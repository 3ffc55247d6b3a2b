"""The demo: a run, a sweep of it, the trace and the report."""

import shutil
from pathlib import Path

import click

from abm.contagion.graph import write_graph
from abm.errors import RunFolderError
from abm.scenario import Scenario
from experiments.answer import print_effects
from experiments.console import print_json, run_progress, sweep_progress, usd
from experiments.design import Design
from experiments.figures import save_picture
from experiments.report import write_report
from experiments.simulate import simulate
from experiments.sweep import run_sweep
from experiments.tracing import print_trace, trace_tables

__all__ = ["run_demo"]

MARK = "crossfire-demo"
"""A file that says that a folder is a demo's, and may be replaced by the next."""


def run_demo(out: Path, *, workers: int | None = None, as_json: bool = False) -> int:
    """Do the four steps in a folder; 1 where runs of the sweep failed, else 0.

    Raises
    ------
    RunFolderError
        The folder holds something that is not a demo.
    """
    _clear(out)
    _step("1/4  the scenario `crash`: a simulated day at one-second prices, 20,000 accounts", as_json)
    with run_progress("crash") as progress:
        record = simulate(Scenario.load("crash"), progress=progress)
    run = record.write(out / "crash")
    s = record.summary
    _step(
        f"     {s['breaches']:,} breaches, {usd(s['liquidated_notional'])} USD liquidated, "
        f"{s['endogenous_share']:.0%} of it caused by other liquidations",
        as_json,
    )
    _step("2/4  a sweep over the hour of the crash: margin mode x keeper capital x bridge delay", as_json)
    with sweep_progress("crash-levers") as told:
        swept = run_sweep(Design.load("crash-levers"), out / "sweep", workers=workers, progress=told)
    _step("3/4  the trace: who caused whom", as_json)
    write_graph(record, run / "trace")
    if not as_json:
        print_trace({k: v for k, v in trace_tables(record, 5).items() if k in ("channels", "roots", "accounts")})
    _step("4/4  the report", as_json)
    report = write_report(run, out / "report.html", sweep=out / "sweep")
    picture = out / "cascade.png"
    save_picture(record, picture)
    if as_json:
        print_json(
            {
                "report": str(report),
                "picture": str(picture),
                "run": str(run),
                "sweep": str(out / "sweep"),
                "effects": swept.effects.to_dicts(),
            }
        )
    else:
        print_effects(swept.effects)
        click.echo(f"report: {report}\npicture: {picture}")
    for failure in swept.failed:
        click.echo(f"failed: {failure.run}: {failure.reason}", err=True)
    return 1 if swept.failed else 0


def _step(text: str, quiet: bool) -> None:
    click.echo(text, err=quiet)


def _clear(out: Path) -> None:
    """An empty folder for the demo, an earlier demo's removed."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise RunFolderError(str(out), "exists and is not a demo's", "choose another --out")
    try:
        shutil.rmtree(out, ignore_errors=False) if out.exists() else None
        out.mkdir(parents=True)
        (out / MARK).touch()
    except OSError as error:
        raise RunFolderError(str(out), f"cannot be written ({error.strerror})", "choose another --out") from error
