"""The breaches of a record as a network: how much earlier liquidations had in each, and which had much of which."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from abm.contagion.attribution import MAJORITY, attribute, breach_weights
from abm.contagion.endogenous import first_breaches
from abm.contagion.influence import influence
from abm.record import Record

__all__ = ["LINK", "Network", "main_episode", "moments", "network", "thinned"]

LINK = 0.1
"""Least share of one breach, by itself, in another that is drawn as a line: enough to be named as a cause
for itself.  Below it a parent is one of many, and a line would say more than it knows."""


@dataclass(frozen=True)
class Network:
    """Breaches and the large shares between them.

    Attributes
    ----------
    nodes
        One row a breach, in order of time: `breach, episode, time, round, protocol, account, cohort, notional, first` (of
        its account in its episode), `endogenous` (share of earlier liquidations in it), `total`, `others` (influence, in
        breaches), `number` (from 1, the largest influence on others first, of those where the
        cascade began: `measures.origins`).
    links
        `parent, child, weight`: pairs of which the parent alone has at least LINK of the child.
    """

    nodes: pl.DataFrame
    links: pl.DataFrame


def network(record: Record) -> Network:
    """The network of a record."""
    done = attribute(record)
    columns = ("breach", "episode", "time", "round", "protocol", "account", "cohort", "notional")
    worth = influence(record, done).select("total", "others")
    nodes = record["breaches"].select(columns).with_columns(worth).with_columns(
        first=pl.Series(first_breaches(record["breaches"]), dtype=pl.Boolean),
        endogenous=pl.Series(done.endogenous, dtype=pl.Float64),
    )  # fmt: skip
    ranked = nodes.sort(
        pl.col("endogenous").abs() >= MAJORITY, "others", "breach", descending=[False, True, False]
    ).with_row_index("number", offset=1)  # fmt: skip
    links = breach_weights(record, LINK).filter(pl.col("weight") > 0)
    return Network(ranked.with_columns(pl.col("number").cast(pl.Int64)).sort("time", "round", "breach"), links)


def main_episode(whole: Network) -> Network:
    """The part in the episode with the largest notional."""
    sums = whole.nodes.group_by("episode").agg(pl.col("notional").sum())
    best = sums.sort(["notional", "episode"], descending=[True, False])["episode"].first()
    return _within(whole, whole.nodes.filter(pl.col("episode") == best))


def thinned(whole: Network, most: int, lines: int) -> Network:
    """The links into the largest breaches with their ends, and the largest others, `most` in all where links leave room."""
    size = whole.nodes.select(child="breach", size="notional")
    ranked = whole.links.join(size, on="child", how="left").sort(
        ["size", "weight", "child", "parent"], descending=[True, True, False, False]
    )
    links = ranked.drop("size").head(lines)
    ends = pl.concat([links["parent"], links["child"]]).unique().implode()
    ranked = whole.nodes.with_columns(end=pl.col("breach").is_in(ends))
    kept = ranked.sort(["end", "notional", "breach"], descending=[True, True, False]).head(max(most, 2 * lines))
    return _within(Network(whole.nodes, links), kept.drop("end").sort("time", "round", "breach"))


def _within(whole: Network, nodes: pl.DataFrame) -> Network:
    shown = nodes["breach"].implode()
    return Network(nodes, whole.links.filter(pl.col("parent").is_in(shown), pl.col("child").is_in(shown)))


def moments(nodes: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Seconds, the rounds of one block spread over the shortest time between two blocks."""
    times = nodes["time"].to_numpy().astype(np.float64)
    rounds = nodes["round"].to_numpy().astype(np.float64)
    gaps = np.diff(np.unique(times))
    room = float(gaps.min()) if len(gaps) else 1.0
    return np.asarray(times + 0.8 * room * rounds / (rounds.max(initial=0.0) + 1.0))
