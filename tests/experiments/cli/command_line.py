"""The command line as tests call it: in this process where only words matter, as a process of its own where signals do."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.cli import _crossfire, _guarded

SHORT = ("--set", "clock.duration=780", "--set", "agents.retail.params.accounts=150")
"""What makes the commented scenario of `crossfire new` run in a second or two, its fall included."""

COMMAND = (sys.executable, "-c", "from experiments.cli import main; main()")

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
"""The documentation of the command line."""


@dataclass(frozen=True)
class Answer:
    """Exit code and what was written."""

    code: int
    out: str
    err: str


def crossfire(*words: Any) -> Answer:
    """Call the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = _guarded(lambda: _crossfire([str(w) for w in words], prog_name="crossfire", standalone_mode=False))
    return Answer(code, out.getvalue(), err.getvalue())


def process(*words: Any, cwd: Path | None = None) -> Answer:
    """Call it as a process of its own, its output in pipes."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300, env=dict(os.environ)
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def refused(answer: Answer, *words: str) -> None:
    """A user's mistake: exit code 2, nothing on standard output, one line that has all the words and a remedy."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1, answer.err
    assert ";" in answer.err or "Did you mean" in answer.err, answer.err
    for word in words:
        assert word in answer.err, answer.err


def section(name: str) -> str:
    """What the documentation says of a command."""
    return next(part for part in PAGE.split("\n## ") if part.startswith(f"`{name}`"))


def example(name: str) -> Any:
    """The JSON that the documentation shows for a command."""
    blocks = re.findall(r"```json\n(.*?)```", section(name), flags=re.DOTALL)
    assert len(blocks) == 1, name
    return json.loads(blocks[0])
