"""What each thing in an account brings to its margin equity and takes in requirements."""

from collections.abc import Callable

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from experiments.figures.style import HATCHES, Shape, colour, figure, heading, legend_above
from experiments.figures.units import compact

__all__ = ["parts_bars"]

BARS = (("im", "initial margin", "sky", 1), ("mm", "maintenance margin", "red", 0))


def parts_bars(parts: pl.DataFrame, title: str, unit: str) -> Callable[[Shape], Figure]:
    """Two panels of bars, one row a part and a last one their sum: margin equity, and the requirements.

    `parts` as `experiments.explaining.parts_table` gives them; `title` says whose they are, `unit` in what.
    """
    rows = parts.to_dicts()
    names = [
        r["name"] if r["kind"] in ("position", "option", "contingency") else f"{r['name']} {r['kind']}" for r in rows
    ]
    at = np.arange(len(rows))

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 116 + 34 * len(rows))
        fig.supxlabel(title, x=0.01, ha="left", fontsize=shape.font)
        left, right = fig.subplots(1, 2, sharey=True)
        worth = [r["margin_equity"] for r in rows]
        left.barh(at, worth, height=0.6, color=[colour("blue" if w >= 0 else "orange") for w in worth])
        for i, w in enumerate(worth):
            left.annotate(compact(w), (max(w, 0.0), i), (4, 0), textcoords="offset points", va="center")
        for key, name, role, hatch in BARS:
            lift = 0.17 if key == "im" else -0.17
            values = [r[key] for r in rows]
            right.barh(
                at - lift, values, height=0.32, color=colour(role), hatch=HATCHES[hatch], edgecolor=colour("paper"),
                label=name,
            )  # fmt: skip
            for i, value in enumerate(values):
                if value:
                    right.annotate(
                        compact(value), (max(value, 0.0), i - lift), (4, 0), textcoords="offset points", va="center"
                    )
        heading(left, f"margin equity, {unit}")
        heading(right, f"requirements, {unit}")
        left.set_yticks(at, [n.strip() for n in names])
        left.invert_yaxis()
        for axes in (left, right):
            axes.grid(axis="y", visible=False)
            axes.axvline(0.0, color=colour("muted"), linewidth=0.9)
            axes.axhline(len(rows) - 1.5, color=colour("muted"), linewidth=0.9)
            axes.margins(x=0.16)
            axes.xaxis.set_major_formatter(lambda value, _: compact(value))
        legend_above(fig, right, shape)
        return fig

    return draw
