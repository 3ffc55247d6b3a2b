"""The log."""

import numpy as np
import polars as pl
import pytest

from abm.events import Log
from abm.tables import TABLES

SAMPLE = ("time", "protocol", "breach", "layer", "account", "amount")


def test_an_empty_table_has_its_columns() -> None:
    log = Log()
    for name, table in TABLES.items():
        assert log.frame(name).schema == pl.Schema(table.schema())
        assert log.frame(name).is_empty()


def test_single_rows_and_many_keep_their_order_and_count() -> None:
    log = Log()
    assert log.row("losses", 1.0, "harbor", 4, "fund", 10, 5.0) == 0
    first = log.rows(
        "losses", 2, time=2.0, protocol="harbor", breach=np.array([5, 6]), layer=["adl", "vault"],
        account=np.array([11, 12]), amount=np.array([1.0, 2.0]),
    )  # fmt: skip
    assert first == 1
    assert log.row("losses", 3.0, "quay", -1, "socialise", 13, 7.0) == 3
    assert log.counts["losses"] == 4
    assert log.frame("losses").rows() == [
        (1.0, "harbor", 4, "fund", 10, 5.0),
        (2.0, "harbor", 5, "adl", 11, 1.0),
        (2.0, "harbor", 6, "vault", 12, 2.0),
        (3.0, "quay", -1, "socialise", 13, 7.0),
    ]


def test_no_rows_are_no_rows() -> None:
    log = Log()
    assert log.rows("losses", 0, **dict.fromkeys(SAMPLE, 0)) == 0
    assert log.counts["losses"] == 0
    assert log.frame("losses").is_empty()


def test_looking_does_not_change_what_is_logged_afterwards() -> None:
    looked, blind = Log(), Log()
    for i in range(5):
        for log in (looked, blind):
            log.row("losses", float(i), "harbor", i, "fund", i, 1.0)
            log.rows("losses", 1, time=0.5, protocol="p", breach=i, layer="adl", account=i, amount=np.array([i]))
        looked.frame("losses")
    assert looked.frame("losses").equals(blind.frame("losses"))


def test_rows_of_a_dropped_table_are_counted_and_not_kept() -> None:
    log = Log()
    log.row("losses", 1.0, "harbor", 4, "fund", 10, 5.0)
    log.drop("losses")
    assert log.row("losses", 1.0, "harbor", 4, "fund", 10, 5.0) == 1
    assert log.rows("losses", 2, time=0.5) == 2
    assert log.counts["losses"] == 4
    assert log.frame("losses").is_empty()
    assert log.row("agents", 0.0, 1, "keeper", "k", 1.0, 0.0, 0) == 0
    assert len(log.frame("agents")) == 1


def test_nothing_is_a_null_where_a_number_is_missing() -> None:
    log = Log()
    log.row("bridges", 0, "span", "transfer", 1.0, None, "beta", "alpha", "USDC", 5.0)
    log.row("bridges", 1, "span", "transfer", 1.0, 9.0, "beta", "alpha", "USDC", 5.0)
    assert log.frame("bridges")["arrived"].to_list() == [None, 9.0]


def test_a_column_of_another_length_is_an_error() -> None:
    log = Log()
    for names in (["a", "b", "c"], ["d", "e"]):
        log.rows("losses", 2, time=0.0, protocol=names, breach=1, layer="adl", account=1, amount=1.0)
    with pytest.raises(pl.exceptions.ShapeError):
        log.frame("losses")


def test_a_missing_column_is_an_error() -> None:
    log = Log()
    log.rows("losses", 1, time=0.0, protocol="p", breach=1, layer="adl", account=1)
    with pytest.raises(KeyError, match="amount"):
        log.frame("losses")
