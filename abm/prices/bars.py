"""The bars of a scenario's coins, read from a file and checked: one ascending series a coin and venue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.errors import PriceFileError
from abm.prices.files import read_table
from abm.prices.symbols import asset_of

__all__ = ["BarFile", "Bars", "moment", "read_bars"]


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of one coin on one venue.

    Attributes
    ----------
    asset, venue, symbol
        The scenario's asset, the file's venue ("" if it names none) and the file's symbol.
    start
        Beginning of each bar, microseconds since 1970, ascending [n].
    open, close
        Prices, finite and above zero [n]; `open` is `close` where the file has no opens.
    """

    asset: str
    venue: str
    symbol: str
    start: NDArray[np.int64]
    open: NDArray[np.float64]
    close: NDArray[np.float64]

    @property
    def label(self) -> str:
        """The series as errors name it."""
        return f"{self.symbol} on {self.venue}" if self.venue else self.symbol


@dataclass(frozen=True, eq=False)
class BarFile:
    """What a file of bars has of a scenario's assets.

    Attributes
    ----------
    path
        The file.
    first
        Beginning of the first bar of the whole file, microseconds since 1970.
    interval
        Length of a bar, microseconds: the most frequent distance of successive bars of a series in
        the whole file, the least where several are as frequent.
    venues
        All venues that the file names, in order.
    series
        In the order of the assets, then of the venues; at least one an asset.
    """

    path: str
    first: int
    interval: int
    venues: tuple[str, ...]
    series: tuple[Bars, ...]


def moment(microseconds: int) -> str:
    """A time of a file as people read it."""
    return str(datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(microseconds=int(microseconds)))


def read_bars(path: Path, assets: Iterable[str], optional: Iterable[str] = ()) -> BarFile:
    """Read the bars of some assets, and of those optional ones that the file has.

    Raises
    ------
    PriceFileError
        As `abm.prices.files.read_table`; or the file lacks an asset, holds fewer than two bars of
        any series, has two symbols for one asset and venue, a price that is not above zero, or
        times that are out of order or double.
    """
    where = str(path)
    table = read_table(path)
    symbols = table["symbol"].unique().sort().to_list()
    needed = tuple(assets)
    names = (*needed, *optional)
    coins = {symbol: coin for symbol in symbols if (coin := asset_of(symbol, names)) is not None}
    missing = [asset for asset in needed if asset not in coins.values()] or ([] if coins else list(names))
    if missing:
        shown = ", ".join(symbols[:12]) + (f", ... ({len(symbols)} in all)" if len(symbols) > 12 else "")
        what = f"has no series of {', '.join(missing)}; it has {shown}"
        raise PriceFileError(where, what, "drop these assets or add their bars")
    used = table.filter(pl.col("symbol").is_in(list(coins))).with_columns(
        asset=pl.col("symbol").replace_strict(coins, return_dtype=pl.String)
    )
    parts = used.partition_by("asset", "venue", as_dict=True)
    order = sorted(parts, key=lambda key: (names.index(str(key[0])), str(key[1])))
    series = tuple(_checked(where, str(asset), str(venue), parts[asset, venue]) for asset, venue in order)
    return BarFile(
        path=where,
        first=int(table["time"].to_numpy().min()),
        interval=_bar_length(table, where),
        venues=tuple(v for v in table["venue"].unique().sort() if v),
        series=series,
    )


def _bar_length(table: pl.DataFrame, where: str) -> int:
    steps = table.select(pl.col("time").diff().over("venue", "symbol")).filter(pl.col("time") > 0)
    counts = steps.group_by("time").len().sort("len", "time", descending=[True, False])
    if counts.is_empty():
        raise PriceFileError(where, "has no series of two bars or more", "give a longer history")
    return int(counts["time"][0])


def _checked(where: str, asset: str, venue: str, part: pl.DataFrame) -> Bars:
    """One series, its rows in the order of the file."""
    symbols = part["symbol"].unique().sort().to_list()
    if len(symbols) > 1:
        on = f" on {venue}" if venue else ""
        raise PriceFileError(
            where,
            f"{asset}{on} has {len(symbols)} symbols: {', '.join(symbols)}",
            "keep one, or name their venues apart",
        )
    bars = Bars(asset, venue, symbols[0], *(part[c].to_numpy() for c in ("time", "open", "close")))
    rows = part["row"].to_numpy()
    late = np.flatnonzero(np.diff(bars.start) <= 0)
    if len(late):
        before, here = bars.start[late[0]], bars.start[late[0] + 1]
        double = f"{moment(here)} is there twice"
        what = double if before == here else f"times are out of order: {moment(here)} comes after {moment(before)}"
        raise PriceFileError(where, f"{bars.label}, row {rows[late[0] + 1]}: {what}", "sort the bars by time")
    for column, prices in (("close", bars.close), ("open", bars.open)):
        bad = np.flatnonzero(~(np.isfinite(prices) & (prices > 0)))
        if len(bad):
            raise PriceFileError(
                where,
                f"{bars.label}, row {rows[bad[0]]}: {column} is {prices[bad[0]]:g}",
                "a price must be a number above zero: mend or remove the row",
            )
    return bars
