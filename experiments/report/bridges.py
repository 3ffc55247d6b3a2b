"""The section on messages over bridges."""

import polars as pl

from abm.record import Record
from experiments.figures.units import seconds
from experiments.report.blocks import Column, Section, Words, grid, money, name, whole

__all__ = ["bridges_section"]


def bridges_section(record: Record) -> Section:
    """Messages by bridge, kind and direction."""
    messages = record["bridges"]
    if not messages.height:
        has = bool(record.scenario.bridges)
        text = "No message crossed a bridge in this run." if has else "This world has no bridge."
        return Section("bridges", "Bridges", (Words(text),))
    delay = pl.col("arrived") - pl.col("sent")
    table = (
        messages.group_by("bridge", "kind", "from_chain", "to_chain", "asset")
        .agg(
            sent=pl.len(),
            flying=pl.col("arrived").is_null().sum(),
            median=delay.median(),
            longest=delay.max(),
            amount=pl.col("amount").sum(),
        )
        .with_columns(amount=pl.when(pl.col("kind") != "state").then("amount"))
        .with_columns(way=pl.format("{} to {}", "from_chain", "to_chain"))
        .sort("bridge", "kind", "way", "asset")
    )
    columns = (
        name("bridge", "bridge"),
        name("kind", "kind"),
        name("way", "way"),
        whole("sent", "messages"),
        whole("flying", "still in flight"),
        Column("median", "median delay", lambda v: seconds(v if isinstance(v, float) else None)),
        Column("longest", "longest delay", lambda v: seconds(v if isinstance(v, float) else None)),
        money("amount", "moved (in its asset)", unit=""),
        name("asset", "asset"),
    )
    return Section(
        "bridges",
        "Bridges",
        (
            grid(
                table,
                columns,
                "Messages over bridges; a message of state tells a balance and moves nothing.",
                order="by bridge",
            ),
        ),
    )
