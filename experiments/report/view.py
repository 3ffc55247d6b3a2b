"""A sweep's folder, read for a report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from abm.errors import RunFolderError
from experiments.design import Design
from experiments.store import Failed, read_failed

__all__ = ["SweepView", "is_sweep", "read_sweep"]


@dataclass(frozen=True)
class SweepView:
    """What a sweep left.

    `runs` one row a finished run, `effects` as `experiments.effects.effects` gives it, `sensitivity` as
    `experiments.sensitivity.rank_correlations` does (None but for hypercubes).
    """

    design: Design
    runs: pl.DataFrame
    effects: pl.DataFrame
    sensitivity: pl.DataFrame | None = None
    failed: tuple[Failed, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep rather than of a run."""
    return (folder / "design.toml").is_file()


def read_sweep(folder: Path) -> SweepView:
    """Read a sweep's folder.

    Raises
    ------
    RunFolderError
        Not a sweep's folder, unfinished, or damaged.
    DesignError
        Its design cannot be read.
    """
    if not is_sweep(folder):
        raise RunFolderError(
            str(folder), "not the folder of a sweep (no design.toml)", "give a folder that `crossfire sweep` made"
        )
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(str(folder / "manifest.json"), f"damaged ({error})", "run the sweep again") from error
    sensitivity = folder / "sensitivity.parquet"
    return SweepView(
        Design.load(folder / "design.toml"),
        _table(folder / "runs.parquet"),
        _table(folder / "effects.parquet"),
        _table(sensitivity) if sensitivity.is_file() else None,
        read_failed(folder),
        manifest,
    )


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        what, remedy = "missing: the sweep has not come to its end", "finish it with `crossfire sweep --resume`"
        raise RunFolderError(str(path), what, remedy) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise RunFolderError(str(path), f"damaged ({reason})", "run the sweep again with --resume") from error
