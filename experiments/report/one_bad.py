"""One bad asset: cross accounts that were liquidated though all of their positions but one had a profit."""

import polars as pl

from abm.record import Record
from experiments.figures.units import count, percent, usd
from experiments.report.blocks import Block, Grid, Section, Words, grid, money, name, whole

__all__ = ["one_bad_asset", "one_bad_section"]

ACCOUNT = ("protocol", "account")


def one_bad_asset(record: Record) -> pl.DataFrame | None:
    """Liquidated cross accounts with a profit on all but one of at least two positions at their (first) breach.

    Sizes and prices are those of the breach, from its exposures.  Entries are those of the start; of a position opened
    or turned later, its price at the start of the breach's split.

    Returns
    -------
    pl.DataFrame | None
        One row per breach, the largest loss on the bad asset first: `breach, time, protocol, account, owner, cohort,
        positions, bad_market, bad_profit, other_profit, equity, notional, liquidated, winners_closed, deficit,
        equity_start, equity_end` (USD), and of the same owner's isolated accounts on another protocol
        `isolated_protocol, isolated_accounts, isolated_breaches, isolated_start, isolated_end` (USD; null where there
        are none).  None if no account is such a one.
    """
    held = _profits(record)
    if held is None:
        return None
    losing = held.filter(pl.col("profit") < 0)
    worst = (
        held.group_by("breach")
        .agg(
            positions=pl.len().cast(pl.Int64),
            losers=(pl.col("profit") < 0).sum(),
            winners=(pl.col("profit") > 0).sum(),
            other_profit=pl.col("profit").filter(pl.col("profit") > 0).sum(),
        )
        .filter(pl.col("losers") == 1, pl.col("winners") == pl.col("positions") - 1, pl.col("winners") > 0)
        .join(losing.select("breach", bad_market="market", bad_profit="profit"), on="breach")
    )
    if not worst.height:
        return None
    rows = (
        record["breaches"]
        .select("breach", "time", *ACCOUNT, "cohort", "equity", "notional", "deficit")
        .join(worst, on="breach")
        .join(_closed(record, held), on="breach")
        .join(_ends(record), on=ACCOUNT, how="left")
    )
    return rows.join(_twins(record, rows), on=["owner", "protocol"], how="left").sort(["bad_profit", "breach"])


def _profits(record: Record) -> pl.DataFrame | None:
    """`breach, market, profit` of each position of the first breach of each liquidated cross account."""
    served = record["liquidations"]["breach"].unique().implode()
    breaches = (
        record["breaches"]
        .filter(pl.col("mode") == "cross", pl.col("breach").is_in(served))
        .sort("breach")
        .unique(ACCOUNT, keep="first", maintain_order=True)
        .select("breach", *ACCOUNT)
    )
    if not breaches.height:
        return None
    prices = record["price_sources"].select("price", "market").unique()
    start = record["positions"].filter(pl.col("time") == record["positions"]["time"].min())
    held = (
        record["exposures"]
        .filter(pl.col("sensitivity") != 0)
        .join(breaches, on="breach")
        .join(prices, on="price")
        .join(_margin_fractions(record), on=["protocol", "market"])
        .join(start.select(*ACCOUNT, "market", "size", "entry"), on=[*ACCOUNT, "market"], how="left")
    )
    # Free margin falls by size - |size| mmf per unit of price, so the size follows from the sensitivity.
    side = pl.col("sensitivity").sign()
    size = pl.col("sensitivity") / (1 - side * pl.col("mmf"))
    entry = pl.when(pl.col("size").sign() == side).then("entry").otherwise("price_start")
    return held.select("breach", "market", profit=size * (pl.col("price_end") - entry))


def _margin_fractions(record: Record) -> pl.DataFrame:
    """`protocol, market, mmf` of every perpetual."""
    rows = [(p.name, m.asset, m.mmf) for p in record.scenario.protocols for m in p.markets]
    fractions = pl.DataFrame(rows, schema={"protocol": pl.String, "asset": pl.String, "mmf": pl.Float64}, orient="row")
    perps = record["books"].filter(pl.col("kind") == "perp").select("market", "asset").unique()
    return fractions.join(perps, on="asset").select("protocol", "market", "mmf")


def _closed(record: Record, held: pl.DataFrame) -> pl.DataFrame:
    """`liquidated` notional by breach, and the part of it in positions with a profit (`winners_closed`)."""
    notional = pl.col("quantity").abs() * pl.col("price")
    return (
        record["liquidations"]
        .join(held, on=["breach", "market"], how="left")
        .group_by("breach")
        .agg(
            liquidated=notional.sum(),
            winners_closed=notional.filter(pl.col("profit") > 0).sum(),
        )
    )


def _ends(record: Record) -> pl.DataFrame:
    """`owner`, and equity at start and end, by account."""
    accounts = record["accounts"].sort("time")
    return accounts.group_by(ACCOUNT).agg(
        pl.col("owner").first(), equity_start=pl.col("equity").first(), equity_end=pl.col("equity").last()
    )


def _twins(record: Record, rows: pl.DataFrame) -> pl.DataFrame:
    """The isolated accounts of the same owners on other protocols, by owner and protocol of the cross account."""
    accounts = record["accounts"].filter(pl.col("mode") == "isolated")
    ends = _ends(record).join(accounts.select(ACCOUNT).unique(), on=ACCOUNT)
    hit = record["breaches"].select(ACCOUNT).unique().with_columns(hit=pl.lit(1))
    pairs = (
        rows.select("owner", "protocol")
        .unique()
        .join(ends.rename({"protocol": "isolated_protocol"}), on="owner")
        .filter(pl.col("isolated_protocol") != pl.col("protocol"))
        .join(hit.rename({"protocol": "isolated_protocol"}), on=["isolated_protocol", "account"], how="left")
    )
    return (
        pairs.group_by("owner", "protocol", "isolated_protocol")
        .agg(
            isolated_accounts=pl.len().cast(pl.Int64),
            isolated_breaches=pl.col("hit").sum().cast(pl.Int64),
            isolated_start=pl.col("equity_start").sum(),
            isolated_end=pl.col("equity_end").sum(),
        )
        .sort("isolated_protocol")
        .unique(["owner", "protocol"], keep="first", maintain_order=True)
    )


def one_bad_section(record: Record) -> Section | None:
    """Words and numbers on such accounts; None if there are none."""
    rows = one_bad_asset(record)
    if rows is None:
        return None
    most = rows.row(0, named=True)
    text = (
        f"{count(rows.height, 'cross account')} had a profit on every position but one when liquidated. "
        f"Account {most['account']} of {most['protocol']} ({most['cohort']}) held {most['positions']} positions: "
        f"{most['bad_market']} had lost {usd(-most['bad_profit'])}, the others had gained {usd(most['other_profit'])}. "
        f"With all of them on one margin, {usd(most['liquidated'])} of notional was closed, "
        f"{usd(most['winners_closed'])} of it in positions with a profit; equity went from "
        f"{usd(most['equity_start'])} to {usd(most['equity_end'])}."
    )
    return Section("one-bad", "One bad asset", (Words(text), _table(rows), *_twins_beside(rows)))


def _twins_beside(rows: pl.DataFrame) -> list[Block]:
    """Words and a table on the isolated accounts of the same owners; nothing where there are none."""
    paired = rows.filter(pl.col("isolated_accounts").is_not_null())
    if not paired.height:
        return []
    cross, apart = (
        float((paired[end] - paired[start]).sum())
        for start, end in (("equity_start", "equity_end"), ("isolated_start", "isolated_end"))
    )
    breached, held = int(paired["isolated_breaches"].sum()), int(paired["isolated_accounts"].sum())
    where = ", ".join(sorted(paired["isolated_protocol"].unique()))
    text = (
        f"The same owners hold isolated accounts on {where}: there {breached:,} of {held:,} accounts breached "
        f"({percent(breached / held)}). Equity changed by {usd(cross)} in the cross accounts and by {usd(apart)} in the "
        "isolated ones."
    )
    return [Words(text), _twin_table(paired)]


def _table(rows: pl.DataFrame) -> Grid:
    columns = (
        name("account", "account"),
        whole("positions", "positions"),
        name("bad_market", "bad market"),
        money("bad_profit", "its loss"),
        money("other_profit", "profit of others"),
        money("liquidated", "closed"),
        money("winners_closed", "closed in profit"),
        money("deficit", "missing"),
        money("equity_start", "equity, start"),
        money("equity_end", "end"),
    )
    caption = "Cross accounts liquidated with a profit on all positions but one, at prices of the breach."
    return grid(rows, columns, caption, order="largest loss first")


def _twin_table(paired: pl.DataFrame) -> Grid:
    columns = (
        name("account", "cross account"),
        name("cohort", "cohort"),
        money("equity_start", "cross: equity at start"),
        money("equity_end", "at end"),
        name("isolated_protocol", "isolated on"),
        whole("isolated_accounts", "accounts"),
        whole("isolated_breaches", "of them breached"),
        money("isolated_start", "isolated: equity at start"),
        money("isolated_end", "at end"),
    )
    return grid(paired, columns, "The same owners' portfolios under cross and under isolated margin.", order="as above")
