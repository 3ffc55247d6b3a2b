"""The skew-priced family: Synthetix' figures, the kernel and a plain account, monotonicity, windows of liquidation."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families.skew_priced import SkewPriced
from abm.margin.families.skew_priced_kernel import skew_kernel, skew_kernel_python
from abm.margin.families.skew_priced_parameters import Keeper, SkewCoin, SkewMarket, SkewPricedParameters
from abm.margin.preset import load_preset
from abm.margin.rules.fill_price import fill_price
from abm.margin.rules.liquidation_window import LiquidationWindow, WindowLimits
from abm.margin.statement import Position, Statement, ledger_of
from abm.margin.watch import Watch

MARKETS, COINS = ("BTC", "ETH"), ("cbBTC",)
PRICES = np.array([30_000.0, 2_000.0])
EVERY = np.arange(5)

# Figures of Synthetixio/synthetix-v3, markets/perps-market/test/integration/Account/Margins.test.ts: BTC with a skew scale of
# 100 and a minimum of 1,000, ETH with 1,000 and 500; im 2, least 0.01, mm 0.5, flag reward 5 %.
MARGINS = SkewPricedParameters(
    markets={
        "BTC": SkewMarket(skew_scale=100.0, im=2.0, min_im=0.01, mm=0.5, flag=0.05, min_margin=1_000.0),
        "ETH": SkewMarket(skew_scale=1_000.0, im=2.0, min_im=0.01, mm=0.5, flag=0.05, min_margin=500.0),
    },
    keeper=Keeper(min_reward=0.0, min_profit=0.0, max_reward=10_000.0, max_scaling=1.0),
)


def parameters(**keeper: float) -> SkewPricedParameters:
    """Two markets with windows, one collateral, keepers that cost something."""
    given = {"min_reward": 5.0, "min_profit": 0.3, "max_reward": 500.0, "max_scaling": 0.5,
             "collateral_ratio": 0.001, "flag_cost": 2.0, "liquidate_cost": 3.0}  # fmt: skip
    windows = {"maker_fee": 0.0002, "taker_fee": 0.0005, "liquidation_multiplier": 1.5, "window_seconds": 30.0}
    return SkewPricedParameters(
        markets={
            "BTC": SkewMarket(skew_scale=500.0, im=1.5, min_im=0.02, mm=0.3, flag=0.0003, min_margin=15.0, **windows),
            "ETH": SkewMarket(skew_scale=5_000.0, im=1.2, min_im=0.02, mm=0.3, flag=0.001, min_margin=50.0, **windows),
        },
        coins={"cbBTC": SkewCoin(haircut=0.05)},
        keeper=Keeper(**{**given, **keeper}),
    )


FORM = parameters()
ENGINE = SkewPriced.build(FORM, MARKETS, COINS)


@st.composite
def books(draw: st.DrawFn) -> tuple[Ledger, Terms]:
    """Five accounts with up to two positions and a collateral, one of them the protocol's; terms with moved scales."""
    sizes = st.sampled_from([0.0, 0.0, 1.0, -2.5, 40.0])
    accounts = []
    for _ in EVERY:
        held = [(m, draw(sizes) * (1.0 if m == "BTC" else 10.0)) for m in MARKETS]
        positions = [Position(m, s, p * draw(st.floats(0.8, 1.2)), draw(st.sampled_from([0.0, 4.0])))
                     for (m, s), p in zip(held, PRICES.tolist(), strict=True) if s != 0.0]  # fmt: skip
        cash = draw(st.sampled_from([-500.0, 0.0, 800.0, 60_000.0]))
        accounts.append(Statement(cash, {"cbBTC": draw(st.sampled_from([0.0, 0.0, 0.5]))}, positions))
    book = ledger_of(accounts, MARKETS, COINS)
    book.mode[draw(st.integers(0, 4))] = SYSTEM
    prices = PRICES * np.array([draw(st.floats(0.7, 1.4)) for _ in MARKETS])
    funding = np.array([draw(st.floats(-50.0, 50.0)), 0.0])
    at = ENGINE.terms(prices, np.array([prices[0] * 0.99]), funding=funding)
    return book, replace(at, scale=np.array([1.0, draw(st.sampled_from([1.0, 1.5]))]), haircut=np.array([0.1]))


def reference_account(book: Ledger, at: Terms, row: int) -> dict[str, float]:
    """Synthetix' own sums for one account."""
    cash, profit, im, mm, flags, windows, positions, notional = float(book.quote[row]), 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0
    for k in range(book.slots):
        m = int(book.slot_market[row, k])
        if m < 0:
            continue
        market, price = FORM.markets[MARKETS[m]], float(at.price[m])
        size, entry, paid = (float(x[row, k]) for x in (book.slot_size, book.slot_entry, book.slot_funding))
        cash += size * (entry - paid)
        profit += size * ((price - at.funding[m]) - (entry - paid))
        ratio = market.im * abs(size) / market.skew_scale + market.min_im
        im += (abs(size) * price * ratio + market.min_margin) * at.scale[m]
        mm += (abs(size) * price * ratio * market.mm + market.min_margin) * at.scale[m]
        flags += abs(size) * price * market.flag
        notional += abs(size) * price
        windows, positions = max(windows, math.ceil(abs(size) / market.capacity)), positions + 1
    worth = float(book.coins[row, 0] * at.coin_price[0])
    reward, collateral = 0.0, cash + worth
    if positions:
        keeper = FORM.keeper
        cost = keeper.flag_cost * (positions + (worth != 0.0)) + keeper.liquidate_cost
        rewards = max(flags, keeper.collateral_ratio * collateral)
        floor = max(cost + keeper.min_reward, cost * (1.0 + keeper.min_profit), rewards + cost)
        cap = min(keeper.max_reward, collateral * keeper.max_scaling) if collateral > 0.0 else keeper.max_reward
        each = max(keeper.liquidate_cost + keeper.min_reward, keeper.liquidate_cost * (1.0 + keeper.min_profit))
        reward = min(floor, cap) + min(each, keeper.max_reward) * max(windows - 1, 0)
    margin = cash + profit + worth * 0.95 * float(at.factor[0])
    return {"equity": cash + profit + worth, "margin_equity": margin, "im": im + reward, "mm": mm + reward,
            "notional": notional}  # fmt: skip


def view_of(engine: SkewPriced, statement: Statement, prices: np.ndarray, coins: Any = ()) -> Any:
    """One account's assessment."""
    names, held = MARKETS[: len(prices)], COINS[: len(coins)]
    book = ledger_of([statement], names, held)
    return engine.assess(book, engine.terms(prices, np.array(coins, dtype=np.float64)), np.array([0]))


class TestAccounts:
    def test_margins_of_two_positions(self) -> None:
        """Short 2 BTC and long 20 ETH, filled at 29,700 and 2,020: available 99,000, required 6,500 and 4,000, reward 5,000."""
        engine = SkewPriced.build(MARGINS, MARKETS, ())
        entries = [float(fill_price(p, 0.0, s, k)) for p, s, k in ((30_000.0, -2.0, 100.0), (2_000.0, 20.0, 1_000.0))]
        assert entries == [29_700.0, 2_020.0]
        held = (Position("BTC", -2.0, entries[0]), Position("ETH", 20.0, entries[1]))
        view = view_of(engine, Statement(100_000.0, positions=held), PRICES)
        assert view.margin_equity[0] == pytest.approx(99_000.0)
        assert (view.im[0], view.mm[0]) == pytest.approx((11_500.0, 9_000.0))
        assert view.margin_equity[0] - view.im[0] == pytest.approx(87_500.0)

    @given(case=books())
    @settings(max_examples=100, deadline=None)
    def test_the_engine_equals_a_plain_account(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        view = ENGINE.assess(book, at, EVERY)
        for row in EVERY:
            plain = reference_account(book, at, row)
            scale = 1.0 + plain["notional"] + abs(float(book.quote[row])) + abs(plain["equity"])
            for name, wanted in plain.items():
                assert getattr(view, name)[row] == pytest.approx(wanted, abs=1e-12 * scale)

    @given(case=books())
    @settings(max_examples=60, deadline=None)
    def test_the_kernel_equals_its_reference(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        given = (
            EVERY, book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote, book.coins,
            at.price, at.funding, at.scale, ENGINE._market, at.coin_price, at.factor, ENGINE.keeper.row,
        )  # fmt: skip
        np.testing.assert_array_equal(skew_kernel(*given), skew_kernel_python(*given))

    @given(case=books())
    @settings(max_examples=60, deadline=None)
    def test_parts_and_slots_add_up(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        view, free = ENGINE.assess(book, at, EVERY), ENGINE.free_margin(book, at, EVERY)
        for row in EVERY:
            parts = ENGINE.explain(book, at, row)
            scale = 1.0 + view.notional[row] + abs(float(book.quote[row]))
            for name in ("equity", "margin_equity", "im", "mm"):
                summed = sum(getattr(p, name) for p in parts)
                assert summed == pytest.approx(getattr(view, name)[row], abs=1e-12 * scale)
        np.testing.assert_allclose(ENGINE.requirement(book, at, EVERY).sum(axis=1), view.mm, rtol=1e-12)
        quiet = (book.mode == SYSTEM) | ((book.slot_market[:, 0] < 0) & (book.quote >= 0.0))
        assert np.all(np.isposinf(free[quiet]))
        np.testing.assert_array_equal(free[~quiet], view.free_margin[~quiet])

    def test_an_unknown_market_is_named(self) -> None:
        with pytest.raises(UnknownAsset, match="market DOGE is unknown; known: BTC, ETH"):
            SkewPriced.build(FORM, ("DOGE",), ())


class TestPrices:
    @given(case=books(), moves=st.lists(st.floats(-0.02, 0.02), min_size=4, max_size=4))
    @settings(max_examples=150, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_sensitivity(
        self, case: tuple[Ledger, Terms], moves: list[float]
    ) -> None:
        book, at = case
        before, gross = ENGINE.assess(book, at, EVERY).free_margin, ENGINE.gross_sensitivity(book, at, EVERY)
        prices, turned = at.price * (1.0 + np.array(moves[:2])), at.funding + np.array([moves[3], 0.0]) * at.price
        moved = replace(at, price=prices, funding=turned, coin_price=at.coin_price * (1.0 + moves[2]))
        far = max(abs(moves[0]) + abs(moves[3]), abs(moves[1]), abs(moves[2]))
        if far <= 0.02:
            after = ENGINE.assess(book, moved, EVERY).free_margin
            assert np.all(after >= before - gross * far * (1.0 + 1e-9) - 1e-9)

    def test_it_is_infinite_where_collateral_could_fall_to_nothing(self) -> None:
        """Cash of -14,600 against half a coin at 29,700: the reward's cap jumps from next to nothing to its maximum."""
        book = ledger_of([Statement(-14_600.0, {"cbBTC": 0.5}, [Position("BTC", 1.0, 30_000.0)])], MARKETS, COINS)
        at = ENGINE.terms(PRICES, np.array([29_700.0]))
        assert np.isposinf(ENGINE.gross_sensitivity(book, at, np.array([0]))[0])

    @given(case=books(), moves=st.lists(st.tuples(st.integers(0, 2), st.floats(-0.03, 0.03)), max_size=8))
    @settings(max_examples=60, deadline=None)
    def test_a_watch_finds_the_breaches_of_a_full_revaluation(
        self, case: tuple[Ledger, Terms], moves: list[tuple[int, float]]
    ) -> None:
        book, at = case
        book.changed[:] = -1.0
        watch = Watch(ENGINE, book)
        for now, (which, move) in enumerate(moves):
            factor = np.where(np.arange(3) == which, 1.0 + move, 1.0)
            at = replace(at, price=at.price * factor[:2], coin_price=at.coin_price * factor[2:])
            _, free = watch.look(at, float(now))
            full = ENGINE.free_margin(book, at, EVERY)
            np.testing.assert_array_equal(np.flatnonzero(free < 0.0), np.flatnonzero(full < 0.0))

    @given(case=books(), market=st.integers(0, 1), move=st.floats(-0.1, 0.1))
    @settings(max_examples=60, deadline=None)
    def test_sensitivities_give_the_change_but_for_the_reward(
        self, case: tuple[Ledger, Terms], market: int, move: float
    ) -> None:
        book, at = case
        prices = at.price.copy()
        prices[market] *= 1.0 + move
        slope = np.where(book.slot_market == market, ENGINE.sensitivity(book, at, EVERY).price, 0.0).sum(axis=1)
        values = [ENGINE._values(book, t, EVERY) for t in (at, replace(at, price=prices))]
        before, after = (v[1] - v[3] + v[5] for v in values)
        change = slope * (prices - at.price)[market]
        np.testing.assert_allclose((after - before - change) / (1.0 + values[0][4] + np.abs(before)), 0.0, atol=1e-12)


class TestMonotone:
    @given(case=books(), more=st.floats(0.0, 1e5))
    @settings(max_examples=60, deadline=None)
    def test_more_cash_never_lowers_health(self, case: tuple[Ledger, Terms], more: float) -> None:
        """As long as the reward is capped at no more than collateral: max_scaling <= 1, less what else grows with it."""
        book, at = case
        before = ENGINE.assess(book, at, EVERY).free_margin
        book.quote += more
        assert np.all(ENGINE.assess(book, at, EVERY).free_margin >= before - 1e-9)

    def test_where_the_cap_follows_collateral_more_than_one_for_one_it_does(self) -> None:
        """The test suite of the protocol scales by 10: a dollar more of collateral can raise the reward by ten."""
        engine = SkewPriced.build(parameters(max_scaling=10.0, flag_cost=100.0), MARKETS, COINS)
        held = [Position("BTC", 1.0, 30_000.0)]
        free = [float(view_of(engine, Statement(c, positions=held), PRICES, [1.0]).free_margin[0]) for c in (5.0, 6.0)]
        assert free[1] - free[0] == pytest.approx(1.0 - 10.0)

    def test_a_collateral_more_can_cost_a_feed(self) -> None:
        """Each collateral is one more price that the keeper has to bring."""
        held = [Position("BTC", 1.0, 30_000.0)]
        free = [float(view_of(ENGINE, Statement(9_000.0, {"cbBTC": c}, held), PRICES, [1.0]).free_margin[0])
                for c in (0.0, 1e-6)]  # fmt: skip
        assert free[1] - free[0] == pytest.approx(-2.0 * 1.0, abs=1e-5)

    @given(case=books(), more=st.floats(1.0, 3.0))
    @settings(max_examples=60, deadline=None)
    def test_a_uniform_rise_of_requirements_never_lowers_one(self, case: tuple[Ledger, Terms], more: float) -> None:
        book, at = case
        before, after = (ENGINE.assess(book, replace(at, scale=at.scale * f), EVERY) for f in (1.0, more))
        assert np.all(after.mm >= before.mm)
        assert np.all(after.im >= before.im)

    def test_a_portfolio_in_two_halves_can_need_less(self) -> None:
        """Not sub-additive: the ratio grows with size, so two accounts of 20 BTC need less than one of 40."""
        engine = SkewPriced.build(parameters(min_reward=0.0, flag_cost=0.0, liquidate_cost=0.0), MARKETS, COINS)
        whole, half = (
            float(view_of(engine, Statement(1e6, positions=[Position("BTC", s, 3e4)]), PRICES, [1.0]).mm[0])
            for s in (40.0, 20.0)
        )
        assert 2.0 * half < whole


class TestLiquidation:
    """Positions are liquidated whole, as fast as the market's window lets them."""

    @given(sizes=st.lists(st.floats(0.1, 60.0), min_size=1, max_size=4), gaps=st.lists(st.integers(0, 20), min_size=4))
    @settings(max_examples=80, deadline=None)
    def test_windows_until_all_is_gone_and_never_more_than_their_capacity(
        self, sizes: list[float], gaps: list[int]
    ) -> None:
        limits = WindowLimits(capacity=25.0, seconds=10.0, scale=1_000.0)
        window, now, left, turn = LiquidationWindow(limits), 0.0, list(sizes), 0
        while sum(left) > 0.0:
            for i, size in enumerate(left):
                left[i] = size - window.liquidate(now, size, 0.0)
                assert 0.0 <= left[i] <= size
            now, turn = now + gaps[turn % len(gaps)] + (turn % 3 == 2), turn + 1
            assert turn < 10_000
        assert sum(coins for _, coins in window.done) == pytest.approx(sum(sizes))
        for t, _ in window.done:
            inside = sum(coins for s, coins in window.done if t - limits.seconds < s <= t)
            assert inside <= limits.capacity * (1.0 + 1e-12)

    def test_an_account_without_its_positions_is_no_longer_liquidatable(self) -> None:
        book = ledger_of([Statement(300.0, positions=[Position("BTC", 1.0, 31_000.0)])], MARKETS, COINS)
        at, row = ENGINE.terms(PRICES, np.array([1.0])), np.array([0])
        assert ENGINE.free_margin(book, at, row)[0] < 0.0
        book.trade(row, row, np.array([-1.0]), at.price[:1], at.funding, 0.0)
        book.quote[0] = max(book.quote[0], 0.0)
        assert np.isposinf(ENGINE.free_margin(book, at, row)[0])


class TestPreset:
    def test_it_holds_the_windows_of_the_markets(self) -> None:
        form = load_preset("synthetix_v3").parameters
        assert isinstance(form, SkewPricedParameters)
        assert form.markets["BTC"].capacity == pytest.approx(0.000501 * 12_500.0 * 1.5 * 30.0)
        assert form.keeper.max_reward == 500.0
        assert all(source is not None for _, _, source in load_preset("synthetix_v3").entries())
