"""`crossfire margin compare`: the same accounts under two presets or modes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import polars as pl

__all__ = ["command"]

MOST = 20
"""Accounts that the terminal shows; --json has all."""


@click.command("compare", epilog="Example: crossfire margin compare dydx_v4 dydx_v4:isolated accounts.json")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("accounts", type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Draw requirements and distances as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print both tables as JSON.")
def command(a: str, b: str, accounts: Path, picture: Path | None, as_json: bool) -> None:
    """The accounts of ACCOUNTS (- for standard input) under A and B, each a preset, or PRESET:isolated."""
    from abm.errors import UserError
    from experiments.comparing import compare_document
    from experiments.console import print_json
    from experiments.picture import check_picture, save_picture_to
    from experiments.valuing import read_accounts_json

    if picture is not None:
        check_picture(picture)
    text, place = read_accounts_json(accounts)
    accounts_frame, totals = compare_document(text, place, a, b)
    if picture is not None:
        from experiments.figures.margin_compare import compare_figure

        drawn = compare_figure(accounts_frame, (a, b))
        if drawn is None:
            raise UserError(f"--picture {picture}", "has nothing to show, as no account has a position", "leave it out")
        save_picture_to(picture, drawn)
    if as_json:
        print_json({"a": a, "b": b, "accounts": accounts_frame.to_dicts(), "totals": totals.to_dicts()})
        return
    _tell(a, b, accounts_frame, totals)


def _tell(a: str, b: str, frame: "pl.DataFrame", totals: "pl.DataFrame") -> None:
    from experiments.console import counted, figure, percent, print_table

    print_table(
        f"{counted(frame.height)} under A = {a} and B = {b}",
        ["account", "IM A", "IM B", "MM A", "MM B", "capital use A", "capital use B", "move to liquidation A", "B", "worse off"],
        [
            (
                r["account"], figure(r["im_a"]), figure(r["im_b"]), figure(r["mm_a"]), figure(r["mm_b"]),
                percent(r["capital_use_a"]), percent(r["capital_use_b"]), percent(r["move_a"]), percent(r["move_b"]),
                {"a": "under A", "b": "under B"}.get(r["worse_off"], "-"),
            )
            for r in frame.head(MOST).iter_rows(named=True)
        ],
    )  # fmt: skip
    if frame.height > MOST:
        click.echo(f"{frame.height - MOST} accounts more with --json")
    print_table(
        "all together",
        ["rules", "notional", "IM", "MM", "capital use", "leverage", "liquidatable", "median move", "worse off here"],
        [
            (
                {"a": a, "b": b}[r["rules"]], figure(r["notional"]), figure(r["im"]), figure(r["mm"]),
                percent(r["capital_use"]), figure(r["leverage"]), r["liquidatable"], percent(r["move"]), r["worse_off"],
            )
            for r in totals.iter_rows(named=True)
        ],
    )  # fmt: skip
    _tell_netting(a, b, totals)
    click.echo(
        "capital use: IM over notional; move: the smallest of all prices alike that makes an account liquidatable"
    )


def _tell_netting(a: str, b: str, totals: "pl.DataFrame") -> None:
    """What portfolio margin saves, where one of the two is any."""
    from experiments.console import figure, percent, print_table

    rows = [r for r in totals.iter_rows(named=True) if r["isolated"] is not None]
    if rows:
        print_table(
            "netting: maintenance margin of each thing alone, and of all together",
            ["rules", "isolated", "netted", "saving", "of isolated"],
            [
                (
                    {"a": a, "b": b}[r["rules"]], figure(r["isolated"]), figure(r["isolated"] - r["saving"]),
                    figure(r["saving"]), percent(r["saving"] / r["isolated"] if r["isolated"] > 0.0 else None),
                )
                for r in rows
            ],
        )  # fmt: skip
