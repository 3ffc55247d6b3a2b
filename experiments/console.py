"""What commands share on a terminal: progress on standard error when a person looks, tables, overrides."""

import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from abm.model import Progress
from experiments.sweep import SweepProgress

__all__ = ["clock", "overrides", "print_json", "print_table", "run_progress", "sweep_progress", "usd"]


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
def run_progress(label: str) -> Iterator[Callable[[Progress], None] | None]:
    """A bar of simulated time, accounts at risk and liquidations; None where nobody looks (a pipe)."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"),
        TextColumn("at risk {task.fields[risk]:,}"), TextColumn("liquidations {task.fields[done]:,}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=1.0, at="building", risk=0, done=0)

        def update(p: Progress) -> None:
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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output; numbers to the right."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) or _looks_numeric(row[i]) for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def _looks_numeric(cell: Any) -> bool:
    return str(cell).lstrip("-+")[:1].isdigit()


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, default=str))
