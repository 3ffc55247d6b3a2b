import hashlib
import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_tasks
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import DesignError, ScenarioError
from experiments import effects, sensitivity
from experiments.design import Design, factors, label, runs, shipped_designs


def made(folder: Path, **changes: Any) -> Design:
    return Design.from_dict(sweep_tasks.design(folder, **changes))


def test_a_grid_is_every_combination_with_every_seed(tmp_path: Path) -> None:
    specs = runs(made(tmp_path))
    assert [(s.levers["mode"], s.levers["capital"], s.seed) for s in specs] == [
        (mode, capital, seed) for mode in ("cross", "isolated") for capital in (100.0, 200.0) for seed in (5, 6)
    ]
    assert [s.position for s in specs] == list(range(8))
    for s in specs:
        assert s.scenario.protocols[0].mode == s.levers["mode"]
        assert s.scenario.agents[0].params["capital"] == s.levers["capital"]
        assert s.scenario.seed == s.seed


def test_a_run_keeps_its_id_wherever_it_stands(tmp_path: Path) -> None:
    ids = {(s.levers["mode"], s.levers["capital"], s.seed): s.run for s in runs(made(tmp_path))}
    levers = list(reversed(sweep_tasks.design(tmp_path)["levers"]))
    other = {
        (s.levers["mode"], s.levers["capital"], s.seed): s.run
        for s in runs(made(tmp_path, levers=levers, seeds=[6, 5, 9]))
    }
    assert len(set(ids.values())) == 8
    assert {k: v for k, v in other.items() if k in ids} == ids


def test_a_run_id_is_the_digest_of_its_resolved_scenario(tmp_path: Path) -> None:
    spec = runs(made(tmp_path))[0]
    text = json.dumps([spec.scenario.to_dict(), ""], sort_keys=True, separators=(",", ":"))
    assert spec.run == hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    assert runs(made(tmp_path, set={"purpose": ""}))[0].run == spec.run
    assert runs(made(tmp_path, set={"purpose": "another"}))[0].run != spec.run


def test_another_price_file_is_another_run(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("one", encoding="utf-8")
    first = runs(made(tmp_path, prices=str(tmp_path / "bars.csv")))[0].run
    (tmp_path / "bars.csv").write_text("two", encoding="utf-8")
    second = runs(made(tmp_path, prices=str(tmp_path / "bars.csv")))[0].run
    assert len({first, second, runs(made(tmp_path))[0].run}) == 3


def test_several_keys_get_the_same_value(tmp_path: Path) -> None:
    lever = {"name": "time", "keys": ["clock.duration", "record.agents"], "values": [30.0, 40.0]}
    for spec in runs(made(tmp_path, levers=[lever])):
        assert spec.scenario.clock.duration == spec.scenario.record.agents == spec.levers["time"]


def test_overrides_common_to_all_runs_may_be_nested_or_dotted(tmp_path: Path) -> None:
    nested = runs(made(tmp_path, set={"clock": {"duration": 30.0}}))
    dotted = runs(made(tmp_path, set={"clock.duration": 30.0}))
    assert nested == dotted
    assert {s.scenario.clock.duration for s in nested} == {30.0}


def test_a_list_runs_its_cases(tmp_path: Path) -> None:
    cases = [{"name": "as_is"}, {"name": "short", "set": {"clock": {"duration": 30.0}, "seed": 3}}]
    specs = runs(made(tmp_path, kind="list", levers=None, cases=cases, seeds=[4]))
    assert [(s.levers["case"], s.scenario.clock.duration, s.scenario.seed) for s in specs] == [
        ("as_is", 60.0, 4),
        ("short", 30.0, 4),
    ]


def test_several_scenarios_are_a_factor(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    sweep_tasks.design(tmp_path)
    other.write_text((tmp_path / "tiny.toml").read_text().replace('"tiny"', '"other"'), encoding="utf-8")
    design = made(tmp_path, scenario=None, scenarios=[str(tmp_path / "tiny.toml"), str(other)])
    specs = runs(design)
    assert len(specs) == 16
    assert [s.levers["scenario"] for s in specs] == ["tiny"] * 8 + ["other"] * 8
    assert [(f.name, f.levels, f.baseline) for f in factors(design)] == [
        ("scenario", ("tiny", "other"), "tiny"),
        ("mode", ("cross", "isolated"), "cross"),
        ("capital", (100.0, 200.0), 100.0),
    ]


def test_a_scenario_is_looked_for_beside_the_design(tmp_path: Path) -> None:
    data = sweep_tasks.design(tmp_path) | {"scenario": "tiny.toml"}
    (tmp_path / "trial.toml").write_text(tomli_w.dumps(data), encoding="utf-8")
    assert runs(Design.load(tmp_path / "trial.toml")) == runs(made(tmp_path))


def hypercube(folder: Path, **changes: Any) -> Design:
    levers = [
        {"name": "capital", "key": "agents.keepers.params.capital", "low": 1.0, "high": 10000.0, "scale": "log"},
        {"name": "length", "key": "clock.duration", "low": 10.0, "high": 50.0},
        {"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]},
    ]
    return made(folder, **({"kind": "latin_hypercube", "samples": 10, "levers": levers, "seeds": [1]} | changes))


@settings(max_examples=15, deadline=None)
@given(samples=st.integers(2, 40), seed=st.integers(0, 2**63 - 1))
def test_a_hypercube_uses_each_stratum_of_each_lever_once(
    tmp_path_factory: pytest.TempPathFactory, samples: int, seed: int
) -> None:
    specs = runs(hypercube(tmp_path_factory.mktemp("d"), samples=samples, sampling_seed=seed))
    logs = np.log10([float(str(s.levers["capital"])) for s in specs]) / 4
    linear = (np.array([float(str(s.levers["length"])) for s in specs]) - 10) / 40
    for quantiles in (logs, linear):
        assert sorted(np.floor(quantiles * samples).astype(int)) == list(range(samples))
    modes = [s.levers["mode"] for s in specs]
    assert abs(modes.count("cross") - modes.count("isolated")) <= 1


def test_a_hypercube_is_the_same_again_and_its_levers_do_not_move_each_other(tmp_path: Path) -> None:
    design = hypercube(tmp_path)
    fewer = hypercube(tmp_path, levers=design.to_dict()["levers"][1:])
    assert runs(design) == runs(hypercube(tmp_path))
    assert [s.levers["length"] for s in runs(design)] == [s.levers["length"] for s in runs(fewer)]
    assert runs(design)[0].levers != runs(hypercube(tmp_path, sampling_seed=2))[0].levers


def test_a_design_read_back_is_equal(tmp_path: Path) -> None:
    for design in (made(tmp_path), hypercube(tmp_path)):
        path = tmp_path / "back.toml"
        path.write_text(design.to_toml(), encoding="utf-8")
        assert Design.load(path) == design


@pytest.mark.parametrize("name", shipped_designs())
def test_shipped_designs_are_sound(name: str) -> None:
    design = Design.load(name)
    assert design.name == name
    assert design.purpose
    assert design.outcomes
    assert {spec.seed for spec in runs(design)} == set(design.seeds)


WRONG = {
    "unknown key": ({"levels": []}, r"levels: unknown key 'levels'; did you mean 'levers'\?"),
    "kind": ({"kind": "gird"}, r"kind: input should be 'grid'"),
    "no scenario": ({"scenario": None}, r"needs either `scenario` or `scenarios`; name what is run"),
    "seed key": ({"seeds": {"cuont": 2}}, r"seeds: unknown key 'cuont'; did you mean 'count'\?"),
    "seed count": ({"seeds": {"count": 0}}, r"seeds: a range of seeds has a whole `count`"),
    "no seeds": ({"seeds": []}, r"seeds: none given"),
    "seed twice": ({"seeds": [1, 1]}, r"seeds: one is there twice"),
    "seed sign": ({"seeds": [-1]}, r"seeds\.0: input should be greater than or equal to 0"),
    "cases": ({"cases": [{"name": "x"}]}, r"cases: not in a grid"),
    "samples": ({"samples": 3}, r"samples: what a latin hypercube has"),
    "no samples": ({"kind": "latin_hypercube"}, r"samples: what a latin hypercube has"),
    "list with levers": ({"kind": "list"}, r"levers: a list has cases instead"),
    "empty list": ({"kind": "list", "levers": []}, r"cases: a list needs at least one"),
    "missing seeds": ({"seeds": None}, r"seeds: missing; add this key"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_design_says_what_to_do(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        made(tmp_path, **changes)


LEVER = {"name": "x", "key": "clock.duration", "values": [1.0, 2.0]}
WRONG_LEVERS = {
    "two keys": ({"keys": ["a"]}, r"levers\.x: needs either `key` or `keys`"),
    "no values": ({"values": []}, r"levers\.x: has no `values`; a grid needs them"),
    "range in a grid": ({"low": 1.0, "high": 2.0}, r"levers\.x: needs either `values` or"),
    "half a range": ({"low": 1.0}, r"levers\.x: has one end of a range only"),
    "value twice": ({"values": [1.0, 1.0]}, r"levers\.x: has a value twice"),
    "baseline": ({"baseline": 3.0}, r"levers\.x: has a baseline '3.0' that is not among"),
    "reserved": ({"name": "seed"}, r"levers\.seed: the name is taken by a column"),
    "an outcome": ({"name": "deficit"}, r"levers\.deficit: the name is taken by a column"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG_LEVERS.values(), ids=WRONG_LEVERS)
def test_a_wrong_lever_says_what_to_do(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        made(tmp_path, levers=[LEVER | changes])


def test_a_range_is_ordered_and_positive_on_a_log_scale(tmp_path: Path) -> None:
    lever = {"name": "x", "key": "clock.duration"}
    with pytest.raises(DesignError, match="has low >= high; order them"):
        hypercube(tmp_path, levers=[lever | {"low": 2.0, "high": 1.0}])
    with pytest.raises(DesignError, match="log scale from low <= 0"):
        hypercube(tmp_path, levers=[lever | {"low": 0.0, "high": 1.0, "scale": "log"}])


def test_an_override_that_does_not_fit_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match=r"design trial: .*protocols.*mode.*'cross' or 'isolated'"):
        runs(made(tmp_path, levers=[{"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "crossed"]}]))
    with pytest.raises(DesignError, match=r"no member 'harbour'; did you mean 'harbor'\?"):
        runs(made(tmp_path, levers=[{"name": "mode", "key": "protocols.harbour.mode", "values": ["cross"]}]))


def test_two_points_of_the_same_world_are_a_mistake(tmp_path: Path) -> None:
    cases = [{"name": "a"}, {"name": "b", "set": {"clock.duration": 60.0}}]
    with pytest.raises(DesignError, match=r"\(case a\) and \(case b\) are the same world; remove one"):
        runs(made(tmp_path, kind="list", levers=None, cases=cases))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DesignError, match=r"absent\.toml: cannot be read \(No such file or directory\); check the path"
    ):
        Design.load(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(DesignError, match=r"bad\.toml: not valid TOML"):
        Design.load(tmp_path / "bad.toml")
    with pytest.raises(DesignError, match=r"crash-lever: no such design; did you mean 'crash-levers'\?"):
        Design.load("crash-lever")
    with pytest.raises(DesignError, match=r"bars\.csv: price file cannot be read"):
        runs(made(tmp_path, prices=str(tmp_path / "bars.csv")))
    with pytest.raises(ScenarioError, match=r"nowhere: no such scenario"):
        runs(made(tmp_path, scenario="nowhere"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (1, "1"),
        (0.5, "0.5"),
        (True, "true"),
        (200000.0, "200,000"),
        (600.0, "600.0"),
        (12345.5, "12345.5"),
        (("fund", "adl"), "fund,adl"),
    ],
)
def test_levels_have_plain_labels(value: Any, text: str) -> None:
    assert label(value) == text


DOCS = Path(__file__).parents[2] / "docs" / "sweeps.md"


def test_the_design_in_the_docs_is_sound_and_every_key_is_told() -> None:
    text = DOCS.read_text(encoding="utf-8")
    block = text[text.index("    name =") : text.index("| key | meaning |")]
    design = Design.from_dict(tomllib.loads(textwrap.dedent(block)))
    assert len(runs(design)) == 2 * 3 * 20
    for key in Design.model_fields:
        assert f"`{key}`" in text, key


def test_the_docs_tell_every_column_of_effects_and_sensitivity() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for column in [*effects.SCHEMA, *sensitivity.SCHEMA]:
        assert f"`{column}`" in text, column
