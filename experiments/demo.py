"""The demo: a run, a sweep of it, the trace and the report.

Run and sweep go on at the same time, the run in a process of its own and the sweep in Ray's workers.  The graph as
files is left to `crossfire trace`: writing GraphML takes as long as reading the report.
"""

import shutil
from pathlib import Path

import click

from abm.errors import RunFolderError
from abm.record import Record
from abm.scenario import Scenario
from experiments.answer import print_effects
from experiments.beside import RunBeside
from experiments.console import TwoBars, print_json, usd
from experiments.design import Design
from experiments.figures.units import count
from experiments.report import write_report
from experiments.sweep import SweepProgress, SweepResult, run_sweep
from experiments.tracing import print_trace, trace_tables

__all__ = ["run_demo"]

MARK = ".crossfire-demo"
"""A file that says that a folder is a demo's, and may be replaced by the next."""

PICTURE = "cascade.png"


def run_demo(out: Path, *, workers: int | None = None, as_json: bool = False) -> int:
    """Do the four steps in a folder; 1 where runs of the sweep failed, else 0.

    Raises
    ------
    RunFolderError
        The folder holds something that is not a demo.
    """
    _clear(out)
    say = _Say(quiet=as_json)
    say("1/4  a run of the scenario `crash`: a simulated day at one-second prices, 20,000 accounts")
    design = Design.load("crash-levers")
    seeds = count(len(design.seeds), "seed")
    say(f"2/4  beside it a sweep over the hour of the crash: margin mode x keeper capital x bridge delay, {seeds}")
    record, swept = _run_and_sweep(design, out, workers)
    run, picture = out / "crash", out / PICTURE
    say(_told(record))
    say("3/4  the trace: who caused whom")
    if not as_json:
        print_trace({k: v for k, v in trace_tables(record, 5).items() if k in ("channels", "origins", "accounts")})
    say("4/4  the report")
    report = write_report(run, out / "report.html", sweep=out / "sweep")
    paths = {"report": str(report), "picture": str(picture), "run": str(run), "sweep": str(out / "sweep")}
    if as_json:
        print_json(paths | {"effects": swept.effects.to_dicts()})
    else:
        print_effects(swept.effects)
        click.echo(f"network: crossfire trace {run} writes it as GraphML and Parquet")
        click.echo(f"report:  {report}\npicture: {picture}")
    for failure in swept.failed:
        click.echo(f"failed: {failure.run}: {failure.reason}", err=True)
    return 1 if swept.failed else 0


class _Say:
    """Steps on standard output, or on standard error where that is for JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, text: str) -> None:
        click.echo(text, err=self._quiet)


def _told(record: Record) -> str:
    s = record.summary
    return (
        f"     {s['first_breaches']:,} first breaches of {s['owners_breached']:,} owners, {usd(s['liquidated_notional'])} "
        f"USD liquidated, {s['liquidated_share']:.0%} of open interest; {s['endogenous_share']:.1%} of what pushed accounts "
        f"over, by notional, were earlier liquidations"
    )


def _run_and_sweep(design: Design, out: Path, workers: int | None) -> tuple[Record, SweepResult]:
    """The run in a process of its own; the sweep from here, once the run is under way."""
    with (
        TwoBars("crash", design.name) as bars,
        RunBeside(Scenario.load("crash"), out / "crash", out / PICTURE, bars.run) as run,
    ):

        def told(progress: SweepProgress) -> None:
            bars.sweep(progress)
            run.listen()

        run.until_under_way()
        swept = run_sweep(design, out / "sweep", workers=workers, progress=told)
        run.until_done()
    return Record.read(out / "crash"), swept


def _clear(out: Path) -> None:
    """An empty folder for the demo, an earlier demo's removed."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise RunFolderError(str(out), "exists and is not a demo's", "choose another --out")
    try:
        if out.exists():
            shutil.rmtree(out)
        out.mkdir(parents=True)
        (out / MARK).touch()
    except OSError as error:
        raise RunFolderError(str(out), f"cannot be written ({error.strerror})", "choose another --out") from error
