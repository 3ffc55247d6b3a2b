"""A sweep's design: which worlds are run, over which levers, with which seeds.

A design is a TOML file (docs/sweeps.md).  `Design.load` reads a shipped name or a path, `runs`
unfolds it into the runs it asks for, each with its resolved scenario, so that every mistake is
found before anything is run.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from abm.draws import Draws
from abm.errors import DesignError, ScenarioError, nearest
from abm.forms import explain
from abm.keys import Name
from abm.scenario import Scenario, read_toml
from abm.spec import Spec
from agents.population import check_params
from experiments.levers import Case, Lever, Value, label

__all__ = [
    "Case",
    "Design",
    "Factor",
    "Lever",
    "RunSpec",
    "factors",
    "file_digest",
    "label",
    "runs",
    "shipped_designs",
    "worlds",
]

RESERVED = ("run", "position", "seed", "scenario", "case")
"""Names of columns that every sweep has, so that no lever may bear them."""


class Design(Spec):
    """What a sweep runs: scenarios x (grid, latin hypercube or list of cases) x seeds."""

    name: Name
    purpose: str = Field("", description="one line: the question it asks")
    scenario: str = Field("", description="a shipped scenario, or a path relative to the design's file")
    scenarios: tuple[str, ...] = Field((), description="several, each run at every point")
    prices: str = Field("", description="a file of bars, relative to the design's file")
    kind: Literal["grid", "latin_hypercube", "list"] = "grid"
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63)], ...] = Field(
        description="a list, or {count = 8, first = 1}: common random numbers of all points"
    )
    set: dict[str, Any] = Field(default_factory=dict, description="overrides common to all runs")
    levers: tuple[Lever, ...] = ()
    cases: tuple[Case, ...] = ()
    samples: Annotated[int, Field(ge=2, le=1_000_000)] | None = Field(None, description="latin hypercube: points")
    sampling_seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(1, description="seed of the hypercube's points")
    outcomes: tuple[str, ...] = Field((), description="keys of the summary to report; empty: every number in it")

    @field_validator("seeds", mode="before")
    @classmethod
    def _expand(cls, seeds: Any) -> Any:
        """A count with a first seed, written out."""
        if not isinstance(seeds, dict):
            return seeds
        for key in seeds:
            if key not in ("count", "first"):
                raise ValueError(f"unknown key '{key}'; {nearest(key, ('count', 'first'))}")
        count, first = seeds.get("count"), seeds.get("first", 1)
        if type(count) is not int or type(first) is not int or not 1 <= count <= 1_000_000:
            raise ValueError("a range of seeds has a whole `count` of at least 1 and a whole `first`")
        return tuple(range(first, first + count))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """The parts fit the kind, and each other."""
        names = [lever.name for lever in self.levers] + [case.name for case in self.cases]
        twice = [n for n in names if names.count(n) > 1]
        listed = self.kind == "list"
        tests = (
            (bool(self.scenario) == bool(self.scenarios), "needs either `scenario` or `scenarios`; name what is run"),
            (not self.seeds, "seeds: none given; give a list or a count"),
            (len(set(self.seeds)) < len(self.seeds), "seeds: one is there twice; remove it"),
            (bool(twice), f"the name '{twice and twice[0]}' is used twice; give each its own"),
            (listed and bool(self.levers), "levers: a list has cases instead; write [[cases]]"),
            (listed and not self.cases, "cases: a list needs at least one; write [[cases]]"),
            (not listed and bool(self.cases), f'cases: not in a {self.kind}; use kind = "list"'),
            (self.kind == "latin_hypercube" and not self.levers, "levers: a hypercube needs one; write [[levers]]"),
            (
                (self.kind == "latin_hypercube") != (self.samples is not None),
                "samples: what a latin hypercube has, and no other kind; mend `kind` or `samples`",
            ),
        )
        for wrong, text in tests:
            if wrong:
                raise ValueError(text)
        for lever in self.levers:
            if lever.name in RESERVED or lever.name in self.outcomes:
                raise ValueError(f"levers.{lever.name}: the name is taken by a column; choose another")
            if fault := lever.fault(self.kind):
                raise ValueError(f"levers.{lever.name}: {fault}")
        return self

    @classmethod
    def load(cls, design: str | Path) -> Self:
        """Read a shipped design by name, or any by path.

        Raises
        ------
        DesignError
            Unknown name, unreadable file, bad TOML, unknown key, bad value.
        """
        data, path = read_toml(design, "design", shipped_designs, DesignError)
        return cls.from_dict(_anchored(data, path.parent), where=str(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "design") -> Self:
        """Check a nested dictionary as read from TOML; `where` is named in errors."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise explain(cls, error, where, DesignError) from error

    def to_dict(self) -> dict[str, Any]:
        """The resolved design, every default filled in that has a value."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """The resolved design as TOML; reading it back gives an equal design."""
        return tomli_w.dumps(self.to_dict())


@dataclass(frozen=True)
class Factor:
    """What effects are told by: a lever with values, the cases of a list, or the scenarios."""

    name: str
    levels: tuple[Value, ...]
    baseline: Value


@dataclass(frozen=True)
class RunSpec:
    """One run of a sweep.

    `run` is derived from the resolved scenario, seed and price file, so that it stays the same
    wherever the run stands in a design; `position` is its place in this one.
    """

    run: str
    position: int
    levers: Mapping[str, Value]
    seed: int
    scenario: Scenario


def shipped_designs() -> dict[str, Path]:
    """Name and file of each design that comes with the project, in order of name."""
    folder = Path(str(files("experiments"))) / "studies"
    return {p.stem: p for p in sorted(folder.glob("*.toml"))}


def worlds(design: Design) -> dict[str, Scenario]:
    """The design's scenarios before any override, by name.

    Raises
    ------
    ScenarioError
        One of them cannot be read.
    DesignError
        Two bear the same name.
    """
    found: dict[str, Scenario] = {}
    for source in design.scenarios or (design.scenario,):
        scenario = Scenario.load(source)
        if scenario.name in found:
            raise DesignError(design.name, f"two scenarios are named '{scenario.name}'", "rename one in its file")
        found[scenario.name] = scenario
    return found


def runs(design: Design) -> tuple[RunSpec, ...]:
    """Every run of a design, seeds fastest, each scenario resolved and checked.

    Raises
    ------
    DesignError
        The price file cannot be read, an override does not fit the scenario, or two points are the same world.
    ScenarioError
        A scenario cannot be read.
    """
    bars = file_digest(design.prices)
    common = _flat(design.set)
    bases = worlds(design)
    specs: list[RunSpec] = []
    seen: dict[str, str] = {}
    for (name, base), (levers, changes) in itertools.product(bases.items(), list(_points(design))):
        point: dict[str, Value] = ({"scenario": name} if len(bases) > 1 else {}) | levers
        try:
            world = base.override(common | changes, where=f"design {design.name}")
            check_params(world)
        except ScenarioError as error:
            raise DesignError(error.where, error.what, error.remedy) from error
        told = ", ".join(f"{k} {label(v)}" for k, v in point.items())
        for seed in design.seeds:
            scenario = world.model_copy(update={"seed": seed})
            run = _run_id(scenario, bars)
            if run in seen:
                raise DesignError(design.name, f"({seen[run]}) and ({told}) are the same world", "remove one")
            seen[run] = told
            specs.append(RunSpec(run, len(specs), point, seed, scenario))
    return tuple(specs)


def factors(design: Design) -> tuple[Factor, ...]:
    """The factors that have levels, scenarios first; levers over a range have none."""
    found = []
    if len(design.scenarios) > 1:
        names = tuple(worlds(design))
        found.append(Factor("scenario", names, names[0]))
    if design.cases:
        names = tuple(case.name for case in design.cases)
        found.append(Factor("case", names, names[0]))
    for lever in design.levers:
        if not lever.ranged:
            baseline = lever.values[0] if lever.baseline is None else lever.baseline
            found.append(Factor(lever.name, lever.values, baseline))
    return tuple(found)


def file_digest(path: str) -> str:
    """Fingerprint of a price file's bytes; empty for no file.

    Raises
    ------
    DesignError
        It cannot be read.
    """
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DesignError(path, f"price file cannot be read ({error.strerror})", "check `prices`") from error


def _points(design: Design) -> Iterator[tuple[dict[str, Value], dict[str, Any]]]:
    """Each point's levers by name, and the overrides they mean."""
    if design.kind == "list":
        for case in design.cases:
            yield {"case": case.name}, _flat(case.set)
        return
    rows = itertools.product(*(v.values for v in design.levers)) if design.kind == "grid" else _hypercube(design)
    for row in rows:
        pairs = list(zip(design.levers, row, strict=True))
        yield {v.name: x for v, x in pairs}, {key: x for v, x in pairs for key in v.targets}


def _hypercube(design: Design) -> list[tuple[Value, ...]]:
    """A latin hypercube: each lever's range in as many strata as points, each stratum used once.

    McKay, Beckman, Conover 1979.  A lever's draws depend on its name alone, so that one lever more
    leaves the others where they were.
    """
    points = np.arange(design.samples or 0)
    draws = Draws(design.sampling_seed)
    columns = []
    for lever in design.levers:
        strata = np.argsort(draws.uniform("hypercube order", lever.name, points), kind="stable")
        quantiles = (strata + draws.uniform("hypercube jitter", lever.name, points)) / points.size
        columns.append([lever.at(float(u)) for u in quantiles])
    return list(zip(*columns, strict=True))


def _run_id(scenario: Scenario, bars: str) -> str:
    text = json.dumps([scenario.to_dict(), bars], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested table as dotted keys, so that `[set.clock] duration = 60` is `clock.duration`."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths of scenarios and prices taken from the design's own folder."""

    def anchor(path: Any) -> Any:
        return str(folder / path) if isinstance(path, str) and path else path

    changed = dict(data)
    if "prices" in data:
        changed["prices"] = anchor(data["prices"])
    if str(data.get("scenario", "")).endswith(".toml"):
        changed["scenario"] = anchor(data["scenario"])
    if isinstance(data.get("scenarios"), list):
        changed["scenarios"] = [anchor(s) if str(s).endswith(".toml") else s for s in data["scenarios"]]
    return changed
