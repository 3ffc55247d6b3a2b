"""One run from the command line: its folder, its seed, its options; and what `diff` says of two."""

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

from abm.record import SCHEMA_VERSION
from abm.scenario import Scenario
from abm.tables import TABLES
from agents.cohort import CohortParams
from agents.population import with_defaults
from tests.experiments.cli.command_line import SHORT, crossfire, process, refused

pytestmark = pytest.mark.xdist_group("cli")


def test_a_run_of_calm_leaves_every_table_with_its_columns_and_types(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    answer = process("run", "calm", "--seed", "7", "--out", folder)
    assert (answer.code, answer.err) == (0, "")
    assert str(folder) in answer.out
    expected = {f"{name}.parquet" for name in TABLES} | {"manifest.json", "scenario.toml", "summary.json"}
    assert {p.name for p in folder.iterdir()} == expected
    for name, table in TABLES.items():
        assert dict(pl.read_parquet(folder / f"{name}.parquet").schema) == table.schema(), name
    assert len(pl.read_parquet(folder / "accounts.parquet")) > 4000
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["schema"], manifest["seed"], manifest["scenario"]) == (SCHEMA_VERSION, 7, "calm")
    assert Scenario.load(folder / "scenario.toml") == with_defaults(Scenario.load("calm").override({"seed": 7}))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(world: Path, ran: Path) -> None:
    assert crossfire("run", world, *SHORT, "--out", "again").code == 0
    same = crossfire("diff", ran, "again")
    assert (same.code, same.out) == (0, "equal: scenario, summary and all tables\n")
    assert crossfire("run", world, *SHORT, "--seed", "2", "--out", "other").code == 0
    differs = crossfire("diff", ran, "other")
    assert differs.code == 1
    assert "seed" in differs.out
    assert "breaches" in differs.out
    found = json.loads(crossfire("diff", ran, "other", "--json").out)
    assert found["scenario"] == [{"key": "seed", "first": 1, "second": 2}]
    assert {"breaches", "markets"} <= {row["table"] for row in found["tables"]}


def test_the_scenario_that_is_left_has_every_default_of_the_inhabitants(world: Path, ran: Path) -> None:
    written = next(a for a in tomllib.loads(world.read_text())["agents"] if a["name"] == "retail")["params"]
    left = next(a for a in tomllib.loads((ran / "scenario.toml").read_text())["agents"] if a["name"] == "retail")[
        "params"
    ]
    form = CohortParams.model_fields
    plain = {k: f.default for k, f in form.items() if k not in written and isinstance(f.default, int | float | str)}
    assert plain
    assert plain.items() <= left.items()
    again = crossfire("run", ran / "scenario.toml", "--out", "again")
    assert again.code == 0, again.err
    assert crossfire("diff", ran, "again").code == 0


def test_shocks_outside_the_run_are_warned_of(world: Path) -> None:
    late = crossfire("run", world, *SHORT[2:], "--set", "clock.duration=60", "--out", "late")
    assert (late.code, late.err) == (
        0,
        "warning: shock 'news' begins at 600 s, and the run ends at 60 s: nothing feels it\n",
    )
    text = world.read_text()
    assert crossfire("validate", world).err == ""
    Path("past.toml").write_text(text.replace("[clock]", "[clock]\nstart = 6000.0"))
    told = crossfire("validate", "past.toml")
    assert told.code == 0
    assert "the run begins at 6000 s: it is in the opening prices" in told.err


def test_changes_are_in_the_scenario_that_is_left(ran: Path) -> None:
    left = tomllib.loads((ran / "scenario.toml").read_text())
    assert left["clock"]["duration"] == 780
    assert next(a for a in left["agents"] if a["name"] == "retail")["params"]["accounts"] == 150


def test_the_summary_is_told_on_the_terminal(world: Path, ran: Path) -> None:
    answer = crossfire("run", world, *SHORT, "--out", "told")
    summary = json.loads((ran / "summary.json").read_text())
    assert summary["first_breaches"] < summary["breaches"]
    assert answer.out.startswith(
        f"{summary['owners_breached']:,} owners with {summary['first_breaches']:,} first breaches "
        f"({summary['breaches']:,} in all), {summary['liquidations']:,} liquidations of "
    )
    told = f"endogenous share {summary['endogenous_share']:.1%} of first breaches by notional, net of what liquidations held up"
    assert told in answer.out
    assert "next: crossfire trace told; crossfire report told" in answer.out


def test_without_out_a_run_lands_in_results_under_its_scenario(world: Path) -> None:
    quick = ("--set", "clock.duration=5", "--set", "agents.retail.params.accounts=10")
    found = []
    for seed in (3, 4):
        answer = crossfire("run", world, *quick, "--seed", seed, "--json")
        assert answer.code == 0, answer.err
        found.append(Path(json.loads(answer.out)["folder"]))
    assert found[0] != found[1]
    assert all(p.parent == Path("results/bay") and (p / "manifest.json").is_file() for p in found)


def test_a_folder_that_is_there_is_replaced_by_force_alone(world: Path) -> None:
    quick = ("--set", "clock.duration=5", "--set", "agents.retail.params.accounts=10", "--out", "there")
    assert crossfire("run", world, *quick).code == 0
    before = Path("there/manifest.json").read_bytes()
    refused(crossfire("run", world, *quick, "--seed", 9), "there", "not empty", "--force")
    assert Path("there/manifest.json").read_bytes() == before
    assert crossfire("run", world, *quick, "--seed", 9, "--force").code == 0
    assert json.loads(Path("there/manifest.json").read_text())["seed"] == 9
    assert [p.name for p in Path().iterdir()] == ["there"]


def test_force_does_not_replace_what_is_no_run(world: Path) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("years of work")
    refused(crossfire("run", world, "--out", "thesis", "--force"), "thesis", "is not a run's folder")
    assert Path("thesis/chapter.tex").read_text() == "years of work"


def test_a_scenario_of_new_is_commented_valid_and_its_own(world: Path) -> None:
    text = world.read_text()
    assert "@" not in text
    assert text.count("#") > 40
    assert crossfire("validate", world).out == f"{world}: valid (bay: protocols harbor; inhabitants retail, keepers)\n"
    assert Scenario.load(world).clock.duration <= 1800


def test_new_writes_beside_and_says_what_is_next() -> None:
    answer = crossfire("new", "my-world.toml")
    assert (answer.code, answer.out) == (0, "my-world.toml\nnext: crossfire run my-world.toml\n")
    assert Scenario.load(Path("my-world.toml")).name == "my-world"


@pytest.mark.parametrize("name", ["calm", "crash", "october-2025", "one-bad-asset"])
def test_every_shipped_scenario_is_listed_and_valid(name: str) -> None:
    assert name in [line.split()[0] for line in crossfire("scenarios").out.splitlines()]
    answer = crossfire("validate", name)
    assert answer.code == 0, answer.err
