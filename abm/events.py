"""The log: typed rows appended by the world, in the order in which they happen, and nothing else."""

from typing import Any

import numpy as np
import polars as pl

from abm.tables import TABLES

__all__ = ["Log"]

Chunk = tuple[int, dict[str, Any]]


class Log:
    """Rows of every table of `abm.tables`, single or many at once, made into frames when they are asked for.

    Attributes
    ----------
    counts
        Rows of each table so far.
    dropped
        Tables of which rows are counted and not kept.
    """

    def __init__(self) -> None:
        self._chunks: dict[str, list[Chunk]] = {name: [] for name in TABLES}
        self._pending: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._frames: dict[str, list[pl.DataFrame]] = {name: [] for name in TABLES}
        self._names = {name: tuple(c.name for c in table.columns) for name, table in TABLES.items()}
        self._schema = {name: table.schema() for name, table in TABLES.items()}
        self.counts: dict[str, int] = dict.fromkeys(TABLES, 0)
        self.dropped: frozenset[str] = frozenset()

    def drop(self, *tables: str) -> None:
        """Forget the rows of some tables, and from now on only count theirs."""
        self.dropped |= frozenset(tables)
        for table in tables:
            self._chunks[table], self._pending[table], self._frames[table] = [], [], []

    def row(self, table: str, *values: Any) -> int:
        """Append one row, values in the order of the table's columns; its number."""
        if table not in self.dropped:
            self._pending[table].append(values)
        number = self.counts[table]
        self.counts[table] = number + 1
        return number

    def rows(self, table: str, count: int, **columns: Any) -> int:
        """Append many rows by column (arrays are kept, not copied); plain values are repeated.  The first's number."""
        first = self.counts[table]
        self.counts[table] = first + count
        if count and table not in self.dropped:
            self._flush(table)
            self._chunks[table].append((count, columns))
        return first

    def _flush(self, table: str) -> None:
        """Single rows become a chunk, so that the order is kept."""
        pending = self._pending[table]
        if pending:
            columns = dict(zip(self._names[table], map(list, zip(*pending, strict=True)), strict=True))
            self._chunks[table].append((len(pending), columns))
            self._pending[table] = []

    def frame(self, table: str) -> pl.DataFrame:
        """All rows of a table so far."""
        self._flush(table)
        frames, chunks = self._frames[table], self._chunks[table]
        if chunks:
            data = [_column(chunks, name, dtype) for name, dtype in self._schema[table].items()]
            frames.append(pl.DataFrame(data))
            self._chunks[table] = []
        if not frames:
            return pl.DataFrame(schema=self._schema[table])
        self._frames[table] = [pl.concat(frames, rechunk=True)] if len(frames) > 1 else frames
        return self._frames[table][0]


def _column(chunks: list[Chunk], name: str, dtype: pl.DataType) -> pl.Series:
    """One column of all chunks: numbers by way of NumPy, the rest by way of lists, what is repeated once."""
    plain = dtype in (pl.Int64, pl.Float64)
    if plain and all(not isinstance(c[name], list) for _, c in chunks):
        kind = np.int64 if dtype == pl.Int64 else np.float64
        parts = [
            np.asarray(c[name], kind) if isinstance(c[name], np.ndarray) else np.full(n, c[name], kind)
            for n, c in chunks
        ]
        return pl.Series(name, np.concatenate(parts), dtype=dtype)
    values: list[Any] = []
    times: list[int] = []
    for n, columns in chunks:
        value = columns[name]
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, list):
            values += value
            times += [1] * len(value)
        else:
            values.append(value)
            times.append(n)
    series = pl.Series(name, values, dtype=dtype)
    return series.gather(np.repeat(np.arange(len(times)), times))
