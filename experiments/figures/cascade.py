"""The picture of a cascade: who breached when, and how much of it earlier liquidations had."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Curve

from abm.contagion.attribution import MAJORITY
from abm.errors import UserError
from abm.record import Record
from experiments.figures.network import LINK, Network, main_episode, moments, network, thinned
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
from experiments.figures.units import percent
from experiments.figures.window import Window

__all__ = ["cascade", "colour_key", "numbers", "save_picture", "shown"]

Floats = npt.NDArray[np.float64]

MOST = {"wide": 700, "narrow": 200}
LINES = {"wide": 120, "narrow": 40}
"""Breaches and lines shown in a shape; more cannot be told apart."""

NUMBERED = 5
"""Breaches with their number beside them."""

EDGE = 0.15
"""Part of the height, at the top, in which a number stands below its breach."""

TICKS = (-0.25, -0.05, 0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
LIMITS = (-0.25, 1.25)
"""Shares shown; what lies beyond is drawn at the edge."""


def shown(whole: Network, shape: str = "wide") -> Network:
    """What the picture of a shape shows: the episode with the largest notional, thinned."""
    return thinned(main_episode(whole), MOST[shape], LINES[shape])


def colour_key(nodes: pl.DataFrame) -> str:
    """What colours tell apart: protocols, or cohorts where all breaches are of one protocol."""
    return "protocol" if nodes["protocol"].n_unique() > 1 else "cohort"


def cascade(whole: Network) -> Callable[[Shape], Figure] | None:
    """Breaches over time by the share that earlier liquidations had in them, and large shares as lines; None without."""
    if not whole.nodes.height:
        return None

    def draw(shape: Shape) -> Figure:
        part = shown(whole, shape.name)
        fig = figure(shape, 420)
        axes = fig.subplots()
        x = moments(part.nodes)
        room = 0.03 * max(float(np.ptp(x)), 1.0)
        window = Window(float(x.min()) - room, float(x.max()) + room)
        _breaches(axes, part, shape, window, colour_key(whole.nodes))
        heading(axes, "share of earlier liquidations in each breach (%)")
        window.label(axes)
        legend_above(fig, axes, shape)
        return fig

    return draw


def save_picture(record: Record, path: Path) -> Path:
    """The one picture of a run: price and liquidations above, the breaches below; a PNG of 1600 x 900 pixels.

    Raises
    ------
    UserError
        The record has no breach or no sampled market.
    """
    prices = main_markets(record)
    whole = network(record)
    if not prices or not whole.nodes.height:
        what = "has no breach or no sampled market, so there is no cascade to draw"
        raise UserError(f"run of {record.scenario.name}", what, "choose a run with liquidations")
    part = shown(whole)
    window = _window(part.nodes["time"].to_numpy(), prices[0].column("time"))
    rate = liquidated_rate(record, window, most=100)

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, shape.width * 9 / 16)
        heights = [4, 9] if rate is None else [4, 3, 9]
        panels = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        top, below = panels[0], panels[-1]
        draw_prices(top, prices, window, ())
        legend_above(fig, top, shape)
        if rate is not None:
            draw_liquidated(panels[1], rate, window)
        key = colour_key(whole.nodes)
        _breaches(below, part, shape, window, key)
        line = f"; line: {LINK:.0%} or more by one breach" if part.links.height else ""
        heading(below, f"share of earlier liquidations in each breach (%){line}")
        below.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.0, handletextpad=0.2)
        window.label(below)
        return fig

    return save_png(draw, path, font=15)


def _window(breached: Floats, sampled: Floats) -> Window:
    """All but the first and last hundredth of the breaches, with room for three samples of the prices on both sides."""
    step = float(np.median(np.diff(sampled))) if len(sampled) > 1 else 1.0
    first, last = np.quantile(breached, (0.01, 0.99))
    room = max(0.06 * float(last - first), 3 * step)
    return Window(max(float(first) - room, float(sampled[0])), min(float(last) + room, float(sampled[-1])))


def _height(share: npt.ArrayLike) -> Floats:
    """Signed square roots: most shares are small, and a few are not."""
    clipped = np.clip(np.asarray(share, dtype=np.float64), *LIMITS)
    return np.asarray(np.sign(clipped) * np.sqrt(np.abs(clipped)))


def _breaches(axes: Axes, part: Network, shape: Shape, window: Window, key: str) -> None:
    nodes = part.nodes
    x, y = window.x(moments(nodes)), _height(nodes["endogenous"].to_numpy())
    axes.add_collection(_links(x, y, part))
    names, first = np.array(_names(nodes, key)), nodes["first"].to_numpy()
    area = _areas(nodes["notional"].to_numpy(), shape)
    for k, name in enumerate(sorted(set(names.tolist()))):
        look, marker = colour(SERIES[k % len(SERIES)]), MARKERS[k % len(MARKERS)]
        for mine, face, edge in (
            ((names == name) & ~first, "none", look),
            ((names == name) & first, look, colour("paper")),
        ):
            axes.scatter(
                x[mine], y[mine], s=area[mine], facecolor=face, edgecolor=edge, linewidth=0.7, marker=marker, zorder=3
            )
        axes.scatter([], [], s=45, color=look, marker=marker, label=name)
    _scale(axes, y)
    low, high = axes.get_ylim()
    for text, i in numbers(x, y, nodes["number"].to_numpy(), window):
        below = y[i] > high - EDGE * (high - low)
        axes.annotate(
            text, (x[i], y[i]), xytext=(0, -9 if below else 9), textcoords="offset points", ha="center",
            va="top" if below else "bottom", fontweight="bold", zorder=4, annotation_clip=True,
        )  # fmt: skip


def numbers(x: Floats, y: Floats, number: npt.NDArray[np.int64], window: Window) -> list[tuple[str, int]]:
    """Texts and rows of the numbered breaches; those that lie too close for two texts share one."""
    wide, high = float(np.ptp(window.x(np.array([window.start, window.end])))), max(float(np.ptp(y)), 1e-9)
    groups: list[list[int]] = []
    for i in sorted(np.flatnonzero(number <= NUMBERED).tolist(), key=lambda row: int(number[row])):
        near = (g for g in groups if abs(x[g[0]] - x[i]) < 0.03 * wide and abs(y[g[0]] - y[i]) < 0.08 * high)
        group = next(near, None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    return [(", ".join(str(number[i]) for i in group), group[0]) for group in groups]


def _scale(axes: Axes, y: Floats) -> None:
    """Ticks in per cent where there is something; the line from which liquidations had most of a breach."""
    low, high = min(float(y.min()), 0.0) - 0.06, max(float(y.max()), float(_height(0.1))) + 0.09
    ticks = [t for t in (*TICKS, LIMITS[1]) if low <= float(_height(t)) <= high]
    axes.set_yticks(_height(ticks).tolist(), [_tick(t) for t in ticks])
    axes.set_ylim(low, high)
    if high > float(_height(MAJORITY)):
        axes.axhline(float(_height(MAJORITY)), color=colour("muted"), linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)


def _tick(share: float) -> str:
    """A tick in per cent; one at the edge stands for all beyond it."""
    sign = {LIMITS[0]: "≤ ", LIMITS[1]: "≥ "}.get(share, "")
    return sign + percent(share, 0).removesuffix(" %")


def _names(nodes: pl.DataFrame, key: str) -> list[str]:
    """What the colour says of each node; the rarest names become one where there are many."""
    common = set(nodes[key].value_counts().sort(["count", key], descending=[True, False])[key].head(len(SERIES) - 1))
    return [(name or "unnamed") if name in common else "others" for name in nodes[key]]


def _areas(notional: Floats, shape: Shape) -> Floats:
    """Area of a node in square points: in proportion to notional, the small ones still seen."""
    largest = float(notional.max()) or 1.0
    return np.asarray(np.maximum((180 if shape.narrow else 420) * notional / largest, 7.0))


def _links(x: Floats, y: Floats, part: Network) -> PathCollection:
    """Curves from parent to child, as thick as the share of the parent alone in the child."""
    row = {int(b): i for i, b in enumerate(part.nodes["breach"])}
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    curves = []
    for parent, child in part.links.select("parent", "child").iter_rows():
        a, b = row[parent], row[child]
        middle = (x[a] + x[b]) / 2
        curves.append(Curve([(x[a], y[a]), (middle, y[a]), (middle, y[b]), (x[b], y[b])], codes))
    widths = 0.4 + 1.6 * np.clip(part.links["weight"].to_numpy(), 0, 1)
    return PathCollection(curves, facecolors="none", edgecolors=colour("stone"), linewidths=widths, alpha=0.7, zorder=2)
