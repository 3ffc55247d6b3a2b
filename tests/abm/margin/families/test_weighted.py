"""The weighted family: kernels, known answers of dYdX v4, cross against isolated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms
from abm.margin.families.weighted import (
    assess_kernel,
    assess_kernel_python,
    free_margin_kernel,
    free_margin_kernel_python,
    gross_kernel,
    gross_kernel_python,
    initial_fraction,
    requirement_kernel,
    requirement_kernel_python,
)
from tests.abm.margin.ledgers import COINS, ENGINE, MARKETS, filled, ledger, ledgers, terms, view

# Figures of dydxprotocol/v4-chain, protocol/x/perpetuals/types/liquidity_tier_test.go: initial fraction by open notional.
OPEN_INTEREST = [
    # base, lower, upper, open notional, initial fraction
    (0.2, 1e6, 2e6, 0.0, 0.2),
    (0.2, 1e6, 2e6, 1.5e6, 0.6),
    (0.2, 1e6, 2e6, 1_234_567.0, 0.387653),
    (0.2, 1e6, 2e6, 1e6, 0.2),
    (0.2, 1e6, 2e6, 2e6, 1.0),
    (0.2, 1e6, 2e6, 2.5e6, 1.0),
    (0.2, 0.0, 0.0, 1.5e6, 0.2),
    (0.2, 25e6, 60e6, 28_123_456.789123, 0.271392),
]

# Figures of protocol/x/clob/keeper/liquidations_test.go: what must be received for closing a position, with BTC at 50,000
# and ETH at 3,000, both with a maintenance fraction of 10 %.
BANKRUPTCY = [
    # quote balance, BTC, ETH, market closed, quote to be received
    (-4501.0, 0.1, 0.0, 0, 4501.0),
    (5499.0, -0.1, 0.0, 0, -5499.0),
    (-5000.0, 0.1, 0.0, 0, 5000.0),
    (5000.0, -0.1, 0.0, 0, -5000.0),
    (-5100.0, 0.1, 0.0, 0, 5100.0),
    (4900.0, -0.1, 0.0, 0, -4900.0),
    (-490.0, 0.004, 0.1, 1, 294.0),
    (510.0, -0.004, -0.1, 1, -306.0),
    (110.0, 0.004, -0.1, 1, -306.0),
]


class TestDydx:
    @pytest.mark.parametrize(("base", "lower", "upper", "notional", "expected"), OPEN_INTEREST)
    def test_the_initial_fraction_rises_with_open_interest(
        self, base: float, lower: float, upper: float, notional: float, expected: float
    ) -> None:
        found = initial_fraction(np.array([base]), np.array([notional]), np.array([lower]), np.array([upper]))
        assert found[0] == pytest.approx(expected, abs=2e-6)

    @pytest.mark.parametrize(("quote", "btc", "eth", "market", "received"), BANKRUPTCY)
    def test_bankruptcy_prices(self, quote: float, btc: float, eth: float, market: int, received: float) -> None:
        book, at = dydx(quote, btc, eth)
        slot = int(np.flatnonzero(book.slot_market[0] == market)[0])
        price = float(ENGINE.bankruptcy_price(book, at, np.array([0]))[0, slot])
        assert price * book.slot_size[0, slot] == pytest.approx(received, abs=1e-6)

    @pytest.mark.parametrize(
        ("quote", "btc", "liquidatable"),
        # net collateral 499, 500 and 501 against a maintenance requirement of 500
        [
            (-4501.0, 0.1, True),
            (-4500.0, 0.1, False),
            (-4499.0, 0.1, False),
            (5499.0, -0.1, True),
            (5501.0, -0.1, False),
        ],
    )
    def test_an_account_is_liquidatable_below_its_requirement_not_at_it(
        self, quote: float, btc: float, liquidatable: bool
    ) -> None:
        book, at = dydx(quote, btc, 0.0)
        assert bool(ENGINE.free_margin(book, at, np.array([0]))[0] < 0.0) is liquidatable


def dydx(quote: float, btc: float, eth: float) -> tuple[Ledger, Terms]:
    """An account of their tests: the quote balance there is this ledger's quote number."""
    at = terms(
        price=np.array([50_000.0, 3_000.0, 1.0]), funding=np.zeros(3), imf=np.full(3, 0.2), mmf=np.full(3, 0.1)
    )  # fmt: skip
    book = filled([0.0], [[btc, eth, 0.0]], [[0.0, 0.0]], at.funding)
    book.quote[0] = quote
    return book, at


class TestKernels:
    @given(case=ledgers())
    @settings(max_examples=60, deadline=None)
    def test_they_equal_their_references(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        factor = (1.0 - at.haircut) * at.stale
        some = np.array([4, 0, 5])
        free = (
            some, book.mode, book.slot_market, book.slot_size, book.quote, book.coins, at.price, at.funding, at.mmf,
            at.coin_price * factor,
        )  # fmt: skip
        np.testing.assert_array_equal(free_margin_kernel(*free), free_margin_kernel_python(*free))
        gross = (some, book.slot_market, book.slot_size, book.coins, at.price * (1.0 + at.mmf), at.coin_price * factor)
        np.testing.assert_array_equal(gross_kernel(*gross), gross_kernel_python(*gross))
        assess = (
            some, book.slot_market, book.slot_size, book.quote, book.coins, at.price, at.funding, at.imf, at.mmf,
            at.coin_price, factor,
        )  # fmt: skip
        np.testing.assert_array_equal(assess_kernel(*assess), assess_kernel_python(*assess))
        needs = (some, book.slot_market, book.slot_size, at.price * at.mmf)
        np.testing.assert_array_equal(requirement_kernel(*needs), requirement_kernel_python(*needs))

    @given(case=ledgers())
    @settings(max_examples=60, deadline=None)
    def test_both_say_the_same_and_system_accounts_never_breach(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        rows = np.arange(len(book))
        free, full = ENGINE.free_margin(book, at, rows), ENGINE.assess(book, at, rows)
        quiet = (book.mode == SYSTEM) | ((book.slot_market[:, 0] < 0) & (book.quote >= 0.0))
        assert np.all(np.isposinf(free[quiet]))
        scale = 1.0 + full.notional + np.abs(book.quote)
        np.testing.assert_allclose((free - full.free_margin)[~quiet] / scale[~quiet], 0.0, atol=1e-12)

    @given(case=ledgers())
    @settings(max_examples=40, deadline=None)
    def test_the_requirement_by_position_sums_to_the_whole(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        rows = np.arange(len(book))
        np.testing.assert_allclose(
            ENGINE.requirement(book, at, rows).sum(axis=1), ENGINE.assess(book, at, rows).mm, rtol=1e-12
        )

    @given(case=ledgers(), market=st.integers(0, MARKETS - 1), move=st.floats(0.5, 1.5))
    @settings(max_examples=60, deadline=None)
    def test_sensitivities_give_the_change_of_free_margin_exactly(
        self, case: tuple[Ledger, Terms], market: int, move: float
    ) -> None:
        book, at = case
        given = [k for k, field in Terms.__dataclass_fields__.items() if field.init]
        rows, moved = np.arange(len(book)), terms(**{k: getattr(at, k) for k in given})
        moved.price, moved.coin_price = at.price.copy(), at.coin_price * move
        moved.price[market] *= move
        found = ENGINE.sensitivity(book, at, rows)
        slope = np.where(book.slot_market == market, found.price, 0.0).sum(axis=1)
        change = slope * (moved.price - at.price)[market] + found.coin @ (moved.coin_price - at.coin_price)
        before, after = (ENGINE.assess(book, t, rows) for t in (at, moved))
        scale = 1.0 + before.notional + after.notional + np.abs(before.equity) + np.abs(after.equity)
        np.testing.assert_allclose((after.free_margin - before.free_margin - change) / scale, 0.0, atol=1e-12)


class TestMonotone:
    @given(case=ledgers(), collateral=st.integers(-1, COINS - 1), more=st.floats(0.0, 1e5))
    @settings(max_examples=60, deadline=None)
    def test_more_collateral_never_lowers_free_margin(
        self, case: tuple[Ledger, Terms], collateral: int, more: float
    ) -> None:
        book, at = case
        rows = np.arange(len(book))
        before, all_before = ENGINE.assess(book, at, rows).free_margin, ENGINE.free_margin(book, at, rows)
        (book.quote if collateral < 0 else book.coins[:, collateral])[:] += more
        assert np.all(ENGINE.assess(book, at, rows).free_margin >= before)
        assert np.all(ENGINE.free_margin(book, at, rows) >= all_before)

    @given(case=ledgers(), market=st.integers(0, MARKETS - 1), more=st.floats(0.0, 0.5))
    @settings(max_examples=60, deadline=None)
    def test_a_higher_maintenance_fraction_never_raises_it(
        self, case: tuple[Ledger, Terms], market: int, more: float
    ) -> None:
        book, at = case
        rows = np.arange(len(book))
        before = ENGINE.free_margin(book, at, rows)
        at.mmf = at.mmf.copy()
        at.mmf[market] += more
        assert np.all(ENGINE.free_margin(book, at, rows) <= before)

    def test_a_haircut_and_old_news_take_value_off_and_equity_at_market_stays(self) -> None:
        book = filled([0.0], [[0.0, 0.0, 0.0]], [[2.0, 1_000.0]], np.zeros(3))
        fresh, old = view(book, terms()), view(book, terms(haircut=np.array([0.2, 0.1]), stale=np.array([1.0, 0.5])))
        assert (fresh.equity[0], fresh.margin_equity[0]) == (5_000.0, 4_600.0)
        assert (old.equity[0], old.margin_equity[0]) == (5_000.0, 3_200.0 + 450.0)


class TestCrossAgainstIsolated:
    def test_two_positions_by_hand(self) -> None:
        """Long 1 BTC and short 10 ETH with 2,000 each; BTC falls by 5,000, ETH by 400.

        Isolated: the long stands at 2,000 - 5,000 = -3,000, the short at 2,000 + 4,000 = 6,000, so 3,000 are lost.
        Cross: 4,000 - 5,000 + 4,000 = 3,000, and nothing is.
        """
        at = terms(price=np.array([50_000.0, 2_000.0, 10.0]), funding=np.zeros(3))
        book = ledger(3)
        book.quote[:] = [2_000.0, 2_000.0, 4_000.0]
        book.trade(
            np.array([0, 1, 2, 2]), np.array([0, 1, 0, 1]), np.array([1.0, -10.0, 1.0, -10.0]),
            np.array([50_000.0, 2_000.0, 50_000.0, 2_000.0]), at.funding, 0.0,
        )  # fmt: skip
        at.price = np.array([45_000.0, 1_600.0, 10.0])
        assert ENGINE.assess(book, at, np.arange(3)).equity.tolist() == [-3_000.0, 6_000.0, 3_000.0]

    @given(
        sizes=st.lists(st.floats(-5.0, 5.0), min_size=MARKETS, max_size=MARKETS),
        parts=st.lists(st.floats(0.0, 1e5), min_size=MARKETS, max_size=MARKETS),
        moves=st.lists(st.floats(0.2, 3.0), min_size=MARKETS, max_size=MARKETS),
        rates=st.lists(st.floats(-100.0, 100.0), min_size=MARKETS, max_size=MARKETS),
    )
    @settings(max_examples=100, deadline=None)
    def test_isolated_accounts_never_lose_less_in_all(
        self, sizes: list[float], parts: list[float], moves: list[float], rates: list[float]
    ) -> None:
        """sum over positions of max(-E_k, 0) >= max(-sum E_k, 0), at equal positions, collateral and prices."""
        at, every = terms(funding=np.zeros(MARKETS)), np.arange(MARKETS)
        book = ledger(MARKETS + 1)
        book.quote[:] = [*parts, sum(parts)]
        for rows in (every, np.full(MARKETS, MARKETS)):
            book.trade(rows, every, np.array(sizes), at.price, at.funding, 0.0)
        at.price, at.funding = at.price * np.array(moves), np.array(rates)
        equity = ENGINE.assess(book, at, np.arange(MARKETS + 1)).equity
        scale = 1.0 + np.sum(np.abs(equity)) + np.sum(np.abs(sizes) * at.price)
        assert equity[-1] == pytest.approx(np.sum(equity[:-1]), abs=1e-9 * scale)
        assert np.sum(np.maximum(-equity[:-1], 0.0)) >= max(-equity[-1], 0.0) - 1e-9 * scale
