"""Stress of accounts as heat maps: the lead asset's price against implied volatility, or against correlation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from experiments.figures.style import Shape, colour, figure

__all__ = ["MEASURES", "StressMeasure", "stress_heat_map"]

StressMeasure = Literal["liquidatable_share", "notional_share", "insolvent_share", "worst_health"]

MEASURES: dict[StressMeasure, str] = {
    "liquidatable_share": "accounts that can be liquidated (% of all)",
    "notional_share": "notional that can be liquidated (% of all)",
    "insolvent_share": "accounts worth less than nothing (% of all)",
    "worst_health": "worst account's health (margin equity over maintenance margin)",
}
"""What can be shown of the table of `abm.margin.stress.stress_totals`, in words."""

DEEPEST = 0.7
"""Opacity of the deepest colour: figures stay readable on it in both modes."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column runs up the side, and what tells the panels apart."""

    side: str
    levels: list[float]
    panels: list[tuple[float, ...]]


def stress_heat_map(
    totals: pl.DataFrame, measure: StressMeasure = "liquidatable_share", lead: str = "the lead asset"
) -> Callable[[Shape], Figure] | None:
    """A cell a scenario, with its figure; None without scenarios.

    Across: the price shock of the lead asset.  Up: vol shocks, a panel each correlation and own shock; where there is one
    vol shock only, correlations, a panel each own shock.
    """
    if totals.is_empty():
        return None
    layout = _layout(totals)

    def draw(shape: Shape) -> Figure:
        columns = 1 if shape.narrow or len(layout.panels) == 1 else 2
        lines = -(-len(layout.panels) // columns)
        fig = figure(shape, 84 + lines * (74 + 32 * len(layout.levels)))
        grid = fig.subplots(lines, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, layout.panels, strict=False):
            _panel(axes, _rows(totals, layout, panel), layout, measure, shape)
            axes.set_title(_title(layout, panel))
            axes.set_xlabel(f"change of the price of {lead} (%)")
        for axes in grid[len(layout.panels) :]:
            axes.remove()
        fig.suptitle(MEASURES[measure], x=0.01, ha="left", fontsize=shape.font, wrap=True)
        if measure == "worst_health":
            looks = [_patch("red", "below 1: can be liquidated"), _patch("blue", "1 and above")]
            fig.legend(handles=looks, loc="outside lower left", ncols=1 if shape.narrow else 2)
        return fig

    return draw


def _patch(role: str, label: str) -> Patch:
    return Patch(facecolor=colour(role), alpha=DEEPEST, label=label)


def _layout(totals: pl.DataFrame) -> _Layout:
    side, apart = ("vol_shock", ["correlation", "own"])
    if totals["vol_shock"].n_unique() == 1 and totals["correlation"].n_unique() > 1:
        side, apart = "correlation", ["own"]
    panels = totals.select(apart).unique(maintain_order=True).rows()
    return _Layout(side, totals[side].unique().sort().to_list(), panels)


def _rows(totals: pl.DataFrame, layout: _Layout, panel: tuple[float, ...]) -> pl.DataFrame:
    if layout.side == "correlation":
        return totals.filter(pl.col("own") == panel[0])
    return totals.filter(pl.col("correlation") == panel[0], pl.col("own") == panel[1])


def _title(layout: _Layout, panel: tuple[float, ...]) -> str:
    """What the other assets do in a panel."""
    own = {0.0: "others follow", -1.0: "others also fall by themselves", 1.0: "others rise by themselves"}
    words = own.get(panel[-1], f"others' own shock {panel[-1]:g}")
    if layout.side == "correlation":
        return words
    return "all prices alike" if panel == (1.0, 0.0) else f"correlation {panel[0]:g}, {words}"


def _panel(axes: Axes, rows: pl.DataFrame, layout: _Layout, measure: StressMeasure, shape: Shape) -> None:
    shocks = rows["price_shock"].unique().sort().to_list()
    for told in rows.select("price_shock", layout.side, measure).iter_rows():
        x, y = shocks.index(told[0]), layout.levels.index(told[1])
        role, depth, text = _look(told[2], measure)
        axes.add_patch(
            Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour(role), alpha=max(depth, 0.04), linewidth=0)
        )
        axes.text(x, y, text, ha="center", va="center", fontsize=_size(len(shocks), shape))
    axes.set_xlim(-0.6, len(shocks) - 0.4)
    axes.set_ylim(-0.6, len(layout.levels) - 0.4)
    every = 2 if len(shocks) > (5 if shape.narrow else 11) else 1
    middle = shocks.index(0.0) if 0.0 in shocks else 0
    shown = [i for i in range(len(shocks)) if (i - middle) % every == 0]
    axes.set_xticks(shown, [_signed(100.0 * shocks[i]) for i in shown])
    if layout.side == "correlation":
        axes.set_yticks(range(len(layout.levels)), [f"{level:g}" for level in layout.levels])
        axes.set_ylabel("correlation with it")
    else:
        axes.set_yticks(range(len(layout.levels)), [f"×{level:g}" for level in layout.levels])
        axes.set_ylabel("implied volatility")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _size(columns: int, shape: Shape) -> float:
    """Size of a cell's figure, smaller where cells are."""
    return min(shape.font, (26.0 if shape.narrow else 60.0) * shape.font / 12.0 / columns * 3.2)


def _signed(value: float) -> str:
    return "0" if abs(value) < 0.05 else f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def _look(value: float | None, measure: StressMeasure) -> tuple[str, float, str]:
    """Role, depth and text of a cell."""
    if measure != "worst_health":
        share = value or 0.0
        text = "0" if share == 0.0 else f"{100.0 * share:.0f}" if share >= 0.01 else "<1"
        return "red", DEEPEST * share**0.7, text
    if value is None:
        return "stone", 0.1, "–"
    digits = 2 if value != 1.0 and round(value, 1) == 1.0 else 1
    text = (
        f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if abs(value) < 100.0 else ">99" if value > 0 else "<−99"
    )
    if value < 1.0:
        return "red", DEEPEST * min(1.0, 0.35 + 0.65 * (1.0 - value)), text
    return "blue", DEEPEST * min(1.0, 0.15 + 0.2 * (value - 1.0)), text
