"""The section on what carried the cascade: accounts, books, oracles, bridges, and overlap beforehand."""

import polars as pl

from abm.contagion.measures import assets, bridges, oracles, overlap, systemic_accounts
from abm.record import Record
from experiments.report.blocks import Block, Grid, Section, Words, grid, money, name, ratio, share, whole

__all__ = ["systemic_section"]

TOLD = 5e-4
"""Mean share in a breach below which a market or a feed is not told."""


def systemic_section(record: Record) -> Section:
    """The accounts, books, oracles and bridges that weighed most in the cascade."""
    title = "What was systemic"
    if not record["breaches"].height:
        blocks: tuple[Block, ...] = (Words("There was no breach, so nothing spread."), _overlap(record))
        return Section("systemic", title, blocks)
    return Section(
        "systemic", title, (_accounts(record), _books(record), _oracles(record), _bridges(record), _overlap(record))
    )


def _accounts(record: Record) -> Grid:
    columns = (
        name("account", "account"),
        name("cohort", "cohort"),
        name("protocol", "protocol"),
        whole("breaches", "own breaches"),
        ratio("direct", "direct (breaches)"),
        ratio("total", "total (breaches)"),
        ratio("but_for", "but for (breaches)"),
    )
    caption = (
        "Accounts by influence. Direct: shares of its breaches in others, at one remove. Total: breaches that entered the "
        "system with it, itself counted; over all accounts it sums to the number of breaches. But for: what would fall "
        "away without its largest breach, itself counted, in the linear graph. Three quantities, not three estimates of one."
    )
    table = systemic_accounts(record, record["breaches"].height)
    return grid(table, columns, caption, most=10, order="largest total influence first")


def _books(record: Record) -> Grid | Words:
    table = assets(record).filter((pl.col("impact").abs() >= TOLD) | (pl.col("influence").abs() >= 0.01))
    if not table.height:
        return Words("No liquidation moved a price that a breach depended on, so no market carried the cascade.")
    columns = (
        name("market", "market"),
        name("asset", "asset"),
        name("venue", "venue"),
        share("impact", "mean share of its moves in a breach"),
        ratio("influence", "influence through it (breaches)"),
    )
    return grid(table, columns, "Markets through whose prices liquidations reached others.")


def _oracles(record: Record) -> Grid | Words:
    table = oracles(record).filter(pl.col("impact").abs() >= TOLD)
    if not table.height:
        return Words("No feed carried a liquidation's price move to a breach.")
    columns = (
        name("protocol", "protocol"),
        name("feed", "price that decides"),
        name("venue", "source venue"),
        share("impact", "mean share in a breach"),
        share("share", "of all impact"),
    )
    return grid(table, columns, "Feeds, and the venues they read, through which liquidations' moves reached breaches.")


def _bridges(record: Record) -> Grid | Words:
    table = bridges(record)
    if not table.height:
        return Words("No protocol holds collateral behind a bridge.")
    columns = (
        name("protocol", "protocol"),
        name("bridges", "bridges"),
        whole("breaches", "breaches"),
        share("staleness", "mean share of late messages in a breach"),
    )
    return grid(table, columns, "Protocols with collateral behind bridges, and what the age of messages did.")


def _overlap(record: Record) -> Grid | Words:
    if not record["accounts"].height:
        return Words("No account existed, so no two cohorts could pull each other down.")
    pairs = overlap(record).filter(pl.col("cohort") <= pl.col("other"), pl.col("overlap") != 0)
    if not pairs.height:
        return Words("No cohort held a position at the start, so no two of them could pull each other down.")
    table = pairs.with_columns(loss=pl.col("overlap") / 100).sort(
        [pl.col("overlap").abs(), "cohort", "other"], descending=[True, False, False]
    )
    columns = (
        name("cohort", "cohort"),
        name("other", "other"),
        money("loss", "loss if the other closes all"),
    )
    caption = (
        "Overlap before the event (Cont and Schaanning 2017): what a cohort would lose if the other, or itself, closed "
        "everything at the depth of the start, at linear impact; negative where it would gain."
    )
    return grid(table, columns, caption, most=10, order="largest overlap first")
