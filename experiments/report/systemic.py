"""The section on what carried the cascade: accounts, books, oracles, bridges, and overlap beforehand."""

import polars as pl

from abm.contagion.measures import assets, bridges, oracles, overlap, systemic_accounts
from abm.record import Record
from experiments.report.blocks import Block, Grid, Section, Words, grid, money, name, ratio, share, whole

__all__ = ["systemic_section"]

TOLD = 5e-4
"""Mean share in a breach below which a market or a feed is not told."""

BY_USD, BY_NUMBER = "share in first breaches, by notional", "in all breaches, by number"
"""Heads of the two views of `abm.contagion.endogenous` that are told."""


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
        ratio("others", "on others (breaches)"),
        ratio("direct_others", "of others at one remove (breaches)"),
        ratio("own", "own (breaches)"),
        whole("breaches", "own breaches"),
        ratio("but_for", "but for (breaches)"),
    )
    caption = (
        "Accounts by what fell on others. On others: what entered the system with its breaches and fell on breaches of other "
        "owners, along all paths; at one remove, the shares of its breaches in theirs. Own: its breaches as far as they "
        "entered here, and what they did to its owner's later ones; on others and own, over all accounts, sum to the number "
        "of breaches. But for: what would fall away without its largest breach, itself counted, in the linear graph. These "
        "are different quantities, not estimates of one."
    )
    table = systemic_accounts(record, record["breaches"].height)
    return grid(table, columns, caption, most=10, order="largest influence on others first")


def _books(record: Record) -> Grid | Words:
    large = (pl.col("first_usd").abs() >= TOLD) | (pl.col("all").abs() >= TOLD) | (pl.col("influence").abs() >= 0.01)
    table = assets(record).filter(large)
    if not table.height:
        return Words("No liquidation moved a price that a breach depended on, so no market carried the cascade.")
    columns = (
        name("asset", "asset"),
        name("market", "market"),
        name("venue", "venue"),
        share("first_usd", BY_USD),
        share("all", BY_NUMBER),
        ratio("influence", "influence through it (breaches)"),
    )
    caption = (
        "Assets and their markets through whose prices liquidations reached others: the mean share that liquidations' moves "
        "of this market had in a breach (the column sums to the endogenous share), and the part of all breaches' influence "
        "that left them through it."
    )
    return grid(table, columns, caption)


def _oracles(record: Record) -> Grid | Words:
    table = oracles(record).filter((pl.col("first_usd").abs() >= TOLD) | (pl.col("all").abs() >= TOLD))
    if not table.height:
        return Words("No feed carried a liquidation's price move to a breach.")
    columns = (
        name("protocol", "protocol"),
        name("feed", "price that decides"),
        name("venue", "source venue"),
        share("first_usd", BY_USD),
        share("all", BY_NUMBER),
        share("part", "part of the first column's sum"),
    )
    caption = (
        "Oracles and marks, and the venues that they read, through which liquidations' moves reached breaches: mean share in "
        "a breach."
    )
    return grid(table, columns, caption)


def _bridges(record: Record) -> Grid | Words:
    table = bridges(record)
    if not table.height:
        return Words("This world has no bridge, so none was systemic.")
    columns = (
        name("bridges", "bridges"),
        name("protocol", "protocol with collateral behind it"),
        whole("first_breaches", "its first breaches"),
        whole("breaches", "all its breaches"),
        share("first_usd", BY_USD),
        share("all", BY_NUMBER),
    )
    caption = (
        "Bridges: the mean share that the age of their messages (stale collateral) had in a breach of the protocol."
    )
    return grid(table, columns, caption)


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
