"""From a folder to a file: read a run or a sweep, write its report."""

import os
import tempfile
from pathlib import Path

import polars as pl

from abm.errors import RunFolderError
from abm.record import Record
from experiments.report.page import report_run, report_sweep
from experiments.report.view import is_sweep, read_sweep

__all__ = ["find_compare", "write_report"]


def write_report(source: Path, html: Path, *, sweep: Path | None = None) -> Path:
    """Write the report of the folder of a run or of a sweep; `sweep` is reported behind a run.

    Raises
    ------
    RunFolderError
        A folder is neither, is damaged, or the file cannot be written.
    """
    if is_sweep(source):
        if sweep is not None:
            raise RunFolderError(str(source), "is a sweep, and so is --sweep", "give a run first, or leave --sweep out")
        return _write(html, report_sweep(read_sweep(source)))
    record = Record.read(source)
    view = None if sweep is None else read_sweep(sweep)
    return _write(html, report_run(record, sweep=view, compare=find_compare(record)))


def find_compare(record: Record) -> pl.DataFrame | None:
    """The real timeline that the scenario names: beside the price file, else in the working directory; None: absent.

    Raises
    ------
    RunFolderError
        It is there, but not a table with the columns `second, liquidations, adls`.
    """
    named = record.scenario.compare
    if not named:
        return None
    prices = record.manifest.get("prices_file")
    places = [Path(prices).parent / named] if prices else []
    found = next((p for p in (*places, Path(named)) if p.is_file()), None)
    if found is None:
        return None
    try:
        frame = pl.read_csv(found) if found.suffix == ".csv" else pl.read_parquet(found)
        return frame.select(
            pl.col("second").cast(pl.Float64), pl.col("liquidations").cast(pl.Int64), pl.col("adls").cast(pl.Int64)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise RunFolderError(
            str(found), f"not a timeline ({reason})", "it needs the columns second, liquidations, adls"
        ) from error


def _write(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".crossfire-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(
            str(path), f"cannot be written ({reason})", "choose another file for the report"
        ) from error
    return path
