"""Sections on who caused whom: channels, the picture of the largest trees, their roots."""

import polars as pl

from abm.contagion.measures import channel_shares, roots
from abm.record import Record
from experiments.figures.cascade import cascade, colour_key, shown_nodes
from experiments.figures.channels import CHANNEL_WORDS, channel_bars
from experiments.figures.forest import numbered_roots
from experiments.figures.units import count
from experiments.report.blocks import Grid, Section, Words, figure_block, grid, moment, money, name, share, whole
from experiments.report.facts import Facts

__all__ = ["CHANNEL_MEANINGS", "cascade_section", "channels_section", "shares_by_protocol"]

NONE = "There was no breach, so there is nothing to attribute."

CHANNEL_MEANINGS = {
    "impact": "price moves made by earlier liquidations, each at least 0.1 % of the breach",
    "small": "price moves of earlier liquidations below 0.1 % of the breach, together",
    "news": "the exogenous path of prices",
    "depth": "depth that was withdrawn: what the same trades did beyond their effect at calm depth",
    "trades": "trades that were not liquidations, at calm depth",
    "arbitrage": "trades between venues",
    "funding": "funding paid",
    "margin": "maintenance fractions that moved",
    "haircut": "haircuts that moved",
    "staleness": "age of what is known of remote collateral",
    "own": "the owner's own payments, fees, and earlier liquidations of the account itself",
}
"""What each channel into a breach is."""


def shares_by_protocol(record: Record) -> pl.DataFrame:
    """`group` (all, then each protocol if several), `channel`, `share`: mean share in the group's breaches."""
    shares = [channel_shares(record).select(pl.lit("all").alias("group"), "channel", "share")]
    owners = record["breaches"].select(child="breach", group="protocol")
    if owners["group"].n_unique() > 1:
        counts = owners.group_by("group").agg(breaches=pl.len())
        edges = record["cascade_edges"].filter(pl.col("child_kind") == "breach").join(owners, on="child")
        sums = edges.group_by("group", "channel").agg(pl.col("share").sum()).join(counts, on="group")
        mean = sums.select("group", "channel", share=pl.col("share") / pl.col("breaches"))
        shares.append(mean.sort("group", "channel"))
    return pl.concat(shares)


def channels_section(record: Record, facts: Facts) -> Section:
    """How many caused how much: the shares of the channels."""
    if not facts.breaches:
        return Section("channels", "What the breaches were due to", (Words(NONE),))
    shares = shares_by_protocol(record)
    caption = (
        "Of the fall of free margin that led into each breach, the mean share of each cause. Shares into a breach are "
        "signed and sum to 100 %; what lies left of zero held accounts up."
    )
    told = (
        "All protocols: every breach counting the same (also as a number of breaches), and every dollar of fallen free "
        "margin counting the same."
    )
    picture = figure_block(
        "channels", channel_bars(shares), caption, label="Shares of causes in the breaches", absent=NONE
    )
    table = channel_shares(record).with_columns(
        meaning=pl.col("channel").replace_strict(CHANNEL_MEANINGS, default=pl.col("channel")),
        words=pl.col("channel").replace_strict(CHANNEL_WORDS, default=pl.col("channel")),
        worth=pl.col("share") * facts.breaches,
    )
    columns = (
        name("meaning", "cause"),
        name("words", "short"),
        share("share", "mean share"),
        share("weighted", "by USD of fall"),
        money("worth", "worth", "breaches"),
    )
    return Section("channels", "What the breaches were due to", (picture, grid(table, columns, told)))


def cascade_section(record: Record, facts: Facts) -> Section:
    """The picture of the largest trees, and the table of roots."""
    title = "Who caused whom"
    if not facts.breaches:
        return Section("cascade", title, (Words(NONE),))
    first = numbered_roots(facts.forest).join(roots(record).select("root", "due_to", cause="share"), on="root")
    if first["breaches"].max() == 1:
        text = "No breach had another one among its causes, so there is no tree to draw."
        return Section("cascade", title, (Words(text), _roots(first)))
    label = "The largest trees of breaches that caused breaches, over time"
    picture = figure_block("cascade", cascade(facts.forest), _caption(facts, first), label=label, absent=NONE)
    return Section("cascade", title, (picture, _roots(first)))


def _caption(facts: Facts, first: pl.DataFrame) -> str:
    shown = shown_nodes(facts.forest)
    trees = shown["number"].n_unique()
    inside = int(first.head(trees)["breaches"].sum())
    which = "The largest tree" if trees == 1 else f"The {trees} largest trees"
    left_out = (
        f" Of their {inside:,} breaches the {shown.height:,} largest are drawn (fewer on a small screen), each tied to "
        "its nearest drawn ancestor."
        if inside > shown.height
        else f" All {count(inside, 'breach', 'breaches')} of them are drawn on a wide screen."
    )
    return (
        f"{which}. A dot is a breach: its area is the account's notional, its colour and shape the "
        f"{colour_key(facts.forest)}. A line leads to it from the breach with the largest share in it, "
        "thicker for a larger share. Time runs to the right, with the rounds of a block side by side; height only "
        f"keeps branches apart.{left_out}"
    )


def _roots(first: pl.DataFrame) -> Grid:
    words = pl.col("due_to").replace_strict(CHANNEL_WORDS, default=pl.col("due_to"))
    table = first.with_columns(
        whose=pl.format("{} on {}", "cohort", "protocol"),
        cause=pl.format("{} ({} %)", words, (100 * pl.col("cause")).round(0).cast(pl.Int64)),
    )
    columns = (
        whole("number", "tree"),
        moment("time", "root at"),
        whole("breaches", "breaches"),
        money("tree_notional", "notional"),
        whole("depth", "depth"),
        name("cause", "root due most to"),
        name("whose", "whose"),
        name("account", "account"),
        name("breach", "breach"),
        money("notional", "its notional"),
    )
    caption = (
        "Roots: breaches in which no other breach had a share of 0.1 % or more, by the size of the tree that hangs on "
        "them; depth in generations below the root."
    )
    return grid(table, columns, caption, order="largest tree first")
