"""A sweep's folder: one small file per finished run, so that a killed sweep loses nothing.

design.toml            the resolved design; runs again from here, with scenarios/*.toml beside it
manifest.json          identity (design, scenarios, prices, version), packages, platform
runs/<run>.json        a finished run: levers, seed, summary; the same bytes however it was run
errors/<run>.json      a run that failed: its one-line reason and its traceback
timings.jsonl          seconds that each run took, in order of finishing; no result
runs.parquet           all finished runs, one row each, in the design's order
effects.parquet        what the levers did (`experiments.effects`)
sensitivity.parquet    latin hypercubes: rank correlations (`experiments.sensitivity`)
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import polars as pl

from abm.errors import RunFolderError
from abm.record import write_folder
from experiments.design import Design, RunSpec, file_digest, worlds
from experiments.levers import Value, label

__all__ = ["Failed", "Finished", "Opened", "assemble", "identity", "open_folder", "read_failed", "read_finished"]
__all__ += ["write_failed", "write_finished", "write_frame"]

SCHEMA_VERSION = 1
"""Version of the folder's form."""

PACKAGES = ("crossfire-risk", "mesa", "numba", "numpy", "polars", "ray", "scipy")


@dataclass(frozen=True)
class Finished:
    """A finished run as its file tells it."""

    run: str
    position: int
    scenario: str
    seed: int
    levers: Mapping[str, Value]
    summary: Mapping[str, Any]

    @classmethod
    def of(cls, spec: RunSpec, summary: Mapping[str, Any]) -> Self:
        """The result of a run of the design."""
        return cls(spec.run, spec.position, spec.scenario.name, spec.seed, spec.levers, summary)


@dataclass(frozen=True)
class Failed:
    """A run that failed, and why."""

    run: str
    position: int
    seed: int
    levers: Mapping[str, Value]
    reason: str
    trace: str


@dataclass(frozen=True)
class Opened:
    """A folder ready to be written: what earlier sessions finished, and files that were damaged."""

    finished: frozenset[str]
    damaged: tuple[str, ...]


def open_folder(folder: Path, design: Design, specs: Sequence[RunSpec], *, resume: bool) -> Opened:
    """Claim a sweep's folder: absent or empty, or with `resume` that of the same design.

    Raises
    ------
    RunFolderError
        It is not empty (without `resume`), not a sweep's, another design's (naming the keys that
        differ), or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(str(folder), "exists and is a file", "choose another --out")
    used = folder.is_dir() and any(folder.iterdir())
    if used and not resume:
        raise RunFolderError(str(folder), "exists and is not empty", "choose another --out, or add --resume to go on")
    if used:
        _same_design(folder, design)
    else:
        _lay_out(folder, design, specs)
    known = {spec.run for spec in specs}
    finished, damaged = _sift(folder)
    return Opened(frozenset(f.run for f in finished if f.run in known), damaged)


def write_finished(folder: Path, result: Finished, seconds: float) -> None:
    """Write a finished run, atomically; an earlier failure of it is forgotten."""
    _write_json(folder / "runs" / f"{result.run}.json", asdict(result))
    (folder / "errors" / f"{result.run}.json").unlink(missing_ok=True)
    with (folder / "timings.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"run": result.run, "seconds": round(seconds, 4)}) + "\n")


def write_failed(folder: Path, failure: Failed) -> None:
    """Write why a run failed, atomically."""
    _write_json(folder / "errors" / f"{failure.run}.json", asdict(failure))


def read_finished(folder: Path) -> tuple[Finished, ...]:
    """Every finished run of a sweep's folder, in the design's order.

    Raises
    ------
    RunFolderError
        Not a sweep's folder, or the file of a run is damaged.
    """
    _manifest(folder)
    finished, damaged = _sift(folder)
    if damaged:
        raise RunFolderError(str(folder / damaged[0]), "damaged", "run the sweep again with --resume")
    return finished


def read_failed(folder: Path) -> tuple[Failed, ...]:
    """Every failure of a sweep's folder, in the design's order; damaged files are left out."""
    found = [_read_as(Failed, path) for path in sorted((folder / "errors").glob("*.json"))]
    return tuple(sorted((f for f in found if f), key=lambda f: f.position))


def assemble(finished: Sequence[Finished]) -> pl.DataFrame:
    """Finished runs as a frame: run, position, scenario, seed, a column per lever, one per plain figure.

    A figure that bears a lever's name is in `summary.<name>`.  A lever that is neither all numbers
    nor all booleans is a column of text.
    """
    ordered = sorted(finished, key=lambda f: f.position)
    fixed = {key: [getattr(f, key) for f in ordered] for key in ("run", "position", "scenario", "seed")}
    columns = [
        pl.Series(key, values, dtype=pl.Int64 if key in ("position", "seed") else pl.String)
        for key, values in fixed.items()
    ]
    levers = [k for k in dict.fromkeys(k for f in ordered for k in f.levers) if k != "scenario"]
    columns += [_column(key, [f.levers.get(key) for f in ordered]) for key in levers]
    figures = dict.fromkeys(k for f in ordered for k, v in f.summary.items() if not isinstance(v, dict | list))
    taken = {c.name for c in columns}
    for key in figures:
        name = f"summary.{key}" if key in taken else key
        columns.append(_column(name, [f.summary.get(key) for f in ordered]))
    return pl.DataFrame(columns)


def write_frame(folder: Path, name: str, frame: pl.DataFrame) -> None:
    """Write a table of the folder as Parquet, atomically."""
    _replace(folder / f"{name}.parquet", frame.write_parquet)


def identity(design: Design) -> dict[str, Any]:
    """All that decides a sweep's results: the design, its scenarios and bars by content, the code's version."""
    told = design.to_dict()
    for path in ("scenario", "scenarios", "prices"):
        told.pop(path, None)
    return {
        "design": told,
        "scenarios": {name: scenario.to_dict() for name, scenario in worlds(design).items()},
        "prices": file_digest(design.prices),
        "version": version(PACKAGES[0]),
    }


def _lay_out(folder: Path, design: Design, specs: Sequence[RunSpec]) -> None:
    """Make the folder in one step, with all that running and reading it again needs."""
    own = identity(design)
    manifest = {
        "schema": SCHEMA_VERSION,
        "kind": "sweep",
        "runs": len(specs),
        "hash": hashlib.blake2b(json.dumps(own, sort_keys=True).encode(), digest_size=16).hexdigest(),
        "identity": own,
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    scenarios = worlds(design)
    copies = tuple(f"scenarios/{name}.toml" for name in scenarios)
    paths: dict[str, Any] = {"scenarios": copies} if design.scenarios else {"scenario": copies[0]}
    bars = {"prices": str(Path(design.prices).resolve())} if design.prices else {}
    told = design.model_copy(update=paths | bars)

    def fill(target: Path) -> None:
        for name in ("runs", "errors", "scenarios"):
            (target / name).mkdir()
        for copy, scenario in zip(copies, scenarios.values(), strict=True):
            _write(target / copy, scenario.to_toml())
        _write(target / "design.toml", told.to_toml())
        _write_json(target / "manifest.json", manifest)

    write_folder(folder, fill)


def _same_design(folder: Path, design: Design) -> None:
    """The folder is of this very design, else an error that names what differs."""
    there, here = _leaves(_manifest(folder)["identity"]), _leaves(json.loads(json.dumps(identity(design))))
    keys = [k for k in dict.fromkeys([*there, *here]) if there.get(k) != here.get(k)]
    if not keys:
        return
    told = [f"{k} ({label(there.get(k, 'absent'))} there, {label(here.get(k, 'absent'))} here)" for k in keys[:4]]
    more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
    raise RunFolderError(
        str(folder), f"belongs to another design: {'; '.join(told)}{more}".replace(";", ","), "choose another --out"
    )


def _leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    """A nested structure as dotted keys; members of lists by their name, or by position."""
    if isinstance(node, dict):
        parts = list(node.items())
    elif isinstance(node, list) and any(isinstance(m, dict) for m in node):
        parts = [(str(m.get("name", i)) if isinstance(m, dict) else str(i), m) for i, m in enumerate(node)]
    else:
        return {prefix.removesuffix("."): node}
    found: dict[str, Any] = {}
    for key, member in parts:
        found |= _leaves(member, f"{prefix}{key}.")
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        what, remedy = "not the folder of a sweep (no manifest.json)", "give a folder that `crossfire sweep` made"
        raise RunFolderError(str(folder), what, remedy) from error
    except (OSError, ValueError) as error:
        raise RunFolderError(str(path), f"damaged ({error})", "start the sweep in another folder") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != "sweep":
        raise RunFolderError(str(folder), "not the folder of a sweep", "give a folder that `crossfire sweep` made")
    if manifest.get("schema") != SCHEMA_VERSION or "identity" not in manifest:
        what = f"schema {manifest.get('schema')}, this version reads {SCHEMA_VERSION}"
        raise RunFolderError(str(folder), what, "start the sweep in another folder")
    return manifest


def _sift(folder: Path) -> tuple[tuple[Finished, ...], tuple[str, ...]]:
    """Finished runs in the design's order, and the names of files that are damaged."""
    finished, damaged = [], []
    for path in sorted((folder / "runs").glob("*.json")):
        result = _read_as(Finished, path)
        if result is None:
            damaged.append(f"runs/{path.name}")
        else:
            finished.append(result)
    return tuple(sorted(finished, key=lambda f: f.position)), tuple(damaged)


def _read_as[T: (Finished, Failed)](kind: type[T], path: Path) -> T | None:
    """The file of a run; None if it is truncated, of another form, or under another run's name."""
    try:
        result = kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return result if result.run == path.stem else None


def _column(name: str, values: list[Any]) -> pl.Series:
    given = [v for v in values if v is not None]
    if given and all(isinstance(v, bool) for v in given):
        return pl.Series(name, values, dtype=pl.Boolean)
    if given and all(isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**63 for v in given):
        return pl.Series(name, values, dtype=pl.Int64)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in given):
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    return pl.Series(name, [None if v is None else label(v) for v in values], dtype=pl.String)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write(path, json.dumps(content, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _replace(path: Path, fill: Any) -> None:
    """Make a file whole or not at all: filled under another name, brought to disk, renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fill(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunFolderError(
            str(path), f"cannot be written ({error.strerror or error})", "free space, then --resume"
        ) from error
