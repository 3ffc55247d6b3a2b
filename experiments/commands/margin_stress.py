"""`crossfire margin stress`: accounts under shocks, and the smallest shock that breaks them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from experiments.stressing import Stressed
    from experiments.valuing import Valued

__all__ = ["command"]

MOST = 20
"""Accounts that the terminal shows; --json has all."""


@click.command("stress", epilog="Example: crossfire margin stress accounts.json --protocol dydx_v4 --price=-0.3,-0.1")
@click.argument("accounts", type=click.Path(path_type=Path))
@click.option("--protocol", required=True, metavar="PRESET", help="A shipped preset, or a file of one's own.")
@click.option("--lead", default="", help="The asset that is shocked; the others follow. The first by default.")
@click.option(
    "--price", "prices", default="-0.5,-0.3,-0.2,-0.1,-0.05,0,0.05,0.1,0.2,0.5", show_default=True,
    help="Relative changes of its price.",
)  # fmt: skip
@click.option("--vol", "vols", default="1", show_default=True, help="What implied volatilities are multiplied by.")
@click.option(
    "--correlation", "correlations", multiple=True, metavar="RHO[:OWN]",
    help="Of the other assets with it, and their own shock in units of the lead's (-1: they fall too); repeatable.",
)  # fmt: skip
@click.option(
    "--part", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True,
    help="Part of the protocol that the smallest shock has to break.",
)  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the grid as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print all tables as JSON.")
def command(
    accounts: Path, protocol: str, lead: str, prices: str, vols: str, correlations: tuple[str, ...], part: float,
    picture: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Shock the accounts of ACCOUNTS (- for standard input): a grid, the smallest shocks, concentration, utilisation."""
    from abm.margin.preset import load_preset
    from experiments.console import print_json
    from experiments.picture import check_picture, save_picture_to
    from experiments.stressing import Shocks, numbers, stress_document
    from experiments.valuing import read_accounts_json, value_document

    pairs = tuple(_pair(word) for word in correlations) or ((1.0, 0.0),)
    shocks = Shocks(lead, numbers("--price", prices), numbers("--vol", vols), pairs, part)
    if picture is not None:
        check_picture(picture)
    text, place = read_accounts_json(accounts)
    valued = value_document(text, place, load_preset(protocol))
    found = stress_document(valued, place, shocks)
    if picture is not None:
        from experiments.figures.margin_stress import stress_heat_map

        if (drawn := stress_heat_map(found.totals, lead=found.lead)) is not None:
            save_picture_to(picture, drawn)
    if as_json:
        print_json(found.plain())
    else:
        _tell(valued, found)


def _pair(word: str) -> tuple[float, float]:
    """A correlation, and the own shock of the others, 0 where none is told."""
    from experiments.stressing import numbers

    parts = numbers("--correlation", word.replace(":", ","))
    if len(parts) > 2:
        raise click.UsageError(f"--correlation {word}: has more than two numbers; write it as 0.5:-1")
    return (parts[0], parts[1] if len(parts) == 2 else 0.0)


def _tell(valued: "Valued", found: "Stressed") -> None:
    from experiments.console import counted, figure, percent, print_table

    print_table(
        f"{counted(len(valued.document.names))} under {valued.preset.title}, {found.lead} shocked",
        ["price", "vol", "correlation", "own", "liquidatable", "of notional", "insolvent", "deficit (USD)", "worst health"],
        [
            (
                percent(r["price_shock"]), f"x{r['vol_shock']:g}", f"{r['correlation']:g}", f"{r['own']:g}",
                r["liquidatable"], percent(r["notional_share"]), r["insolvent"], figure(r["deficit"]),
                figure(r["worst_health"]),
            )
            for r in found.totals.iter_rows(named=True)
        ],
    )  # fmt: skip
    moves = [c for c in found.reverse.columns if c.startswith("move_")]
    rows = found.reverse.sort("distance", nulls_last=True).head(MOST)
    print_table(
        f"smallest shocks that leave an account insolvent ({valued.metric})",
        ["account", "fall of all prices", "nearest", *(f"{c.removeprefix('move_')} there" for c in moves)],
        [
            (r["account"], percent(r["fall"]), figure(r["distance"]), *(percent(r[c]) for c in moves))
            for r in rows.iter_rows(named=True)
        ],
    )
    _tell_protocol(found.protocol, moves)
    _frame("concentration of open interest", found.interest)
    _frame("concentration of collateral", found.collateral)
    _frame("use of collateral", found.use.head(MOST))
    if found.use.height > MOST:
        click.echo(f"{found.use.height - MOST} accounts more with --json")


def _tell_protocol(frame: "pl.DataFrame", moves: list[str]) -> None:
    from experiments.console import figure, percent, print_table

    print_table(
        "smallest shocks that break a part of the protocol",
        ["part", "of", "becomes", "fall of all prices", "nearest", *(f"{c.removeprefix('move_')} there" for c in moves)],
        [
            (
                percent(r["part"]), r["of"], r["measure"], percent(r["fall"]), figure(r["distance"]),
                *(percent(r[c]) for c in moves),
            )
            for r in frame.iter_rows(named=True)
        ],
    )  # fmt: skip


def _frame(title: str, frame: "pl.DataFrame") -> None:
    """A frame as it is, its columns' names as words."""
    from experiments.console import figure, print_table

    def cell(value: Any) -> Any:
        return figure(value) if isinstance(value, float) or value is None else value

    names = [name.replace("_", " ") for name in frame.columns]
    print_table(title, names, [[cell(value) for value in row] for row in frame.iter_rows()])
