"""A simulated cascade beside a real one: executions and auto-deleveragings per second, and their cumulative shares."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.series import Array, binned
from experiments.figures.style import Shape, colour, figure, heading, legend_above
from experiments.figures.window import Window

__all__ = ["Burst", "burst", "side_by_side"]


TITLES = {"liquidations": "liquidations", "adls": "auto-deleveragings"}


@dataclass(frozen=True)
class Burst:
    """Counts of events at some seconds after the comparison's start, in order of time."""

    seconds: Array
    counts: Array

    @property
    def total(self) -> float:
        """Number of events."""
        return float(self.counts.sum())

    def quantile(self, part: float) -> float | None:
        """Second by which a part of the events had happened; None without events."""
        if not self.total:
            return None
        return float(self.seconds[np.searchsorted(np.cumsum(self.counts), part * self.total - 1e-9)])

    def first(self) -> float | None:
        """Second of the first event; None without events."""
        return float(self.seconds[0]) if self.total else None

    def share_by(self, seconds: Array) -> Array:
        """Part of the events, in per cent, that had happened by each of some seconds."""
        upto = np.concatenate(([0.0], np.cumsum(self.counts)))
        return np.asarray(100 * upto[np.searchsorted(self.seconds, seconds, side="right")] / max(self.total, 1.0))


def burst(frame: pl.DataFrame, count: str) -> Burst:
    """The column `count` of a frame by its column `second`, empty seconds left out."""
    rows = frame.filter(pl.col(count) > 0).group_by("second").agg(pl.col(count).sum()).sort("second")
    return Burst(rows["second"].to_numpy().astype(np.float64), rows[count].to_numpy().astype(np.float64))


def side_by_side(simulated: dict[str, Burst], real: dict[str, Burst]) -> Callable[[Shape], Figure] | None:
    """For `liquidations` and `adls`: rates, each on its own scale, and cumulative shares; None where all are empty."""
    kinds = [k for k in TITLES if simulated[k].total or real[k].total]
    if not kinds:
        return None
    told = [b for k in kinds for b in (real[k], simulated[k]) if b.total]
    last = max(b.seconds[-1] for b in ([real[k] for k in kinds if real[k].total] or told))
    window = Window(0.0, float(last) * 1.02)  # the real event's length: what a simulation adds later is in the table

    def draw(shape: Shape) -> Figure:
        columns = 1 if shape.narrow else len(kinds)
        rows = 3 * len(kinds) // columns
        fig = figure(shape, 30 + 140 * rows)
        grid = fig.subplots(rows, columns, sharex=True, squeeze=False)
        panels = grid[:, 0].reshape(-1, 3) if shape.narrow else grid.T
        for kind, (theirs, ours, both) in zip(kinds, panels, strict=True):
            _rate(theirs, real[kind], "stone", window, f"real: {TITLES[kind]} per second")
            _rate(ours, simulated[kind], "red", window, f"simulated: {TITLES[kind]} per second")
            _share(both, simulated[kind], real[kind], window, f"{TITLES[kind]} so far (% of all)")
        for axes in grid[-1]:
            window.label(axes, "time from the start of the event")
        legend_above(fig, panels[0][2], shape)
        return fig

    return draw


def _rate(axes: Axes, data: Burst, role: str, window: Window, title: str) -> None:
    rate = binned(data.seconds, data.counts, window.start, window.end, per=1.0, most=90)
    axes.stairs(rate.rate, window.x(rate.edges), fill=True, color=colour(role))
    if data.total:
        axes.set_ylim(0, max(1.05 * float(rate.rate.max()), 1e-9))
        axes.locator_params(axis="y", nbins=4)
    else:
        axes.set_ylim(0, 1)
        axes.set_yticks([0])
        axes.text(0.5, 0.45, "none", transform=axes.transAxes, ha="center")
    heading(axes, title)


def _share(axes: Axes, simulated: Burst, real: Burst, window: Window, title: str) -> None:
    seconds = np.linspace(window.start, window.end, 400)
    for data, role, dash, label in ((real, "stone", "--", "real"), (simulated, "red", "-", "simulated")):
        if data.total:
            axes.plot(window.x(seconds), data.share_by(seconds), color=colour(role), linestyle=dash, label=label)
    axes.set_ylim(0, 104)
    heading(axes, title)
