"""`crossfire sweep`: a small design, its interruption and resumption, its mistakes, its report."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import experiments.sweep
from experiments.effects import SCHEMA
from experiments.store import Failed
from experiments.sweep import SweepResult
from tests.experiments.cli.command_line import crossfire, example, process, refused
from tests.experiments.cli.terminal import terminal

pytestmark = pytest.mark.xdist_group("ray")

DESIGN = """
name = "levers"
purpose = "does isolated margin save the fund?"
scenario = "bay.toml"
seeds = [1]
outcomes = ["breaches", "deficit"]

[set]
"clock.duration" = 700.0
"agents.retail.params.accounts" = 60

[[levers]]
name = "margin"
key = "protocols.harbor.mode"
values = ["cross", "isolated"]
"""


@pytest.fixture
def design(world: Path) -> Path:
    """The file of a design of two runs, its scenario beside it."""
    Path("bay.toml").write_text(world.read_text())
    Path("levers.toml").write_text(DESIGN)
    return Path("levers.toml")


def test_a_sweep_is_run_told_and_reported(design: Path) -> None:
    answer = process("sweep", design, "--workers", 1, "--out", "swept")
    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert answer.out.startswith("2 of 2 runs done (0 from before) in swept\n")
    assert "margin = isolated" in answer.out
    assert pl.read_parquet("swept/runs.parquet").height == 2
    refused(crossfire("sweep", design, "--out", "swept"), "swept", "not empty", "--resume")
    again = crossfire("sweep", design, "--out", "swept", "--resume", "--json")
    told = json.loads(again.out)
    assert set(told) == set(example("sweep"))
    assert set(told["effects"][0]) == set(example("sweep")["effects"][0])
    assert (again.code, told["reused"], told["done"], told["failed"]) == (0, 2, 2, [])
    assert crossfire("report", "swept").out == "swept/report.html\n"
    refused(crossfire("trace", "swept"), "swept")
    refused(crossfire("report", "swept", "--picture", "mine.png"), "swept", "is a sweep", "leave it out")


def test_an_interrupted_sweep_goes_on_where_it_stopped(design: Path) -> None:
    design.write_text(DESIGN.replace("seeds = [1]", "seeds = { count = 40 }").replace("= 60", "= 600"))
    with terminal("sweep", design, "--workers", "1", "--out", "cut") as shown:
        shown.read_until(r"\b[1-9]\d?/80 runs")
        shown.process.send_signal(signal.SIGINT)
        code, out = shown.finish()
    assert (code, out) == (130, "")
    assert "go on with: crossfire sweep levers.toml --out cut --resume" in shown.shown
    assert "interrupted" in shown.shown
    assert "Traceback" not in shown.shown
    runs = list(Path("cut/runs").iterdir())
    assert 0 < len(runs) < 80
    assert all(re.fullmatch(r"[0-9a-f]+\.json", p.name) and json.loads(p.read_text()) for p in runs)


def test_runs_that_fail_are_told_and_the_exit_code_is_one(design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = (Failed("0a1b", 1, 1, {"margin": "isolated"}, "worker died", "trace"),)
    result = SweepResult(Path("swept"), 2, 1, 0, failed, ("runs/2c.json",), pl.DataFrame(), pl.DataFrame(schema=SCHEMA))
    monkeypatch.setattr(experiments.sweep, "run_sweep", lambda *_, **__: result)
    answer = crossfire("sweep", design, "--out", "swept")
    assert answer.code == 1
    assert answer.out.startswith("1 of 2 runs done (0 from before) in swept\n")
    assert answer.err == "damaged and run again: runs/2c.json\nfailed: 0a1b: worker died\n"
    told = crossfire("sweep", design, "--out", "swept", "--json")
    assert (told.code, json.loads(told.out)["failed"]) == (1, [{"run": "0a1b", "reason": "worker died"}])


def test_a_hypercube_points_to_its_rank_correlations(design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranged = DESIGN.replace('values = ["cross", "isolated"]', "low = 0.001\nhigh = 0.02").replace(
        "harbor.mode", "harbor.liquidation.penalty"
    )
    design.write_text('kind = "latin_hypercube"\nsamples = 2\n' + ranged)
    result = SweepResult(Path("swept"), 2, 2, 0, (), (), pl.DataFrame(), pl.DataFrame(schema=SCHEMA))
    monkeypatch.setattr(experiments.sweep, "run_sweep", lambda *_, **__: result)
    answer = crossfire("sweep", design, "--out", "swept")
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == [
        "points of a hypercube make no pairs: see swept/sensitivity.parquet, or crossfire report swept"
    ]


EDITS: dict[str, tuple[Callable[[str], str], list[str]]] = {
    "misspelt key": (lambda t: t.replace("purpose", "purpos"), ["levers.toml: purpos", "did you mean 'purpose'?"]),
    "misspelt key of a lever": (lambda t: t.replace("harbor.mode", "harbor.mod"), ["'mod'", "did you mean 'mode'?"]),
    "misspelt key of an inhabitant": (
        lambda t: t.replace("protocols.harbor.mode", "agents.keepers.params.captial").replace(
            '["cross", "isolated"]', "[1e5]"
        ),
        ["agents.keepers.params.captial", "did you mean 'capital'?"],
    ),
    "value of an inhabitant out of range": (
        lambda t: t.replace("protocols.harbor.mode", "agents.keepers.params.capital").replace('"cross"', "-1.0"),
        ["agents.keepers.params.capital", "greater than 0", "got -1.0"],
    ),
    "unknown member": (lambda t: t.replace("harbor.mode", "haven.mode"), ["no member 'haven'", "harbor"]),
    "value out of range": (lambda t: t.replace("700.0", "-1"), ["clock.duration", "greater than 0"]),
    "no seeds": (lambda t: t.replace("seeds = [1]", ""), ["seeds", "missing", "add this key"]),
    "no such scenario": (lambda t: t.replace("bay.toml", "bey.toml"), ["bey.toml", "No such file"]),
    "no values": (lambda t: t.replace('["cross", "isolated"]', "[]"), ["margin", "has no `values`"]),
    "a value twice": (lambda t: t.replace('"isolated"', '"cross"'), ["margin", "twice"]),
    "a baseline that is no value": (lambda t: t + 'baseline = "named"\n', ["'named'", "not among its values"]),
    "unknown kind": (lambda t: 'kind = "gird"\n' + t, ["kind", "'grid'", "'gird'"]),
    "no TOML": (lambda t: t + "[[levers\n", ["not valid TOML"]),
    "no such bars": (lambda t: 'prices = "bars.csv"\n' + t, ["bars.csv", "cannot be read"]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_malformed_design_is_told_before_anything_is_run(edit: str, design: Path) -> None:
    change, told = EDITS[edit]
    design.write_text(change(DESIGN))
    assert design.read_text() != DESIGN
    refused(crossfire("sweep", design, "--out", "swept"), *told)
    assert sorted(p.name for p in Path().iterdir()) == ["bay.toml", "levers.toml"]


def test_an_unknown_design_is_told_the_near_one() -> None:
    refused(crossfire("sweep", "crash-lever"), "no such design", "did you mean 'crash-levers'?")
    refused(crossfire("sweep", "mine.toml"), "mine.toml", "No such file")


def test_a_cluster_that_is_not_there_is_told(design: Path) -> None:
    answer = process("sweep", design, "--address", "localhost:1", "--out", "swept")
    assert answer.code == 2
    assert "--address localhost:1" in answer.err
    assert "Traceback" not in answer.err
    assert os.environ.get("RAY_ADDRESS") is None
