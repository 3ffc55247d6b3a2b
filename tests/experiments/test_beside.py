"""A run in a process of its own."""

import time
from pathlib import Path

import beside_tasks
import pytest

from abm.model import Progress
from abm.record import Record
from experiments import beside
from experiments.beside import RunBeside
from tests.abm.worlds import stressed_scenario


def started(folder: Path, shown: list[Progress]) -> RunBeside:
    return RunBeside(stressed_scenario(), folder / "run", folder / "run.png", shown.append)


def test_it_records_and_draws_and_tells_of_its_progress(tmp_path: Path) -> None:
    shown: list[Progress] = []
    with started(tmp_path, shown) as run:
        run.until_under_way()
        assert shown
        run.until_done()
    assert shown[-1].done == shown[-1].duration
    assert Record.read(tmp_path / "run").summary["liquidations"] > 0
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_its_failure_is_raised_here(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with started(tmp_path, []) as run, pytest.raises(RuntimeError, match=r"run of `.*` failed: RunFolderError: "):
        run.until_done()


def followed(folder: Path, shown: list[Progress], *, interrupted: bool = False) -> None:
    with started(folder, shown) as run:
        run.until_under_way()
        if interrupted:
            raise KeyboardInterrupt
        run.until_done()


@pytest.mark.parametrize(("task", "code"), [("dies", 3), ("is_killed", -9)])
def test_its_death_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, code: int) -> None:
    monkeypatch.setattr(beside, "_run", getattr(beside_tasks, task))
    shown: list[Progress] = []
    with pytest.raises(RuntimeError, match=rf"ended from outside \(exit code {code}\)"):
        followed(tmp_path, shown)
    assert len(shown) == (task == "is_killed")


def test_it_is_ended_when_nobody_waits_for_it_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_run", beside_tasks.hangs)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        followed(tmp_path, [], interrupted=True)
    assert time.monotonic() - began < 60.0
