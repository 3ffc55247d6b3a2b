"""`crossfire conform`: known answers of real protocols against our engines."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from experiments.conform.check import Checked, Verdict

__all__ = ["command"]


@click.command("conform", epilog="Example: crossfire conform my-cases.json --all")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Show the cases that agree too.")
@click.option("--json", "as_json", is_flag=True, help="Print one object per case and key as JSON.")
def command(files: tuple[Path, ...], everything: bool, as_json: bool) -> int:
    """Put the cases of FILES to the engines; exit code 1 if any disagrees."""
    from experiments.conform.check import check_file
    from experiments.console import print_json

    checked = [check_file(path) for path in files]
    for file in checked:
        if file.skipped:
            click.echo(f"{file.file}: {file.skipped}; {file.cases} cases skipped", err=True)
    verdicts = [v for file in checked for v in file.verdicts]
    if as_json:
        print_json([_plain(v) for v in verdicts])
    else:
        _tell(checked, verdicts, everything)
    return int(not all(v.agrees for v in verdicts))


def _plain(verdict: "Verdict") -> dict[str, Any]:
    return {k: getattr(verdict, k) for k in ("file", "name", "kind", "key", "expected", "got", "agrees")}


def _tell(checked: Sequence["Checked"], verdicts: Sequence["Verdict"], everything: bool) -> None:
    """A table of the keys (those that disagree, or all), then a line a file."""
    from experiments.console import print_table

    shown = [v for v in verdicts if everything or not v.agrees]
    if shown:
        print_table(
            "known answers",
            ["file", "case", "kind", "key", "expected", "got", "tolerance", "agrees"],
            [
                (
                    Path(v.file).name, v.name, v.kind, v.key, _short(v.expected), v.why or _short(v.got),
                    f"{v.tolerance:.3g}", "yes" if v.agrees else "NO",
                )
                for v in shown
            ],
        )  # fmt: skip
    for file in checked:
        if not file.skipped:
            agreed = sum(v.agrees for v in file.verdicts)
            cases = {v.name for v in file.verdicts if not v.agrees}
            rest = "" if not cases else f"; {len(cases)} of {file.cases} cases disagree"
            click.echo(f"{file.file}: {agreed} of {len(file.verdicts)} values of {file.cases} cases agree{rest}")


def _short(value: Any) -> str:
    """A value as a cell: numbers with ten digits, lists in brackets."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return f"{value:.10g}"
