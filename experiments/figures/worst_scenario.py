"""What an account would gain and lose in every scenario of its portfolio margin, by leg, and which scenario decides."""

from collections.abc import Callable

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import HATCHES, SERIES, Shape, colour, figure, heading
from experiments.figures.units import compact

__all__ = ["MOST", "scenario_label", "worst_scenario"]

MOST = 7
"""Legs shown one by one; the smaller ones are taken together."""

_VOLS = {
    "none": "",
    "up": ", vol up",
    "down": ", vol down",
    "linear": ", skew",
    "abs": ", both wings",
}


def scenario_label(spot: float | None, vol: str, dampening: float) -> str:
    """A scenario in a few words: "+18 %, vol up"; the basis contingency moves each expiry to its own worse side."""
    if spot is None:
        return "basis"
    move = f"{100.0 * (spot - 1.0):+.3g} %".replace("-", "\N{MINUS SIGN}") if spot != 1.0 else "spot still"
    part = f", \N{MULTIPLICATION SIGN}{dampening:.2g}" if dampening != 1.0 else ""
    return move + _VOLS.get(vol, f", {vol}") + part


def worst_scenario(table: pl.DataFrame, *, scenarios: str = "own") -> Callable[[Shape], Figure] | None:
    """Profits by scenario, stacked by leg, a panel an underlying; the sum is a dot and the worst scenario is marked.

    `table` as `abm.margin.portfolio.explain.scenario_table` gives it, `scenarios` one of its sets; None without any rows.
    """
    rows = table.filter(pl.col("set") == scenarios)
    names = rows["underlying"].unique(maintain_order=True).to_list()
    if not names:
        return None
    panels = [rows.filter(pl.col("underlying") == name) for name in names]
    counts = [panel["scenario"].n_unique() for panel in panels]

    def draw(shape: Shape) -> Figure:
        fig = figure(
            shape, sum(17 * n + 62 + 22 * _legend_lines(p, shape) for n, p in zip(counts, panels, strict=True))
        )
        grid = fig.subplots(len(names), 1, squeeze=False, height_ratios=counts).ravel()
        for axes, name, panel in zip(grid, names, panels, strict=True):
            heading(axes, _title(name, panel, shape))
            _panel(axes, panel, shape)
        return fig

    return draw


def _title(name: str, panel: pl.DataFrame, shape: Shape) -> str:
    """What a panel shows, and the profit in its worst scenario."""
    worst = panel.filter(pl.col("worst"))
    told = f"; worst {compact(float(worst['profit'].sum()))}, shaded" if worst.height else ""
    return f"{name}: USD{told}" if shape.narrow else f"{name}: profit in each scenario, USD{told}"


def _named(kind: str, line: str, size: float) -> str:
    """A leg with its size: "+2 ETH collateral"."""
    what = line if kind == "option" else f"{line} {kind}"
    return f"{size:+.4g}".replace("-", "\N{MINUS SIGN}") + f" {what}"


def _lumped(panel: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    """Names of legs and float64[legs, scenarios] of their profits: the largest `MOST`, and the others as one."""
    wide = panel.pivot(
        on="scenario", index=["kind", "index", "line", "size"], values="profit", aggregate_function="sum"
    )
    profits = wide.drop("kind", "index", "line", "size").to_numpy()
    sizes = [_named(*row) for row in wide.select("kind", "line", "size").iter_rows()]
    order = np.argsort(-np.abs(profits).max(axis=1), kind="stable")
    if len(order) <= MOST + 1:
        return [sizes[i] for i in order], profits[order]
    others = profits[order[MOST:]].sum(axis=0, keepdims=True)
    return [*(sizes[i] for i in order[:MOST]), f"{len(order) - MOST} others"], np.vstack(
        [profits[order[:MOST]], others]
    )


def _legend_lines(panel: pl.DataFrame, shape: Shape) -> int:
    """Lines that the legend of a panel takes."""
    columns = 1 if shape.narrow else 3
    return -(-len(_lumped(panel)[0]) // columns)


def _panel(axes: Axes, panel: pl.DataFrame, shape: Shape) -> None:
    """Stacked bars, gains to the right and losses to the left of nothing."""
    told = panel.select("scenario", "spot", "vol", "dampening", "worst").unique(maintain_order=True)
    names, profits = _lumped(panel)
    at = np.arange(told.height)
    gains, losses = np.zeros(told.height), np.zeros(told.height)
    for k, name in enumerate(names):
        up, down = np.maximum(profits[k], 0.0), np.minimum(profits[k], 0.0)
        for bar, start in ((up, gains), (down, losses)):
            axes.barh(
                at, bar, left=start, height=0.72, color=colour(SERIES[k % len(SERIES)]), hatch=HATCHES[k % len(HATCHES)],
                edgecolor=colour("paper"), linewidth=0, label=name if bar is up else None,
            )  # fmt: skip
        gains, losses = gains + up, losses + down
    total = profits.sum(axis=0)
    axes.axvline(0.0, color=colour("muted"), linewidth=0.9)
    axes.plot(
        total, at, linestyle="", marker="o", ms=5, color=colour("ink"), markeredgecolor=colour("paper"), label="sum"
    )
    axes.set_yticks(at, [scenario_label(*row) for row in told.select("spot", "vol", "dampening").iter_rows()])
    axes.set_ylim(told.height - 0.4, -0.6)
    for row in np.flatnonzero(told["worst"].to_numpy()):
        axes.axhspan(row - 0.5, row + 0.5, color=colour("grid"), zorder=0)
        axes.get_yticklabels()[row].set_fontweight("bold")
    left, right = min(losses.min(), total.min()), max(gains.max(), total.max())
    room = 0.04 * max(right - left, 1e-9)
    axes.set_xlim(left - room, right + room)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(lambda value, _: compact(float(value)))
    axes.locator_params(axis="x", nbins=4 if shape.narrow else 8)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0.0, -0.05 if told.height > 20 else -0.1), ncols=1 if shape.narrow else 3,
        columnspacing=1.4, handlelength=2.0,
    )  # fmt: skip
