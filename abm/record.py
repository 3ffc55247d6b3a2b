"""The record of a run: tables as polars frames, a summary and a manifest; written and read back whole or not at all."""

import json
import os
import shutil
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import polars as pl

from abm.errors import RunFolderError
from abm.scenario import Scenario
from abm.tables import TABLES

__all__ = ["SCHEMA_VERSION", "Record", "claim_folder", "write_folder"]

SCHEMA_VERSION = 3
"""Version of the tables and of the manifest."""


def empty_tables() -> dict[str, pl.DataFrame]:
    """Every table of a record without rows."""
    return {name: pl.DataFrame(schema=table.schema()) for name, table in TABLES.items()}


@dataclass(frozen=True)
class Record:
    """What a run leaves.

    Attributes
    ----------
    scenario
        The resolved scenario.
    tables
        Frames by name, with the columns of `abm.tables.TABLES`.
    summary
        Plain figures of the run (docs/record.md names each with its unit).
    manifest
        Schema version, seed, versions, platform.
    """

    scenario: Scenario
    tables: dict[str, pl.DataFrame] = field(default_factory=empty_tables)
    summary: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]

    def write(self, folder: Path, *, force: bool = False) -> Path:
        """Write the record as a folder, atomically.

        Raises
        ------
        RunFolderError
            The folder exists and is not empty (without `force`), or cannot be written.
        """

        def fill(target: Path) -> None:
            (target / "manifest.json").write_text(
                json.dumps(self.manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8"
            )
            (target / "scenario.toml").write_text(self.scenario.to_toml(), encoding="utf-8")
            (target / "summary.json").write_text(json.dumps(self.summary, indent=2) + "\n", encoding="utf-8")
            for name in TABLES:
                self.tables[name].write_parquet(target / f"{name}.parquet")

        return write_folder(folder, fill, force=force)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's folder back.

        Raises
        ------
        RunFolderError
            Not a run's folder but a sweep's or another, or a file of it is missing or damaged.
        """
        if (folder / "design.toml").is_file():
            raise RunFolderError(
                str(folder),
                "is a sweep, not a run",
                f"see it by `crossfire report {folder}`, or give the folder of a run",
            )
        if not (folder / "manifest.json").is_file():
            inside = sorted(str(found.parent) for found in folder.glob("*/summary.json"))[:3]
            remedy = f"give {' or '.join(inside)}" if inside else "give a folder that `crossfire run` made"
            raise RunFolderError(str(folder), "not the folder of a run (no manifest.json)", remedy)
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            scenario = tomllib.loads((folder / "scenario.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(str(folder), f"damaged: {error}", "run it again") from error
        version = manifest.get("schema") if isinstance(manifest, dict) else None
        if version != SCHEMA_VERSION:
            raise RunFolderError(str(folder), f"schema {version}, this version reads {SCHEMA_VERSION}", "run it again")
        tables = {}
        for name in TABLES:
            path = folder / f"{name}.parquet"
            try:
                tables[name] = pl.read_parquet(path)
            except (OSError, pl.exceptions.PolarsError) as error:
                reason = str(error).splitlines()[0]
                raise RunFolderError(str(path), f"missing or damaged ({reason})", "run it again") from error
        return cls(Scenario.from_dict(scenario, where=str(folder / "scenario.toml")), tables, summary, manifest)


def claim_folder(folder: Path, *, force: bool = False) -> None:
    """Check before a long run that its folder can be written: absent or empty, or `force`; nothing is made.

    Raises
    ------
    RunFolderError
        It exists with something in it, is a file, or what is there of its parents cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(str(folder), "exists and is a file", "choose another --out")
    if folder.is_dir() and any(folder.iterdir()):
        if not force:
            raise RunFolderError(
                str(folder), "exists and is not empty", "choose another --out, or add --force to replace it"
            )
        if not (folder / "manifest.json").is_file():
            raise RunFolderError(
                str(folder), "is not a run's folder, so --force will not replace it", "choose another --out"
            )
    home = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".crossfire-", dir=home):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunFolderError:
    return RunFolderError(str(folder), f"cannot be written ({error.strerror})", "choose another --out")


def write_folder(folder: Path, fill: Any, *, force: bool = False) -> Path:
    """Make a folder by `fill(temporary folder)` and move it to its place in one step; nothing is left of a failure.

    Raises
    ------
    RunFolderError
        As `claim_folder`, or the disk is full.
    """
    claim_folder(folder, force=force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".crossfire-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fill(temporary)
        temporary.chmod(0o755)
        if folder.exists():
            _exchange(folder, temporary)
        else:
            os.replace(temporary, folder)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunFolderError(
            str(folder), f"cannot be written ({reason})", "free space or choose another --out"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _exchange(folder: Path, new: Path) -> None:
    """Put a new folder in another's place, which is back there if that fails."""
    old = Path(tempfile.mkdtemp(prefix=".crossfire-old-", dir=folder.parent))
    os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        os.replace(old, folder)
        raise
    shutil.rmtree(old)
