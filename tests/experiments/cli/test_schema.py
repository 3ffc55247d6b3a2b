"""The form of a scenario as JSON schema, and the page on a run's tables."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from abm.scenario import Scenario, shipped_scenarios
from abm.tables import TABLES
from agents.population import KINDS
from tests.experiments.cli.command_line import crossfire

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(crossfire("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_fits_as_written_and_as_resolved(name: str, validator: Any) -> None:
    written = tomllib.loads(shipped_scenarios()[name].read_text())
    assert [e.message for e in validator.iter_errors(written)] == []
    assert [e.message for e in validator.iter_errors(Scenario.load(name).to_dict())] == []


def test_the_scenario_of_new_fits(world: Path, validator: Any) -> None:
    assert [e.message for e in validator.iter_errors(tomllib.loads(world.read_text()))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[clock]", "[clok]"),
        ("haircut = 0.1", "haircutt = 0.1"),
        ("duration = 1800.0", "duration = -3.0"),
        ('mode = "cross"', 'mode = "crss"'),
        ("leverage = 6.0", "levrage = 6.0"),
        ("accounts = 400", "accounts = 0"),
        ("capital = 2.0e6", "capital = -1.0"),
    ],
)
def test_a_mistake_does_not_fit(old: str, new: str, world: Path, validator: Any) -> None:
    text = world.read_text()
    assert old in text
    assert not validator.is_valid(tomllib.loads(text.replace(old, new)))


def test_the_keys_of_every_kind_are_in_the_schema(validator: Any) -> None:
    definitions = validator.schema["$defs"]
    for kind in KINDS:
        assert definitions[f"{kind}.params"]["properties"], kind
    assert definitions["AgentSpec"]["properties"]["kind"]["examples"] == sorted(KINDS)
    assert validator.is_valid({**_least(), "agents": [{"kind": "mine:Agent", "name": "a", "params": {"any": 1}}]})


def _untold(node: Any, where: str = "") -> list[str]:
    """Keys of objects anywhere in a schema that have no description; conditions on keys told elsewhere are left out."""
    if isinstance(node, list):
        return [key for part in node for key in _untold(part, where)]
    if not isinstance(node, dict):
        return []
    keys = node.get("properties", {})
    mine = [f"{where}.{key}" for key, told in keys.items() if not told.get("description")]
    return mine + [key for name, part in node.items() if name != "allOf" for key in _untold(part, name)]


def test_every_key_says_what_it_means(validator: Any) -> None:
    assert _untold(validator.schema) == []


def _least() -> dict[str, Any]:
    """The least scenario."""
    return {
        "name": "least",
        "assets": [{"name": "BTC", "price": 1.0}],
        "chains": [{"name": "one"}],
        "venues": [{"name": "book", "markets": [{"asset": "BTC", "kind": "perp", "depth": 1e6}]}],
        "oracles": [{"name": "feed", "chain": "one", "sources": ["book"]}],
        "protocols": [
            {"name": "p", "chain": "one", "venue": "book", "oracle": "feed", "markets": [{"asset": "BTC"}]}
        ],
    }  # fmt: skip


def test_the_page_on_tables_is_what_the_command_prints() -> None:
    page = Path(__file__).parents[3] / "results" / "README.md"
    answer = crossfire("schema", "--tables")
    assert page.read_text(encoding="utf-8") == answer.out, "crossfire schema --tables > results/README.md"
    for name, table in TABLES.items():
        assert f"\n## {name}\n" in answer.out
        for column in table.columns:
            assert f"| `{column.name}` | {column.dtype} | {column.unit} | " in answer.out


def test_keys_that_were_constants_are_told_with_what_they_mean(validator: Any) -> None:
    definitions = validator.schema["$defs"]
    found = {
        key: definitions[piece]["properties"][key]
        for piece, keys in {
            "LiquidationSpec": ("least_fill", "vault_pace", "vault_dust"),
            "AgentSpec": ("jitter",),
        }.items()
        for key in keys
    }
    assert {key: told["default"] for key, told in found.items()} == {
        "least_fill": 0.1, "vault_pace": 0.02, "vault_dust": 1000.0, "jitter": 0.2
    }  # fmt: skip
    assert all(told["description"] for told in found.values())
