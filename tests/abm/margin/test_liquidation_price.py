"""Liquidation prices: closed forms, bends, sides, and what has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.book import moved
from abm.margin.engine import Terms
from abm.margin.liquidation_price import liquidation_price, zero_price
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.ledgers import ENGINE, filled, ledgers, terms
from tests.abm.margin.toys import Netting, book, series

QUIET = np.zeros(3)


class TestByHand:
    def test_a_long_and_a_short(self) -> None:
        """Long 3 ETH from 2,100 with 1,000 and mmf 3 %: -5,300 + 3 p 0.97 = 0.  Short: 7,300 = 3 p 1.03."""
        book = filled([1_000.0, 1_000.0], [[0.0, 3.0, 0.0], [0.0, -3.0, 0.0]], [[0.0, 0.0]] * 2, QUIET)
        price = liquidation_price(ENGINE, book, terms(funding=QUIET), np.arange(2))
        assert price[:, 0] == pytest.approx([5_300.0 / 2.91, 7_300.0 / 3.09], rel=1e-12)
        assert np.all(np.isnan(price[:, 1:]))

    def test_of_an_account_in_breach_it_is_where_the_breach_would_end(self) -> None:
        book = filled([250.0], [[0.0, 3.0, 0.0]], [[0.0, 0.0]], QUIET)
        at = terms(funding=QUIET)
        assert ENGINE.free_margin(book, at, np.array([0]))[0] < 0.0
        assert liquidation_price(ENGINE, book, at, np.array([0]))[0, 0] == pytest.approx(6_050.0 / 2.91, rel=1e-12)

    def test_of_an_account_at_the_edge_it_is_the_price_itself(self) -> None:
        book = filled([480.0], [[0.0, 3.0, 0.0]], [[0.0, 0.0]], QUIET)
        at = terms(funding=QUIET, mmf=np.array([0.03, 0.03, 0.1]))
        assert liquidation_price(ENGINE, book, at, np.array([0]))[0, 0] == 2_000.0

    def test_a_long_that_is_paid_for_has_none_and_neither_has_the_protocol(self) -> None:
        book = filled([7_000.0, 1_000.0], [[0.0, 3.0, 0.0]] * 2, [[0.0, 0.0]] * 2, QUIET)
        book.mode[1] = SYSTEM
        assert np.all(np.isnan(liquidation_price(ENGINE, book, terms(funding=QUIET), np.arange(2))))

    def test_rows_may_be_some_in_any_order(self) -> None:
        book = filled([1_000.0, 1_500.0], [[0.0, 3.0, 0.0], [1.0, -3.0, 0.0]], [[0.0, 0.0]] * 2, QUIET)
        at = terms(funding=QUIET)
        both = liquidation_price(ENGINE, book, at, np.array([0, 1]))
        np.testing.assert_array_equal(liquidation_price(ENGINE, book, at, np.array([1, 0])), both[::-1])


class TestAnyAccount:
    @given(case=ledgers())
    @settings(max_examples=60, deadline=None)
    def test_weighted_ones_are_the_closed_form_to_1e_10(self, case: tuple[Ledger, Terms]) -> None:
        """p - F / (s - |s| mmf), where that is in reach and on the side that counts."""
        book, at = case
        rows = np.arange(len(book))
        free, slope = ENGINE.free_margin(book, at, rows)[:, None], ENGINE.sensitivity(book, at, rows).price
        now = np.append(at.price, np.nan)[book.slot_market]
        held = (book.slot_market >= 0) & np.isfinite(free)
        closed = now - np.divide(free, slope, out=np.full(slope.shape, np.nan), where=held)
        reach = (closed > 2e-4 * now) & (closed < 8e3 * now)
        price = liquidation_price(ENGINE, book, at, rows)
        np.testing.assert_allclose(price[reach], closed[reach], rtol=1e-10)
        assert np.all(np.isnan(price[~held | (closed <= 0.0)]))

    @given(
        calls=st.floats(-3.0, 3.0), puts=st.floats(-3.0, 3.0), perp=st.floats(-2.0, 2.0).filter(lambda x: abs(x) > 0.01),
        cash=st.floats(-20_000.0, 60_000.0),
    )  # fmt: skip
    @settings(max_examples=40, deadline=None)
    @pytest.mark.parametrize("underlying", [False, True])
    def test_where_margin_bends_free_margin_is_zero_there_and_not_before(
        self, underlying: bool, calls: float, puts: float, perp: float, cash: float
    ) -> None:
        account = Statement(cash, positions=(Position("BTC", perp, 50_000.0),), legs=(Leg(0, calls), Leg(1, puts)))
        some = book([account], Netting(), series())
        found = liquidation_price(some.engine, some.ledger, some.terms, some.rows, underlying=underlying)[0, 0]
        before = some.value("free_margin", some.terms, some.rows)[0]

        def free(price: float) -> float:
            after = moved(some.terms, np.array([price / 50_000.0, 1.0]))
            if not underlying:
                after.state = some.terms.state
            return float(some.value("free_margin", after, some.rows)[0])

        scale = 50_000.0 * (1.0 + abs(calls) + abs(puts) + abs(perp))
        if np.isnan(found):
            way = np.exp(np.linspace(0.0, -8.0 if (perp > 0) == (before >= 0) else 8.0, 60))
            assert len({np.sign(free(50_000.0 * m)) for m in way}) == 1
            return
        assert free(found) == pytest.approx(0.0, abs=1e-9 * scale * max(found / 50_000.0, 1.0))
        assert (found < 50_000.0) == ((perp > 0) == (before > 0))
        between = [free(50_000.0 + (found - 50_000.0) * part) for part in np.linspace(0.0, 0.999, 40)]
        assert np.all(np.sign(between) == np.sign(before))

    def test_the_underlying_takes_options_along(self) -> None:
        """Long a perpetual against a long put: with the underlying the put pays, alone it does not."""
        account = Statement(9_000.0, positions=(Position("BTC", 1.0, 50_000.0),), legs=(Leg(1, 0.8),))
        some = book([account], Netting(), series())
        alone, along = (
            liquidation_price(some.engine, some.ledger, some.terms, some.rows, underlying=u)[0, 0]
            for u in (False, True)
        )
        assert along < alone - 1_000.0

    def test_equity_has_its_own_price(self) -> None:
        book = filled([1_000.0], [[0.0, 3.0, 0.0]], [[0.0, 0.0]], QUIET)
        price = zero_price("equity", ENGINE, book, terms(funding=QUIET), np.array([0]))
        assert price[0, 0] == pytest.approx(5_300.0 / 3.0, rel=1e-12)
