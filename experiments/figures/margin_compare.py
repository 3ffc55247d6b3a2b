"""The same accounts under two sets of margin rules: what each asks for, and how far from liquidation each leaves them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.style import Shape, colour, figure, heading, legend_above

__all__ = ["MOST_ROWS", "compare_figure"]

MOST_ROWS = 24
"""Accounts up to which each has a line of its own; more are points of a scatter."""

POINTS = {"a": ("blue", "o"), "b": ("orange", "s"), "equal": ("stone", "D")}
LEAST, MOST = 0.01, 1000.0
"""Figures of a scatter beyond these stand at its edges."""

LOOKS = (("blue", "o"), ("orange", "s"))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Panel:
    """One figure of each account under the two."""

    title: str
    a: Floats
    b: Floats


def compare_figure(
    frame: pl.DataFrame, rules: tuple[str, str] = ("A", "B"), names: Sequence[str] | None = None
) -> Callable[[Shape], Figure] | None:
    """Two panels of what `abm.margin.compare.compare` found: initial margin over notional, and distance to liquidation.

    A line an account with both ends marked, those farthest apart on top, or a scatter where there are many accounts.
    `rules` are the two's names, `names` those of the accounts.  None where no account has a position.
    """
    labels = [str(n) for n in (names if names is not None else frame["account"].to_list())]
    has = np.flatnonzero((frame["notional_a"].to_numpy() > 0.0) | (frame["notional_b"].to_numpy() > 0.0))
    if not len(has):
        return None
    panels = _panels(frame[has])
    if len(has) > MOST_ROWS:
        return _scatter(panels, rules, frame["worse_off"].to_numpy()[has])
    return _dumbbells(panels, rules, [labels[i] for i in has])


def _panels(frame: pl.DataFrame) -> list[_Panel]:
    def column(name: str) -> Floats:
        return np.abs(frame[name].cast(pl.Float64).to_numpy().astype(np.float64))

    made = [
        _Panel("initial margin (% of notional)", *(100.0 * column(f"capital_use_{x}") for x in "ab")),
        _Panel("move of all prices to liquidation (%)", *(100.0 * column(f"move_{x}") for x in "ab")),
    ]
    if "distance_a" in frame.columns:
        title = "nearest liquidation (daily standard deviations)"
        made[1] = _Panel(title, column("distance_a"), column("distance_b"))
    return made


def _dumbbells(panels: list[_Panel], rules: tuple[str, str], labels: list[str]) -> Callable[[Shape], Figure]:
    gap = panels[1].b - panels[1].a
    order = np.argsort(-np.nan_to_num(np.abs(gap), nan=-1.0), kind="stable")

    def draw(shape: Shape) -> Figure:
        lines, columns = (2, 1) if shape.narrow else (1, 2)
        fig = figure(shape, 60 + lines * (62 + 25 * len(order)))
        grid = fig.subplots(lines, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=True):
            _lines(axes, panel, rules, order)
            heading(axes, panel.title)
            bare = not shape.narrow and axes is not grid[0]
            short = [_short(labels[i], 14 if shape.narrow else 22) for i in order]
            axes.set_yticks(range(len(order)), ["" for _ in order] if bare else short)
            axes.set_ylim(len(order) - 0.4, -0.6)
            axes.grid(axis="y", visible=False)
        legend_above(fig, grid[0], shape)
        return fig

    return draw


def _lines(axes: Axes, panel: _Panel, rules: tuple[str, str], order: NDArray[np.int64]) -> None:
    for row, i in enumerate(order):
        ends = [panel.a[i], panel.b[i]]
        if np.all(np.isfinite(ends)):
            axes.plot(ends, [row, row], color=colour("stone"), linewidth=2.2, zorder=1)
        elif not np.any(np.isfinite(ends)):
            axes.text(0.02, row, "never", transform=axes.get_yaxis_transform(), va="center", color=colour("muted"))
    for side, ((role, marker), name) in enumerate(zip(LOOKS, rules, strict=True)):
        values = (panel.a, panel.b)[side][order]
        axes.plot(
            values, np.arange(len(order)), linestyle="", marker=marker, markersize=8 - 2 * side, color=colour(role),
            label=name, zorder=2 + side,
        )  # fmt: skip
    axes.margins(x=0.08)
    axes.set_xlim(left=0.0)


def _scatter(panels: list[_Panel], rules: tuple[str, str], worse: NDArray[np.str_]) -> Callable[[Shape], Figure]:
    words = {"a": f"nearer under {rules[0]}", "b": f"nearer under {rules[1]}", "equal": "as near"}

    def draw(shape: Shape) -> Figure:
        lines, columns = (2, 1) if shape.narrow else (1, 2)
        fig = figure(shape, 60 + lines * (330 if shape.narrow else 430))
        grid = fig.subplots(lines, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=True):
            a, b, ticks = _log_places(panel)
            for kind, (role, marker) in POINTS.items():
                mine = worse == kind
                if mine.any():
                    label = f"{words[kind]} ({int(mine.sum()):,})"
                    axes.plot(
                        a[mine], b[mine], linestyle="", marker=marker, markersize=4.5, alpha=0.6, markeredgewidth=0,
                        color=colour(role), label=label, zorder=2,
                    )  # fmt: skip
            ends = [min(ticks) - 0.12, max(ticks) + 0.12]
            axes.plot(ends, ends, color=colour("muted"), linewidth=0.9, linestyle="--", zorder=1)
            axes.set_xticks(list(ticks), list(ticks.values()))
            axes.set_yticks(list(ticks), list(ticks.values()))
            axes.set(xlim=ends, ylim=ends, xlabel=f"under {rules[0]}", ylabel=f"under {rules[1]}")
            heading(axes, panel.title)
        legend_above(fig, grid[0], shape, 3)
        return fig

    return draw


def _log_places(panel: _Panel) -> tuple[Floats, Floats, dict[float, str]]:
    """Where figures stand on a logarithmic axis, and its ticks: zero to the left of them all, never to the right."""
    both = np.concatenate([panel.a, panel.b])
    known = both[np.isfinite(both) & (both > 0.0)]
    known = np.clip(known, LEAST, MOST) if len(known) else np.ones(1)
    low, high = np.log10(known.min()), np.log10(known.max())
    marks = [m * 10.0**e for e in range(int(np.floor(low)) - 1, int(np.ceil(high)) + 2) for m in (1.0, 2.0, 5.0)]
    inside = [m for m in marks if low - 0.31 <= np.log10(m) <= high + 0.31]
    if len(inside) > 7:
        inside = [m for m in inside if f"{m:.0e}"[0] == "1"]
    ticks = {float(np.log10(m)): f"{m:g}" for m in inside}
    aside = 0.2 + 0.12 * (high - low)
    zero, never = min(min(ticks), low) - aside, max(max(ticks), high) + aside
    if np.any(both == 0.0):
        ticks[zero] = "now"
    if np.any(np.isnan(both)):
        ticks[never] = "never"

    def place(values: Floats) -> Floats:
        at = np.log10(np.clip(values, LEAST, MOST))
        return np.asarray(np.where(np.isnan(values), never, np.where(values == 0.0, zero, at)))

    return place(panel.a), place(panel.b), ticks


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
