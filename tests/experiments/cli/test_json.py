"""`--json` of every command, and the examples in docs/cli.md that it is held to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from abm.tables import TABLES
from experiments.cli import COMMANDS
from experiments.effects import SCHEMA
from tests.experiments.cli.command_line import PAGE, SHORT, crossfire, example, section

pytestmark = pytest.mark.xdist_group("cli")


def shape(value: Any) -> Any:
    """Keys of dictionaries; of a list the keys of its first member."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def test_every_command_has_a_section_with_an_example() -> None:
    assert re.findall(r"^## `(\w+)`$", PAGE, flags=re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^\| \[`(\w+)`\]", PAGE, flags=re.MULTILINE) == list(COMMANDS)
    for name in COMMANDS:
        assert example(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told(name: str) -> None:
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", crossfire(name, "--help").out, flags=re.MULTILINE))
    for option in options - {"--help"}:
        assert option in section(name), option


def written(*words: Any, code: int = 0) -> Any:
    answer = crossfire(*words, "--json")
    assert (answer.code, answer.err) == (code, "")
    return json.loads(answer.out)


def test_run(world: Path) -> None:
    told = written("run", world, *SHORT, "--out", "out")
    assert shape(told) == shape(example("run"))
    assert told["summary"] == json.loads(Path("out/summary.json").read_text())


def test_scenarios() -> None:
    told = written("scenarios")
    assert shape(told) == shape(example("scenarios"))
    assert {row["name"] for row in told} >= {"calm", "crash", "october-2025", "one-bad-asset"}
    assert all(row["purpose"] for row in told)


def test_validate(world: Path) -> None:
    assert shape(written("validate", world)) == shape(example("validate"))


def test_schema() -> None:
    told = written("schema", "--tables")
    assert set(told) == set(TABLES)
    shown = example("schema")
    assert set(shown) <= set(told)
    assert all(shape(rows) == shape(told[name]) for name, rows in shown.items())
    assert all(row in told[name] for name, rows in shown.items() for row in rows)


def test_trace(ran: Path) -> None:
    told = written("trace", ran, "--top", 2)
    assert shape(told) == shape(example("trace"))
    assert all(len(told[key]) <= 2 for key in told if key not in ("folder", "channels"))


def test_report(ran: Path) -> None:
    told = written("report", ran, "--html", "out.html")
    assert shape(told) == shape(example("report"))
    assert told == {"html": "out.html", "picture": None}


def test_new() -> None:
    assert shape(written("new", "mine")) == shape(example("new"))


def test_diff(world: Path, ran: Path) -> None:
    assert crossfire("run", world, *SHORT, "--seed", 2, "--out", "other").code == 0
    assert shape(written("diff", ran, "other", code=1)) == shape(example("diff"))
    assert written("diff", ran, ran) == {"equal": True, "scenario": [], "summary": [], "tables": []}


@pytest.mark.parametrize("name", ["sweep", "demo"])
def test_effects_of_sweep_and_demo(name: str) -> None:
    """Their other keys are held by the tests that run them."""
    assert set(example(name)["effects"][0]) == set(SCHEMA)
