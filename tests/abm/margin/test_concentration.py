"""Herfindahl indices, largest shares, and use of collateral."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.book import Book
from abm.margin.concentration import (
    collateral_concentration,
    herfindahl,
    interest_concentration,
    top_share,
    utilisation,
)  # fmt: skip
from abm.margin.preset import load_preset
from abm.margin.statement import Position, Statement
from abm.margin.valuation import value
from tests.abm.margin.toys import book

amounts = st.lists(st.floats(0.0, 1e9), min_size=1, max_size=30).map(np.array)


class TestIndices:
    def test_by_hand(self) -> None:
        """Shares of 0.5, 0.3 and 0.2: 0.25 + 0.09 + 0.04."""
        assert herfindahl(np.array([50.0, 30.0, 20.0])) == pytest.approx(0.38)
        assert top_share(np.array([20.0, 50.0, 30.0]), 2) == pytest.approx(0.8)

    def test_one_has_all_and_n_have_as_much_each(self) -> None:
        assert herfindahl(np.array([0.0, 7.0, 0.0])) == 1.0
        assert herfindahl(np.full(8, 3.0)) == pytest.approx(1.0 / 8.0)

    def test_nothing_is_not_concentrated(self) -> None:
        assert herfindahl(np.zeros(3)) == 0.0
        assert top_share(np.zeros(3), 1) == 0.0

    @given(amounts.filter(lambda a: a.sum() > 1e-3))
    def test_they_are_within_their_bounds(self, some: np.ndarray) -> None:
        assert 1.0 / len(some) - 1e-12 <= herfindahl(some) <= 1.0 + 1e-12
        largest = top_share(some, 1)
        assert largest**2 - 1e-12 <= herfindahl(some) <= largest + 1e-12
        assert top_share(some, len(some)) == pytest.approx(1.0)

    def test_below_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"amounts must be >= 0, got -1\.0"):
            herfindahl(np.array([2.0, -1.0]))


SOME = [
    Statement(5_000.0, {"ETH": 1.0}, (Position("BTC", 0.6, 50_000.0),)),
    Statement(3_000.0, {"ETH": 3.0}, (Position("BTC", 0.2, 50_000.0), Position("ETH", -5.0, 2_000.0))),
    Statement(
        -1_000.0, {"ETH": -1.0, "USDC": 4_000.0}, (Position("BTC", -0.8, 50_000.0), Position("ETH", 5.0, 2_000.0))
    ),
]


class TestInterest:
    def test_by_market_and_side(self) -> None:
        frame = interest_concentration(book(SOME), top=(1,))
        long = frame.row(0, named=True)
        assert (long["market"], long["side"]) == ("BTC", "long")
        assert (long["accounts"], long["size"], long["notional"]) == (2, pytest.approx(0.8), pytest.approx(40_000.0))
        assert long["herfindahl"] == pytest.approx(0.75**2 + 0.25**2)
        assert long["top_1"] == pytest.approx(0.75)
        assert frame.height == 4
        assert "over_depth" not in frame.columns

    def test_over_depth(self) -> None:
        frame = interest_concentration(book(SOME), depth={"BTC": 20_000.0})
        assert frame["over_depth"].to_list() == pytest.approx([2.0, 2.0, None, None])
        assert frame["largest_over_depth"].to_list() == pytest.approx([1.5, 2.0, None, None])

    def test_the_protocols_own_accounts_are_left_out(self) -> None:
        some = book(SOME)
        some.ledger.mode[2] = SYSTEM
        frame = interest_concentration(some)
        assert frame["accounts"].to_list() == [2, 0, 0, 1]
        assert frame["herfindahl"].to_list()[1] == 0.0

    def test_contracts_of_dollars_settled_in_coin_count_in_coin(self) -> None:
        account = Statement(1.0, positions=(Position("BTC", 30_000.0, 50_000.0),))
        some = Book.of(value(load_preset("bybit_inverse"), [account], {"BTC": 60_000.0}))
        frame = interest_concentration(some)
        assert frame["size"][0] == 30_000.0
        assert frame["notional"][0] == pytest.approx(0.5)

    def test_depth_is_above_zero_and_of_a_market(self) -> None:
        with pytest.raises(ValueError, match="depth of BTC must be > 0, got 0"):
            interest_concentration(book(SOME), depth={"BTC": 0.0})
        with pytest.raises(KeyError, match="market DOGE is unknown; known: BTC, ETH"):
            interest_concentration(book(SOME), depth={"DOGE": 1.0})


class TestCollateral:
    def test_by_token(self) -> None:
        frame = collateral_concentration(book(SOME), settlement="USD", top=(1,))
        assert frame["token"].to_list() == ["USD", "ETH", "USDC"]
        assert frame["deposited"].to_list() == [8_000.0, 4.0, 4_000.0]
        assert frame["borrowed"].to_list() == [1_000.0, 1.0, 0.0]
        assert frame["utilisation"].to_list() == pytest.approx([0.125, 0.25, 0.0])
        assert frame["value"].to_list() == [8_000.0, 8_000.0, 4_000.0]
        assert frame["share"].to_list() == pytest.approx([0.4, 0.4, 0.2])
        assert frame["herfindahl"].to_list() == pytest.approx([(25.0 + 9.0) / 64.0, 10.0 / 16.0, 1.0])
        assert frame["top_1"].to_list() == pytest.approx([0.625, 0.75, 1.0])

    def test_a_profit_is_no_deposit(self) -> None:
        some = book([Statement(5_000.0, positions=(Position("BTC", 1.0, 40_000.0),))])
        assert collateral_concentration(some)["deposited"][0] == pytest.approx(5_000.0)

    def test_without_deposits_there_is_no_utilisation(self) -> None:
        assert collateral_concentration(book([Statement()]))["utilisation"].to_list() == [None, None, None]

    def test_by_account(self) -> None:
        frame = utilisation(book([*SOME, Statement(-10.0), Statement(1.0)]))
        first = frame.row(0, named=True)
        # 5,000 and 1 ETH less 10 %, against 3 % and 5 % of 30,000
        assert first["maintenance_use"] == pytest.approx(900.0 / 6_800.0)
        assert first["initial_use"] == pytest.approx(1_500.0 / 6_800.0)
        assert first["leverage"] == pytest.approx(30_000.0 / 7_000.0)
        assert frame["maintenance_use"].to_list()[3:] == [None, 0.0]
