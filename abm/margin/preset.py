"""Presets: the parameters of a real protocol's margin rules in TOML, each with its source and date.

    family = "weighted"
    title = "dYdX v4"
    note = "what is left out, and why"

    [parameters.markets.BTC]
    imf = 0.02

    [[sources]]
    keys = ["markets.*.imf"]
    page = "https://..."
    date = 2025-10-10

The keys under `parameters` are the family's own form.  A pattern of `keys` names keys below `parameters`, `*` standing
for one part of the key; every key must have a source.
"""

import datetime
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abm.errors import PresetError, nearest
from abm.forms import explain
from abm.margin.engine import Parameters
from abm.margin.families.table import FAMILIES

__all__ = ["Preset", "Source", "load_preset", "shipped_presets"]


class Source(BaseModel):
    """Where some parameters are from, and how old they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[str, ...] = Field(min_length=1, description="patterns of keys below `parameters`")
    page: str = Field(min_length=1, description="page, repository path or paper")
    date: datetime.date = Field(description="day on which it said so")
    note: str = Field("", description="what was rounded, chosen or left out")

    def names(self, key: str) -> bool:
        """Whether a key is among them."""
        return any(_fits(key.split("."), pattern.split(".")) for pattern in self.keys)


def _fits(key: list[str], pattern: list[str]) -> bool:
    """Whether a pattern names a key: part by part, and all that is below what it names."""
    return len(pattern) <= len(key) and all(fnmatchcase(k, p) for k, p in zip(key, pattern, strict=False))


class _Form(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    title: str
    note: str = ""
    parameters: dict[str, Any]
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as read: its family's filled-in form, and the sources of its keys."""

    name: str
    title: str
    note: str
    family: str
    parameters: Parameters
    sources: tuple[Source, ...]
    given: dict[str, Any]

    def entries(self) -> Iterator[tuple[str, Any, Source | None]]:
        """Every parameter that the file gives: key, value, source."""
        for key, value in _leaves(self.given, ""):
            yield key, value, next((s for s in self.sources if s.names(key)), None)


def _leaves(table: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Keys with their values, tables unfolded; a list of tables by position."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(table, list) and table and isinstance(table[0], dict):
        for i, value in enumerate(table):
            yield from _leaves(value, f"{prefix}.{i}")
    else:
        yield prefix, table


def shipped_presets() -> list[str]:
    """Names of the presets that are shipped."""
    folder = resources.files("abm.margin") / "presets"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def load_preset(name: str | Path) -> Preset:
    """A shipped preset by name, or a file of one's own.

    Raises
    ------
    PresetError
        There is none of that name, the file cannot be read, or a key in it is wrong or without a source.
    """
    place, text = _text(name)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PresetError(place, f"is no TOML ({error})", "mend the syntax") from error
    try:
        form = _Form.model_validate(raw)
    except ValidationError as error:
        raise explain(_Form, error, place, PresetError) from error
    if form.family not in FAMILIES:
        raise PresetError(f"{place}: family", f"unknown family '{form.family}'", nearest(form.family, FAMILIES))
    shape = FAMILIES[form.family].Parameters
    try:
        parameters = shape.model_validate(form.parameters)
    except ValidationError as error:
        raise explain(shape, error, f"{place}: parameters", PresetError, join=".") from error
    made = Preset(
        Path(place).stem, form.title, form.note, form.family, parameters, form.sources, form.parameters
    )  # fmt: skip
    for key, _, source in made.entries():
        if source is None:
            raise PresetError(f"{place}: parameters.{key}", "has no source", "name it in a [[sources]] entry's keys")
    return made


def _text(name: str | Path) -> tuple[str, str]:
    """How errors call a preset, and its text."""
    if str(name) in shipped_presets():
        return f"{name}.toml", (resources.files("abm.margin") / "presets" / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if not path.is_file():
        known = nearest(str(name), shipped_presets())
        raise PresetError(str(name), "is no shipped preset and no file", f"{known} or give the path of a TOML file")
    try:
        return str(path), path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(str(path), f"cannot be read ({error})", "give a readable TOML file in UTF-8") from error
