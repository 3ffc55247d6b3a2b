"""The few figures of a run that several sections tell, computed once."""

from dataclasses import dataclass

import polars as pl

from abm.contagion.attribution import MAJORITY
from abm.contagion.endogenous import endogenous_share
from abm.contagion.graph import trees
from abm.contagion.measures import channel_shares
from abm.record import Record
from experiments.figures.losses import paid_by_layer
from experiments.figures.network import Network, network

__all__ = ["Facts", "Fall", "gather"]


@dataclass(frozen=True, slots=True)
class Fall:
    """The deepest fall of a market's last price below its first: a fraction, and when."""

    market: str
    fraction: float
    time: float


@dataclass(frozen=True)
class Facts:
    """Figures of a run.

    `network` see `experiments.figures.network`; `trees` see `abm.contagion.graph`, those of more than one breach;
    `children` the number of breaches of which earlier liquidations had most; `channels` the share of each channel, by
    notional of first breaches; `endogenous` by view (`abm.contagion.endogenous`); `liquidated`, `deficits` and `paid` (by
    layer) in USD; `liquidated_share` of the opening open interest; `span` in seconds.
    """

    span: float
    network: Network
    trees: pl.DataFrame
    children: int
    channels: dict[str, float]
    endogenous: dict[str, float]
    accounts: int
    owners: int
    first: int
    executions: int
    liquidated: float
    liquidated_share: float | None
    deficits: float
    short: int
    paid: dict[str, float]
    fall: Fall | None

    @property
    def breaches(self) -> int:
        """Number of breaches."""
        return self.network.nodes.height


def gather(record: Record) -> Facts:
    """The facts of a record."""
    found = network(record)
    nodes, breaches, liquidations = found.nodes, record["breaches"], record["liquidations"]
    endogenous = breaches.select("breach").join(nodes, on="breach", maintain_order="left")["endogenous"]
    liquidated = float((liquidations["quantity"].abs() * liquidations["price"]).sum())
    opened = _opened(record)
    return Facts(
        span=record.scenario.clock.duration,
        network=found,
        trees=trees(record).filter(pl.col("size") > 1),
        children=nodes.filter(pl.col("endogenous") >= MAJORITY).height,
        channels=dict(channel_shares(record).select("channel", "first_usd").iter_rows()),
        endogenous=endogenous_share(record, endogenous.to_numpy()),
        accounts=breaches.select("protocol", "account").n_unique() if breaches.height else 0,
        owners=breaches["owner"].n_unique(),
        first=nodes.filter(pl.col("first")).height,
        executions=liquidations.height,
        liquidated=liquidated,
        liquidated_share=liquidated / opened if opened else None,
        deficits=float(breaches["deficit"].sum()),
        short=breaches.filter(pl.col("deficit") > 0).height,
        paid=paid_by_layer(record["losses"]),
        fall=_fall(record),
    )


def _opened(record: Record) -> float:
    """Open interest at the opening, USD."""
    first = record["markets"].filter(pl.col("time") == pl.col("time").min())
    return float(first["open_interest"].sum())


def _fall(record: Record) -> Fall | None:
    lows = (
        record["markets"]
        .sort("time")
        .with_columns(fall=pl.col("last") / pl.col("last").first().over("protocol", "market", "venue") - 1)
        .filter(pl.col("fall") < 0)
        .sort("fall", "time", "market", "protocol")
    )
    if not lows.height:
        return None
    low = lows.row(0, named=True)
    return Fall(f"{low['market']} on {low['venue']}", -low["fall"], low["time"])
