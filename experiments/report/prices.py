"""Sections on prices, depth and funding, and on what was executed."""

import polars as pl

from abm.record import Record
from experiments.figures.prices import crash_window, four_prices, hardest_hit, liquidity
from experiments.figures.timeline import Mark, timeline
from experiments.figures.units import clock
from experiments.report.blocks import Grid, Section, Words, figure_block, grid, money, name, share, whole
from experiments.report.facts import Facts

__all__ = ["four_section", "liquidity_section", "timeline_section"]

UNSAMPLED = "No market was sampled in this run, so there is nothing to draw."


def timeline_section(record: Record, facts: Facts) -> Section:
    """Prices and liquidations over time, and executions by protocol and route."""
    first = facts.network.nodes.sort("number").head(3).filter(pl.col("others") > 0)
    marks = [Mark(time, f"{number}") for number, time in first.select("number", "time").iter_rows()]
    told = (
        " The dashed lines mark the breaches with most effect on others, numbered as in their table." if marks else ""
    )
    what = (
        "Last prices of the markets in which most was liquidated, and liquidated notional."
        if facts.executions
        else "Last prices of the markets with most open interest."
    )
    picture = figure_block(
        "timeline",
        timeline(record, marks),
        f"{what}{told}",
        label="Prices and liquidated notional over time",
        absent=UNSAMPLED,
    )
    return Section("timeline", "Timeline", (picture, _executions(record)))


def _executions(record: Record) -> Grid | Words:
    rows = record["liquidations"]
    if not rows.height:
        return Words("There was no liquidation.")
    notional = pl.col("quantity").abs() * pl.col("price")
    table = (
        rows.group_by("protocol", "route")
        .agg(
            pl.len().alias("executions"),
            pl.col("breach").n_unique().alias("breaches"),
            notional.sum().alias("notional"),
            pl.col("penalty").sum(),
        )
        .with_columns(part=pl.col("notional") / pl.col("notional").sum())
        .sort(["protocol", "notional"], descending=[False, True])
    )
    columns = (
        name("protocol", "protocol"),
        name("route", "route"),
        whole("executions", "executions"),
        whole("breaches", "breaches served"),
        money("notional", "notional"),
        share("part", "of all notional"),
        money("penalty", "penalties"),
    )
    return grid(table, columns, "Executions by protocol and by how they were done (adl: against winners).")


def four_section(record: Record) -> Section:
    """Last, mark, index and oracle of the market hit hardest."""
    series = hardest_hit(record)
    if series is None:
        return Section("prices", "Four prices", (Words("No protocol's market was sampled in this run."),))
    window = crash_window(series)
    caption = (
        f"{series.market} of {series.protocol}, whose last price fell furthest, from {clock(window.start)} to "
        f"{clock(window.end)} (h:min:s). Trades move the last price, funding follows the index, and a breach is "
        "decided by mark or oracle as the protocol says."
    )
    few = f"{series.market} of {series.protocol} was sampled too seldom to draw its four prices."
    label = f"Last, mark, index and oracle price of {series.market}"
    picture = figure_block("four", four_prices(series), caption, label=label, absent=few)
    return Section("prices", "Four prices of the market hit hardest", (picture, _gaps(record)))


def _gaps(record: Record) -> Grid:
    rows = record["markets"].filter(pl.col("protocol") != "").sort("time")
    gap = {k: (pl.col(k) / pl.col("index") - 1) for k in ("last", "mark", "oracle")}
    table = (
        rows.group_by("protocol", "market", "venue")
        .agg(
            fall=pl.col("last").min() / pl.col("last").first() - 1,
            close=pl.col("last").last() / pl.col("last").first() - 1,
            **{k: e.abs().max() for k, e in gap.items()},
        )
        .sort("fall", "protocol", "market")
    )
    columns = (
        name("market", "market"),
        name("protocol", "protocol"),
        name("venue", "venue"),
        share("fall", "lowest last"),
        share("close", "last at the end"),
        share("last", "widest last − index"),
        share("mark", "widest mark − index"),
        share("oracle", "widest oracle − index"),
    )
    caption = "Each market against its own start, and the widest gap of each price from the index at a sampled moment."
    return grid(table, columns, caption, order="the deepest falls first")


def liquidity_section(record: Record) -> Section:
    """Depth, open interest and funding over time."""
    caption = "Depth, open interest (long notional at mark) and cumulative funding of the main markets."
    label = "Depth, open interest and funding over time"
    picture = figure_block("liquidity", liquidity(record), caption, label=label, absent=UNSAMPLED)
    return Section("liquidity", "Depth and funding", (picture,))
