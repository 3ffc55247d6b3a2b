"""The few figures of a run that several sections tell, computed once."""

from dataclasses import dataclass

import polars as pl

from abm.contagion.measures import channel_shares
from abm.record import Record
from experiments.figures.forest import forest_frame, numbered_roots
from experiments.figures.losses import paid_by_layer

__all__ = ["Facts", "Fall", "Tree", "gather"]


@dataclass(frozen=True, slots=True)
class Fall:
    """The deepest fall of a market's last price below its first: a fraction, and when."""

    market: str
    fraction: float
    time: float


@dataclass(frozen=True, slots=True)
class Tree:
    """The largest tree: its breaches, their notional in USD, its root breach, and who and when that was."""

    breaches: int
    notional: float
    root: int
    account: int
    cohort: str
    protocol: str
    time: float


@dataclass(frozen=True)
class Facts:
    """Figures of a run.

    `forest` see `experiments.figures.forest`; `channels` the share of each channel in all breaches; `liquidated`,
    `deficits` and `paid` (by layer) in USD; `span` in seconds.
    """

    span: float
    forest: pl.DataFrame
    channels: dict[str, float]
    accounts: int
    executions: int
    liquidated: float
    deficits: float
    short: int
    paid: dict[str, float]
    fall: Fall | None
    tree: Tree | None

    @property
    def breaches(self) -> int:
        """Number of breaches."""
        return self.forest.height


def gather(record: Record) -> Facts:
    """The facts of a record."""
    forest = forest_frame(record)
    breaches, liquidations = record["breaches"], record["liquidations"]
    return Facts(
        span=record.scenario.clock.duration,
        forest=forest,
        channels=_channels(record),
        accounts=breaches.select("protocol", "account").n_unique() if breaches.height else 0,
        executions=liquidations.height,
        liquidated=float((liquidations["quantity"].abs() * liquidations["price"]).sum()),
        deficits=float(breaches["deficit"].sum()),
        short=breaches.filter(pl.col("deficit") > 0).height,
        paid=paid_by_layer(record["losses"]),
        fall=_fall(record),
        tree=_tree(forest),
    )


def _channels(record: Record) -> dict[str, float]:
    shares = channel_shares(record).select("channel", "share")
    return {str(channel): float(share) for channel, share in shares.iter_rows()}


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


def _tree(forest: pl.DataFrame) -> Tree | None:
    if not forest.height:
        return None
    top = numbered_roots(forest).row(0, named=True)
    who = (top["breach"], top["account"], top["cohort"], top["protocol"], top["time"])
    return Tree(top["breaches"], top["tree_notional"], *who)
