"""The four prices of the market hit hardest, and depth, open interest and funding over time."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from abm.record import Record
from experiments.figures.series import Series, main_markets, market_series, thin
from experiments.figures.style import DASHES, SERIES, Shape, colour, figure, heading, legend_above
from experiments.figures.window import Window, money_axis

__all__ = ["crash_window", "four_prices", "hardest_hit", "liquidity"]

FOUR = ("last", "mark", "index", "oracle")


def hardest_hit(record: Record) -> Series | None:
    """The protocol's market whose last price was farthest below its first at the worst; None without markets."""
    falls = (
        record["markets"]
        .filter(pl.col("protocol") != "")
        .sort("time")
        .group_by("protocol", "market")
        .agg(fall=pl.col("last").min() / pl.col("last").first() - 1)
        .sort("fall", "protocol", "market")
    )
    return market_series(record, falls["protocol"][0], falls["market"][0]) if falls.height else None


def crash_window(series: Series) -> Window:
    """Times around the lowest last price: from where the fall set in to as long after the trough."""
    times, last = series.column("time"), series.column("last")
    low = int(np.argmin(last))
    onset = last[0] - 0.15 * (last[0] - last[low])
    above = np.flatnonzero(last[: low + 1] >= onset)
    begin = times[above[-1]] if len(above) else times[0]
    reach = max(times[low] - begin, 10 * _step(times))
    return Window(float(max(begin - 0.3 * reach, times[0])), float(min(times[low] + reach, times[-1])))


def _step(times: np.ndarray) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0


def four_prices(series: Series) -> Callable[[Shape], Figure] | None:
    """Last, mark, index and oracle price around the trough; None with fewer than three samples."""
    window = crash_window(series)
    times = series.column("time")
    inside = (times >= window.start) & (times <= window.end)
    if inside.sum() < 3:
        return None

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 300 if shape.narrow else 330)
        axes = fig.subplots()
        for i, name in enumerate(FOUR):
            t, values = thin(times[inside], series.column(name)[inside])
            axes.plot(window.x(t), values, color=colour(SERIES[i]), linestyle=DASHES[i], label=name)
        heading(axes, f"price of {series.label} (USD per coin)")
        money_axis(axes)
        window.label(axes)
        legend_above(fig, axes, shape)
        return fig

    return draw


def liquidity(record: Record) -> Callable[[Shape], Figure] | None:
    """Depth, open interest and cumulative funding of the main markets; None without sampled markets."""
    markets = main_markets(record)
    if not markets:
        return None
    panels = [
        ("depth within 1 % (USD)", [(s, s.column("depth")) for s in markets]),
        ("open interest (USD)", [(s, s.column("open_interest")) for s in markets]),
        ("cumulative funding (% of first index)", [(s, _funding(s)) for s in markets]),
    ]
    times = markets[0].column("time")
    window = Window(float(times[0]), float(times[-1]))
    shown = [(label, lines) for label, lines in panels if any(np.any(values != 0) for _, values in lines)]
    if not shown:
        return None

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 60 + (135 if shape.narrow else 120) * len(shown))
        grid = fig.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, lines) in zip(grid, shown, strict=True):
            _panel(axes, label, lines, window)
        legend_above(fig, grid[0], shape)
        window.label(grid[-1])
        return fig

    return draw


def _funding(series: Series) -> np.ndarray:
    funding = series.column("funding")
    return np.asarray(100 * (funding - funding[0]) / series.column("index")[0])


def _panel(axes: Axes, label: str, lines: Sequence[tuple[Series, np.ndarray]], window: Window) -> None:
    for i, (series, values) in enumerate(lines):
        times, kept = thin(series.column("time"), values)
        axes.plot(window.x(times), kept, color=colour(SERIES[i]), linestyle=DASHES[i], label=series.label)
    heading(axes, label)
    money_axis(axes)
    if min(float(np.min(v)) for _, v in lines) >= 0:
        axes.set_ylim(bottom=0)
