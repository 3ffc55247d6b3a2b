"""Who paid for what was missing: a waterfall from the deficits to the payers."""

from collections.abc import Callable

import polars as pl
from matplotlib.figure import Figure

from experiments.figures.style import Shape, colour, figure
from experiments.figures.units import compact

__all__ = ["LAYERS", "loss_waterfall", "paid_by_layer"]

LAYERS = {
    "fund": "insurance fund",
    "vault": "backstop vault",
    "adl": "winners (ADL)",
    "socialise": "all accounts",
    "bad_debt": "bad debt left",
}
"""A few words for each layer of the table `losses`."""

_LOOKS = {
    "fund": ("blue", ""),
    "vault": ("sky", "///"),
    "adl": ("orange", "..."),
    "socialise": ("purple", "xxx"),
    "bad_debt": ("red", "\\\\\\"),
}


def paid_by_layer(losses: pl.DataFrame) -> dict[str, float]:
    """USD paid by each layer of `LAYERS` that paid anything; what a layer received is left out.

    Bad debt is booked first and may be socialised later: only what nobody paid in the end counts as bad debt.
    """
    paid = losses.filter(pl.col("amount") > 0).group_by("layer").agg(pl.col("amount").sum())
    amounts = {str(layer): float(amount) for layer, amount in paid.iter_rows()}
    if "bad_debt" in amounts:
        booked = amounts["bad_debt"]
        left = booked - amounts.get("socialise", 0.0)
        amounts["bad_debt"] = left if left > 1e-6 * booked else 0.0
    return {layer: amounts[layer] for layer in LAYERS if amounts.get(layer, 0.0) > 0}


def loss_waterfall(losses: pl.DataFrame) -> Callable[[Shape], Figure] | None:
    """From all that was missing down through each payer; None where nobody paid."""
    paid = paid_by_layer(losses)
    if not paid:
        return None
    total = sum(paid.values())

    def draw(shape: Shape) -> Figure:
        fig = figure(shape, 70 + 38 * (len(paid) + 1))
        axes = fig.subplots()
        names = ["missing in all", *(LAYERS.get(k, k) for k in paid)]
        axes.barh(0, total, color=colour("stone"), height=0.66)
        left = total
        ends = [total]
        for row, (layer, amount) in enumerate(paid.items(), start=1):
            role, hatch = _LOOKS.get(layer, ("olive", ""))
            left -= amount
            axes.barh(
                row, amount, left=left, height=0.66, color=colour(role), hatch=hatch, edgecolor=colour("paper"), lw=0
            )
            axes.plot([left + amount] * 2, [row - 0.67, row + 0.33], color=colour("muted"), linewidth=0.8)
            ends.append(left + amount)
        for row, (end, amount) in enumerate(zip(ends, [total, *paid.values()], strict=True)):
            axes.annotate(compact(amount), (end, row), xytext=(4, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlim(0, 1.14 * total)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(lambda value, _: compact(float(value)))
        axes.locator_params(axis="x", nbins=4 if shape.narrow else 8)
        axes.set_xlabel("USD")
        return fig

    return draw
