"""A file's prices on the grid of ticks, nothing known before its time.

A bar that begins at time s is known when it ends, at s + length of a bar: at each tick a series
stands at the close of the last bar that has ended, carried over holes.  A *hole* is a time
without bars, from the end of one to the beginning of the next (or from the window's beginning to
the first bar, or from the last bar to the window's end); it may last `prices.max_gap`, and a
longer one is an error or drops the series, by `prices.on_gap`.  Before the end of its first bar
a series stands at that bar's open (its close, where the file has no opens): the one place where
a tick may see what comes later, and only where the window begins before the series does, by at
most `max_gap` (and a bar).

A coin's own series, (asset, ""), is the median over its venues at each tick.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.errors import PriceFileError
from abm.prices.bars import BarFile, Bars, moment
from abm.spec import PricesSpec

__all__ = ["Carried", "carry", "coin_prices", "longest_hole", "replay"]

SECOND = 1_000_000
"""Microseconds."""


@dataclass(frozen=True, eq=False)
class Carried:
    """One series on a grid: the asset, the venue ("" if unnamed) and its prices [n]."""

    asset: str
    venue: str
    prices: NDArray[np.float64]


def replay(file: BarFile, prices: PricesSpec, times: NDArray[np.float64]) -> list[Carried]:
    """A file's series at the ticks: for each asset its coin price first, then its named venues.

    Parameters
    ----------
    times
        Seconds of the ticks from time 0 [n], ascending; time 0 is `prices.offset` seconds after the
        file's first bar begins.

    Raises
    ------
    PriceFileError
        The file ends more than `max_gap` before the last tick, or as `carry`.
    """
    grid = file.first + np.rint((prices.offset + times) * SECOND).astype(np.int64)
    end = max(int(bars.start[-1]) for bars in file.series) + file.interval
    if end + prices.max_gap * SECOND < grid[-1]:
        raise PriceFileError(
            file.path,
            f"covers {(end - file.first) / SECOND:g} s, the run needs {(grid[-1] - file.first) / SECOND:g} s"
            " (prices.offset + clock.start + clock.duration)",
            "shorten the run or give a longer file",
        )
    kept = carry(file, prices, grid)
    return [
        series
        for asset, coin in coin_prices(kept).items()
        for series in (Carried(asset, "", coin), *(k for k in kept if k.asset == asset and k.venue))
    ]


def carry(file: BarFile, prices: PricesSpec, grid: NDArray[np.int64]) -> list[Carried]:
    """The series that are fit for the window of the grid (microseconds since 1970), in the file's order.

    Raises
    ------
    PriceFileError
        A hole is longer than `prices.max_gap` and `on_gap` is "error"; or it is "drop" and an
        asset has no series left.
    """
    kept: list[Carried] = []
    least: dict[str, float] = {}
    for bars in file.series:
        begin, end = longest_hole(bars, file.interval, int(grid[0]), int(grid[-1]))
        hole = (end - begin) / SECOND
        if hole <= prices.max_gap:
            kept.append(Carried(bars.asset, bars.venue, _last_close(bars, file.interval, grid)))
        elif prices.on_gap == "error":
            raise PriceFileError(
                file.path,
                f"{bars.label} has no bars from {moment(begin)} to {moment(end)}, {hole:g} s",
                f'raise prices.max_gap ({prices.max_gap:g} s), or drop such series by prices.on_gap = "drop"',
            )
        else:
            least[bars.asset] = min(hole, least.get(bars.asset, hole))
    for asset in least:
        if all(k.asset != asset for k in kept):
            raise PriceFileError(
                file.path,
                f"{asset} has no series without a hole longer than {prices.max_gap:g} s",
                f"raise prices.max_gap to {least[asset]:g} s or more",
            )
    return kept


def coin_prices(kept: list[Carried]) -> dict[str, NDArray[np.float64]]:
    """The median over the venues of each asset, in the order of the series."""
    assets = dict.fromkeys(k.asset for k in kept)
    return {asset: np.median([k.prices for k in kept if k.asset == asset], axis=0) for asset in assets}


def longest_hole(bars: Bars, interval: int, first: int, last: int) -> tuple[int, int]:
    """From when to when the longest hole lasts that touches the window [first, last]; microseconds."""
    begins = np.append(first, bars.start + interval)
    ends = np.append(bars.start, last)
    touching = np.flatnonzero((ends > first) & (begins < last))
    if not len(touching):
        return first, first
    begins, ends = begins[touching], np.minimum(ends[touching], last)
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def _last_close(bars: Bars, interval: int, grid: NDArray[np.int64]) -> NDArray[np.float64]:
    known = np.searchsorted(bars.start + interval, grid, side="right") - 1
    return np.where(known >= 0, bars.close[known], bars.open[0])
