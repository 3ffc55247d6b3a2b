"""Accounts as JSON: what is read, and how each mistake is told."""

import copy
import json
from typing import Any

import numpy as np
import pytest

from abm.errors import StatementError
from abm.margin.statement_file import MOST_LEGS, read_document

GOOD: dict[str, Any] = {
    "time": "2026-11-25T08:00:00Z",
    "prices": {"BTC": 60_000, "ETH": 2_500.0},
    "collateral_prices": {"USDT": 0.999},
    "funding": {"BTC": 12.0},
    "markets": {"BTC": {"open_interest": 1_000}},
    "tokens": {"ETH": {"deposits": 5_000}, "USDC": {"borrows": 7}},
    "series": [
        {"name": "E1", "underlying": "ETH", "type": "put", "strike": 2_400, "expiry": "2026-11-26T08:00:00Z", "vol": 0.6}
    ],
    "accounts": [
        {
            "account": "a", "cash": 1_000, "collateral": {"ETH": 2, "USDT": 50},
            "positions": [{"market": "BTC", "size": 0.5, "entry": 58_000, "funding": 2.0}, {"market": "ETH", "size": -3, "entry": 2_600}],
            "options": [{"series": "E1", "size": -1, "entry": 40.0}],
        },
        {"quote": -4_501, "positions": [{"market": "BTC", "size": 0.1}]},
    ],
}  # fmt: skip


def read(table: Any, *, lends: bool = False) -> Any:
    return read_document(table if isinstance(table, str) else json.dumps(table), "book.json", lends=lends)


class TestReading:
    def test_names_and_columns_are_those_of_the_document(self) -> None:
        got = read(GOOD)
        assert got.names == ("a", "1")
        assert (got.prices, got.coin_prices) == ({"BTC": 60_000.0, "ETH": 2_500.0}, {"USDT": 0.999, "ETH": 2_500.0})
        assert got.funding.tolist() == [12.0, 0.0]
        assert got.state.open_interest.tolist() == [1_000.0, 0.0]
        assert got.state.deposits.tolist() == [0.0, 0.0, 5_000.0]
        assert got.state.borrows.tolist() == [7.0, 0.0, 0.0]
        assert got.state.series.seconds.tolist() == [86_400.0]
        assert got.state.series.forward.tolist() == [2_500.0]
        assert got.statements[0].legs[0].size == -1.0

    def test_a_quote_number_is_the_cash_with_entries_paid_out_of_it(self) -> None:
        account = read(GOOD).statements[1]
        (position,) = account.positions
        assert account.cash == pytest.approx(-4_501 + 0.1 * (60_000 - 12.0))
        assert (position.entry, position.funding) == (60_000.0, 12.0)

    def test_what_nobody_holds_is_left_out(self) -> None:
        table = copy.deepcopy(GOOD) | {"prices": {"BTC": 1.0, "ETH": 2.0, "DOGE": 0.1}}
        assert list(read(table).prices) == ["BTC", "ETH"]

    def test_a_balance_may_be_negative_where_the_protocol_lends(self) -> None:
        table = copy.deepcopy(GOOD)
        table["accounts"][0]["collateral"]["ETH"] = -2.0
        assert read(table, lends=True).statements[0].collateral["ETH"] == -2.0

    def test_positions_of_nothing_are_none(self) -> None:
        table = copy.deepcopy(GOOD)
        table["accounts"][1]["positions"][0]["size"] = 0
        assert read(table).statements[1].positions == ()


def put(*path: Any, value: Any) -> dict[str, Any]:
    """The good document with one place changed."""
    table = copy.deepcopy(GOOD)
    inner: Any = table
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return table


LEG = {"series": "E1", "size": 1.0}

FAULTS = (
    ("{", "is no JSON"),
    ("[]", "is no table of keys"),
    ('{"accounts": [], "accounts": []}', "'accounts' twice"),
    (put("accounts", value=[]), "accounts: is empty"),
    (put("accounts", 1, "quote", value=float("nan")), "accounts.1.quote"),
    (put("accounts", 0, "cash", value=float("inf")), "accounts.0.cash"),
    (put("accounts", 0, "cash", value="10"), "accounts.0.cash"),
    (put("accounts", 0, "positions", 0, "entry", value=None), "accounts.0: has cash and a position in BTC without entry"),
    (put("accounts", 0, "quote", value=1.0), "accounts.0: has both cash and quote"),
    (put("accounts", 0, "collateral", "ETH", value=-2), "accounts.0.collateral.ETH: is negative (-2)"),
    (put("accounts", 0, "collateral", "DOGE", value=2), "accounts.0.collateral.DOGE: has no price"),
    (put("accounts", 0, "positions", 1, "market", value="EHT"), "accounts.0.positions.1.market: 'EHT' has no price"),
    (put("accounts", 0, "positions", 1, "market", value="BTC"), "accounts.0: has two positions in BTC"),
    (put("accounts", 0, "positions", 0, "entry", value=0.0), "accounts.0.positions.0.entry"),
    (put("accounts", 0, "positions", 0, "sise", value=1.0), "unknown key 'sise'; did you mean 'size'?"),
    (put("accounts", 0, "options", value=[LEG] * (MOST_LEGS + 1)), "accounts.0.options"),
    (put("accounts", 0, "options", value=[LEG] * 10_000), "accounts.0.options"),
    (put("accounts", 0, "options", 0, "series", value="E2"), "accounts.0.options.0.series: 'E2' is not among the series"),
    (put("accounts", 1, "account", value="a"), "accounts.1.account: 'a' is there twice"),
    (put("series", 0, "strike", value=0), "series.0.strike"),
    (put("series", 0, "vol", value=0), "series.0.vol"),
    (put("series", 0, "expiry", value="2026-11-24T08:00:00Z"), "series.0.expiry: '2026-11-24T08:00:00Z' is not after time"),
    (put("series", 0, "expiry", value="soon"), "series.0.expiry: 'soon' is no moment"),
    (put("series", 0, "seconds", value=60), "series.0: has not exactly one of seconds and expiry"),
    (put("series", 0, "underlying", value="SOL"), "series.0.underlying: 'SOL' has no price"),
    (put("series", 0, "type", value="straddle"), "series.0.type"),
    (put("series", value=[GOOD["series"][0]] * 2), "series: has a name twice"),
    (put("prices", "BTC", value=0.0), "prices.BTC"),
    (put("prices", "BTC", value=True), "prices.BTC"),
    (put("funding", "SOL", value=0.0), "funding.SOL: has no price"),
    (put("tokens", "SOL", value={}), "tokens.SOL: is neither"),
    (put("correlation", value=1.5), "correlation"),
)  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize(("table", "told"), FAULTS)
    def test_each_is_one_line_with_the_place_and_the_key(self, table: Any, told: str) -> None:
        with pytest.raises(StatementError) as caught:
            read(table)
        assert str(caught.value).startswith("book.json: ")
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_document_as_deep_as_a_well_is_told(self) -> None:
        with pytest.raises(StatementError, match="is no JSON"):
            read("[" * 200_000)


def test_the_state_is_quiet_where_nothing_is_said() -> None:
    got = read(
        {"prices": {"BTC": 5.0}, "accounts": [{"cash": 1.0, "positions": [{"market": "BTC", "size": 1, "entry": 4}]}]}
    )
    assert np.all(got.state.index == 5.0)
    assert np.all(got.state.perp_confidence == 1.0)
    assert len(got.state.series) == 0
