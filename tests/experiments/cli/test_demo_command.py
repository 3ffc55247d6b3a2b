"""`crossfire demo` over a small world: its files, its words, and what it replaces."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import experiments.demo
from abm.scenario import Scenario
from experiments.design import Design
from tests.experiments.cli.command_line import crossfire, example, refused

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture
def small(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's scenario and design, small: the commented scenario, and one lever on it."""
    scenario = Scenario.load(world).override({"clock.duration": 780.0, "agents.retail.params.accounts": 150})
    Path("bay.toml").write_text(scenario.to_toml())
    lever = {"name": "margin", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]}
    design = {"name": "levers", "scenario": "bay.toml", "seeds": [1], "levers": [lever]}
    monkeypatch.setattr(experiments.demo, "Scenario", SimpleNamespace(load=lambda _: scenario))
    monkeypatch.setattr(experiments.demo, "Design", SimpleNamespace(load=lambda _: Design.from_dict(design)))


@pytest.mark.usefixtures("small")
def test_the_demo_runs_sweeps_traces_and_reports_in_the_place_of_an_earlier_one() -> None:
    Path("demo").mkdir()
    Path("demo", experiments.demo.MARK).touch()
    Path("demo/old.html").touch()
    answer = crossfire("demo", "--out", "demo", "--workers", 1, "--json")
    assert answer.code == 0, answer.err
    for word in ("1/4", "2/4", "3/4", "4/4", "breaches", "done in"):
        assert word in answer.err, word
    told = json.loads(answer.out)
    assert set(told) == set(example("demo"))
    assert all(Path(told[key]).exists() for key in ("report", "picture", "run", "sweep"))
    for name in ("report.html", "cascade.png", "crash/breaches.parquet", "crash/cascade_edges.parquet"):
        assert Path("demo", name).is_file(), name
    assert len(list(Path("demo/sweep/runs").iterdir())) == 2
    assert not Path("demo/old.html").exists()


def test_the_demo_does_not_replace_what_is_no_demo() -> None:
    Path("demo").mkdir()
    Path("demo/thesis.tex").write_text("years of work")
    refused(crossfire("demo", "--out", "demo"), "demo", "is not a demo's", "choose another --out")
    assert Path("demo/thesis.tex").read_text() == "years of work"
