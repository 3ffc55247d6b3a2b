"""From a user's file of bars to days of returns and variance, as forecasters take them.

Bars within the day give realised variance; daily bars with `high` and `low` a range estimator
(`abm.margin.forecasts.realised`).  A day counts with three quarters of its bars at least; the others are left out, and
told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.errors import PriceFileError, nearest
from abm.margin.forecasts.observed import Observed
from abm.margin.forecasts.realised import daily_sums, garman_klass, log_returns, parkinson
from abm.prices.files import KLINE_COLUMNS, read_table

__all__ = ["MEASURES", "PriceDays", "distinct", "read_days"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86_400_000_000
"""Microseconds."""

ENOUGH = 0.75
"""Part of a day's bars that it must have."""

MEASURES = ("auto", "realised", "parkinson", "garman-klass", "squared")
"""`auto`: realised variance of bars within the day; of daily bars Parkinson's, or squared returns without high and low."""


@dataclass(frozen=True, slots=True)
class PriceDays:
    """A series by day: its name, the days (since 1970), what was observed, the measure, and how many days are left out."""

    name: str
    day: Ints
    observed: Observed
    measure: str
    left_out: int


def read_days(path: Path, *, measure: str = "auto", symbols: Sequence[str] = ()) -> tuple[PriceDays, ...]:
    """The series of a file, one for each symbol (and venue), in order of name.

    `symbols`: those wanted, of a file that has several; `all` means all.

    Raises
    ------
    PriceFileError
        The file cannot be read, has several symbols and none is chosen, or lacks one that is; times out of order, prices
        that are none, or bars from which the measure cannot be had.
    """
    where = str(path)
    table = read_table(path)
    if measure in ("auto", "parkinson", "garman-klass"):
        table = _with_range(table, path)
    parts = table.partition_by("symbol", "venue", as_dict=True, maintain_order=True)
    chosen = _chosen(where, sorted({symbol for symbol, _ in parts}), symbols)
    return tuple(
        _days(where, f"{symbol} on {venue}" if venue else str(symbol), parts[symbol, venue], measure)
        for symbol, venue in sorted(parts)
        if symbol in chosen
    )


def distinct(files: Sequence[Path], found: Sequence[Sequence[PriceDays]]) -> tuple[PriceDays, ...]:
    """The series of several files in one list; where a name is there twice, the names of the files with it.

    Raises
    ------
    PriceFileError
        A series is still there twice.
    """
    names = [one.name for series in found for one in series]
    result: list[PriceDays] = []
    for path, series in zip(files, found, strict=True):
        for one in series:
            name = f"{one.name}, {path.stem}" if names.count(one.name) > 1 else one.name
            if any(name == other.name for other in result):
                raise PriceFileError(str(path), f"series '{name}' is there twice", "give each file once")
            result.append(replace(one, name=name))
    return tuple(result)


def _chosen(where: str, there: list[str], symbols: Sequence[str]) -> set[str]:
    """Symbols to read."""
    if "all" in symbols or (not symbols and len(there) == 1):
        return set(there)
    if not symbols:
        few = ", ".join(there[:4]) + (", ..." if len(there) > 4 else "")
        raise PriceFileError(where, f"has {len(there)} symbols ({few})", "choose by --symbol, or --symbol all")
    for symbol in symbols:
        if symbol not in there:
            raise PriceFileError(where, f"has no symbol '{symbol}'", nearest(symbol, there))
    return set(symbols)


def _with_range(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The table with `high` and `low` where the file has them."""
    scan = pl.scan_parquet(path) if path.suffix.lower() == ".parquet" else _scan_csv(path)
    there = [name for name in ("high", "low") if name in scan.collect_schema().names()]
    if len(there) < 2:
        return table
    ends = scan.select(pl.col(there).cast(pl.Float64, strict=False)).collect()
    return table.hstack(ends)


def _scan_csv(path: Path) -> pl.LazyFrame:
    """A CSV by its header, or as klines where it has none."""
    top = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False).row(0)
    if len(top) == len(KLINE_COLUMNS) and str(top[0]).isdigit():
        return pl.scan_csv(path, has_header=False, new_columns=list(KLINE_COLUMNS), infer_schema_length=None)
    return pl.scan_csv(path, infer_schema_length=None)


def _days(where: str, name: str, table: pl.DataFrame, measure: str) -> PriceDays:
    _check(where, name, table)
    time = table["time"].to_numpy()
    if len(time) < 3:
        raise PriceFileError(where, f"{name} has {len(time)} bars", "give a longer history")
    spacing = int(np.median(np.diff(time)))
    if spacing > DAY:
        raise PriceFileError(where, f"{name} has bars {spacing / DAY:.3g} days apart", "give daily bars or finer")
    if measure == "auto":
        measure = "realised" if spacing < DAY else "parkinson" if "high" in table.columns else "squared"
    if measure == "realised" and spacing == DAY:
        raise PriceFileError(where, f"{name} has one bar a day", "choose another --measure, or give finer bars")
    if spacing < DAY and measure != "realised":
        raise PriceFileError(where, f"{name} has bars within the day", "choose --measure realised")
    return _within(name, table, spacing) if spacing < DAY else _daily(where, name, table, measure)


def _check(where: str, name: str, table: pl.DataFrame) -> None:
    """Times ascend, and prices are above zero with open and close between low and high."""
    row, time = table["row"].to_numpy(), table["time"].to_numpy()
    late = np.flatnonzero(np.diff(time) <= 0)
    if len(late):
        raise PriceFileError(where, f"{name}, row {row[late[0] + 1]} is not later than the one before", "sort by time")
    for column in (c for c in ("open", "high", "low", "close") if c in table.columns):
        price = table[column].fill_null(float("nan")).to_numpy()
        bad = np.flatnonzero(~((price > 0.0) & np.isfinite(price)))
        if len(bad):
            told = f"{name}, row {row[bad[0]]}: {column} is {price[bad[0]]}"
            raise PriceFileError(where, told, "a price is a number above zero")
    if "high" in table.columns:
        open_, high, low, close = (table[c].to_numpy() for c in ("open", "high", "low", "close"))
        out = np.flatnonzero((high < np.maximum(open_, close)) | (low > np.minimum(open_, close)))
        if len(out):
            told = f"{name}, row {row[out[0]]}: open or close lies outside low to high"
            raise PriceFileError(where, told, "mend or remove the row")


def _within(name: str, table: pl.DataFrame, spacing: int) -> PriceDays:
    """Realised variance: a bar's return counts for the day in which the bar begins."""
    returns = log_returns(table["close"].to_numpy())
    day = table["time"].to_numpy()[1:] // DAY
    days, moved, count = daily_sums(day, returns)
    _, variance, _ = daily_sums(day, returns**2)
    whole = count >= ENOUGH * (DAY // spacing)
    span = int(days[-1] - days[0]) + 1
    observed = Observed(moved[whole], variance[whole])
    return PriceDays(name, days[whole], observed, "realised", span - int(whole.sum()))


def _daily(where: str, name: str, table: pl.DataFrame, measure: str) -> PriceDays:
    """A measure of each day's own bar, beside the return since the close before."""
    ranged = measure in ("parkinson", "garman-klass")
    if ranged and "high" not in table.columns:
        raise PriceFileError(where, f"has no columns high and low, which {measure} needs", "choose --measure squared")
    returns = log_returns(table["close"].to_numpy())
    bars = {
        column: table[column].to_numpy()[1:] for column in ("open", "high", "low", "close") if column in table.columns
    }
    if measure == "parkinson":
        variance = parkinson(bars["high"], bars["low"])
    elif measure == "garman-klass":
        variance = garman_klass(bars["open"], bars["high"], bars["low"], bars["close"])
    else:
        variance = returns**2
    days = table["time"].to_numpy()[1:] // DAY
    span = int(days[-1] - days[0]) + 1
    return PriceDays(name, days, Observed(returns, variance), measure, span - len(days))
