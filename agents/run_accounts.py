"""The accounts of a run, in the form of a user's file, to begin another world with (docs/accounts.md)."""

from typing import Literal

import polars as pl

from abm.record import Record
from agents.accounts_file import COIN, COLUMNS

__all__ = ["to_snapshot"]

CROWDS = ("cohort", "snapshot")
"""Kinds whose accounts a snapshot opens again; all others bring their own."""

KEY = ["protocol", "account"]


def to_snapshot(record: Record, time: Literal["start", "end"] = "end") -> pl.DataFrame:
    """The accounts of a run's crowds at its start or end, in the form that `read_accounts` takes.

    Coins, positions, cash and the owners' idle wallets are kept, with the name of the cohort.  The others are the rest
    of the market, mode `system`: the street with what it has; strategic agents, the vault, and accounts that are worth
    less than nothing, with their positions alone, at today's price, as the next world's agents bring capital and
    positions of their own.

    Raises
    ------
    ValueError
        Another time than start or end.
    """
    if time not in ("start", "end"):
        raise ValueError(f"a record holds positions at 'start' and 'end', not at '{time}'")
    positions, coins = _at(record["positions"], record, time), _at(record["collateral"], record, time)
    accounts = _with_cash(_at(record["accounts"], record, time), positions, coins)
    crowds = record["agents"].filter(pl.col("kind").is_in(CROWDS))["name"].unique().implode()
    kept = pl.col("cohort").is_in(crowds) & (pl.col("equity") >= 0.0)
    street = pl.col("cohort").str.starts_with("street:")
    table = accounts.with_columns(kept=kept, street=street).filter(
        pl.col("kept") | (pl.col("positions") > 0) | (pl.col("street") & (pl.col("cash") != 0.0))
    )
    table, names = _with_coins(table, coins)
    return (
        table.with_columns(
            mode=pl.when("kept").then("mode").otherwise(pl.lit("system")),
            cohort=pl.when("kept").then("cohort").otherwise(pl.lit("")),
            cash=pl.when(pl.col("kept") | pl.col("street")).then("cash").otherwise(0.0),
            wallet=pl.when(pl.col("kept") & pl.col("owner").is_first_distinct()).then("wallet").otherwise(0.0),
        )
        .join(positions.drop("time", "profit"), on=KEY, how="left", maintain_order="left")
        .with_columns(
            pl.col("market").str.strip_suffix("-PERP").fill_null(""), pl.col("size").fill_null(0.0),
            entry=pl.when(pl.col("kept") | pl.col("street")).then("entry").otherwise("price").fill_null(0.0),
        )
        .select(*COLUMNS, *names)
    )  # fmt: skip


def _at(table: pl.DataFrame, record: Record, time: str) -> pl.DataFrame:
    """Rows of the first or the last sample; a table may have none there."""
    when = record["accounts"]["time"]
    return table.filter(pl.col("time") == (when.min() if time == "start" else when.max()))


def _with_cash(accounts: pl.DataFrame, positions: pl.DataFrame, coins: pl.DataFrame) -> pl.DataFrame:
    """Accounts with `cash`, what equity is beside profits and coins."""
    profit = positions.group_by(KEY, maintain_order=True).agg(pl.col("profit").sum())
    worth = coins.group_by(KEY, maintain_order=True).agg(worth=(pl.col("amount") * pl.col("price")).sum())
    joined = accounts.join(profit, on=KEY, how="left", maintain_order="left").join(
        worth, on=KEY, how="left", maintain_order="left"
    )
    return joined.with_columns(
        cash=pl.col("equity") - pl.col("profit").fill_null(0.0) - pl.col("worth").fill_null(0.0)
    ).drop("profit", "worth")


def _with_coins(accounts: pl.DataFrame, coins: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Accounts with a column for each coin, deposits on their way among them; and the names of those columns."""
    places = coins.select("asset", "chain").unique().sort("asset", "chain").rows()
    for asset, chain in places:
        held = coins.filter(asset=asset, chain=chain).select(*KEY, (pl.col("amount") + pl.col("pending")).alias("coin"))
        accounts = (
            accounts.join(held, on=KEY, how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col("kept") | pl.col("street")).then(pl.col("coin").fill_null(0.0)).otherwise(0.0)
                .alias(f"{COIN}{asset}@{chain}")
            )
            .drop("coin")
        )  # fmt: skip
    return accounts, [f"{COIN}{asset}@{chain}" for asset, chain in places]
