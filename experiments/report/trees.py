"""Sections on who caused whom: channels, the picture of the breaches, those that did most to others, and trees."""

import polars as pl

from abm.contagion.attribution import MAJORITY
from abm.contagion.endogenous import view_weights
from abm.contagion.measures import channel_shares, origins
from abm.record import Record
from experiments.figures.cascade import cascade, colour_key, shown
from experiments.figures.channels import CHANNEL_WORDS, channel_bars
from experiments.figures.network import LINK
from experiments.figures.units import count, percent
from experiments.report.blocks import (
    Block,
    Grid,
    Section,
    Words,
    figure_block,
    grid,
    moment,
    money,
    name,
    ratio,
    share,
    whole,
)
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
    """`group` (all, then each protocol if several), `channel`, `share`: by notional of the group's first breaches."""
    shares = [channel_shares(record).select(pl.lit("all").alias("group"), "channel", share="first_usd")]
    weight = pl.Series(view_weights(record)["first_usd"], dtype=pl.Float64)
    owners = record["breaches"].select(child="breach", group="protocol").with_columns(weight=weight)
    if owners["group"].n_unique() > 1:
        edges = record["cascade_edges"].filter(pl.col("child_kind") == "breach").join(owners, on="child")
        whole_ = owners.group_by("group").agg(whole=pl.col("weight").sum()).filter(pl.col("whole") > 0)
        sums = (
            edges.group_by("group", "channel").agg((pl.col("share") * pl.col("weight")).sum()).join(whole_, on="group")
        )
        mean = sums.select("group", "channel", share=pl.col("share") / pl.col("whole"))
        shares.append(mean.sort("group", "channel"))
    return pl.concat(shares)


def channels_section(record: Record, facts: Facts) -> Section:
    """How many caused how much: the shares of the channels."""
    if not facts.breaches:
        return Section("channels", "What the breaches were due to", (Words(NONE),))
    shares = shares_by_protocol(record)
    caption = (
        "Of the fall of free margin that led into each first breach of an account in an episode, the mean share of each "
        "cause, by notional at the breach. Shares into a breach are signed and sum to 100 %; what lies left of zero held "
        "accounts up. What earlier liquidations had is the endogenous share."
    )
    told = (
        "All protocols: over first breaches by notional and each the same; over all breaches, repeats included, by notional, "
        "each the same, and by USD of fallen free margin."
    )
    picture = figure_block(
        "channels", channel_bars(shares), caption, label="Shares of causes in the breaches", absent=NONE
    )
    table = channel_shares(record).with_columns(
        meaning=pl.col("channel").replace_strict(CHANNEL_MEANINGS, default=pl.col("channel")),
        words=pl.col("channel").replace_strict(CHANNEL_WORDS, default=pl.col("channel")),
    )
    columns = (
        name("meaning", "cause"),
        name("words", "short"),
        share("first_usd", "first, by notional"),
        share("first", "first, by number"),
        share("all_usd", "all, by notional"),
        share("all", "all, by number"),
        share("fallen", "all, by USD of fall"),
    )
    return Section("channels", "What the breaches were due to", (picture, grid(table, columns, told)))


def cascade_section(record: Record, facts: Facts) -> Section:
    """The picture of the breaches, those that did most to others, and the trees."""
    title = "Who caused whom"
    if not facts.breaches:
        return Section("cascade", title, (Words(NONE),))
    label = "Breaches over time, by the share that earlier liquidations had in them"
    picture = figure_block("cascade", cascade(facts.network), _caption(facts), label=label, absent=NONE)
    return Section("cascade", title, (picture, _origins(record, facts), _trees(record, facts)))


def _caption(facts: Facts) -> str:
    nodes, part = facts.network.nodes, shown(facts.network)
    which = "the episode with the largest notional; " if nodes["episode"].n_unique() > 1 else ""
    return (
        f"A dot is a breach: its height is the share of its fall that the price moves of earlier liquidations had (in "
        f"square roots; what they held up stands below zero), its area the account's notional, its colour and shape the "
        f"{colour_key(nodes)}; hollow, if the account had breached before in the episode. Above the dashed line "
        f"at {percent(MAJORITY, 0)}, if there is one, liquidations had most of it. A line leads from one breach to another of "
        f"which it alone had {percent(LINK, 0)} or more, thicker for a larger share. Numbers are those of the table. Shown: "
        f"{which}{part.nodes.height:,} of {count(facts.breaches, 'breach', 'breaches')} and "
        f"{count(part.links.height, 'line')} of {facts.network.links.height:,} (fewer on a small screen)."
    )


def _origins(record: Record, facts: Facts) -> Grid:
    words = pl.col("due_to").replace_strict(CHANNEL_WORDS, default=pl.col("due_to"))
    table = (
        origins(record)
        .join(facts.network.nodes.select("breach", "number"), on="breach", maintain_order="left")
        .with_columns(
            whose=pl.format("{} on {}", "cohort", "protocol"),
            cause=pl.format("{} ({} %)", words, (100 * pl.col("share")).round(0).cast(pl.Int64)),
        )
    )
    columns = (
        whole("number", "number"),
        moment("time", "at"),
        ratio("others", "on others"),
        ratio("total", "total"),
        share("endogenous", "by liquidations"),
        name("cause", "due most to"),
        name("whose", "whose"),
        name("account", "account"),
        money("notional", "notional"),
    )
    caption = (
        f"Where the cascade began: breaches of whose fall earlier liquidations had less than {percent(MAJORITY, 0)}, either "
        "way. On others: what entered the system with this breach and fell on breaches of other owners, along all paths of "
        "the linear graph, in breaches. Total counts the breach itself and its owner's later ones too. By liquidations: what "
        "earlier ones had of its fall."
    )
    return grid(table, columns, caption, most=10, order="largest effect on others first")


def _trees(record: Record, facts: Facts) -> Block:
    if not facts.trees.height:
        return Words(
            "Earlier liquidations had most of the fall of no breach, so each is a root and there is no tree; what pushed "
            "the roots is in the table of causes."
        )
    who = record["breaches"].select(
        "account", root="breach", at="time", whose=pl.format("{} on {}", "cohort", "protocol")
    )
    columns = (
        moment("at", "root at"),
        whole("size", "breaches"),
        share("parent_share", "median share of a parent alone"),
        whole("depth", "depth"),
        money("notional", "notional"),
        whole("accounts", "accounts"),
        name("whose", "root's"),
        name("account", "account"),
        name("root", "breach"),
    )
    caption = (
        f"Trees: a breach is a child if earlier liquidations had {percent(MAJORITY, 0)} or more of its fall, and hangs under "
        "the breach with the largest share in it, which can be small: read it beside. Depth in generations below the root. "
        f"{count(facts.children, 'child', 'children')} of {count(facts.breaches, 'breach', 'breaches')}."
    )
    table = facts.trees.join(who, on="root", maintain_order="left")
    return grid(table, columns, caption, most=10, order="largest tree first")
