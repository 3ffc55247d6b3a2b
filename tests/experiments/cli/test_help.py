"""Help, versions, and words that are no command."""

import subprocess
import sys
from pathlib import Path

import pytest

import experiments
from experiments.cli import COMMANDS
from experiments.commands.margin import PARTS
from tests.experiments.cli.command_line import crossfire, process, refused

pytestmark = pytest.mark.xdist_group("cli")

HEAVY = ("abm", "agents", "jinja2", "matplotlib", "mesa", "networkx", "numba", "numpy", "polars", "pydantic", "ray")


def test_every_module_of_commands_is_a_command() -> None:
    modules = (Path(str(experiments.__file__)).parent / "commands").glob("[!_]*.py")
    parts = {f"margin_{word}" for word in PARTS}
    assert sorted(p.stem for p in modules) == sorted({*COMMANDS, *parts})


def test_help_lists_every_command_with_what_it_does() -> None:
    answer = crossfire("--help")
    assert answer.code == 0
    for name, purpose in COMMANDS.items():
        assert f"  {name} " in answer.out
        assert purpose.split(",")[0][:40] in answer.out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_of_a_command_has_an_example(name: str, word: str) -> None:
    answer = crossfire(name, word)
    assert answer.code == 0
    assert f"Example: crossfire {name}" in answer.out


def test_help_is_there_at_once() -> None:
    """Nothing heavy is imported before a command is called."""
    code = f"""
import sys
from experiments.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(sorted(m for m in {HEAVY!r} if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_a_command_it_helps() -> None:
    assert crossfire() == crossfire("--help")


def test_version_names_code_tables_and_packages() -> None:
    answer = crossfire("--version")
    assert answer.code == 0
    names = [line.split()[0] for line in answer.out.splitlines()]
    assert names == ["crossfire", "schema", "python", "mesa", "networkx", "numpy", "polars", "ray", "numba", "scipy"]
    assert all(line.split()[1][0].isdigit() for line in answer.out.splitlines())


def test_a_misspelt_command_is_told_the_near_one() -> None:
    refused(crossfire("runn", "calm"), "no such command 'runn'", "did you mean 'run'?")


def test_a_strange_command_is_told_where_to_look() -> None:
    refused(crossfire("xyz"), "no such command 'xyz'", "see crossfire --help")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run"], ["Missing argument 'SCENARIO'", "see crossfire run --help"]),
        (["run", "calm", "--sed", "3"], ["--sed", "--seed"]),
        (["run", "calm", "--xyz"], ["--xyz", "see crossfire run --help"]),
        (["run", "calm", "--seed", "-1"], ["--seed", "-1", "see crossfire run --help"]),
        (["run", "calm", "--seed", "one"], ["--seed", "one"]),
        (["run", "calm", "again"], ["again", "see crossfire run --help"]),
        (["run", "calm", "--seed"], ["--seed", "requires an argument"]),
        (["trace"], ["RUN"]),
        (["trace", "x", "--top", "0"], ["--top", "see crossfire trace --help"]),
        (["diff", "x"], ["RUN", "see crossfire diff --help"]),
        (["sweep", "crash-levers", "--workers", "0"], ["--workers", "see crossfire sweep --help"]),
        (["sweep", "crash-levers", "--workers", "2", "--address", "auto"], ["--workers and --address"]),
        (["scenarios", "crash"], ["crash", "see crossfire scenarios --help"]),
        (["--verbose"], ["--verbose"]),
    ],
)
def test_a_wrong_word_is_one_line(words: list[str], told: list[str]) -> None:
    refused(crossfire(*words), *told)


def test_exit_codes_leave_the_process() -> None:
    assert process("scenarios").code == 0
    refused(process("runn"), "did you mean 'run'?")
