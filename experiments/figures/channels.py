"""What the breaches were due to: stacked bars of the channels' shares."""

from collections.abc import Callable

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import Shape, colour, figure, legend_above

__all__ = ["CHANNEL_WORDS", "channel_bars"]

CHANNEL_WORDS = {
    "impact": "liquidations",
    "news": "news",
    "depth": "lost depth",
    "trades": "other trades",
    "arbitrage": "arbitrage",
    "funding": "funding",
    "margin": "moved margin",
    "haircut": "moved haircuts",
    "staleness": "stale collateral",
    "own": "own actions",
    "small": "small moves",
}
"""A few words for each channel that leads into a breach."""


_LOOKS = {
    "impact": ("blue", ""),
    "news": ("orange", "///"),
    "depth": ("green", "..."),
    "trades": ("red", "\\\\\\"),
    "arbitrage": ("purple", "xxx"),
    "funding": ("sky", "++"),
    "margin": ("olive", "oo"),
    "haircut": ("stone", "///"),
    "staleness": ("purple", "---"),
    "own": ("olive", "xxx"),
    "small": ("sky", "///"),
}


def channel_bars(shares: pl.DataFrame) -> Callable[[Shape], Figure] | None:
    """One stacked bar a `group`; None without rows.

    `shares` has columns `group`, `channel`, `share` (fraction of the group's breaches, signed).  Channels below half
    a per cent everywhere are drawn as one; support (negative shares) extends to the left of zero.
    """
    if not shares.height:
        return None
    largest = shares.group_by("channel").agg(pl.col("share").abs().max()).filter(pl.col("share") >= 0.005)
    seen = set(largest["channel"])
    channels = [c for c in CHANNEL_WORDS if c in seen] + sorted(seen - set(CHANNEL_WORDS))
    named = shares.with_columns(pl.when(pl.col("channel").is_in(channels)).then("channel").otherwise(pl.lit("rest")))
    if named["channel"].is_in(["rest"]).any():
        channels.append("rest")
    groups = shares["group"].unique(maintain_order=True).to_list()
    table = {(g, c): float(s) for g, c, s in named.group_by("group", "channel").agg(pl.col("share").sum()).iter_rows()}

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 74 + 44 * len(groups) + (18 * ((len(channels) + 1) // 2) if shape.narrow else 26))
        axes = fig.subplots()
        _stack(axes, groups, channels, table)
        legend_above(fig, axes, shape, columns=7)
        return fig

    return draw


def _stack(axes: Axes, groups: list[str], channels: list[str], table: dict[tuple[str, str], float]) -> None:
    right, left = [0.0] * len(groups), [0.0] * len(groups)
    rows = range(len(groups))
    for channel in channels:
        role, hatch = _LOOKS.get(channel, ("stone", ""))
        values = [100 * table.get((g, channel), 0.0) for g in groups]
        starts = [right[k] if values[k] >= 0 else left[k] for k in rows]
        axes.barh(
            list(rows),
            values,
            left=starts,
            height=0.62,
            color=colour(role),
            hatch=hatch,
            edgecolor=colour("paper"),
            linewidth=0.8,
            label=CHANNEL_WORDS.get(channel, "all others" if channel == "rest" else channel),
        )
        for k in rows:
            right[k] += max(values[k], 0.0)
            left[k] += min(values[k], 0.0)
    axes.set_yticks(list(rows), groups)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=colour("muted"), linewidth=0.9)
    axes.set_xlabel("share of the fall of free margin (%)")
