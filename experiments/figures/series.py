"""Time series out of a record, thinned and binned so that a figure stays small and still shows the extremes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from abm.record import Record

__all__ = ["Binned", "Series", "binned", "main_markets", "market_series", "thin"]

Array = npt.NDArray[np.float64]

_WIDTHS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)


@dataclass(frozen=True)
class Series:
    """The rows of one market on one venue, in order of time."""

    label: str
    market: str
    protocol: str
    frame: pl.DataFrame

    def column(self, name: str) -> Array:
        """One column of the table `markets`."""
        return self.frame[name].to_numpy().astype(np.float64)


@dataclass(frozen=True)
class Binned:
    """Sums over bins of equal width: `edges` has one more than `rate`; `rate` is per `per` seconds."""

    edges: Array
    rate: Array
    width: float


def main_markets(record: Record, most: int = 3) -> list[Series]:
    """The perpetuals in which most was liquidated; without liquidations those with most open interest.

    Where there is no perpetual at all, the deepest spot markets.
    """
    markets = record["markets"]
    size = (
        markets.group_by("protocol", "market", "venue")
        .agg(pl.col("open_interest").max(), pl.col("depth").max())
        .join(_liquidated(record), on=["protocol", "market"], how="left")
        .with_columns(pl.col("liquidated").fill_null(0.0), perp=pl.col("protocol") != "")
        .sort(
            ["perp", "liquidated", "open_interest", "depth", "venue", "market", "protocol"],
            descending=[True, True, True, True, False, False, False],
        )
        .unique(["venue", "market"], keep="first", maintain_order=True)
    )
    perps = size.filter(pl.col("perp"))
    chosen = (perps if perps.height else size).head(most)
    several = chosen["market"].n_unique() < chosen.height
    return [
        market_series(
            record, row["protocol"], row["market"], label=f"{row['market']} {row['venue']}" if several else ""
        )
        for row in chosen.iter_rows(named=True)
    ]


def market_series(record: Record, protocol: str, market: str, *, label: str = "") -> Series:
    """The sampled rows of one market of one protocol (empty: a spot market)."""
    rows = record["markets"].filter(pl.col("protocol") == protocol, pl.col("market") == market)
    return Series(label or market, market, protocol, rows.sort("time"))


def _liquidated(record: Record) -> pl.DataFrame:
    notional = pl.col("quantity").abs() * pl.col("price")
    return record["liquidations"].group_by("protocol", "market").agg(liquidated=notional.sum())


def thin(times: Array, values: Array, most: int = 600) -> tuple[Array, Array]:
    """At most about `most` points that keep the lowest and the highest of each stretch."""
    stretch = -(-2 * len(values) // most)
    if stretch <= 2:
        return times, values
    keep = {0, len(values) - 1}
    for start in range(0, len(values), stretch):
        part = values[start : start + stretch]
        if np.isfinite(part).any():
            keep.update((start + int(np.nanargmin(part)), start + int(np.nanargmax(part))))
    rows = sorted(keep)
    return times[rows], values[rows]


def binned(times: Array, amounts: Array, start: float, end: float, *, per: float, most: int = 120) -> Binned:
    """Sums of `amounts` by time, as a rate per `per` seconds, in at most `most` bins of a round width."""
    span = max(end - start, 1.0)
    width = next((w for w in _WIDTHS if span / w <= most), _WIDTHS[-1])
    bins = max(1, int(np.ceil(span / width - 1e-9)))
    edges = start + width * np.arange(bins + 1)
    edges[-1] = max(edges[-1], end)
    total, _ = np.histogram(times, bins=edges, weights=amounts)
    return Binned(edges.astype(np.float64), total.astype(np.float64) * per / width, width)
