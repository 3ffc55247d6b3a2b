"""What forecasts of variance were worth: one series through time, and the gain over the benchmark with its interval."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure, FigureBase

from abm.margin.forecasts.models import MODELS
from experiments.figures.style import DASHES, MARKERS, SERIES, Shape, colour, figure, heading
from experiments.forecasting import LEVEL, Evaluation

__all__ = ["skill_figure"]

YEAR = 365.0
"""Days that trading has in a year, for annual figures."""

ABOVE = 260
"""Height of the panel through time, CSS pixels."""

LINES = 3
"""Models drawn through time; more lines hide each other."""

SEEN = 400
"""Days shown through time, the latest."""


def skill_figure(done: Evaluation) -> Callable[[Shape], Figure]:
    """Above: volatility as measured and as forecast, of the longest series.  Below: a panel a model, a row a series: the
    gain in QLIKE over the benchmark with its 95 % interval, filled where it is sure."""
    compared = done.skill.filter(pl.col("model") != done.settings.benchmark)
    models = compared["model"].unique(maintain_order=True).to_list()
    order = done.skill["series"].unique(maintain_order=True).to_list()

    def draw(shape: Shape) -> Figure:
        below = 74 + 15 * max(len(order), 2)
        fig = figure(shape, ABOVE + below if models else ABOVE)
        if not models:
            _through_time(fig, done, shape)
            return fig
        parts: Any = fig.subfigures(2, 1, height_ratios=[ABOVE, below])
        upper, lower = parts
        _through_time(upper, done, shape)
        reach = _reach(compared)
        grid = lower.subplots(1, len(models), sharey=True, sharex=True, squeeze=False)[0]
        told = f"gain in QLIKE over {done.settings.benchmark} (above zero: better), 95 % interval; filled: p < 5 %; arrow: beyond the panel"
        lower.suptitle(told, x=0.01, ha="left", fontsize=shape.font)
        for axes, model in zip(grid, models, strict=True):
            _gains(axes, compared.filter(pl.col("model") == model), order, _place(model), reach)
            heading(axes, model)
        grid[0].set_yticks(range(len(order)), [name if len(name) < 32 else f"{name[:31]}…" for name in order])
        grid[0].set_ylim(len(order) - 0.4, -0.6)
        return fig

    return draw


def _place(model: str) -> int:
    """Where a model stands among all: its colour and marker are the same in every panel and figure."""
    return list(MODELS).index(model)


def _through_time(fig: FigureBase, done: Evaluation, shape: Shape) -> None:
    """Annual volatility of the longest series over its latest days."""
    counts = (
        done.forecasts.group_by("series", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    )
    name = counts["series"][0]
    mine = done.forecasts.filter(pl.col("series") == name, pl.col("target").is_not_null()).tail(SEEN)
    days = mine["day"].to_numpy()
    axes = fig.subplots()
    axes.plot(days, _annual(mine["target"]), color=colour("stone"), linewidth=0.8, label="measured the day after")
    best = done.skill.filter(pl.col("series") == name).sort("qlike")["model"].to_list()
    shown = [done.settings.benchmark, *(m for m in best if m != done.settings.benchmark)][:LINES]
    for i, model in enumerate(shown):
        axes.plot(days, _annual(mine[model]), color=colour(SERIES[_place(model)]), linestyle=DASHES[i], label=model)
    horizon = "next day" if done.settings.horizon == 1 else f"next {done.settings.horizon} days"
    heading(axes, f"volatility of the {horizon}, {name} (% a year)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    ticks = AutoDateLocator(maxticks=5 if shape.narrow else 9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(ticks))  # type: ignore[no-untyped-call]
    fig.legend(loc="outside upper left", ncols=2 if shape.narrow else 4, handlelength=2.6)


def _annual(variance: pl.Series) -> np.ndarray:
    return np.asarray(100.0 * np.sqrt(YEAR * variance.to_numpy()))


def _gains(axes: Axes, rows: pl.DataFrame, order: list[str], place: int, reach: float) -> None:
    """One model's gains, a row a series; an arrow at the edge stands for a gain beyond it."""
    tint = colour(SERIES[place])
    axes.axvline(0.0, color=colour("muted"), linewidth=0.9)
    for told in rows.iter_rows(named=True):
        if told["gain_low"] is None:
            continue
        row, gain = order.index(told["series"]), told["gain"]
        axes.plot([told["gain_low"], told["gain_high"]], [row, row], color=tint, linewidth=1.4)
        marker = MARKERS[place] if abs(gain) < reach else ">" if gain > 0.0 else "<"
        fill = tint if told["dm_p"] < LEVEL else colour("paper")
        shown = min(max(gain, -0.96 * reach), 0.96 * reach)
        axes.plot([shown], [row], marker=marker, color=tint, ms=5, markerfacecolor=fill)
    axes.set_xlim(-reach, reach)
    axes.grid(axis="y", visible=False)
    axes.locator_params(axis="x", nbins=3)


def _reach(rows: pl.DataFrame) -> float:
    """One scale for all panels, wide enough for four intervals in five: that of a coin that printed nonsense once would
    hide all others."""
    ends = np.abs(rows.select("gain_low", "gain_high").drop_nulls().to_numpy()).max(axis=1, initial=0.0)
    return 1.1 * float(np.quantile(ends, 0.8)) if len(ends) and ends.any() else 1.0
