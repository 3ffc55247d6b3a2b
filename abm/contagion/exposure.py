"""A record as arrays: what each breach depended on, what moved the prices, and which breach each liquidation served.

Breaches are put in the order in which they happened, by the number of price moves before them, so that whoever
caused a breach stands before it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.contagion.response import Floats, Ints, Kernels, Lane, impacts
from abm.errors import AuditError
from abm.record import Record

__all__ = ["FALLS", "PRICED", "Exposure", "Readings", "Served", "read_exposure"]

FALLS = ("margin", "haircut", "staleness", "funding", "own")
"""Channels that have a part of the fall of their own in `breaches`."""

PRICED = ("trades", "depth", "arbitrage")
"""Channels of price moves that no liquidation made."""

_NOTHING = 1e-12
"""A fall below this part of what it is the difference of is none."""


class Readings(NamedTuple):
    """Terms of the prices that breaches depended on, all i8[n] or f8[n].

    `breach` its rank; `book`; `kind` the filter; `coefficient` share of the fall per USD (signed: the price at the
    start adds, the price at the breach takes away); `seen` s; `moves`; `source` row of `price_sources`.
    """

    breach: Ints
    book: Ints
    kind: Ints
    coefficient: Floats
    seen: Floats
    moves: Ints
    source: Ints


class Served(NamedTuple):
    """Whom the executions of the liquidation moves served, twice.

    By move: entries `first`[k]..`first`[k+1] of `breach` (rank) and `share` belong to position k of the lane.
    By breach: entries `begin`[i]..`begin`[i+1] of `position` and `part` belong to rank i.
    """

    first: Ints
    breach: Ints
    share: Floats
    begin: Ints
    position: Ints
    part: Floats


@dataclass(frozen=True)
class Exposure:
    """What attribution needs of a record.

    Attributes
    ----------
    breaches
        The table in order of happening: row i is rank i.
    row
        Row of rank i in the record's table, i8[breaches].
    fall
        Fall of free margin in USD, 0 where it did not fall, f8[breaches].
    rest
        Shares of the channels of FALLS, f8[breaches] each.
    kernels, readings, lanes, served
        See there; `lanes` by cause: impact (liquidations), trades (at calm depth), depth, arbitrage.
    """

    breaches: pl.DataFrame
    row: Ints
    fall: Floats
    rest: dict[str, Floats]
    kernels: Kernels
    readings: Readings
    lanes: dict[str, Lane]
    served: Served

    def shifts(self, channel: str) -> Floats:
        """USD by which the moves of a channel had shifted each reading, f8[readings]."""
        r = self.readings
        return impacts(self.kernels, self.lanes[channel], r.book, r.kind, r.seen, r.moves)

    def parts(self, channel: str) -> Floats:
        """Share of a channel of price moves in each reading's breach, through that reading, f8[readings]."""
        return self.readings.coefficient * self.shifts(channel)

    def share(self, channel: str) -> Floats:
        """Share of a channel of price moves in each breach, f8[breaches]."""
        return by_breach(self.readings.breach, self.parts(channel), len(self.row))


def by_breach(breach: Ints, values: Floats, count: int) -> Floats:
    """Sum of values by rank, f8[count]."""
    return np.bincount(breach, weights=values, minlength=count).astype(np.float64)


def read_exposure(record: Record) -> Exposure:
    """Arrays of a record.

    Raises
    ------
    AuditError
        The record contradicts itself: a name without its row, a move whose liquidations do not share it whole, or
        causes that come after their effects.
    """
    _check_order(record)
    row = np.lexsort((record["breaches"]["breach"].to_numpy(), record["breaches"]["moves_seen"].to_numpy()))
    breaches = record["breaches"][row]
    fall, rest = _falls(record, breaches)
    books = record["books"].sort("book")
    kernels = _kernels(books, record["price_sources"])
    readings = _readings(
        record, breaches, books, kernels, np.divide(1.0, fall, out=np.zeros_like(fall), where=fall > 0)
    )
    moves, cause, amount, calm = record["price_moves"], pl.col("cause"), pl.col("amount"), pl.col("calm_amount")
    lanes = {
        "impact": _lane(moves.filter(cause == "liquidation"), amount, books),
        "trades": _lane(moves.filter(cause == "trades"), calm, books),
        "depth": _lane(moves.filter(cause == "trades"), amount - calm, books),
        "arbitrage": _lane(moves.filter(cause == "arbitrage"), amount, books),
    }
    served = _served(record["liquidations"], breaches, lanes["impact"])
    return Exposure(breaches, row, fall, rest, kernels, readings, lanes, served)


def _falls(record: Record, breaches: pl.DataFrame) -> tuple[Floats, dict[str, Floats]]:
    """Fall of each breach (0: none) and the shares of the parts that the record states."""
    start, end = breaches["free_margin_start"].to_numpy(), breaches["free_margin"].to_numpy()
    at = _index(record["exposures"]["breach"], breaches["breach"], "exposures")
    gross = record["exposures"].select(
        pl.col("sensitivity").abs() * (pl.col("price_start").abs() + pl.col("price_end").abs())
    )
    scale = np.abs(start) + np.abs(end) + by_breach(at, gross.to_series().to_numpy(), len(breaches))
    fell = start - end > _NOTHING * scale
    fall = np.where(fell, start - end, 0.0)
    divisor = np.where(fell, fall, 1.0)
    rest = {name: np.where(fell, breaches[f"{name}_fall"].to_numpy(), 0.0) / divisor for name in FALLS}
    # Free margin that did not fall since the account's own last change: that change is what it is due to.
    rest["own"] = np.where(fell, rest["own"], 1.0)
    return fall, rest


def _kernels(books: pl.DataFrame, sources: pl.DataFrame) -> Kernels:
    """Kernels padded to the longest; a filter for each time constant in use."""
    weights, times = books["kernel_weights"].to_list(), books["kernel_times"].to_list()
    terms = max((len(w) for w in weights), default=0)
    padded = np.zeros((2, len(weights), terms))
    for b, (w, t) in enumerate(zip(weights, times, strict=True)):
        padded[0, b, : len(w)] = w
        padded[1, b, : len(w)] = 1.0 / np.asarray(t, dtype=np.float64)
    emas = sorted(set(sources["ema"].to_list()) - {0.0})
    ema_rates = np.array([0.0, *(1.0 / e for e in emas)])
    return Kernels(padded[0], padded[1], books["tick"].to_numpy().astype(np.float64), ema_rates)


def _readings(record: Record, breaches: pl.DataFrame, books: pl.DataFrame, kernels: Kernels, scale: Floats) -> Readings:
    """Every term of every price at the start (+) and at the breach (-)."""
    sources = record["price_sources"].with_row_index("source")
    ends = []
    for end, sign in (("start", 1.0), ("end", -1.0)):
        ends.append(
            record["exposures"]
            .join(sources, left_on=["price", f"code_{end}"], right_on=["price", "code"], maintain_order="left_right")
            .select(
                "breach",
                "book",
                "ema",
                (sign * pl.col("sensitivity") * pl.col("weight")).alias("coefficient"),
                pl.col(f"seen_{end}").alias("seen"),
                pl.col(f"moves_{end}").alias("moves"),
                pl.col("source").cast(pl.Int64),
            )
        )
    terms = pl.concat(ends)
    breach = _index(terms["breach"], breaches["breach"], "exposures")
    emas = np.divide(1.0, kernels.ema_rates, out=np.zeros_like(kernels.ema_rates), where=kernels.ema_rates > 0)
    return Readings(
        breach,
        _index(terms["book"], books["book"], "price_sources"),
        np.abs(emas[None, :] - terms["ema"].to_numpy()[:, None]).argmin(axis=1).astype(np.int64),
        terms["coefficient"].to_numpy() * scale[breach],
        terms["seen"].to_numpy().astype(np.float64),
        terms["moves"].to_numpy().astype(np.int64),
        terms["source"].to_numpy().astype(np.int64),
    )


def _lane(moves: pl.DataFrame, amount: pl.Expr, books: pl.DataFrame) -> Lane:
    """Moves of one cause by book, then by order of happening."""
    chosen = moves.select("book", "move", "time", amount.alias("value")).sort("book", "move")
    book = _index(chosen["book"], books["book"], "price_moves")
    return Lane(
        np.searchsorted(book, np.arange(len(books) + 1)).astype(np.int64),
        chosen["move"].to_numpy().astype(np.int64),
        book,
        chosen["time"].to_numpy().astype(np.float64),
        chosen["value"].to_numpy().astype(np.float64),
    )


def _served(liquidations: pl.DataFrame, breaches: pl.DataFrame, lane: Lane) -> Served:
    """Liquidations that moved a price, by move and by breach."""
    moved = liquidations.filter(pl.col("move") >= 0).sort("liquidation")
    breach = _index(moved["breach"], breaches["breach"], "liquidations")
    position = _index(moved["move"], pl.Series(lane.move), "liquidations")
    share = moved["share"].to_numpy().astype(np.float64)
    whole = np.bincount(position, weights=share, minlength=len(lane.move))
    broken = np.flatnonzero((np.abs(whole - 1.0) > 1e-6) & (lane.amount != 0.0))
    if len(broken):
        raise AuditError(f"shares of price move {lane.move[broken[0]]} add up to {whole[broken[0]]}, not to one")
    by_move, of_breach = np.argsort(position, kind="stable"), np.argsort(breach, kind="stable")
    return Served(
        np.searchsorted(position[by_move], np.arange(len(lane.move) + 1)).astype(np.int64),
        breach[by_move],
        share[by_move],
        np.searchsorted(breach[of_breach], np.arange(len(breaches) + 1)).astype(np.int64),
        position[of_breach],
        share[of_breach],
    )


def _check_order(record: Record) -> None:
    """W is strictly triangular: whatever a breach had seen was there before it, and what served it came after."""
    seen = record["breaches"].select("breach", "moves_seen")
    early = (
        record["liquidations"]
        .filter(pl.col("move") >= 0)
        .join(seen, on="breach")
        .filter(pl.col("move") < pl.col("moves_seen"))
    )
    late = (
        record["exposures"]
        .join(seen, on="breach")
        .filter(pl.max_horizontal("moves_start", "moves_end") > pl.col("moves_seen"))
    )
    for wrong, what in (
        (early, "had a liquidation in a price move before it"),
        (late, "had seen a price move after it"),
    ):
        if len(wrong):
            raise AuditError(f"breach {wrong['breach'].to_list()[0]} {what}")


def _index(values: pl.Series, ids: pl.Series, table: str) -> NDArray[np.int64]:
    """Where each value stands among the ids.

    Raises
    ------
    AuditError
        One of them is not there.
    """
    wanted, known = values.to_numpy().astype(np.int64), ids.to_numpy().astype(np.int64)
    order = np.argsort(known, kind="stable")
    found = np.searchsorted(known, wanted, sorter=order)
    ok = found < len(known)
    at = order[np.where(ok, found, 0)] if len(known) else np.zeros(len(wanted), dtype=np.int64)
    ok[ok] = known[at[ok]] == wanted[ok]
    if not ok.all():
        raise AuditError(f"table {table} names {ids.name or 'move'} {wanted[~ok][0]}, which is not in the record")
    return at.astype(np.int64)
