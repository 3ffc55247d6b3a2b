"""From a scenario's table of agents to inhabitants: shipped kinds and a user's own, and their page in the docs."""

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic.fields import FieldInfo

from abm.errors import ScenarioError
from agents.accounts_file import read_accounts
from agents.population import KINDS, agent_class
from agents.resident import Resident
from agents.snapshot import Snapshot
from tests.agents.worlds import fall, small_world

DOCS = Path(__file__).parents[2] / "docs"

IDLER = """
from typing import ClassVar

from agents.resident import Params, Resident


class IdlerParams(Params):
    protocol: str = "harbor"
    capital: float = 1000.0


class Idler(Resident):
    kind: ClassVar[str] = "idler"
    Params: ClassVar[type[Params]] = IdlerParams

    def settle(self) -> None:
        self.turns = 0
        self.open(self.protocol(self.params.protocol), self.params.capital)

    def act(self) -> None:
        self.turns += 1
        self.world.draws.uniform("idle", self.name, self.turns)
"""

RETAIL = {
    "kind": "cohort", "name": "retail", "cadence": 10.0,
    "params": {"protocol": "harbor", "accounts": 100, "leverage": 8.0, "trades": 200.0},
}  # fmt: skip


@pytest.fixture
def idler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An inhabitant whose kind is a user's own module."""
    (tmp_path / "my_idlers.py").write_text(IDLER)
    monkeypatch.syspath_prepend(str(tmp_path))
    return {"kind": "my_idlers:Idler", "name": "ida", "cadence": 10.0}


class TestKinds:
    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_a_shipped_kind_knows_its_name(self, kind: str) -> None:
        assert agent_class(kind).kind == kind

    def test_an_unknown_kind_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.ann.kind: unknown kind 'tradr'; did you mean 'trader'\? \(or module:Class"
        ):
            small_world([{"kind": "tradr", "name": "ann"}])

    def test_a_misspelt_key_is_answered_with_the_nearest(self) -> None:
        params = {"protocol": "harbor", "capital": 1e4, "levrage": 3.0}
        with pytest.raises(
            ScenarioError, match=r"agents.ann.params.levrage: unknown key 'levrage'; did you mean 'leverage'\?"
        ):
            small_world([{"kind": "trader", "name": "ann", "params": params}])

    def test_a_missing_key_is_named(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.ann.params.capital: missing; add this key"):
            small_world([{"kind": "trader", "name": "ann", "params": {"protocol": "harbor"}}])

    def test_several_of_a_kind_are_numbered(self) -> None:
        trader = {"kind": "trader", "name": "ann", "count": 3, "params": {"protocol": "harbor", "capital": 1e4}}
        names = [a.name for a in small_world([trader]).inhabitants]
        assert names == ["ann-1", "ann-2", "ann-3"]


class TestOwnKinds:
    def test_a_class_of_ones_own_lives_in_the_world(self, idler: dict[str, Any]) -> None:
        model = small_world([idler | {"params": {"capital": 500.0}}])
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, Resident)
        assert agent.wealth() == 500.0
        assert 29 <= agent.turns <= 30
        assert model.record()["agents"]["kind"].unique().to_list() == ["idler"]

    def test_its_keys_are_checked_too(self, idler: dict[str, Any]) -> None:
        with pytest.raises(ScenarioError, match=r"agents.ida.params.captial: unknown key .*did you mean 'capital'\?"):
            small_world([idler | {"params": {"captial": 500.0}}])

    def test_a_module_that_is_not_there_is_named(self) -> None:
        with pytest.raises(
            ScenarioError,
            match=r"agents.ida.kind: 'no_such_module:Idler' cannot be imported \(No module .*check module.* on PYTHONPATH",
        ):
            small_world([{"kind": "no_such_module:Idler", "name": "ida"}])

    def test_a_class_that_is_not_there_is_named(self, idler: dict[str, Any]) -> None:
        with pytest.raises(ScenarioError, match=r"'my_idlers:Idle' cannot be imported \(.*'Idle'"):
            small_world([idler | {"kind": "my_idlers:Idle"}])

    @pytest.mark.parametrize("first", [True, False])
    def test_an_idle_inhabitant_more_changes_nobody_else(self, idler: dict[str, Any], first: bool) -> None:
        seen = []
        for agents in ([RETAIL], [idler, RETAIL] if first else [RETAIL, idler]):
            model = small_world(agents, prices=fall(-0.1), clock={"duration": 150.0})
            model.run()
            record = model.record()
            accounts = record["accounts"].filter(pl.col("cohort") != "ida")
            seen.append((accounts, record["liquidations"], record["price_moves"]))
        assert all(alone.equals(more) for alone, more in zip(*seen, strict=True))
        assert len(seen[0][1]) > 0


def blocks(page: str, language: str) -> list[str]:
    """The code of one language in a page of the docs."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def default(field: FieldInfo) -> str:
    """A key's default as the docs write it."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value in ("", (), {}):
        return "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


class TestDocs:
    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_every_key_of_a_kind_is_documented_with_its_default(self, kind: str) -> None:
        page = (DOCS / "agents.md").read_text(encoding="utf-8")
        section = page.split(f"#### `{kind}`\n")[1].split("\n#")[0]
        rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
        assert rows == {name: default(field) for name, field in agent_class(kind).Params.model_fields.items()}

    def test_the_example_of_ones_own_kind_runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (code,) = blocks("agents.md", "python")
        (tmp_path / "dip_buyer.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        agents = tomllib.loads(blocks("agents.md", "toml")[1])["agents"]
        model = small_world(agents, prices=fall(-0.05))
        model.run()
        (agent,) = model.inhabitants
        assert agent.kind == "dip_buyer"
        held = agent.size(agent.target, agent.account, agent.number)  # type: ignore[attr-defined]
        assert 2.0 / 0.97 < held <= 2.0 / 0.95

    def test_the_example_of_the_table_is_a_scenarios(self) -> None:
        agents = tomllib.loads(blocks("agents.md", "toml")[0])["agents"]
        assert [a.name for a in small_world(agents).inhabitants] == ["keepers-1", "keepers-2", "keepers-3"]

    def test_the_example_of_a_file_of_accounts_opens(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (table,) = blocks("accounts.md", "csv")
        (tmp_path / "accounts.csv").write_text(table)
        monkeypatch.chdir(tmp_path)
        (agent,) = small_world(tomllib.loads(blocks("accounts.md", "toml")[0])["agents"]).inhabitants
        assert isinstance(agent, Snapshot)
        p = agent.target
        assert p.engine.assess(p.ledger, p.terms, p.ledger.rows(agent.ids)).equity[0] == pytest.approx(7500.0)

    def test_every_column_of_a_file_of_accounts_is_documented(self, tmp_path: Path) -> None:
        (table,) = blocks("accounts.md", "csv")
        (tmp_path / "accounts.csv").write_text(table)
        columns = re.findall(r"^\| `([\w:@]+)` \|", (DOCS / "accounts.md").read_text(encoding="utf-8"), re.MULTILINE)
        read = [c for c in read_accounts(tmp_path / "accounts.csv").columns if not c.startswith("coin:")]
        assert columns == [*read, "coin:ASSET@CHAIN"]
