"""What commands share on a terminal: progress on standard error when a person looks, tables, overrides."""

import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from abm.model import Progress
from abm.prices.shocks import unfelt_shocks
from abm.scenario import Scenario
from experiments.interrupt import check_interrupt
from experiments.sweep import SweepProgress

__all__ = [
    "TwoBars",
    "clock",
    "counted",
    "figure",
    "overrides",
    "percent",
    "print_json",
    "print_table",
    "run_progress",
    "sweep_progress",
    "usd",
    "warn_of_unfelt",
]

PIPE_WIDTH = 160
"""Characters of a table's line where no terminal says how wide it is, so that no cell is wrapped."""


def overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """`key=value` words as a dictionary; a value is read as TOML, and as plain text where it is none.

    Raises
    ------
    click.UsageError
        A word without `=`.
    """
    found = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise click.UsageError(f"--set {pair}: not of the form key=value; example: --set clock.duration=600")
        try:
            found[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = text
    return found


def warn_of_unfelt(scenario: Scenario) -> None:
    """Say on standard error which shocks a run does not see."""
    for line in unfelt_shocks(scenario):
        click.echo(f"warning: {line}", err=True)


def clock(seconds: float) -> str:
    """Simulated seconds as hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def usd(amount: float) -> str:
    """A sum in USD at a glance: 1.2k, 3.4M, 5.6B."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:,.2f}{letter}"
    return f"{amount:,.0f}"


@contextmanager
def run_progress(label: str) -> Iterator[Callable[[Progress], None]]:
    """A bar of simulated time, accounts at risk and liquidations; where nobody looks (a pipe), no bar."""
    if not sys.stderr.isatty():
        yield lambda _: check_interrupt()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"),
        TextColumn("at risk {task.fields[risk]:,}"), TextColumn("liquidations {task.fields[done]:,}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=1.0, at="building", risk=0, done=0)

        def update(p: Progress) -> None:
            check_interrupt()
            bar.update(task, completed=p.done / p.duration, at=clock(p.done), risk=p.at_risk, done=p.liquidations)

        yield update


@contextmanager
def sweep_progress(label: str) -> Iterator[Callable[[SweepProgress], None] | None]:
    """A bar of runs done, running and failed; None in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} runs"),
        TextColumn("{task.fields[running]} running"), TextColumn("{task.fields[failed]} failed"), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None, running=0, failed=0)

        def update(p: SweepProgress) -> None:
            bar.update(task, completed=p.done, total=p.total, running=p.running, failed=p.failed)

        yield update


class TwoBars:
    """Progress of a run and of a sweep beside it: two bars on a terminal, a line now and then in a pipe."""

    def __init__(self, run: str, sweep: str) -> None:
        self._lines = not sys.stderr.isatty()
        self._told = {"run": -1, "sweep": -1}
        self._names = {"run": run, "sweep": sweep}
        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(),
            TextColumn("{task.fields[at]}"),
            TimeElapsedColumn(),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), disable=self._lines)
        self._tasks = {key: self._bar.add_task(name, total=1.0, at="starting") for key, name in self._names.items()}

    def __enter__(self) -> "TwoBars":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def run(self, p: Progress) -> None:
        """Where the run stands."""
        at = f"{clock(p.done)} of {clock(p.duration)}, at risk {p.at_risk:,}, liquidations {p.liquidations:,}"
        self._tell("run", p.done / p.duration, at)

    def sweep(self, p: SweepProgress) -> None:
        """Where the sweep stands."""
        self._tell("sweep", p.done / p.total, f"{p.done} of {p.total} runs, {p.running} running, {p.failed} failed")

    def _tell(self, key: str, done: float, at: str) -> None:
        self._bar.update(self._tasks[key], completed=done, at=at)
        tenth = int(done * 10)
        if self._lines and tenth > self._told[key]:
            self._told[key] = tenth
            click.echo(f"{self._names[key]}: {at}", err=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output under its title, numbers to the right."""
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(Text(title, style="table.title"))
    table = _table(columns, rows)
    if console.measure(table, options=console.options.update(max_width=10_000)).maximum <= console.width:
        console.print(table)
    elif _least_width(columns, rows) <= console.width:
        console.print(
            _table(columns, rows, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
        )
    else:  # so narrow that figures would be cut: a paragraph a row
        for row in rows:
            console.print(Text("; ".join(f"{name} {cell}" for name, cell in zip(columns, row, strict=True))))


TEXT_WIDTH = 12
"""Characters to which a column of words may shrink before a table is too wide."""


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Characters that a slim table needs at least."""
    longest = [max((len(str(row[i])) for row in rows), default=0) for i in range(len(columns))]
    words = [max(map(len, name.split()), default=0) for name in columns]
    cells = [n if _numeric(rows, i) else min(n, TEXT_WIDTH) for i, n in enumerate(longest)]
    return sum(map(max, cells, words)) + 2 * len(columns) + 2


def _numeric(rows: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether all cells of a column are figures, or none at all."""
    cells = [row[column] for row in rows]
    return any(cell != "-" for cell in cells) and all(
        cell == "-" or isinstance(cell, int | float) or _looks_numeric(cell) for cell in cells
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], **look: Any) -> Table:
    """A table whose numbers are never cut, where a terminal is as wide as they are; names of columns wrap between words."""
    table = Table(**look)
    for i, name in enumerate(columns):
        numeric = _numeric(rows, i)
        words = max(map(len, name.split()), default=0)
        least = max(words, *(len(str(row[i])) for row in rows)) if numeric else words
        table.add_column(Text(name), justify="right" if numeric else "left", min_width=least, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def _looks_numeric(cell: Any) -> bool:
    return str(cell).lstrip("-+")[:1].isdigit()


def print_json(value: Any) -> None:
    """One JSON document on standard output; a figure that is not finite is null there."""
    click.echo(json.dumps(_finite(value), indent=2, allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figure(value: float | None) -> str:
    """An amount as a cell: cents, or six digits where it is small, a dash where there is none."""
    if value is None:
        return "-"
    value = value if abs(value) > 1e-9 else 0.0  # a balance of rounding is none
    return f"{value:,.2f}" if abs(value) >= 100.0 or value == 0.0 else f"{value:,.6g}"


def counted(accounts: int) -> str:
    """A number of accounts in words."""
    return f"{accounts:,} account{'s' if accounts != 1 else ''}"


def percent(value: float | None) -> str:
    """A part as a cell, in per cent with its sign; a dash where there is none."""
    if value is None:
        return "-"
    return f"{100.0 * (value if abs(value) > 1e-12 else 0.0):.4g} %"
