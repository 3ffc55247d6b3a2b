"""`crossfire margin greeks`: what accounts, and all of them together, have in each underlying."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("greeks", epilog="Example: crossfire margin greeks accounts.json --protocol derive_pmrm")
@click.argument("accounts", type=click.Path(path_type=Path))
@click.option("--protocol", required=True, metavar="PRESET", help="A shipped preset, or a file of one's own.")
@click.option("--account", help="One account by name; all of them together by default.")
@click.option("--json", "as_json", is_flag=True, help="Print each account's, and those of all, as JSON.")
def command(accounts: Path, protocol: str, account: str | None, as_json: bool) -> None:
    """First and second-order Greeks of the accounts of ACCOUNTS (- for standard input), by underlying.

    Black-76, on each option's forward; time is in years, volatility and rate in units of 1.00.
    """
    from abm.margin.preset import load_preset
    from experiments.console import figure, print_json, print_table
    from experiments.explaining import chosen_accounts
    from experiments.greeks import UNITS, greeks_of_accounts, greeks_of_all
    from experiments.valuing import read_accounts_json, value_document

    text, place = read_accounts_json(accounts)
    valued = value_document(text, place, load_preset(protocol))
    rows = chosen_accounts(valued, place, account)
    each, total = greeks_of_accounts(valued, place), greeks_of_all(valued, place)
    if as_json:
        told = [{"account": valued.document.names[row], "underlyings": each[row]} for row in rows]
        print_json({"accounts": told, "all": total})
        return
    held, who = (total, "all accounts") if account is None else (each[rows[0]], f"account {account}")
    print_table(
        f"Greeks of {who} under {valued.preset.title}",
        ["Greek", *held, "unit", "what it is, or what changes it"],
        [(name, *(figure(held[u][name]) for u in held), *UNITS[name]) for name in UNITS],
    )
