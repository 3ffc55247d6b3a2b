"""The lending family: Aave's figures, the kernel and a plain account, monotonicity, liquidations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families.lending import Lending, lending_kernel, lending_kernel_python
from abm.margin.families.lending_parameters import Category, LendingParameters, Reserve
from abm.margin.preset import load_preset
from abm.margin.refusal import RefusedAccount
from abm.margin.rules.close_factor import CloseFactor, repayable, repayment_to_restore
from abm.margin.rules.seizure import deficit, seize
from abm.margin.state import MarketState
from abm.margin.statement import Statement, ledger_of

COINS = ("WETH", "wstETH", "WBTC")
PRICES = np.array([2_500.0, 3_000.0, 100_000.0])
PRESET = load_preset("aave_v3")
PARAMETERS = PRESET.parameters
assert isinstance(PARAMETERS, LendingParameters)
ENGINE = Lending.build(PARAMETERS, (), COINS)
EVERY = np.arange(5)

amounts = st.sampled_from([0.0, 0.0, 1.5, -0.7, 12.0, -3.0])


@st.composite
def books(draw: st.DrawFn) -> tuple[Ledger, Terms]:
    """Five accounts with collateral, debts and categories, one of them the protocol's; terms with haircuts."""
    accounts = [
        Statement(
            cash=draw(st.sampled_from([-20_000.0, -500.0, 0.0, 300.0, 40_000.0])),
            collateral={c: draw(amounts) * (0.02 if c == "WBTC" else 1.0) for c in COINS},
            category=draw(st.integers(0, 1)),
        )
        for _ in EVERY
    ]
    book = ledger_of(accounts, (), COINS)
    book.mode[draw(st.integers(0, 4))] = SYSTEM
    prices = PRICES * np.array([draw(st.floats(0.5, 2.0)) for _ in COINS])
    quiet = MarketState.quiet(np.zeros(0), prices)
    at = ENGINE.terms(np.zeros(0), prices, state=replace(quiet, settlement_price=draw(st.floats(0.9, 1.1))))
    return book, replace(at, haircut=np.array([0.0, draw(st.floats(0.0, 0.5)), 0.0]), stale=np.array([1.0, 1.0, 0.9]))


def reference_account(book: Ledger, at: Terms, row: int) -> dict[str, float]:
    """Aave's own sums for one account, token by token."""
    found = {"equity": 0.0, "threshold": 0.0, "ltv": 0.0, "debt": 0.0}
    balances = {"USDC": float(book.quote[row]), **dict(zip(COINS, book.coins[row].tolist(), strict=True))}
    prices = {"USDC": at.known.settlement_price, **dict(zip(COINS, at.coin_price.tolist(), strict=True))}
    factors = {"USDC": 1.0, **dict(zip(COINS, at.factor.tolist(), strict=True))}
    category = PARAMETERS.categories.get(int(book.category[row]))
    for token, balance in balances.items():
        value = balance * prices[token]
        found["equity"] += value
        weights: Reserve | Category = PARAMETERS.reserves[token]
        if category is not None and token in category.collateral:
            weights = category
        if balance > 0.0:
            found["threshold"] += value * factors[token] * weights.threshold
            found["ltv"] += value * factors[token] * weights.ltv
        else:
            found["debt"] -= value
    return found


class TestAccounts:
    def test_health_factor_and_room_by_hand(self) -> None:
        """10 WETH at 2,500 count 25,000 * 0.83 = 20,750 against a debt of 16,600; room 25,000 * 0.805 - 16,600."""
        book = ledger_of([Statement(-16_600.0, {"WETH": 10.0})], (), COINS)
        view = ENGINE.assess(book, ENGINE.terms(np.zeros(0), PRICES), np.array([0]))
        assert view.margin_equity[0] / view.mm[0] == pytest.approx(1.25)
        assert view.margin_equity[0] - view.im[0] == pytest.approx(3_525.0)
        assert view.equity[0] == pytest.approx(8_400.0)

    def test_a_category_replaces_the_weights_of_its_members_only(self) -> None:
        """wstETH counts 0.81 outside and 0.95 inside the category of ether, WBTC 0.78 in both."""
        held = {"wstETH": 1.0, "WBTC": 1.0}
        book = ledger_of([Statement(-1.0, held), Statement(-1.0, held, category=1)], (), COINS)
        weighted = ENGINE.assess(book, ENGINE.terms(np.zeros(0), PRICES), np.array([0, 1])).margin_equity
        assert weighted.tolist() == pytest.approx([2_430.0 + 78_000.0, 2_850.0 + 78_000.0])

    def test_an_unknown_category_names_the_account(self) -> None:
        book = ledger_of([Statement(1.0), Statement(-1.0, category=9)], (), COINS)
        with pytest.raises(RefusedAccount, match=r"account 2: category 9 is unknown; known: \[1\]"):
            ENGINE.free_margin(book, ENGINE.terms(np.zeros(0), PRICES), np.array([0, 1]))

    def test_there_are_no_markets_and_only_the_preset_s_reserves(self) -> None:
        with pytest.raises(UnknownAsset, match="market BTC is unknown; known: none"):
            Lending.build(PARAMETERS, ("BTC",), ())
        with pytest.raises(UnknownAsset, match="collateral DOGE is unknown"):
            Lending.build(PARAMETERS, (), ("DOGE",))

    @given(case=books())
    @settings(max_examples=100, deadline=None)
    def test_the_engine_equals_a_plain_account(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        view = ENGINE.assess(book, at, EVERY)
        for row in EVERY:
            plain = reference_account(book, at, row)
            scale = abs(plain["equity"]) + 2.0 * plain["debt"] + 1.0
            got = np.array([view.equity[row], view.margin_equity[row], view.im[row], view.mm[row]])
            wanted = np.array(
                [plain["equity"], plain["threshold"], plain["debt"] + plain["threshold"] - plain["ltv"], plain["debt"]]
            )
            np.testing.assert_allclose((got - wanted) / scale, 0.0, atol=1e-12)

    @given(case=books())
    @settings(max_examples=60, deadline=None)
    def test_the_kernel_equals_its_reference(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        given = (
            EVERY, book.quote, book.coins, book.category.astype(np.int64), *ENGINE._tokens(at), ENGINE._threshold,
            ENGINE._ltv,
        )  # fmt: skip
        np.testing.assert_array_equal(lending_kernel(*given), lending_kernel_python(*given))

    @given(case=books())
    @settings(max_examples=60, deadline=None)
    def test_parts_add_up_and_nobody_without_debt_can_breach(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        view, free = ENGINE.assess(book, at, EVERY), ENGINE.free_margin(book, at, EVERY)
        for row in EVERY:
            parts = ENGINE.explain(book, at, row)
            scale = abs(view.equity[row]) + 2.0 * view.mm[row] + 1.0
            for name in ("equity", "margin_equity", "im", "mm"):
                summed = sum(getattr(p, name) for p in parts)
                assert summed == pytest.approx(getattr(view, name)[row], abs=1e-12 * scale)
        quiet = (view.mm == 0.0) | (book.mode == SYSTEM)
        assert np.all(np.isposinf(free[quiet]))
        np.testing.assert_array_equal(free[~quiet], view.free_margin[~quiet])
        assert ENGINE.requirement(book, at, EVERY).sum() == 0.0


class TestPrices:
    @given(case=books(), moves=st.lists(st.floats(-0.02, 0.02), min_size=3, max_size=3))
    @settings(max_examples=100, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_sensitivity(
        self, case: tuple[Ledger, Terms], moves: list[float]
    ) -> None:
        book, at = case
        before, gross = ENGINE.assess(book, at, EVERY).free_margin, ENGINE.gross_sensitivity(book, at, EVERY)
        moved = replace(at, coin_price=at.coin_price * (1.0 + np.array(moves)))
        after = ENGINE.assess(book, moved, EVERY).free_margin
        assert np.all(after >= before - gross * max(abs(m) for m in moves) * (1.0 + 1e-9) - 1e-9)

    @given(case=books(), coin=st.integers(0, 2), move=st.floats(-0.5, 1.0))
    @settings(max_examples=60, deadline=None)
    def test_sensitivities_give_the_change_of_free_margin_exactly(
        self, case: tuple[Ledger, Terms], coin: int, move: float
    ) -> None:
        book, at = case
        changed = at.coin_price.copy()
        changed[coin] *= 1.0 + move
        slope = ENGINE.sensitivity(book, at, EVERY).coin[:, coin] * (changed - at.coin_price)[coin]
        before = ENGINE.assess(book, at, EVERY)
        after = ENGINE.assess(book, replace(at, coin_price=changed), EVERY)
        scale = 1.0 + np.abs(before.equity) + before.mm + after.mm
        np.testing.assert_allclose((after.free_margin - before.free_margin - slope) / scale, 0.0, atol=1e-12)


class TestMonotone:
    @given(case=books(), which=st.integers(-1, 2), more=st.floats(0.0, 100.0))
    @settings(max_examples=60, deadline=None)
    def test_more_collateral_never_lowers_health(self, case: tuple[Ledger, Terms], which: int, more: float) -> None:
        book, at = case
        before = ENGINE.assess(book, at, EVERY)
        (book.quote if which < 0 else book.coins[:, which])[:] += more
        after = ENGINE.assess(book, at, EVERY)
        assert np.all(after.free_margin >= before.free_margin - 1e-9)
        assert np.all(after.margin_equity - after.im >= before.margin_equity - before.im - 1e-9)

    def test_more_debt_or_a_lower_threshold_never_raises_it(self) -> None:
        reserves = {"USD": Reserve(ltv=0.0, threshold=0.0), "ETH": Reserve(ltv=0.7, threshold=0.8)}
        lower = {**reserves, "ETH": Reserve(ltv=0.7, threshold=0.75)}
        book = ledger_of([Statement(-100.0, {"ETH": 1.0})], (), ("ETH",))
        free = []
        for these in (reserves, lower):
            engine = Lending.build(LendingParameters(settlement="USD", reserves=these), (), ("ETH",))
            free.append(float(engine.free_margin(book, engine.terms(np.zeros(0), np.array([200.0])), np.array([0]))[0]))
        assert free == pytest.approx([60.0, 50.0])

    @given(case=books(), part=st.floats(0.0, 1.0))
    @settings(max_examples=60, deadline=None)
    def test_an_account_split_in_two_needs_in_all_what_it_needed(self, case: tuple[Ledger, Terms], part: float) -> None:
        """Debts are what they are: the sum of requirements does not change when each balance is split alike."""
        book, at = case
        whole = ENGINE.assess(book, at, EVERY).mm
        summed = np.zeros(5)
        for share in (part, 1.0 - part):
            half = book.copy(EVERY)
            half.quote, half.coins = book.quote * share, book.coins * share
            summed += ENGINE.assess(half, at, EVERY).mm
        np.testing.assert_allclose(summed, whole, rtol=1e-12)


class TestLiquidation:
    """What Aave's rule promises: never more than the close factor; health rises while it can be restored at all."""

    @given(health=st.floats(0.5, 0.999), debt=st.floats(100.0, 1e6))
    @settings(max_examples=150, deadline=None)
    def test_by_the_close_factor(self, health: float, debt: float) -> None:
        """One collateral, one debt: ether at a threshold of 0.83 and a bonus of 5 %."""
        threshold, bonus, limits = 0.83, 1.05, CloseFactor()
        collateral, steps = health * debt / threshold, 0
        while debt > 0.0 and collateral > 0.0 and threshold * collateral < debt * (1.0 - 1e-12):
            before, most = threshold * collateral / debt, float(repayable(debt, debt, collateral, health, limits))
            got = seize(most, collateral, 1.0, bonus, 0.1)
            assert float(got.repaid) <= most * (1.0 + 1e-12)
            debt, collateral, steps = debt - float(got.repaid), collateral - float(got.taken), steps + 1
            if debt > 1e-6 and before > threshold * bonus:
                assert threshold * collateral / debt > before
            debt, collateral = (0.0 if x < 1e-6 else x for x in (debt, collateral))
            health = threshold * collateral / debt if debt > 0.0 else np.inf
        assert steps < 60
        assert float(deficit(debt, collateral)) == (debt if collateral == 0.0 else 0.0)

    @given(health=st.floats(0.9, 0.9999), debt=st.floats(2_500.0, 1e6), target=st.floats(1.0, 1.1))
    @settings(max_examples=100, deadline=None)
    def test_the_least_repayment_restores_the_target_and_less_does_not(
        self, health: float, debt: float, target: float
    ) -> None:
        threshold, bonus = 0.83, 1.05
        weighted = health * debt
        needed = float(repayment_to_restore(weighted, debt, threshold, bonus, target))
        assert 0.0 < needed < debt
        after = [(weighted - x * bonus * threshold) / (debt - x) for x in (needed, 0.999 * needed)]
        assert after[0] == pytest.approx(target, rel=1e-9)
        assert after[1] < target

    def test_nothing_restores_health_where_the_bonus_takes_more_than_the_debt_gives(self) -> None:
        found = repayment_to_restore([80.0, 120.0], 100.0, 0.96, 1.05, 1.0)
        assert found.tolist() == [np.inf, 0.0]


class TestPreset:
    def test_it_names_the_categories_and_rates_of_the_reserves(self) -> None:
        assert PARAMETERS.categories[1].bonus == 1.01
        assert PARAMETERS.reserves["USDC"].curve.optimal == 0.92
        assert PARAMETERS.close is not None
        assert PARAMETERS.close.limits == CloseFactor()
        assert all(source is not None for _, _, source in PRESET.entries())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"ltv": 0.9}, "ltv must be <= threshold, got 0.9 and 0.8"),
            ({"bonus": 1.3}, r"threshold \* bonus must be <= 1, got 1.0400"),
        ],
    )
    def test_weights_that_contradict_each_other_are_refused(self, change: dict[str, float], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            Reserve(**{"ltv": 0.7, "threshold": 0.8, **change})

    def test_a_category_s_member_must_be_a_reserve(self) -> None:
        with pytest.raises(ValidationError, match="no reserve ETH; reserves: USD"):
            LendingParameters(settlement="USD", reserves={"USD": Reserve(ltv=0.0, threshold=0.0)},
                              categories={1: Category(ltv=0.9, threshold=0.95, collateral=("ETH",))})  # fmt: skip
