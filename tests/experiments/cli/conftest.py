"""One short run that the tests of the command line share, and a working directory of its own for each test."""

from pathlib import Path

import pytest

from tests.experiments.cli.command_line import SHORT, crossfire


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `crossfire new` writes."""
    path = tmp_path_factory.mktemp("world") / "bay.toml"
    assert crossfire("new", "bay", "--out", path).code == 0
    return path


@pytest.fixture(scope="session")
def ran(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run of it, with breaches; tests only read it."""
    folder = tmp_path_factory.mktemp("ran") / "run"
    answer = crossfire("run", world, *SHORT, "--out", folder)
    assert answer.code == 0, answer.err
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command writes by default lands in the test's own folder."""
    monkeypatch.chdir(tmp_path)
