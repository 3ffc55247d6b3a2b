"""The pool-priced family: GMX' figures, the kernel and a plain position, monotonicity, whole liquidations."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms
from abm.margin.families.pool_priced import PoolPriced
from abm.margin.families.pool_priced_kernel import pool_kernel, pool_kernel_python
from abm.margin.families.pool_priced_parameters import PoolCoin, PoolMarket, PoolPricedParameters
from abm.margin.preset import load_preset
from abm.margin.refusal import RefusedAccount
from abm.margin.rules.pool_liquidation import liquidatable, liquidation_payout
from abm.margin.state import MarketState
from abm.margin.statement import Position, Statement, ledger_of

MARKETS, COINS = ("BTC", "ETH"), ("WETH",)
PRICES = np.array([60_000.0, 3_000.0])
EVERY = np.arange(5)
FORM = PoolPricedParameters(
    least_collateral=10.0,
    markets={
        "BTC": PoolMarket(
            min_collateral=0.005, open_collateral=0.01, collateral_by_interest=6e-11, positive_impact=3e-11,
            negative_impact=9e-9, max_impact=0.004, fee_positive=0.0004, fee_negative=0.0006, max_profit=0.9,
        ),
        "ETH": PoolMarket(
            min_collateral=0.01, positive_impact=5e-9, negative_impact=1e-8, impact_exponent=1.7, max_impact=0.01,
            fee_positive=0.0005, fee_negative=0.0005, max_profit=0.5,
        ),
    },
    coins={"WETH": PoolCoin(haircut=0.02)},
)  # fmt: skip
ENGINE = PoolPriced.build(FORM, MARKETS, COINS)


@st.composite
def books(draw: st.DrawFn) -> tuple[Ledger, Terms]:
    """Five accounts with at most one position, one of them the protocol's; a market with skew and pools."""
    accounts = []
    for _ in EVERY:
        m = draw(st.integers(0, 1))
        size = draw(st.sampled_from([0.0, 1.0, -1.0, 12.0, -40.0]))
        entry = PRICES[m] * draw(st.floats(0.8, 1.2))
        held = [Position(MARKETS[m], size, float(entry), draw(st.sampled_from([0.0, 3.0])))] if size else []
        cash = draw(st.sampled_from([-100.0, 0.0, 700.0, 30_000.0]))
        accounts.append(Statement(cash, {"WETH": draw(st.sampled_from([0.0, 2.0]))}, held))
    book = ledger_of(accounts, MARKETS, COINS)
    book.mode[draw(st.integers(0, 4))] = SYSTEM
    prices = PRICES * np.array([draw(st.floats(0.8, 1.25)) for _ in MARKETS])
    coin = np.array([prices[1]])
    skew = np.array([draw(st.sampled_from([0.0, -30.0, 5.0, 80.0])), draw(st.sampled_from([0.0, 700.0, -40.0]))])
    pool = np.array([draw(st.sampled_from([0.0, 1e4, 1e7])), 5e6])
    state = replace(
        MarketState.quiet(prices, coin), skew=skew, open_interest=np.maximum(skew, 0.0) + 50.0, pool_long=pool,
        pool_short=pool[::-1].copy(),
    )  # fmt: skip
    at = ENGINE.terms(prices, coin, funding=np.array([draw(st.floats(-20.0, 20.0)), 0.0]), state=state)
    return book, replace(at, scale=np.array([draw(st.sampled_from([1.0, 2.0])), 1.0]), haircut=np.array([0.05]))


def reference_impact(skew: float, moved: float, market: PoolMarket) -> float:
    """USD that an order is paid for the balance it leaves: GMX' three cases, one by one."""

    def curve(imbalance: float) -> float:
        size = abs(imbalance)
        return 0.0 if size < 1.0 and market.impact_exponent != 1.0 else float(size**market.impact_exponent)

    after, helps = skew + moved, min(market.positive_impact, market.negative_impact)
    if (skew <= 0.0) == (after <= 0.0) or skew == 0.0 or after == 0.0:
        factor = helps if abs(after) < abs(skew) else market.negative_impact
        return factor * (curve(skew) - curve(after))
    return helps * curve(skew) - market.negative_impact * curve(after)


def reference_account(book: Ledger, at: Terms, row: int) -> dict[str, float]:
    """GMX' own sums for one position."""
    known, worth = at.known, float(book.coins[row, 0] * at.coin_price[0])
    equity = float(book.quote[row]) + worth
    remaining = float(book.quote[row]) + worth * 0.98 * float(at.factor[0])
    im = mm = notional = 0.0
    m = int(book.slot_market[row, 0])
    if m >= 0:
        market, price = FORM.markets[MARKETS[m]], float(at.price[m])
        size, entry = float(book.slot_size[row, 0]), float(book.slot_entry[row, 0])
        usd, held = abs(size) * entry, size * float(price - at.funding[m])
        profit, skew = size * (price - entry), float(known.skew[m]) * price
        pool = float((known.pool_long if size > 0.0 else known.pool_short)[m])
        impact = reference_impact(skew, -usd if size > 0.0 else usd, market)
        cost = min(max(-impact, 0.0), market.max_impact * usd)
        fee = (market.fee_positive if impact > 0.0 else market.fee_negative) * usd
        cut = max(profit - market.max_profit * pool, 0.0) if pool > 0.0 else 0.0
        equity, remaining = equity + held, remaining + held - cost - fee - cut
        longs = float(known.open_interest[m]) * price
        interest = longs if size > 0.0 else longs - skew
        opened = max(market.open_collateral, market.min_collateral, market.collateral_by_interest * interest)
        im = max(FORM.least_collateral, opened * usd) * float(at.scale[m])
        mm = max(FORM.least_collateral, market.min_collateral * usd) * float(at.scale[m])
        notional = abs(size) * price
    return {"equity": equity, "margin_equity": remaining, "im": im, "mm": mm, "notional": notional}


class TestAccounts:
    @pytest.mark.parametrize(
        ("side", "price", "coin", "safe"),
        # Figures of gmx-io/gmx-synthetics, test/guardian/testLiquidation.ts: 450,000 USD at 15, one coin of collateral, at
        # least 1 % and 1 USD.
        [(-1.0, 15.016, 5_000.0, True), (1.0, 15.01, 4_000.0, False), (-1.0, 15.0, 4_501.0, True)],
    )
    def test_positions_of_the_protocol_s_tests(self, side: float, price: float, coin: float, safe: bool) -> None:
        form = PoolPricedParameters(
            least_collateral=1.0, markets={"X": PoolMarket(min_collateral=0.01)}, coins={"C": PoolCoin()}
        )
        engine = PoolPriced.build(form, ("X",), ("C",))
        held = [Position("X", side * 450_000.0 / 15.0, 15.0)]
        book = ledger_of([Statement(0.0, {"C": 1.0}, held)], ("X",), ("C",))
        free = engine.free_margin(book, engine.terms(np.array([price]), np.array([coin])), np.array([0]))
        assert bool(free[0] >= 0.0) is safe

    def test_a_second_position_is_refused_by_the_account_s_id(self) -> None:
        both = Statement(100.0, positions=[Position("BTC", 1.0, 6e4), Position("ETH", 1.0, 3e3)])
        book = ledger_of([Statement(1.0), both], MARKETS, COINS)
        at = ENGINE.terms(PRICES, PRICES[1:])
        with pytest.raises(
            RefusedAccount, match="account 2: a pool's account holds one position, this one 2"
        ) as refused:
            ENGINE.assess(book, at, np.array([0, 1]))
        assert (refused.value.row, refused.value.key) == (1, "positions")
        assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
        book.mode[1] = SYSTEM
        assert np.isposinf(ENGINE.free_margin(book, at, np.array([1]))[0])
        assert np.isposinf(ENGINE.gross_sensitivity(book, at, np.array([1]))[0])

    @given(case=books())
    @settings(max_examples=150, deadline=None)
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
        skew, longs = at.known.skew * at.price, at.known.open_interest * at.price
        given = (
            EVERY, book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote, book.coins,
            at.price, at.funding, at.scale, ENGINE._market, skew, np.stack([longs, longs - skew]),
            np.stack([at.known.pool_long, at.known.pool_short]), ENGINE.least, at.coin_price, ENGINE._factor(at),
        )  # fmt: skip
        np.testing.assert_allclose(pool_kernel(*given), pool_kernel_python(*given), rtol=1e-14)

    @given(case=books())
    @settings(max_examples=80, deadline=None)
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


class TestPrices:
    @given(case=books(), moves=st.lists(st.floats(-0.02, 0.02), min_size=4, max_size=4))
    @settings(max_examples=200, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_sensitivity(
        self, case: tuple[Ledger, Terms], moves: list[float]
    ) -> None:
        book, at = case
        far = max(abs(moves[0]) + abs(moves[3]), abs(moves[1]), abs(moves[2]))
        assume(far <= 0.02)
        before, gross = ENGINE.assess(book, at, EVERY).free_margin, ENGINE.gross_sensitivity(book, at, EVERY)
        turned = at.funding + np.array([moves[3], 0.0]) * at.price
        moved = replace(at, price=at.price * (1.0 + np.array(moves[:2])), funding=turned,
                        coin_price=at.coin_price * (1.0 + moves[2]))  # fmt: skip
        after = ENGINE.assess(book, moved, EVERY).free_margin
        allowed = np.where(np.isinf(gross), np.inf, gross * far)
        assert np.all(after >= before - allowed * (1.0 + 1e-9) - 1e-9)

    @pytest.mark.parametrize(("skew", "step"), [(20.0, False), (37.8, True), (40.0, True), (45.0, False)])
    def test_it_is_infinite_where_a_step_is_within_reach(self, skew: float, step: bool) -> None:
        """Closing 40 BTC stops to balance the market, and costs the higher fee, below 37.82 BTC of skew (at 60,000); at 40
        the imbalance that it leaves passes 1 USD."""
        book = ledger_of([Statement(1e5, positions=[Position("BTC", 40.0, 60_000.0)])], MARKETS, COINS)
        state = replace(MarketState.quiet(PRICES, PRICES[1:]), skew=np.array([skew, 0.0]))
        at = ENGINE.terms(PRICES, PRICES[1:], state=state)
        assert bool(np.isinf(ENGINE.gross_sensitivity(book, at, np.array([0]))[0])) is step

    @given(case=books())
    @settings(max_examples=100, deadline=None)
    def test_sensitivities_are_the_slopes(self, case: tuple[Ledger, Terms]) -> None:
        """By central differences, where nothing takes a step: caps, signs of the impact."""
        book, at = case
        found = ENGINE.sensitivity(book, at, EVERY)
        steady = np.isfinite(ENGINE.gross_sensitivity(book, at, EVERY))
        for m in range(2):
            step = np.where(np.arange(2) == m, 1e-6, 0.0)
            low, mid, high = (
                ENGINE.assess(book, replace(at, price=at.price * (1.0 + s * step)), EVERY).free_margin
                for s in (-1.0, 0.0, 1.0)
            )
            left, right = (mid - low) / (1e-6 * at.price[m]), (high - mid) / (1e-6 * at.price[m])
            slope = np.where(book.slot_market[:, 0] == m, found.price[:, 0], 0.0)
            size = np.where(book.slot_market[:, 0] == m, np.abs(book.slot_size[:, 0]), 0.0)
            smooth = steady & (np.abs(left - right) < 1e-4 * (1.0 + size))
            assert np.all(np.abs(slope - (left + right) / 2.0)[smooth] <= 1e-3 * (1.0 + size[smooth]))


class TestMonotone:
    @given(case=books(), which=st.integers(-1, 0), more=st.floats(0.0, 1e5))
    @settings(max_examples=60, deadline=None)
    def test_more_collateral_never_lowers_health(self, case: tuple[Ledger, Terms], which: int, more: float) -> None:
        book, at = case
        before = ENGINE.assess(book, at, EVERY).free_margin
        (book.quote if which < 0 else book.coins[:, which])[:] += more
        assert np.all(ENGINE.assess(book, at, EVERY).free_margin >= before - 1e-9)

    @given(case=books(), more=st.floats(1.0, 3.0))
    @settings(max_examples=60, deadline=None)
    def test_a_uniform_rise_of_requirements_never_lowers_one(self, case: tuple[Ledger, Terms], more: float) -> None:
        book, at = case
        before, after = (ENGINE.assess(book, replace(at, scale=at.scale * f), EVERY) for f in (1.0, more))
        assert np.all(after.mm >= before.mm)
        assert np.all(after.im >= before.im)

    @given(size=st.floats(0.001, 100.0), part=st.floats(0.0, 1.0))
    @settings(max_examples=60, deadline=None)
    def test_a_position_in_two_accounts_never_needs_less(self, size: float, part: float) -> None:
        held = [[Position("BTC", s, 60_000.0)] for s in (size, part * size, (1.0 - part) * size)]
        book = ledger_of([Statement(positions=p) for p in held], MARKETS, COINS)
        mm = ENGINE.assess(book, ENGINE.terms(PRICES, PRICES[1:]), np.arange(3)).mm
        assert mm[1] + mm[2] >= mm[0] * (1.0 - 1e-12)

    def test_what_closing_costs_in_two_halves_can_be_less(self) -> None:
        """Remaining collateral is another matter: two halves, each closed alone, bear a quarter of the impact each."""
        book = ledger_of(
            [Statement(1e5, positions=[Position("ETH", s, 3_000.0)]) for s in (40.0, 20.0)], MARKETS, COINS
        )
        at = ENGINE.terms(PRICES, PRICES[1:])
        whole, half = ENGINE.assess(book, at, np.arange(2)).margin_equity
        assert 2.0 * (1e5 - half) < 1e5 - whole


class TestLiquidation:
    @given(case=books())
    @settings(max_examples=100, deadline=None)
    def test_it_is_of_the_whole_and_only_of_who_is_below(self, case: tuple[Ledger, Terms]) -> None:
        """The trader gets what remains, never less than nothing; afterwards there is nothing to liquidate."""
        book, at = case
        view = ENGINE.assess(book, at, EVERY)
        usd = np.abs(book.slot_size[:, 0]) * book.slot_entry[:, 0]
        for row in np.flatnonzero((book.slot_market[:, 0] >= 0) & (book.mode != SYSTEM)):
            m = int(book.slot_market[row, 0])
            factor = FORM.markets[MARKETS[m]].min_collateral * float(at.scale[m])
            least = FORM.least_collateral * float(at.scale[m])
            below = bool(liquidatable(view.margin_equity[row], usd[row], least, factor))
            free = float(view.free_margin[row])
            assert below == (free < 0.0) or abs(free) < 1e-9 * usd[row]
            back, gain = liquidation_payout(view.margin_equity[row], 2.0, at.coin_price[0])
            assert back >= 0.0
            assert back + gain == pytest.approx(2.0)
            one = np.array([row])
            book.trade(one, np.array([m]), -book.slot_size[row, :1], at.price[[m]], at.funding, 0.0)
            book.quote[row] = max(book.quote[row], 0.0)
            assert np.isposinf(ENGINE.free_margin(book, at, one)[0])


class TestPreset:
    def test_it_holds_what_the_config_says_of_bitcoin(self) -> None:
        form = load_preset("gmx_v2").parameters
        assert isinstance(form, PoolPricedParameters)
        market = form.markets["BTC"]
        assert (market.min_collateral, market.negative_impact, market.max_impact) == (0.005, 9e-11, 0.0)
        assert market.funding is not None
        assert market.funding.rule.most * 31_536_000.0 == pytest.approx(0.75)
        assert all(source is not None for _, _, source in load_preset("gmx_v2").entries())

    def test_a_floor_above_the_trigger_of_deleveraging_is_refused(self) -> None:
        with pytest.raises(ValidationError, match=r"min_profit_adl must be <= max_profit_adl, got 0\.5 and 0\.4"):
            PoolMarket(min_collateral=0.01, max_profit_adl=0.4, min_profit_adl=0.5)
