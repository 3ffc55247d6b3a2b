"""What levers did in a sweep: paired differences with intervals, and quantile strips of outcomes by level."""

import math
from collections.abc import Callable, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.design import label
from experiments.figures.style import MARKERS, SERIES, Shape, colour, figure, heading
from experiments.figures.units import compact

__all__ = ["effect_panels", "quantile_strips", "rank_bars"]


def effect_panels(effects: pl.DataFrame, titles: dict[str, str]) -> Callable[[Shape], Figure] | None:
    """Median and mean paired change over seeds with their intervals, a panel an outcome; None without pairs.

    The marker is the median, the thick line its interval; the upright tick is the mean, the thin line its interval.

    `effects` as `experiments.effects.effects` gives it; `titles` the outcomes to show, with their units.
    """
    rows = effects.filter(pl.col("pairs") > 0)
    shown = [o for o in titles if rows.filter(pl.col("outcome") == o, pl.col("median").is_not_null()).height]
    if not shown:
        return None

    def panel(axes: Axes, outcome: str, shape: Shape) -> None:
        mine = rows.filter(pl.col("outcome") == outcome)
        axes.axvline(0, color=colour("muted"), linewidth=0.9)
        for row, told in enumerate(mine.iter_rows(named=True)):
            role, marker = _look(rows, told["lever"])
            for centre, width in (("mean", 1.0), ("median", 3.2)):
                if told[f"{centre}_low"] is not None:
                    ends = [told[f"{centre}_low"], told[f"{centre}_high"]]
                    axes.plot(ends, [row, row], color=colour(role), linewidth=width)
            axes.plot([told["mean"]], [row], marker="|", color=colour(role), ms=12, mew=1.4)
            axes.plot([told["median"]], [row], marker=marker, color=colour(role), markeredgecolor=colour("paper"), ms=8)
        _names(axes, [f"{lever}: {level}" for lever, level in mine.select("lever", "level").iter_rows()], shape)

    heads = {o: f"change of {titles[o]}" for o in shown}
    return _sheet(shown, heads, panel, max(rows.filter(pl.col("outcome") == o).height for o in shown))


def quantile_strips(
    effects: pl.DataFrame, runs: pl.DataFrame, titles: dict[str, str]
) -> Callable[[Shape], Figure] | None:
    """The 10, 50 and 90 % quantiles of outcomes at each level, over the single runs; None without runs."""
    rows = effects.filter(pl.col("runs") > 0)
    shown = [o for o in titles if rows.filter(pl.col("outcome") == o).height]
    if not shown:
        return None

    def panel(axes: Axes, outcome: str, shape: Shape) -> None:
        mine = rows.filter(pl.col("outcome") == outcome)
        for row, told in enumerate(mine.iter_rows(named=True)):
            role, marker = _look(rows, told["lever"])
            single = _single(runs, told["lever"], told["level"], outcome)
            axes.plot(single, [row] * len(single), linestyle="", marker="|", color=colour("muted"), ms=7, mew=0.8)
            axes.plot([told["q10"], told["q90"]], [row, row], color=colour(role), linewidth=4.5, solid_capstyle="butt")
            axes.plot([told["q50"]], [row], marker=marker, color=colour(role), markeredgecolor=colour("paper"), ms=9)
        _names(axes, [f"{lever}: {level}" for lever, level in mine.select("lever", "level").iter_rows()], shape)

    return _sheet(shown, titles, panel, max(rows.filter(pl.col("outcome") == o).height for o in shown))


def rank_bars(correlations: pl.DataFrame, titles: dict[str, str]) -> Callable[[Shape], Figure] | None:
    """Partial rank correlations of levers with outcomes and their intervals; None where there is none."""
    rows = correlations.filter(pl.col("correlation").is_not_null())
    shown = [o for o in titles if rows.filter(pl.col("outcome") == o).height]
    if not shown:
        return None

    def panel(axes: Axes, outcome: str, shape: Shape) -> None:
        mine = rows.filter(pl.col("outcome") == outcome)
        axes.axvline(0, color=colour("muted"), linewidth=0.9)
        for row, told in enumerate(mine.iter_rows(named=True)):
            axes.barh(row, told["correlation"], height=0.55, color=colour("sky"))
            if told["low"] is not None:
                axes.plot([told["low"], told["high"]], [row, row], color=colour("ink"), linewidth=1.6)
        axes.set_xlim(-1.02, 1.02)
        _names(axes, mine["lever"].to_list(), shape)

    heads = {o: f"rank correlation with {titles[o].partition(' (')[0]}" for o in shown}
    return _sheet(shown, heads, panel, max(rows.filter(pl.col("outcome") == o).height for o in shown), money=False)


def _sheet(
    outcomes: Sequence[str],
    heads: dict[str, str],
    panel: Callable[[Axes, str, Shape], None],
    most: int,
    *,
    money: bool = True,
) -> Callable[[Shape], Figure]:
    """Panels in two columns, in one on a small screen."""

    def draw(shape: Shape) -> Figure:
        columns = 1 if shape.narrow or len(outcomes) == 1 else 2
        lines = math.ceil(len(outcomes) / columns)
        fig = figure(shape, lines * (66 + 24 * most))
        grid = fig.subplots(lines, columns, squeeze=False).ravel()
        for axes, outcome in zip(grid, outcomes, strict=False):
            panel(axes, outcome, shape)
            heading(axes, heads[outcome])
            axes.grid(axis="y", visible=False)
            axes.margins(x=0.06)
            axes.locator_params(axis="x", nbins=4)
            if money:
                axes.xaxis.set_major_formatter(lambda value, _: compact(float(value)))
        for axes in grid[len(outcomes) :]:
            axes.remove()
        return fig

    return draw


def _names(axes: Axes, names: Sequence[str], shape: Shape) -> None:
    """Names of the rows from the top, shortened to the room there is."""
    most = 20 if shape.narrow else 30
    axes.set_yticks(range(len(names)), [n if len(n) <= most else f"{n[: most - 1]}…" for n in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def _look(rows: pl.DataFrame, lever: str) -> tuple[str, str]:
    """Role and marker of a lever, the same in all panels."""
    place = rows["lever"].unique(maintain_order=True).to_list().index(lever)
    return SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]


def _single(runs: pl.DataFrame, lever: str, level: str, outcome: str) -> list[float]:
    """The outcome in each run at a level, where levels are values; none for parts of a range."""
    if lever not in runs.columns or outcome not in runs.columns:
        return []
    there = runs.filter(runs[lever].map_elements(label, return_dtype=pl.String) == level)
    return [float(v) for v in there[outcome] if v is not None]
