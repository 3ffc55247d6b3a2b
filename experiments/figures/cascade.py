"""The picture of a cascade: who breached when, pushed over by whom."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Curve

from abm.errors import UserError
from abm.record import Record
from experiments.figures.forest import forest_frame
from experiments.figures.layout import Floats, Placed, choose, place
from experiments.figures.series import main_markets
from experiments.figures.style import (
    MARKERS,
    SERIES,
    Shape,
    colour,
    figure,
    heading,
    legend_above,
    save_png,
)
from experiments.figures.timeline import draw_liquidated, draw_prices, liquidated_rate
from experiments.figures.units import count
from experiments.figures.window import Window

__all__ = ["cascade", "colour_key", "save_picture", "shown_nodes"]

TREES = 3
MOST = {"wide": 260, "narrow": 70}
"""Nodes shown in a shape; more cannot be told apart."""


def shown_nodes(forest: pl.DataFrame, shape: str = "wide", trees: int = TREES) -> pl.DataFrame:
    """The nodes of a forest (see `layout.choose`) that the picture of a shape shows."""
    return choose(forest, trees, MOST[shape])


def colour_key(forest: pl.DataFrame) -> str:
    """What colours tell apart: protocols, or cohorts where all breaches are of one protocol."""
    return "protocol" if forest["protocol"].n_unique() > 1 else "cohort"


def cascade(forest: pl.DataFrame) -> Callable[[Shape], Figure] | None:
    """The largest trees over time; None without breaches.  `forest`: see `layout.choose`, with `protocol, cohort`."""
    if not forest.height:
        return None
    key = colour_key(forest)

    def draw(shape: Shape) -> Figure:
        placed = place(shown_nodes(forest, shape.name))
        lanes = float(np.max(placed.y)) + 1
        fig = figure(shape, float(np.clip(110 + 9 * lanes, 190, 560)))
        axes = fig.subplots()
        span = max(float(np.ptp(placed.x)), 1.0)
        window = Window(float(placed.x.min()) - 0.05 * span, float(placed.x.max()) + 0.03 * span)
        _trees(axes, placed, shape, window, key)
        window.label(axes)
        legend_above(fig, axes, shape)
        return fig

    return draw


def save_picture(record: Record, path: Path) -> Path:
    """The one picture of a run: price and liquidations above, the largest cascade below; a PNG of 1600 x 900 pixels.

    Raises
    ------
    UserError
        The record has no breach or no sampled market.
    """
    prices = main_markets(record)
    forest = forest_frame(record)
    if not prices or not forest.height:
        what = "has no breach or no sampled market, so there is no cascade to draw"
        raise UserError(f"run of {record.scenario.name}", what, "choose a run with liquidations")
    placed = place(shown_nodes(forest, trees=1))
    window = _window(placed, prices[0].column("time"))
    rate = liquidated_rate(record, window, most=100)

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, shape.width * 9 / 16)
        heights = [5, 9] if rate is None else [5, 3, 9]
        panels = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        top, below = panels[0], panels[-1]
        draw_prices(top, prices, window, ())
        legend_above(fig, top, shape)
        if rate is not None:
            draw_liquidated(panels[1], rate, window)
        _trees(below, placed, shape, window, colour_key(placed.nodes))
        heading(below, f"largest cascade: {_shown_of(placed, forest)}; dot area: notional")
        below.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.0)
        window.label(below)
        return fig

    return save_png(draw, path, font=15)


def _shown_of(placed: Placed, forest: pl.DataFrame) -> str:
    whole = forest.filter(pl.col("root").is_in(placed.nodes["root"].implode())).height
    shown = placed.nodes.height
    return count(whole, "breach", "breaches") if shown == whole else f"the {shown:,} largest of {whole:,} breaches"


def _window(placed: Placed, times: Floats) -> Window:
    """The time of the nodes with some room, and with at least three samples of the prices on both sides."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    room = max(0.06 * float(np.ptp(placed.x)), 3 * step)
    return Window(
        max(float(placed.x.min()) - room, float(times[0])), min(float(placed.x.max()) + room, float(times[-1]))
    )


def _trees(axes: Axes, placed: Placed, shape: Shape, window: Window, key: str) -> None:
    x, y = window.x(placed.x), placed.y
    area = _areas(placed.nodes["notional"].to_numpy(), shape)
    axes.add_collection(_links(x, y, placed))
    names = _names(placed.nodes, key)
    for i, name in enumerate(sorted(set(names))):
        mine = np.array([n == name for n in names])
        axes.scatter(
            x[mine],
            y[mine],
            s=area[mine],
            color=colour(SERIES[i % len(SERIES)]),
            marker=MARKERS[i % len(MARKERS)],
            edgecolor=colour("paper"),
            linewidth=0.6,
            zorder=3,
        )
        axes.scatter([], [], s=45, color=colour(SERIES[i % len(SERIES)]), marker=MARKERS[i % len(MARKERS)], label=name)
    _number_roots(axes, x, y, placed)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(float(y.max()) + 1.2, float(y.min()) - 1.2)


def _names(nodes: pl.DataFrame, key: str) -> list[str]:
    """What the colour says of each node; the rarest names become one where there are many."""
    common = set(nodes[key].value_counts().sort(["count", key], descending=[True, False])[key].head(len(SERIES) - 1))
    return [(name or "unnamed") if name in common else "others" for name in nodes[key]]


def _number_roots(axes: Axes, x: Floats, y: Floats, placed: Placed) -> None:
    for i in np.flatnonzero(placed.parent < 0):
        axes.annotate(
            str(placed.nodes["number"][int(i)]),
            (x[i], y[i]),
            xytext=(-13, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontweight="bold",
        )


def _areas(notional: Floats, shape: Shape) -> Floats:
    """Area of a node in square points: in proportion to notional, the small ones still seen."""
    largest = float(notional.max()) or 1.0
    return np.asarray(np.maximum((180 if shape.narrow else 420) * notional / largest, 9.0))


def _links(x: Floats, y: Floats, placed: Placed) -> PathCollection:
    """Curves from parent to child, as thick as the share of the parent in the child."""
    children = np.flatnonzero(placed.parent >= 0)
    shares = placed.nodes["share"].fill_null(0.0).to_numpy()[children]
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    curves = []
    for child in children:
        a, b = placed.parent[child], child
        middle = (x[a] + x[b]) / 2
        curves.append(Curve([(x[a], y[a]), (middle, y[a]), (middle, y[b]), (x[b], y[b])], codes))
    widths = 0.5 + 2.5 * np.clip(shares, 0, 1)
    return PathCollection(curves, facecolors="none", edgecolors=colour("stone"), linewidths=widths, zorder=1)
