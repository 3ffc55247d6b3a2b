"""A user's file of accounts and positions (docs/accounts.md).

One row is one position of one account; an account without positions has one row without a market.  Rows are counted
from 1, a CSV's header left out.
"""

import re
from collections.abc import Collection
from pathlib import Path

import polars as pl

from abm.errors import AccountsFileError, nearest
from abm.ledger import MODES

__all__ = ["COIN", "coin_columns", "read_accounts"]

COIN = "coin:"
"""What the name of a collateral column begins with: `coin:ASSET@CHAIN`."""

NUMBERS = {"account": pl.Int64, "owner": pl.Int64, "cash": pl.Float64, "size": pl.Float64, "entry": pl.Float64}
NUMBERS |= {"wallet": pl.Float64}
WORDS = ("protocol", "cohort", "mode", "market")
COLUMNS = ("account", "protocol", "owner", "cohort", "mode", "cash", "market", "size", "entry", "wallet")
REQUIRED = ("account", "cash", "market", "size", "entry")
TOLERANCE = 1e-9


def read_accounts(path: Path, markets: Collection[str] | None = None) -> pl.DataFrame:
    """The rows of the file in its order, checked, every optional column there.

    `markets` are those that exist, where that is known.

    Columns: account, protocol ("": none given), owner, cohort ("": none given), mode, cash, market ("": no position), size, entry, wallet, and
    the file's `coin:` columns.

    Raises
    ------
    AccountsFileError
        The file is missing or unreadable; a column is missing or misspelt; a value is no number, not finite, or out of
        range; a market does not exist; a position is there twice; an isolated account has two; an account's rows contradict each other; or the
        sizes of a market do not sum to zero.
    """
    frame = _complete(_raw(path), path)
    _check_values(frame, path)
    _check_markets(frame, path, markets)
    _check_accounts(frame, path)
    _check_sums(frame, path)
    return frame


def coin_columns(frame: pl.DataFrame) -> list[str]:
    """Names of the collateral columns."""
    return [name for name in frame.columns if name.startswith(COIN)]


# reading


def _raw(path: Path) -> pl.DataFrame:
    """The file as it is; the cells of a CSV as text."""
    readers = {".csv": lambda p: pl.read_csv(p, infer_schema=False), ".parquet": pl.read_parquet}
    reader = readers.get(path.suffix.lower())
    if not path.is_file():
        raise AccountsFileError(
            str(path), "is a folder" if path.is_dir() else f"no such file in {path.absolute().parent}", "check the path"
        )
    if reader is None:
        raise AccountsFileError(str(path), f"has the suffix '{path.suffix}'", "give a .parquet or .csv file")
    try:
        frame = reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise AccountsFileError(
            str(path), f"cannot be read ({reason})", "give a whole .parquet or .csv file"
        ) from error
    if frame.is_empty():
        raise AccountsFileError(str(path), "has no rows", "give a file with accounts")
    return frame


def _complete(raw: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The columns by name and type, defaults filled in."""
    coins = coin_columns(raw)
    for name in raw.columns:
        if name not in COLUMNS and name not in coins:
            raise AccountsFileError(str(path), f"unknown column '{name}'", nearest(name, COLUMNS))
        if name in coins and not re.fullmatch(r"[^@:]+@[^@:]+", name.removeprefix(COIN)):
            raise AccountsFileError(str(path), f"column '{name}' names no coin", "write coin:ASSET@CHAIN")
    for name in REQUIRED:
        if name not in raw.columns:
            raise AccountsFileError(str(path), f"no column '{name}'", f"needed are {', '.join(REQUIRED)}")
    frame = raw.with_columns(
        *(_words(raw, name) for name in WORDS),
        *(_numbers(raw[name], NUMBERS.get(name, pl.Float64), path) for name in raw.columns if name not in WORDS),
    )
    without_market = pl.col("market") == ""
    frame = frame.with_columns(
        pl.col("mode").replace("", "cross"),
        (pl.col("owner") if "owner" in raw.columns else pl.lit(None, pl.Int64))
        .fill_null(pl.col("account"))
        .alias("owner"),
        (pl.col("wallet") if "wallet" in raw.columns else pl.lit(0.0)).fill_null(0.0).alias("wallet"),
        *(pl.when(without_market).then(pl.col(c).fill_null(0.0)).otherwise(c).alias(c) for c in ("size", "entry")),
        *(pl.col(c).fill_null(0.0) for c in coins),
    )
    return frame.select(*COLUMNS, *coins)


def _words(raw: pl.DataFrame, name: str) -> pl.Series:
    """A column of words, "" where there is none."""
    if name not in raw.columns:
        return pl.Series(name, [""] * len(raw), dtype=pl.String)
    return raw[name].cast(pl.String).fill_null("").str.strip_chars()


def _numbers(column: pl.Series, dtype: type[pl.DataType], path: Path) -> pl.Series:
    """A column as numbers; an empty cell is null."""
    whole = dtype == pl.Int64
    if column.dtype == pl.String:
        column = column.str.strip_chars().replace("", None)
    cast = column.cast(dtype, strict=False)
    bad = cast.is_null() & column.is_not_null()
    if whole and column.dtype.is_float():
        bad |= (cast.cast(pl.Float64) != column).fill_null(False)
    _refuse(bad, path, column, "is no whole number below 2^63" if whole else "is no number", "write a number")
    return cast


def _refuse(bad: pl.Series, path: Path, column: pl.Series, what: str, remedy: str) -> None:
    """Raise for the first row that is bad, naming column and value."""
    if bad.any():
        row = int(bad.arg_true()[0])
        value = column[row]
        raise AccountsFileError(
            f"{path} row {row + 1}", f"{column.name} {'is missing' if value is None else f'{value} {what}'}", remedy
        )


# checking


def _check_values(frame: pl.DataFrame, path: Path) -> None:
    """What one row alone shows."""
    floats = [name for name in frame.columns if frame[name].dtype == pl.Float64]
    for name in ("account", "owner", *floats):
        _refuse(frame[name].is_null(), path, frame[name], "", "fill it in")
    for name in floats:
        _refuse(~frame[name].is_finite(), path, frame[name], "is not finite", "replace it or remove the row")
    for name in ("account", "owner"):
        _refuse(frame[name] <= 0, path, frame[name], "is not positive", "number accounts and owners from 1")
    for name in ("wallet", *coin_columns(frame)):
        _refuse(frame[name] < 0.0, path, frame[name], "is negative", "debts belong into cash")
    modes = frame["mode"]
    unknown = ~modes.is_in(list(MODES))
    if unknown.any():
        _refuse(unknown, path, modes, "is no mode", nearest(modes.filter(unknown)[0], MODES))
    traded = frame["market"] != ""
    _refuse(
        traded & (frame["entry"] <= 0.0), path, frame["entry"], "is not positive", "give the mean entry price in USD"
    )
    _refuse(~traded & (frame["size"] != 0.0), path, frame["size"], "is in no market", "name the market")


def _check_markets(frame: pl.DataFrame, path: Path, markets: Collection[str] | None) -> None:
    """Every market is one that exists: before sizes are summed, which a misspelt name would leave open."""
    if markets is None:
        return
    unknown = ~frame["market"].is_in(["", *markets])
    if unknown.any():
        row = int(unknown.arg_true()[0])
        word = frame["market"][row]
        raise AccountsFileError(f"{path} row {row + 1}", f"no protocol has a market '{word}'", nearest(word, markets))


def _check_accounts(frame: pl.DataFrame, path: Path) -> None:
    """What the rows of an account show together."""
    key = ["protocol", "account"]
    names = frame["account"]
    twice = frame.select(pl.struct(*key, "market").is_first_distinct().not_()).to_series()
    if twice.any():
        market = frame["market"].filter(twice)[0] or "no market"
        _refuse(twice, path, names, f"has {market} twice", "add the two rows up into one")
    for name in ("owner", "cohort", "mode", "cash", "wallet", *coin_columns(frame)):
        differs = frame.select(pl.col(name) != pl.col(name).first().over(key)).to_series()
        _refuse(differs, path, names, f"has another {name} on an earlier row", f"give one {name} an account")
    open_ = (pl.col("size") != 0.0).cast(pl.Int64)
    second = frame.select((pl.col("mode") == "isolated") & (open_ == 1) & (open_.cum_sum().over(key) > 1)).to_series()
    _refuse(second, path, names, "is isolated and has a second position", "give each its own account")


def _check_sums(frame: pl.DataFrame, path: Path) -> None:
    """Signed sizes of a market sum to zero."""
    sums = frame.group_by("protocol", "market", maintain_order=True).agg(
        total=pl.col("size").sum(), gross=pl.col("size").abs().sum()
    )
    for protocol, market, total, gross in sums.iter_rows():
        if abs(total) > TOLERANCE * gross:
            name = f"{protocol} {market}".strip()
            raise AccountsFileError(
                str(path), f"sizes of {name} sum to {total:.10g} coins, not to zero",
                f"add the counterparties, e.g. one account of mode system with {-total:.10g}",
            )  # fmt: skip
