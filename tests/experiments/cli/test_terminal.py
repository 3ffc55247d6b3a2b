"""A terminal and a pipe: progress where somebody looks, interruption, a reader that goes away."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.experiments.cli.command_line import COMMAND, SHORT, process
from tests.experiments.cli.terminal import CLOCK, PATIENCE, terminal

pytestmark = pytest.mark.xdist_group("cli")


def test_progress_is_shown_to_a_person(world: Path) -> None:
    with terminal("run", world, *SHORT, "--out", "seen") as shown:
        code, out = shown.finish()
    assert code == 0
    assert "breaches" in out
    for word in ("bay", "building", "at risk", "liquidations", "00:13:00"):
        assert word in shown.shown
    assert "\x1b[" not in out


def test_nothing_is_shown_to_a_pipe(world: Path) -> None:
    answer = process("run", world, *SHORT, "--out", "unseen")
    assert (answer.code, answer.err) == (0, "")
    assert "\x1b[" not in answer.out


def test_an_interrupted_run_leaves_nothing_and_says_so(world: Path) -> None:
    with terminal("run", world, "--set", "clock.duration=86400", "--out", "folder/cut") as shown:
        shown.read_until(CLOCK)
        shown.process.send_signal(signal.SIGINT)
        code, out = shown.finish()
    assert code == 130
    assert out == ""
    assert "interrupted" in shown.shown
    assert "Traceback" not in shown.shown
    assert not Path("folder").exists()


def test_a_run_that_is_interrupted_while_it_is_built_leaves_nothing(world: Path) -> None:
    with terminal("run", world, "--set", "agents.retail.params.accounts=200000", "--out", "cut") as shown:
        shown.read_until("building")
        shown.process.send_signal(signal.SIGINT)
        code, _ = shown.finish()
    assert code == 130
    assert "Traceback" not in shown.shown
    assert list(Path().iterdir()) == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    started = subprocess.Popen([*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.close()
    _, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, err) == (0, b"")
