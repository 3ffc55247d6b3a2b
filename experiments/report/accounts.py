"""Sections on accounts by cohort, and on agents."""

import polars as pl

from abm.record import Record
from experiments.report.blocks import Block, Section, Words, grid, money, name, share, whole

__all__ = ["accounts_section", "agents_section", "by_cohort"]

KEY = ("protocol", "cohort")
HOLDING = ("protocol", "account", "market")


def by_cohort(record: Record) -> pl.DataFrame:
    """One row per protocol and cohort: equity, positions and notional at start and end, breaches, and closings.

    `liquidated` is the notional of all executions at their prices; `otherwise` is the fall of position size beyond
    those executions, at the prices of the start (of the end for positions opened later), in USD: the owners' own
    closings, and what auto-deleveraging took from winners.  Negative: positions grew.
    """
    accounts = record["accounts"]
    times = accounts["time"].min(), accounts["time"].max()
    sides = [
        accounts.filter(pl.col("time") == time)
        .group_by(KEY)
        .agg(
            pl.len().alias(f"accounts_{side}"),
            *(pl.col(c).sum().alias(f"{c}_{side}") for c in ("equity", "positions", "notional", "deposited")),
        )
        for side, time in zip(("start", "end"), times, strict=True)
    ]
    names = accounts.select("protocol", "account", "cohort").unique(["protocol", "account"], keep="last")
    breaches = record["breaches"].group_by(KEY).agg(pl.len().alias("breaches"), pl.col("deficit").sum())
    notional = pl.col("quantity").abs() * pl.col("price")
    executed = record["liquidations"].join(names, on=["protocol", "account"], how="left")
    liquidated = executed.group_by(KEY).agg(notional.sum().alias("liquidated"))
    table = sides[0].join(sides[1], on=KEY, how="full", coalesce=True)
    for part in (breaches, liquidated, _otherwise(record, names)):
        table = table.join(part, on=KEY, how="left")
    filled = table.with_columns(pl.col(pl.Float64, pl.Int64, pl.UInt32).fill_null(0))
    change = pl.col("equity_end") - pl.col("equity_start") - pl.col("deposited_end") + pl.col("deposited_start")
    return filled.with_columns(result=change).sort(["equity_start", *KEY], descending=[True, False, False])


def _otherwise(record: Record, names: pl.DataFrame) -> pl.DataFrame:
    """Fall of position size beyond executions by cohort."""
    positions = record["positions"]
    if not positions.height:
        return pl.DataFrame(schema={"protocol": pl.String, "cohort": pl.String, "otherwise": pl.Float64})
    first = positions.filter(pl.col("time") == positions["time"].min()).select(*HOLDING, "size", "price")
    last = positions.filter(pl.col("time") == positions["time"].max()).select(*HOLDING, "size", "price")
    coins = record["liquidations"].group_by(HOLDING).agg(pl.col("quantity").abs().sum().alias("coins"))
    held = first.join(last, on=HOLDING, how="full", coalesce=True, suffix="_end").join(coins, on=HOLDING, how="left")
    price = pl.coalesce("price", "price_end")
    fell = pl.col("size").fill_null(0).abs() - pl.col("size_end").fill_null(0).abs() - pl.col("coins").fill_null(0)
    held = held.select("protocol", "account", otherwise=fell * price).join(names, on=["protocol", "account"])
    return held.group_by(KEY).agg(pl.col("otherwise").sum())


def accounts_section(record: Record) -> Section:
    """Accounts by cohort, at start and end."""
    if not record["accounts"].height:
        return Section("accounts", "Accounts", (Words("No account existed in this run."),))
    table = by_cohort(record).with_columns(struck=pl.col("breaches") / pl.col("accounts_start"))
    worth = (
        name("cohort", "cohort"),
        name("protocol", "protocol"),
        whole("accounts_start", "accounts"),
        money("equity_start", "equity at start"),
        money("equity_end", "equity at end"),
        money("result", "result without deposits"),
        whole("breaches", "breaches"),
        money("deficit", "missing"),
    )
    sizes = (
        name("cohort", "cohort"),
        name("protocol", "protocol"),
        whole("positions_start", "positions at start"),
        whole("positions_end", "positions at end"),
        money("notional_start", "notional at start"),
        money("notional_end", "notional at end"),
        money("liquidated", "closed by liquidation"),
        money("otherwise", "closed otherwise"),
    )
    told = (
        "Closed otherwise: what the owners closed of their own will, and what auto-deleveraging took from winners, "
        "at the prices of the start; negative where positions grew."
    )
    blocks: tuple[Block, ...] = (
        grid(table, worth, "Equity by cohort.", most=30),
        grid(table, sizes, f"Positions by cohort. {told}", most=30),
    )
    return Section("accounts", "Accounts by cohort", blocks)


def _natural(names: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Keys that sort late-2 before late-10."""
    return names.str.replace(r"\d+$", ""), names.str.extract(r"(\d+)$").cast(pl.Int64)


def agents_section(record: Record) -> Section:
    """Wealth, profit and actions of the agents."""
    rows = record["agents"].sort("time")
    if not rows.height:
        return Section("agents", "Agents", (Words("No agent lived in this world."),))
    table = (
        rows.group_by("agent", "kind", "name")
        .agg(
            start=pl.col("wealth").first(),
            end=pl.col("wealth").last(),
            profit=pl.col("profit").last(),
            actions=pl.col("actions").last(),
        )
        .with_columns(gain=pl.when(pl.col("start") > 0).then(pl.col("profit") / pl.col("start")))
        .sort([pl.col("profit").abs(), *_natural(pl.col("name"))], descending=[True, False, False])
    )
    columns = (
        name("name", "agent"),
        name("kind", "kind"),
        money("start", "wealth at start"),
        money("end", "wealth at end"),
        money("profit", "profit"),
        share("gain", "profit over wealth at start"),
        whole("actions", "actions"),
    )
    caption = (
        "Agents: wealth is wallets at index prices plus equity of accounts; profit leaves out what came from outside."
    )
    return Section("agents", "Agents", (grid(table, columns, caption, most=25, order="largest profit or loss first"),))
