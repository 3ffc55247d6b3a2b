"""`crossfire margin`: accounts under a protocol's margin rules, without a run."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from experiments.valuing import Valued

__all__ = ["command"]

PARTS = {
    "explain": "why: what each asset, position and scenario contributes",
    "greeks": "first and second-order Greeks of each, and of all together",
    "stress": "the accounts under shocks, and the smallest shock that breaks them",
    "compare": "the same accounts under two presets or modes",
}
"""Words that stand in place of the file; each is `command` in `experiments.commands.margin_WORD`."""


class _Margin(click.Command):
    """The value of accounts, or one of `PARTS`, which is loaded when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in PARTS:
            part: click.Command = importlib.import_module(f"experiments.commands.margin_{args[0]}").command
            return part.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("In place of the file"):
            formatter.write_dl(list(PARTS.items()))
        super().format_epilog(ctx, formatter)


@click.command("margin", cls=_Margin, epilog="Example: crossfire margin accounts.json --protocol dydx_v4")
@click.argument("accounts", type=click.Path(path_type=Path))
@click.option("--protocol", required=True, metavar="PRESET", help="A shipped preset, or a file of one's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one object an account as JSON.")
def command(accounts: Path, protocol: str, as_json: bool) -> None:
    """Value the accounts of ACCOUNTS (a JSON document, - for standard input) under a protocol's margin rules."""
    from abm.margin.preset import load_preset
    from experiments.console import print_json
    from experiments.valuing import account_rows, read_accounts_json, value_document

    preset = load_preset(protocol)
    valued = value_document(*read_accounts_json(accounts), preset)
    rows = account_rows(valued)
    if as_json:
        print_json(rows)
    else:
        _tell(valued, rows)


def _tell(valued: "Valued", rows: list[dict[str, Any]]) -> None:
    from experiments.console import counted, figure, print_table

    unit = valued.unit
    print_table(
        f"{counted(len(rows))} under {valued.preset.title} ({unit})",
        ["account", "equity", "margin equity", "IM", "MM", "free margin", "health", "buffer", "state"],
        [
            (
                r["account"], *(figure(r[k]) for k in ("equity", "margin_equity", "im", "mm", "free_margin")),
                _ratio(r["health"]), _ratio(r["buffer"]), r["state"],
            )
            for r in rows
        ],
    )  # fmt: skip
    positions = [(r["account"], p) for r in rows for p in r["positions"]]
    if positions:
        print_table(
            "positions (prices in USD)",
            ["account", "market", "size", "price", "requirement", "liquidation price", "bankruptcy price"],
            [
                (
                    name, p["market"], f"{p['size']:g}", figure(p["price"]), figure(p["requirement"]),
                    figure(p["liquidation_price"]), figure(p["bankruptcy_price"]),
                )
                for name, p in positions
            ],
        )  # fmt: skip
    click.echo(f"health: margin equity over MM; buffer: {valued.metric}")


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}"
