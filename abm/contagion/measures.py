"""What a cascade is made of: by channel, account, asset, oracle and bridge; roots, generations, overlap beforehand.

`endogenous_share` says how much of the falls liquidations had, no more.  It is not a branching ratio and no evidence
of criticality: that needs an impulse and a second run (docs/attribution.md).
"""

import numpy as np
import polars as pl

from abm.contagion.attribution import attribute, complete
from abm.contagion.exposure import by_breach, read_exposure
from abm.contagion.graph import trees
from abm.contagion.influence import backward, exogenous_shares, influence
from abm.contagion.response import Floats
from abm.record import Record

__all__ = [
    "assets",
    "bridges",
    "channel_shares",
    "endogenous_share",
    "exogenous_check",
    "first_generation",
    "oracles",
    "overlap",
    "roots",
    "systemic_accounts",
]


def channel_shares(record: Record) -> pl.DataFrame:
    """Share of the falls of all breaches by channel, largest first.

    Returns
    -------
    channel; share, every breach counting the same; weighted, every dollar of fallen free margin counting the same.
    Both columns sum to one.  `impact` and `small` together are the liquidations' price moves.
    """
    record = complete(record)
    fall = (pl.col("free_margin_start") - pl.col("free_margin")).clip(lower_bound=0.0)
    falls = record["breaches"].select(pl.col("breach").alias("child"), fall.alias("fall"))
    total, count = falls["fall"].sum(), len(falls)
    return (
        record["cascade_edges"]
        .filter(pl.col("child_kind") == "breach")
        .join(falls, on="child")
        .group_by("channel")
        .agg(
            (pl.col("share").sum() / count).alias("share"),
            ((pl.col("share") * pl.col("fall")).sum() / total).alias("weighted"),
        )
        .sort(["share", "channel"], descending=[True, False])
    )


def systemic_accounts(record: Record, n: int = 20) -> pl.DataFrame:
    """The `n` accounts with the largest total influence.

    Returns
    -------
    protocol, account, cohort, breaches (number), direct and total (sums over its breaches, in breaches), but_for (of
    the one breach of it with the largest: but-for values of one account's breaches may count the same thing twice).
    """
    cohorts = record["breaches"].select("breach", "cohort")
    return (
        influence(record)
        .join(cohorts, on="breach")
        .group_by("protocol", "account")
        .agg(
            pl.col("cohort").first(),
            pl.len().cast(pl.Int64).alias("breaches"),
            pl.col("direct").sum(),
            pl.col("total").sum(),
            pl.col("but_for").max(),
        )
        .sort(["total", "protocol", "account"], descending=[True, False, False])
        .head(n)
    )


def assets(record: Record) -> pl.DataFrame:
    """Through which books the cascade ran, largest first.

    Returns
    -------
    asset, market, venue, book; impact: mean share of a breach that liquidations' moves of this book had (signed);
    influence: part of the breaches' total influence that left them through moves of this book.
    """
    exposure = read_exposure(record)
    _, gain = backward(exposure)
    books, served, lane = record["books"].sort("book"), exposure.served, exposure.lanes["impact"]
    impact = by_breach(exposure.readings.book, exposure.parts("impact"), len(books)) / max(len(exposure.row), 1)
    breach = np.repeat(np.arange(len(exposure.row)), np.diff(served.begin))
    passed = exogenous_shares(exposure)[breach] * served.part * gain[0][served.position]
    through = by_breach(lane.book[served.position], passed, len(books))
    return (
        books.select("asset", "market", "venue", "book")
        .with_columns(pl.Series("impact", impact), pl.Series("influence", through))
        .sort(["impact", "book"], descending=[True, False])
    )


def oracles(record: Record) -> pl.DataFrame:
    """Through which feeds, and which of their source venues, liquidations' moves reached breaches; largest first.

    Returns
    -------
    protocol, feed, venue; impact: mean share of a breach (signed); share: of all impact.
    """
    exposure = read_exposure(record)
    sources = record["price_sources"].join(record["books"].select("book", "venue"), on="book", maintain_order="left")
    impact = by_breach(exposure.readings.source, exposure.parts("impact"), len(sources)) / max(len(exposure.row), 1)
    return (
        sources.with_columns(pl.Series("impact", impact))
        .group_by("protocol", "feed", "venue")
        .agg(pl.col("impact").sum())
        .with_columns((pl.col("impact") / pl.col("impact").sum()).fill_nan(0.0).alias("share"))
        .sort(["impact", "protocol", "feed", "venue"], descending=[True, False, False, False])
    )


def bridges(record: Record) -> pl.DataFrame:
    """What late messages over bridges did, by protocol with remote collateral.

    Returns
    -------
    protocol, bridges (names; a protocol with several cannot tell them apart), breaches (number), staleness: mean share
    of a breach of this protocol.
    """
    breaches = complete(record)["breaches"].select("protocol", child="breach")
    stale = complete(record)["cascade_edges"].filter(
        (pl.col("child_kind") == "breach") & (pl.col("channel") == "staleness")
    )
    shares = breaches.join(stale, on="child", how="left", maintain_order="left").with_columns(
        pl.col("share").fill_null(0.0)
    )
    rows = []
    for protocol in record.scenario.protocols:
        names = sorted({c.bridge for c in protocol.collateral if c.bridge})
        of = shares.filter(pl.col("protocol") == protocol.name)["share"]
        if names:
            rows.append((protocol.name, ", ".join(names), len(of), float(of.sum()) / max(len(of), 1)))
    schema = {"protocol": pl.String, "bridges": pl.String, "breaches": pl.Int64, "staleness": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def roots(record: Record) -> pl.DataFrame:
    """Breaches without a parent, the largest tree first.

    Returns
    -------
    root (breach), time (s), protocol, account, due_to (the channel with the largest share), share, size (of its tree).
    """
    record = complete(record)
    largest = (
        record["cascade_edges"]
        .filter(pl.col("child_kind") == "breach")
        .group_by(pl.col("child").alias("root"), pl.col("channel").alias("due_to"))
        .agg(pl.col("share").sum())
        .sort(["root", "share", "due_to"], descending=[False, True, False])
        .group_by("root", maintain_order=True)
        .first()
    )
    about = record["breaches"].select("time", "protocol", "account", root="breach")
    return (
        trees(record)
        .join(about, on="root", maintain_order="left")
        .join(largest, on="root", maintain_order="left")
        .select("root", "time", "protocol", "account", "due_to", "share", "size")
    )


def endogenous_share(record: Record) -> float:
    """Mean over breaches of the share that liquidations' price moves had; NaN without a breach.

    No branching ratio: in any large cascade, near critical or not, most breaches have liquidations before them.
    """
    exogenous = exogenous_shares(read_exposure(record))
    return float(1.0 - exogenous.mean()) if len(exogenous) else float("nan")


def first_generation(record: Record, window: float | None = None) -> float:
    """Children a root, counting only roots that were watched for `window` seconds, and children within it.

    Events are the first breach of each account in an episode.  NaN without such roots.  `window` is the scenario's
    quiet time by default.
    """
    done, clock = attribute(record), record.scenario.clock
    span = record.scenario.quiet if window is None else window
    first = (
        record["breaches"]
        .with_columns(pl.Series("generation", done.generation, dtype=pl.Int64), pl.Series("parent", done.parent))
        .sort("breach")
        .unique(["protocol", "account", "episode"], keep="first", maintain_order=True)
    )
    watched = first.filter((pl.col("generation") == 0) & (pl.col("time") + span <= clock.start + clock.duration))
    born = watched.select(pl.col("breach").alias("parent"), pl.col("time").alias("born"))
    children = first.filter(pl.col("generation") == 1).join(born, on="parent")
    return (
        len(children.filter(pl.col("time") <= pl.col("born") + span)) / len(watched) if len(watched) else float("nan")
    )


def overlap(record: Record) -> pl.DataFrame:
    """Signed, liquidity-weighted overlap of the cohorts' positions at the start (Cont and Schaanning 2017).

    sum over markets of q_a q_b price^2 / depth, depth within one per cent: a hundredth of it is what `cohort` would lose
    in USD, at linear impact, if `other` closed everything.  Negative where they stand on opposite sides.  System
    accounts are left out.

    Returns
    -------
    cohort, other, overlap (USD); one row an ordered pair, itself included.
    """
    at = record["accounts"]["time"].min()
    who = record["accounts"].filter((pl.col("time") == at) & (pl.col("mode") != "system"))
    depth = record["markets"].sort("time").unique(["protocol", "market"], keep="first", maintain_order=True)
    value = (
        record["positions"]
        .filter(pl.col("time") == at)
        .join(who.select("protocol", "account", "cohort"), on=["protocol", "account"])
        .group_by("protocol", "market", "cohort")
        .agg((pl.col("size") * pl.col("price")).sum().alias("value"))
    )
    pairs = value.join(value.rename({"cohort": "other", "value": "against"}), on=["protocol", "market"])
    return (
        pairs.join(depth.select("protocol", "market", "depth"), on=["protocol", "market"])
        .sort("protocol", "market")
        .group_by("cohort", "other")
        .agg((pl.col("value") * pl.col("against") / pl.col("depth")).sum().alias("overlap"))
        .sort("cohort", "other")
    )


def exogenous_check(record: Record) -> Floats:
    """News of each breach from prices alone, in the order of the table, f8[breaches].

    The exogenous part of every price (price less all impact) at the start and at the breach, over the fall.  It equals
    the remainder that `attribute` calls news exactly if the record's falls add up; 0 where free margin did not fall.
    """
    exposure = read_exposure(record)
    fell = exposure.fall > 0
    prices = record["exposures"].join(
        exposure.breaches.select("breach").with_row_index("rank"), on="breach", maintain_order="left"
    )
    rank = prices["rank"].to_numpy().astype(np.int64)
    moved = prices["sensitivity"].to_numpy() * (prices["price_start"].to_numpy() - prices["price_end"].to_numpy())
    total = by_breach(rank, moved, len(fell)) / np.where(fell, exposure.fall, np.inf)
    impact = np.sum([exposure.share(channel) for channel in exposure.lanes], axis=0)
    return np.asarray((total - impact)[np.argsort(exposure.row)], dtype=np.float64)
