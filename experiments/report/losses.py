"""The section on who paid for what was missing."""

import polars as pl

from abm.record import Record
from experiments.figures.losses import LAYERS, loss_waterfall, paid_by_layer
from experiments.figures.units import usd
from experiments.report.blocks import Block, Grid, Section, Words, figure_block, grid, money, name, whole

__all__ = ["losses_section"]


def losses_section(record: Record) -> Section:
    """From the deficits of liquidated accounts to the payers."""
    losses = record["losses"]
    beyond = _beyond(losses)
    if not paid_by_layer(losses):
        text = "Nobody had to pay for others: no liquidated account ended with less than nothing."
        return Section("losses", "Who paid", (Words(text), *beyond))
    caption = "What was missing from liquidated accounts, and each layer that paid, in the order of the waterfall."
    picture = figure_block(
        "losses", loss_waterfall(losses), caption, label="Losses by who paid", absent="Nobody paid for others."
    )
    return Section("losses", "Who paid", (picture, _table(losses), *beyond))


CENT = 0.01
"""USD below which an amount is rounding."""


def _beyond(losses: pl.DataFrame) -> tuple[Block, ...]:
    """What winners got and gave by auto-deleveraging where nothing was missing."""
    surplus = losses.filter(pl.col("layer") == "adl_surplus")["amount"]
    got, gave = -float(surplus.filter(surplus < 0).sum()), float(surplus.filter(surplus > 0).sum())
    told = [f"{usd(amount)} {way}" for amount, way in ((got, "better"), (gave, "worse")) if amount >= CENT]
    if not told:
        return ()
    return (
        Words(
            f"Auto-deleveraging also closed winners at prices {' and '.join(told)} for them than the market's, where "
            "nothing was missing."
        ),
    )


def _table(losses: pl.DataFrame) -> Grid:
    rows = [
        {"protocol": protocol, "layer": layer, "payer": LAYERS[layer], "amount": amount}
        for protocol in sorted(losses["protocol"].unique())
        for layer, amount in paid_by_layer(losses.filter(pl.col("protocol") == protocol)).items()
    ]
    single = (
        losses.filter(pl.col("amount") > 0, pl.col("layer") != "bad_debt")
        .group_by("protocol", "layer")
        .agg(
            pl.len().alias("payments"),
            pl.col("account").n_unique().alias("payers"),
            pl.col("amount").max().alias("largest"),
        )
        .with_columns(payers=pl.when(pl.col("layer").is_in(["adl", "socialise"])).then("payers"))
    )
    table = pl.DataFrame(rows).join(single, on=["protocol", "layer"], how="left", maintain_order="left")
    columns = (
        name("protocol", "protocol"),
        name("payer", "who paid"),
        money("amount", "paid"),
        whole("payments", "payments"),
        money("largest", "largest payment"),
        whole("payers", "accounts that paid"),
    )
    return grid(table, columns, "Payments by protocol and layer.")
