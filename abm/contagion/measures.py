"""What a cascade is made of: by channel, account, asset, oracle and bridge; where it began, and overlap beforehand.

Mean shares are taken in the views of `abm.contagion.endogenous`: `first_usd` over first breaches of an account in an
episode, by notional at the breach; `first` the same, each breach counting the same; `all_usd` and `all` over all breaches.
"""

from typing import Any

import numpy as np
import polars as pl

from abm.contagion.attribution import MAJORITY, attribute, complete
from abm.contagion.endogenous import first_breaches, view_weights
from abm.contagion.exposure import Exposure, by_breach, read_exposure
from abm.contagion.influence import backward, exogenous_shares, influence
from abm.contagion.response import Floats, Ints
from abm.record import Record

__all__ = [
    "assets",
    "bridges",
    "channel_shares",
    "exogenous_check",
    "first_generation",
    "oracles",
    "origins",
    "overlap",
    "systemic_accounts",
]


def channel_shares(record: Record) -> pl.DataFrame:
    """Share of the falls into breaches by channel, largest first.

    Returns
    -------
    channel; first_usd, first, all_usd, all: mean share in each view; fallen: over all breaches, every dollar of fallen
    free margin counting the same.  Columns sum to one.  `impact` and `small` together are the endogenous share.
    """
    record = complete(record)
    breaches = record["breaches"]
    fall = (breaches["free_margin_start"] - breaches["free_margin"]).clip(lower_bound=0.0).to_numpy()
    weights = view_weights(record) | {"fallen": fall / (fall.sum() or 1.0)}
    columns = [pl.Series(name, weight, dtype=pl.Float64) for name, weight in weights.items()]
    return (
        record["cascade_edges"]
        .filter(pl.col("child_kind") == "breach")
        .join(breaches.select(pl.col("breach").alias("child"), *columns), on="child")
        .group_by("channel")
        .agg((pl.col("share") * pl.col(name)).sum().alias(name) for name in weights)
        .sort(["first_usd", "channel"], descending=[True, False])
    )


def systemic_accounts(record: Record, n: int = 20) -> pl.DataFrame:
    """The `n` accounts with the largest influence on breaches of other owners.

    Returns
    -------
    protocol, account, owner, cohort, breaches (number), and in numbers of breaches: others, own and total (sums over its
    breaches; own = total - others is its own breaches and what stayed with its owner), direct_others (at one remove),
    but_for (of the one breach of it with the largest: but-for values of one account's breaches may count the same thing
    twice).
    """
    cohorts = record["breaches"].select("breach", "cohort")
    return (
        influence(record)
        .join(cohorts, on="breach")
        .group_by("protocol", "account")
        .agg(
            pl.col("owner").first(),
            pl.col("cohort").first(),
            pl.len().cast(pl.Int64).alias("breaches"),
            pl.col("others").sum(),
            (pl.col("total") - pl.col("others")).sum().alias("own"),
            pl.col("total").sum(),
            pl.col("direct_others").sum(),
            pl.col("but_for").max(),
        )
        .sort(["others", "protocol", "account"], descending=[True, False, False])
        .head(n)
    )


def assets(record: Record) -> pl.DataFrame:
    """Through which books the cascade ran, largest first.

    Returns
    -------
    asset, market, venue, book; first_usd, all: mean share (signed) of a breach that liquidations' moves of this book had,
    in the two views, which add up to the endogenous shares; influence: part of the breaches' total influence that left them
    through moves of this book, in breaches.
    """
    exposure = read_exposure(record)
    _, gain = backward(exposure)
    books, served, lane = record["books"].sort("book"), exposure.served, exposure.lanes["impact"]
    breach = np.repeat(np.arange(len(exposure.row)), np.diff(served.begin))
    passed = exogenous_shares(exposure)[breach] * served.part * gain[0][served.position]
    through = by_breach(lane.book[served.position], passed, len(books))
    return (
        books.select("asset", "market", "venue", "book")
        .with_columns(*_carried(record, exposure, exposure.readings.book, len(books)), pl.Series("influence", through))
        .sort(["first_usd", "book"], descending=[True, False])
    )


def oracles(record: Record) -> pl.DataFrame:
    """Through which feeds, and which of their source venues, liquidations' moves reached breaches; largest first.

    Returns
    -------
    protocol, feed, venue; first_usd, all: mean share (signed) of a breach, in the two views, which add up to the endogenous
    shares; part: of the sum of first_usd.
    """
    exposure = read_exposure(record)
    sources = record["price_sources"].join(record["books"].select("book", "venue"), on="book", maintain_order="left")
    return (
        sources.with_columns(_carried(record, exposure, exposure.readings.source, len(sources)))
        .group_by("protocol", "feed", "venue")
        .agg(pl.col("first_usd", "all").sum())
        .with_columns((pl.col("first_usd") / pl.col("first_usd").sum()).fill_nan(0.0).alias("part"))
        .sort(["first_usd", "protocol", "feed", "venue"], descending=[True, False, False, False])
    )


def _carried(record: Record, exposure: Exposure, through: Ints, count: int) -> list[pl.Series]:
    """Mean share of liquidations' moves in a breach by what each reading went through, in two views."""
    breach, parts, weights = exposure.readings.breach, exposure.parts("impact"), view_weights(record)
    return [
        pl.Series(view, by_breach(through, parts * weights[view][exposure.row][breach], count))
        for view in ("first_usd", "all")
    ]


def bridges(record: Record) -> pl.DataFrame:
    """What late messages over bridges did, by protocol with remote collateral; bridges of no protocol come last.

    Returns
    -------
    protocol (empty: no protocol has collateral behind it), bridges (names; a protocol with several cannot tell them apart),
    breaches, first_breaches (of the protocol, numbers), first_usd, all: mean share of late messages in a breach of this
    protocol, in the two views within it.
    """
    done = complete(record)
    breaches = done["breaches"].with_columns(first=pl.Series(first_breaches(done["breaches"]), dtype=pl.Boolean))
    stale = done["cascade_edges"].filter((pl.col("child_kind") == "breach") & (pl.col("channel") == "staleness"))
    shares = breaches.join(stale.select("share", breach="child"), on="breach", how="left", maintain_order="left")
    shares = shares.with_columns(pl.col("share").fill_null(0.0))
    rows, known = [], set()
    for protocol in record.scenario.protocols:
        names = sorted({c.bridge for c in protocol.collateral if c.bridge})
        known |= set(names)
        if names:
            rows.append((protocol.name, ", ".join(names), *_stale(shares.filter(pl.col("protocol") == protocol.name))))
    rows += [("", bridge.name, 0, 0, 0.0, 0.0) for bridge in record.scenario.bridges if bridge.name not in known]
    schema: dict[str, Any] = {
        "protocol": pl.String,
        "bridges": pl.String,
        "breaches": pl.Int64,
        "first_breaches": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema | {"first_usd": pl.Float64, "all": pl.Float64}, orient="row")


def _stale(shares: pl.DataFrame) -> tuple[int, int, float, float]:
    """Breaches, first breaches, and the mean share by notional of first ones and over all."""
    first = shares.filter(pl.col("first"))
    notional = float(first["notional"].sum()) or 1.0
    by_usd = float((first["share"] * first["notional"]).sum()) / notional
    return len(shares), len(first), by_usd, float(shares["share"].sum()) / max(len(shares), 1)


def origins(record: Record) -> pl.DataFrame:
    """Where the cascade began: breaches by what of their influence left their owner, largest first.

    Only breaches of whose fall earlier liquidations had less than half, whether they pushed or held it up: the others
    began elsewhere, or fell by little between large moves of both signs, and then shares say little.  `total` is not
    what they are ranked by: a breach that impact held up has an exogenous share above one, and a total above one without
    any effect.

    Returns
    -------
    breach, time (s), protocol, account, cohort, notional (USD), endogenous (share of earlier liquidations in it), due_to
    (the channel with the largest share), share (of that channel), total, others (see `influence`, in breaches).
    """
    record = complete(record)
    largest = (
        record["cascade_edges"]
        .filter(pl.col("child_kind") == "breach")
        .group_by(pl.col("child").alias("breach"), pl.col("channel").alias("due_to"))
        .agg(pl.col("share").sum())
        .sort(["breach", "share", "due_to"], descending=[False, True, False])
        .group_by("breach", maintain_order=True)
        .first()
    )
    worth = influence(record).select("breach", "total", "others", endogenous=1.0 - pl.col("exogenous"))
    return (
        record["breaches"]
        .select("breach", "time", "protocol", "account", "cohort", "notional")
        .join(largest, on="breach", maintain_order="left")
        .join(worth, on="breach", maintain_order="left")
        .filter(pl.col("endogenous").abs() < MAJORITY)
        .sort(["others", "breach"], descending=[True, False])
        .select(
            "breach", "time", "protocol", "account", "cohort", "notional", "endogenous", "due_to", "share", "total",
            "others",
        )
    )  # fmt: skip


def first_generation(record: Record, window: float | None = None) -> float:
    """Children a root in the forest, counting only roots that were watched for `window` seconds, and children within it.

    Events are the first breach of each account in an episode.  NaN without such roots.  `window` is the scenario's
    quiet time by default.
    """
    done, clock = attribute(record), record.scenario.clock
    span = record.scenario.quiet if window is None else window
    first = (
        record["breaches"]
        .with_columns(pl.Series("generation", done.generation, dtype=pl.Int64), pl.Series("parent", done.parent))
        .filter(first_breaches(record["breaches"]))
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

    What recorded prices moved between the start and the breach, less all impact in them, over the fall; 0 where free
    margin did not fall.  It equals the remainder that `attribute` calls news exactly if the recorded falls add up: to what
    prices did and to margins, haircuts, staleness, funding and own acts.  It says nothing of the impact, which it takes
    from the same reconstruction: wrong impact is in both alike.
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
