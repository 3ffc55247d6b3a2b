"""Prices of the main coins and what was liquidated, over time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from abm.errors import UserError
from abm.record import Record
from experiments.figures.series import Binned, Series, binned, main_markets, thin
from experiments.figures.style import DASHES, SERIES, Shape, colour, figure, heading, legend_above, save_png
from experiments.figures.units import seconds
from experiments.figures.window import Window, money_axis

__all__ = ["Mark", "draw_liquidated", "draw_prices", "liquidated_rate", "timeline", "timeline_png"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to mark on the price panel."""

    time: float
    text: str


def timeline(record: Record, marks: Sequence[Mark] = ()) -> Callable[[Shape], Figure] | None:
    """Last prices indexed to 100 above liquidated notional per minute; None without sampled markets."""
    prices = main_markets(record)
    if not prices:
        return None
    times = prices[0].column("time")
    window = Window(float(times[0]), float(times[-1]))
    rate = liquidated_rate(record, window)

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 380 if shape.narrow else 420)
        if rate is None:
            top = below = fig.subplots()
        else:
            top, below = fig.subplots(2, 1, sharex=True, height_ratios=[3, 2])
            draw_liquidated(below, rate, window)
        draw_prices(top, prices, window, marks)
        window.label(below)
        legend_above(fig, top, shape)
        return fig

    return draw


def timeline_png(record: Record, path: Path) -> Path:
    """The timeline as a PNG file, 1600 pixels wide.

    Raises
    ------
    UserError
        The record has no sampled markets.
    """
    draw = timeline(record)
    if draw is None:
        what = "has no rows in `markets`, so there is no timeline to draw"
        raise UserError(f"run of {record.scenario.name}", what, "sample markets more often (record.markets)")
    return save_png(draw, path)


def liquidated_rate(record: Record, window: Window, *, most: int = 120) -> Binned | None:
    """Notional of all executions in a window, USD per minute; None without executions."""
    rows = record["liquidations"].filter(pl.col("time").is_between(window.start, window.end))
    if not rows.height:
        return None
    notional = (rows["quantity"].abs() * rows["price"]).to_numpy()
    return binned(rows["time"].to_numpy(), notional, window.start, window.end, per=60.0, most=most)


def draw_prices(axes: Axes, prices: Sequence[Series], window: Window, marks: Sequence[Mark]) -> None:
    """Last prices in a window, the first one of the run at 100, with marked moments."""
    for i, series in enumerate(prices):
        last, moments = series.column("last"), series.column("time")
        inside = (moments >= window.start) & (moments <= window.start + window.span)
        times, values = thin(moments[inside], 100 * last[inside] / last[0])
        axes.plot(window.x(times), values, color=colour(SERIES[i]), linestyle=DASHES[i], label=series.label)
    heading(axes, "last price (start = 100)")
    low, high = axes.get_ylim()
    height, align = (0.98, "top") if 100 - low > high - 100 else (0.02, "bottom")
    for mark in _merged(marks, 0.03 * window.span):
        x = float(window.x(mark.time))
        axes.axvline(x, color=colour("muted"), linewidth=0.9, linestyle=(0, (2, 2)))
        axes.annotate(
            mark.text,
            (x, height),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            va=align,
        )


def _merged(marks: Sequence[Mark], near: float) -> list[Mark]:
    """Marks too close to be told apart become one with both texts."""
    merged: list[Mark] = []
    for mark in sorted(marks, key=lambda m: m.time):
        if merged and mark.time - merged[-1].time < near:
            merged[-1] = Mark(merged[-1].time, ", ".join(sorted([*merged[-1].text.split(", "), mark.text])))
        else:
            merged.append(mark)
    return merged


def draw_liquidated(axes: Axes, rate: Binned, window: Window) -> None:
    """Bars of liquidated notional in USD per minute."""
    axes.stairs(rate.rate, window.x(rate.edges), fill=True, color=colour("red"), linewidth=0.8)
    axes.set_ylim(0, max(float(np.max(rate.rate)) * 1.08, 1e-9))
    heading(axes, f"liquidated notional (USD/min, bins of {seconds(rate.width)})")
    money_axis(axes)
