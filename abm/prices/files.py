"""Files of price bars as one table: Parquet, CSV, and the headerless kline CSV that exchanges publish.

A file has one row a bar, with the columns

- `time` (or `open_time`, `timestamp`, `date`): the *beginning* of the bar, UTC: a date or datetime, ISO
  text, or a number since 1970 whose unit is told by the largest in the file: below 1e11 seconds,
  below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds;
- `close`: the last price in the bar, USD a coin;
- `symbol`, optional: which coin (see `abm.prices.symbols`); without it the file's name tells it;
- `venue`, optional: which exchange; without it all rows are of one unnamed;
- `open`, optional: the first price in the bar.

Other columns are not read.  A CSV whose first cell is a number has no header and must have the
twelve columns of a kline: open time, open, high, low, close, volume, close time, quote volume,
trades, taker volume, taker quote volume, ignored.  Rows are counted from 1, the header left out.
"""

import difflib
from pathlib import Path

import numpy as np
import polars as pl

from abm.errors import PriceFileError
from abm.prices.symbols import symbol_in

__all__ = ["read_table"]

TIME_COLUMNS = ("time", "open_time", "timestamp", "date")
KLINE_COLUMNS = (
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_volume",
    "taker_quote_volume",
    "ignored",
)
READ = (*TIME_COLUMNS, "symbol", "venue", "open", "close")


def read_table(path: Path) -> pl.DataFrame:
    """The file's rows in its order: `row` (from 1), `time` (microseconds since 1970), `venue`, `symbol`, `open`, `close`.

    Prices that are no numbers are null, and `open` is `close` where the file has none; times and
    symbols are all there.

    Raises
    ------
    PriceFileError
        The file is missing or cannot be read, has no rows, lacks a column, or has a row without
        time or symbol.
    """
    where = str(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else f"no such file in {path.absolute().parent}"
        raise PriceFileError(where, what, "give the path of a .parquet or .csv file")
    try:
        raw = _raw(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise PriceFileError(where, f"cannot be read ({reason})", "give a whole .parquet or .csv file") from error
    if raw.is_empty():
        raise PriceFileError(where, "has no rows", "give a file with bars")
    for name in ("close", "open", "symbol", "venue"):
        if name in raw.columns and raw[name].dtype.is_nested():
            raise PriceFileError(where, f"column '{name}' holds {raw[name].dtype}", "give one plain value a row")
    time = next(name for name in TIME_COLUMNS if name in raw.columns)
    close = pl.col("close").cast(pl.Float64, strict=False)
    table = raw.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"),
        _microseconds(raw[time], where).alias("time"),
        _text(raw, "venue", "").alias("venue"),
        _text(raw, "symbol", symbol_in(path.stem).upper()).alias("symbol"),
        (pl.col("open").cast(pl.Float64, strict=False) if "open" in raw.columns else close).alias("open"),
        close.alias("close"),
    )
    for column in ("time", "symbol"):
        bare = table.filter(pl.col(column).is_null())["row"]
        if len(bare):
            raise PriceFileError(where, f"row {bare[0]} has no readable {column}", "mend or remove the row")
    return table


def _raw(path: Path) -> pl.DataFrame:
    """The columns of `READ` that the file has, a time and `close` among them."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        return pl.read_parquet(path, columns=_columns(path, list(pl.read_parquet_schema(path))))
    if ending != ".csv":
        raise PriceFileError(str(path), f"unknown ending '{ending}'", "give a .parquet or .csv file (unpack archives)")
    top = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False).row(0)
    if _is_number(top[0]):
        return _klines(path, len(top))
    return pl.read_csv(path, infer_schema_length=None, columns=_columns(path, list(top)))


def _columns(path: Path, header: list[str]) -> list[str]:
    """Those to read."""
    twice = next((name for name in header if name in READ and header.count(name) > 1), None)
    if twice is not None:
        raise PriceFileError(str(path), f"has two columns '{twice}'", "remove or rename one")
    for name, there in (("time", any(t in header for t in TIME_COLUMNS)), ("close", "close" in header)):
        if not there:
            raise PriceFileError(
                str(path), f"no column '{name}' among {', '.join(map(str, header))}", _renaming(name, header)
            )
    return [name for name in header if name in READ]


def _renaming(missing: str, header: list[str]) -> str:
    """Advice on a column that a file has not: the one that is probably meant, and all that are needed."""
    free = [str(column) for column in header if column not in READ]
    close = difflib.get_close_matches(missing, free, n=1, cutoff=0.6)
    rename = f"rename '{close[0]}' to '{missing}'; " if close else ""
    return f"{rename}needed are close and a time, named {', '.join(TIME_COLUMNS[:-1])} or {TIME_COLUMNS[-1]}"


def _is_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True


def _klines(path: Path, width: int) -> pl.DataFrame:
    if width != len(KLINE_COLUMNS):
        raise PriceFileError(
            str(path),
            f"has no header and {width} columns; klines have {len(KLINE_COLUMNS)}",
            "add a header that names time, symbol, close",
        )
    table = pl.read_csv(path, has_header=False, new_columns=list(KLINE_COLUMNS), infer_schema_length=None)
    return table.select("time", "open", "close")


def _text(raw: pl.DataFrame, column: str, absent: str) -> pl.Expr:
    if column not in raw.columns:
        return pl.lit(absent)
    text = pl.col(column).cast(pl.String)
    return text.fill_null("") if column == "venue" else text


def _microseconds(times: pl.Series, where: str) -> pl.Series:
    kind = times.dtype
    if kind == pl.String:
        numbers = times.cast(pl.Float64, strict=False)
        if 2 * numbers.null_count() < len(times):  # numbers, some of which are damaged
            return _since_1970(numbers)
        times = times.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    elif kind == pl.Date:
        times = times.cast(pl.Datetime("us"))
    elif kind.is_numeric():
        return _since_1970(times)
    elif not isinstance(kind, pl.Datetime):
        raise PriceFileError(where, f"column '{times.name}' holds {kind}", "give dates, ISO text or numbers since 1970")
    return times.dt.timestamp("us")


def _since_1970(times: pl.Series) -> pl.Series:
    largest = float(np.abs(np.nan_to_num(times.cast(pl.Float64).fill_null(0.0).to_numpy())).max())
    units = 1e6 if largest < 1e11 else 1e3 if largest < 1e14 else 1.0 if largest < 1e17 else 1e-3
    if times.dtype.is_float():
        return (times * units).round().cast(pl.Int64, strict=False)
    whole = times.cast(pl.Int64, strict=False)
    return whole * int(units) if units >= 1.0 else whole // 1000
