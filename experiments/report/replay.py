"""The section on replays: what a replay is, and the simulated cascade beside the real one."""

import polars as pl

from abm.record import Record
from experiments.figures.comparison import Burst, burst, side_by_side
from experiments.figures.units import MISSING, seconds
from experiments.report.blocks import Block, Grid, Notice, Section, Words, figure_block

__all__ = ["is_replay", "replay_section", "simulated_timeline"]

QUANTILES = (0.1, 0.5, 0.9)


def is_replay(record: Record) -> bool:
    """Whether the prices of the run are a real path."""
    return record.scenario.prices.kind == "replay"


def simulated_timeline(record: Record) -> pl.DataFrame:
    """Executions per whole second since `compare_at`: `second`, `liquidations` (all), `adls` (those against winners)."""
    after = pl.col("time") - record.scenario.compare_at
    return (
        record["liquidations"]
        .with_columns(second=after.floor().cast(pl.Int64))
        .group_by("second")
        .agg(liquidations=pl.len().cast(pl.Int64), adls=(pl.col("route") == "adl").sum().cast(pl.Int64))
        .sort("second")
    )


def replay_section(record: Record, compare: pl.DataFrame | None) -> Section:
    """The notice that belongs to every replay, and the comparison where a real timeline is at hand."""
    blocks: list[Block] = [_notice(record)]
    if compare is None:
        named = record.scenario.compare
        blocks.append(
            Words(
                f"The real timeline '{named}' was not found beside the price file or in the working directory, so "
                "nothing is compared."
                if named
                else "The scenario names no real timeline (key `compare`), so nothing is compared."
            )
        )
    else:
        blocks += _beside(record, compare)
    return Section("replay", "Replay of a real event", tuple(blocks))


def _notice(record: Record) -> Notice:
    if not any(v.impact.enabled for v in record.scenario.venues):
        return Notice(
            "Prices are a real path, taken as observed. It already contains what the real liquidations did to prices, so "
            "this run adds no impact of its own: its liquidations move no price, and none of its breaches can be due "
            "to them."
        )
    return Notice(
        "Prices are a real path, and the trades of this run move prices on top of it. An observed path already contains "
        "the cascade of its day, which is then counted twice unless the path was stripped of it before."
    )


def _beside(record: Record, compare: pl.DataFrame) -> list[Block]:
    mine = simulated_timeline(record)
    before = int(mine.filter(pl.col("second") < 0)["liquidations"].sum())
    inside = mine.filter(pl.col("second") >= 0)
    simulated = {k: burst(inside, k) for k in ("liquidations", "adls")}
    real = {k: burst(compare, k) for k in ("liquidations", "adls")}
    caption = (
        "Executions of liquidations and of auto-deleveraging per second, and their cumulative share, simulated and "
        "real. An auto-deleveraging is the other side of a liquidation: the two are never added."
    )
    draw = side_by_side(simulated, real)
    picture = figure_block(
        "replay", draw, caption, label="Simulated and real cascade", absent="Neither timeline has an execution."
    )
    blocks: list[Block] = [picture, _times(simulated, real)]
    if before:
        blocks.append(Words(f"{before:,} simulated executions came before the real timeline begins and are left out."))
    return blocks


def _times(simulated: dict[str, Burst], real: dict[str, Burst]) -> Grid:
    heads = ("what", "simulated", "real")
    rows: list[tuple[str, str, str]] = []

    def add(what: str, write: object) -> None:
        assert callable(write)
        rows.append((what, write(simulated), write(real)))

    for kind, word in (("liquidations", "liquidations"), ("adls", "auto-deleveragings")):
        add(f"{word} (executions)", lambda side, k=kind: f"{side[k].total:,.0f}")
        for part in QUANTILES:
            add(f"{100 * part:.0f} % of {word} by (s)", lambda side, k=kind, p=part: _second(side[k].quantile(p)))
    add("first liquidation (s)", lambda side: _second(side["liquidations"].first()))
    add("first auto-deleveraging (s)", lambda side: _second(side["adls"].first()))
    add("from first liquidation to first auto-deleveraging", _delay)
    note = "Seconds from the start of the real timeline, to the second."
    return Grid(heads, (False, True, True), tuple(rows), "Times of the cascade.", note)


def _second(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.0f}"


def _delay(side: dict[str, Burst]) -> str:
    first, adl = side["liquidations"].first(), side["adls"].first()
    return seconds(None if first is None or adl is None else adl - first)
