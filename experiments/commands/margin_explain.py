"""`crossfire margin explain`: why accounts need what they need."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from experiments.valuing import Valued

__all__ = ["command"]


@click.command(
    "explain", epilog="Example: crossfire margin explain accounts.json --protocol derive_pmrm --picture why.png"
)
@click.argument("accounts", type=click.Path(path_type=Path))
@click.option("--protocol", required=True, metavar="PRESET", help="A shipped preset, or a file of one's own.")
@click.option("--account", help="One account by name; all of them by default.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw one account's parts, and its scenarios, as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print one object an account as JSON.")
def command(accounts: Path, protocol: str, account: str | None, picture: Path | None, as_json: bool) -> None:
    """What each asset, position and scenario contributes to the accounts of ACCOUNTS (- for standard input)."""
    from abm.margin.preset import load_preset
    from experiments.console import print_json
    from experiments.explaining import chosen_accounts, netting_of, parts_table, scenarios_of
    from experiments.valuing import read_accounts_json, value_document

    text, place = read_accounts_json(accounts)
    valued = value_document(text, place, load_preset(protocol))
    rows = chosen_accounts(valued, place, account)
    if picture is not None:
        _draw(valued, place, rows, picture)
    if as_json:
        told = []
        for row in rows:
            scenarios = scenarios_of(valued, row)
            table = {"account": valued.document.names[row], "parts": parts_table(valued, row).to_dicts()}
            told.append(table | {"scenarios": _plain(scenarios), "netting": _plain(netting_of(valued, [row]))})
        print_json(told)
        return
    for row in rows:
        _tell(valued, row, parts_table(valued, row), scenarios_of(valued, row))
    if (saved := netting_of(valued, rows)) is not None and saved.height:
        _tell_netting(saved, valued.unit)


def _plain(frame: "pl.DataFrame | None") -> list[dict[str, Any]] | None:
    return None if frame is None else frame.to_dicts()


def _draw(valued: "Valued", place: str, rows: list[int], picture: Path) -> None:
    from abm.errors import StatementError
    from experiments.explaining import draw_parts

    if len(rows) != 1:
        raise StatementError(f"{place}: accounts", "are several, and a picture is of one", "name it with --account")
    draw_parts(valued, rows[0], picture)


def _tell(valued: "Valued", row: int, parts: "pl.DataFrame", scenarios: "pl.DataFrame | None") -> None:
    from experiments.console import figure, print_table
    from experiments.explaining import worst_rows

    name = valued.document.names[row]
    print_table(
        f"account {name} under {valued.preset.title} ({valued.unit})",
        ["what", "of", "equity", "margin equity", "IM", "MM"],
        [
            (p["kind"], p["name"], *(figure(p[k]) for k in ("equity", "margin_equity", "im", "mm")))
            for p in parts.to_dicts()
        ],
    )
    if scenarios is not None:
        print_table(
            f"worst scenarios of {name}: profit of each line ({valued.unit})",
            ["underlying", "scenario", "spot", "vol", "line", "size", "profit"],
            worst_rows(scenarios),
        )


def _tell_netting(saved: "pl.DataFrame", unit: str) -> None:
    from experiments.console import figure, percent, print_table

    print_table(
        f"netting: maintenance margin of each thing alone, and of all together ({unit})",
        ["account", "underlying", "isolated", "netted", "saving", "of isolated"],
        [
            (
                r["account"], r["underlying"], figure(r["isolated"]), figure(r["netted"]), figure(r["saving"]),
                percent(r["saving"] / r["isolated"] if r["isolated"] > 0.0 else None),
            )
            for r in saved.iter_rows(named=True)
        ],
    )  # fmt: skip
    click.echo(
        "isolated: the sum over positions, options and moving collateral, each alone; saving: what netting takes off"
    )
