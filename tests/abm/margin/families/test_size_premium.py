"""Weights with a size premium: figures of Drift v2, a plain reference per account, and what must hold for every account."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms
from abm.margin.families import size_premium_kernel as kernels
from abm.margin.families.size_premium import SizePremium
from abm.margin.families.size_premium_parameters import SizePremiumParameters
from abm.margin.state import MarketState
from abm.margin.statement import Position, Statement, ledger_of
from tests.abm.margin.families.portfolios import COIN_PRICES, PRICES, close, placed, silent, statements

FORM = SizePremiumParameters.model_validate(
    {
        "markets": {
            "BTC": {
                "init_ratio": 0.05, "maint_ratio": 0.03, "imf": 0.0019, "init_profit": 0.0, "liquidator_fee": 0.005,
                "insurance_fee": 0.0075,
            },
            "ETH": {
                "init_ratio": 0.1, "maint_ratio": 0.05, "imf": 0.001, "init_profit": 0.9, "maint_profit": 0.95,
                "profit_imf": 0.001, "liquidator_fee": 0.01,
            },
            "SOL": {"init_ratio": 0.1, "maint_ratio": 0.05, "liquidator_fee": 0.01, "insurance_fee": 0.01},
        },
        "coins": {
            "BTC": {
                "init_asset": 0.8, "maint_asset": 0.9, "init_liability": 1.2, "maint_liability": 1.1, "imf": 0.4,
                "scale_start": 1e6,
            },
            "USDC": {"init_asset": 0.9, "maint_asset": 0.95, "init_liability": 1.1, "maint_liability": 1.05, "imf": 0.03},
        },
        "profit_cap": 100.0,
        "buffer": 0.02,
    }
)  # fmt: skip
MADE = SizePremium.build(FORM, tuple(PRICES), tuple(COIN_PRICES))

PROFIT_WEIGHTS = [
    # drift-labs/protocol-v2, programs/drift/src/math/margin/tests.rs, calculate_user_equity_value_tests: USD, weight (1e-4)
    (22_699.050905, 0.9559),
    (24_282.786896, 0.9516),
    (242_827.86896, 0.7368),
    (2_428_278.6896, 0.4299),
    (24_282_786.896, 0.1855),
    (242_827_868.96, 0.0663),
    (19_426_229_516.8, 0.0078),
]


def drift(**changes: Any) -> SizePremium:
    """The market of that test, short 6.1475409835 BTC at 25,000."""
    market = {"init_ratio": 0.1, "maint_ratio": 0.05, "imf": 0.001, "profit_imf": 0.001}
    return SizePremium.build(SizePremiumParameters.model_validate({"markets": {"BTC": market}} | changes), ("BTC",), ())


SIZE = -12.295081967 / 2.0
SHORT = Position("BTC", SIZE, -153_688.524588 / SIZE)


class TestDrift:
    @pytest.mark.parametrize(("profit", "weight"), PROFIT_WEIGHTS)
    def test_profit_counts_less_the_more_there_is(self, profit: float, weight: float) -> None:
        engine = drift()
        book = ledger_of([Statement(positions=(Position("BTC", 1.0, 1.0),))], ("BTC",), ())
        price = 1.0 + profit
        view = engine.assess(book, engine.terms(np.array([price]), np.zeros(0)), np.array([0]))
        counted = view.margin_equity[0] - view.im[0] + price * 0.1
        assert counted / profit == pytest.approx(weight, abs=1e-4)
        assert view.margin_equity[0] == pytest.approx(profit)

    @pytest.mark.parametrize(("price", "needed"), [(22_050.0, 13_555.327867), (21_050.0, 12_940.573769)])
    def test_the_requirement_and_the_cap_of_profit(self, price: float, needed: float) -> None:
        """Profits of 18,135 and 24,283 USD count 100 each for initial margin."""
        engine = drift(profit_cap=100.0)
        book = ledger_of([Statement(positions=(SHORT,))], ("BTC",), ())
        view = engine.assess(book, engine.terms(np.array([price]), np.zeros(0)), np.array([0]))
        assert view.margin_equity[0] - view.im[0] == pytest.approx(100.0 - needed, abs=1e-5)
        assert view.mm[0] == pytest.approx(needed / 2.0, abs=1e-5)

    @pytest.mark.parametrize(
        ("size", "initial", "maintenance"),
        # 0.8 w + 0.001 sqrt(size) passes w at (200 w)^2
        [(1.0, 0.1, 0.05), (400.0, 0.1, 0.06), (10_000.0, 0.18, 0.14)],
    )
    def test_the_ratio_grows_with_the_square_root_of_size(
        self, size: float, initial: float, maintenance: float
    ) -> None:
        engine = drift()
        book = ledger_of([Statement(positions=(Position("BTC", -size, 2.0),))], ("BTC",), ())
        view = engine.assess(book, engine.terms(np.array([2.0]), np.zeros(0)), np.array([0]))
        assert (view.im[0] / view.notional[0], view.mm[0] / view.notional[0]) == pytest.approx((initial, maintenance))

    def test_the_initial_weight_of_a_coin_falls_with_deposits(self) -> None:
        """spot_market_scale_initial_asset_weight: 40,000 SOL at 25 USD against a start of 500,000 USD, weight 0.9."""
        coin = {"init_asset": 0.9, "maint_asset": 0.9, "init_liability": 1.1, "maint_liability": 1.1}
        form = SizePremiumParameters.model_validate({"coins": {"SOL": coin | {"scale_start": 500_000.0}}})
        engine = SizePremium.build(form, (), ("SOL",))
        assert engine.stateful
        book = ledger_of([Statement(collateral={"SOL": 2.0})], (), ("SOL",))
        state = replace(MarketState.quiet(np.zeros(0), np.array([25.0])), deposits=np.array([0.0, 40_000.0]))
        view = engine.assess(book, engine.terms(np.zeros(0), np.array([25.0]), state=state), np.array([0]))
        assert (view.margin_equity[0], view.im[0]) == pytest.approx((45.0, 22.5))


def reference(
    form: SizePremiumParameters, account: Statement, terms: Terms, prices: Mapping[str, float], initial: bool
) -> dict[str, float]:
    """An account as the protocol's program computes it: total collateral and margin requirement, debts in the latter."""
    known = terms.known
    slow = known.token_stable if initial else np.concatenate([[known.settlement_price], terms.coin_price])
    quote = (min(known.settlement_price, slow[0]), max(known.settlement_price, slow[0]))
    collateral, requirement, owed = max(account.cash, 0.0) * quote[0], max(-account.cash, 0.0) * quote[1], 0.0
    debts = requirement
    for h, (name, price) in enumerate(zip(COIN_PRICES, terms.coin_price.tolist(), strict=True)):
        coin, amount = form.coins[name], account.collateral.get(name, 0.0)
        root = math.sqrt(abs(amount))
        if amount > 0.0:
            weight = coin.init_asset if initial else coin.maint_asset
            if initial and coin.scale_start and known.deposits[h + 1] * price >= coin.scale_start:
                weight *= coin.scale_start / (known.deposits[h + 1] * price)
            weight = min(weight, 1.1 / (1.0 + coin.imf * root)) if coin.imf else weight
            collateral += amount * min(price, slow[h + 1]) * weight * terms.factor[h]
        elif amount < 0.0:
            weight = coin.init_liability if initial else coin.maint_liability
            weight = max(weight, 0.8 * weight + coin.imf * root) if coin.imf else weight
            requirement += -amount * max(price, slow[h + 1]) * weight
            debts += -amount * max(price, slow[h + 1])
            owed += -amount * price
    for p in account.positions:
        market, m = form.markets[p.market], list(prices).index(p.market)
        ratio = market.init_ratio if initial else market.maint_ratio
        ratio = max(ratio, 0.8 * ratio + market.imf * math.sqrt(abs(p.size))) if market.imf else ratio
        requirement += abs(p.size) * terms.price[m] * quote[1] * ratio * terms.scale[m]
        profit = p.size * ((terms.price[m] - terms.funding[m]) - (p.entry - p.funding))
        if profit <= 0.0:
            collateral += profit * quote[1]
            continue
        weight = market.maint_profit
        if initial:
            weight = market.init_profit
            weight = min(weight, 1.1 / (1.0 + market.profit_imf * math.sqrt(profit))) if market.profit_imf else weight
        counted = profit * weight * quote[0]
        collateral += min(counted, form.profit_cap or math.inf) if initial else counted
    return {"health": collateral - requirement, "mm": requirement - debts, "owed": owed + max(-account.cash, 0.0)}


def crowded(terms: Terms) -> Terms:
    """The same terms with much deposited and slow prices that are not the oracle's."""
    terms.state = replace(
        MarketState.quiet(terms.price, terms.coin_price), token_stable=np.array([1.001, 58_000.0, 1.01]),
        deposits=np.array([1e6, 50.0, 1e6]), settlement_price=0.998,
    )  # fmt: skip
    return terms


def account_scale(book: Ledger, terms: Terms) -> np.ndarray:
    """float64[n]: the size of the numbers in an account, for rounding."""
    price = np.append(terms.price, 0.0)[book.slot_market]
    positions = (np.abs(book.slot_size) * (price + np.abs(book.slot_entry))).sum(axis=1)
    return np.asarray(1.0 + np.abs(book.quote) + positions + np.abs(book.coins) @ terms.coin_price)


class TestAgainstTheReference:
    @given(accounts=statements(debts=True))
    @settings(max_examples=150, deadline=None)
    def test_every_account_is_what_the_program_says(self, accounts: list[Statement]) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        terms, rows = crowded(terms), np.arange(len(book))
        view, scale = MADE.assess(book, terms, rows), account_scale(book, terms)
        short = MADE.shortage(book, terms, rows)
        for row, account in enumerate(accounts):
            kept, opened = (reference(FORM, account, terms, PRICES, initial) for initial in (False, True))
            buffer = 0.02 * (view.notional[row] + kept["owed"] - max(-account.cash, 0.0) * (1.0 - 0.998))
            pairs = [
                (view.free_margin[row], kept["health"]), (view.mm[row], kept["mm"]),
                (view.margin_equity[row] - view.im[row], opened["health"]),
                (short[row], max(buffer - kept["health"], 0.0)),
            ]  # fmt: skip
            for found, number in pairs:
                assert found == pytest.approx(number, rel=1e-12, abs=1e-12 * scale[row] * 10.0)

    @given(accounts=statements(debts=True))
    @settings(max_examples=40, deadline=None)
    def test_the_compiled_loops_are_the_plain_ones(self, accounts: list[Statement]) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        sized, rows = MADE.sized(crowded(terms), "initial"), np.arange(len(book))[::-1].copy()
        columns = (
            book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote, book.coins, sized.market,
            sized.coin, sized.settlement,
        )  # fmt: skip
        for name, given_ in (("premium", (rows, *columns)), ("free_premium", (rows, book.mode, *columns))):
            fast, plain = (getattr(kernels, f"{name}_kernel{end}")(*given_) for end in ("", "_python"))
            np.testing.assert_allclose(fast, plain, rtol=1e-14, atol=0.0)
        for row in rows:
            fast, plain = (
                getattr(kernels, f"collateral_and_requirement{end}")(row, *columns) for end in ("", "_python")
            )
            assert fast == pytest.approx(plain, rel=1e-14)

    @given(accounts=statements(debts=True))
    @settings(max_examples=80, deadline=None)
    def test_parts_and_slots_add_up_and_both_ways_to_free_margin_agree(self, accounts: list[Statement]) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        terms = crowded(terms)
        book.mode[-1] = SYSTEM
        rows = np.arange(len(book))
        view, free, scale = (
            MADE.assess(book, terms, rows),
            MADE.free_margin(book, terms, rows),
            account_scale(book, terms),
        )
        assert np.all(np.isposinf(free) == silent(book))
        np.testing.assert_allclose(((free - view.free_margin) / scale)[~silent(book)], 0.0, atol=1e-12)
        needs = MADE.requirement(book, terms, rows)
        without = book.copy(rows)
        without.coins[:] = 0.0
        np.testing.assert_allclose(needs.sum(axis=1), MADE.assess(without, terms, rows).mm, rtol=1e-12)
        for row in rows:
            parts = MADE.explain(book, terms, int(row))
            for key in ("equity", "margin_equity", "im", "mm"):
                total = sum(getattr(part, key) for part in parts)
                assert total == pytest.approx(getattr(view, key)[row], rel=1e-9, abs=1e-9 * scale[row]), key


def shaken(terms: Terms, **changes: Any) -> Terms:
    """The same terms with other prices or funding."""
    made = MADE.terms(
        changes.get("price", terms.price), changes.get("coin", terms.coin_price),
        funding=changes.get("funding", terms.funding),
    )  # fmt: skip
    made.scale, made.factor = terms.scale, terms.factor
    return made


class TestSensitivity:
    @given(accounts=statements(debts=True), seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 0.3))
    @settings(max_examples=120, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_one_says(
        self, accounts: list[Statement], seed: int, size: float
    ) -> None:
        rng = np.random.default_rng(seed)
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        gross = MADE.gross_sensitivity(book, terms, rows)
        split, sign = rng.uniform(0.0, 1.0, 3), rng.choice([-1.0, 1.0], (3, 3))
        after = shaken(
            terms, price=terms.price * (1.0 + size * split * sign[0]),
            funding=terms.funding + size * (1.0 - split) * sign[1] * terms.price,
            coin=terms.coin_price * (1.0 + size * sign[2, :2]),
        )  # fmt: skip
        before, now = (MADE.assess(book, t, rows).free_margin for t in (terms, after))
        assert np.all(before - now <= gross * size + 1e-9 * (1.0 + gross))

    @given(accounts=statements(debts=True), market=st.integers(0, 2), move=st.floats(0.5, 1.5))
    @settings(max_examples=80, deadline=None)
    def test_the_slope_is_that_of_free_margin_away_from_kinks(
        self, accounts: list[Statement], market: int, move: float
    ) -> None:
        """Coins are linear; of positions forwards and backwards agree but where profit turns to loss."""
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        found, here = MADE.sensitivity(book, terms, rows), MADE.assess(book, terms, rows).free_margin
        gross, step = 1.0 + MADE.gross_sensitivity(book, terms, rows), np.eye(3)[market] * terms.price * 1e-6
        slope = np.where(book.slot_market == market, found.price, 0.0).sum(axis=1) * step[market]
        rise = MADE.assess(book, shaken(terms, price=terms.price + step), rows).free_margin - here
        fall = here - MADE.assess(book, shaken(terms, price=terms.price - step), rows).free_margin
        np.testing.assert_allclose(np.minimum(np.abs(rise - slope), np.abs(fall - slope)) / gross, 0.0, atol=1e-11)
        coin = MADE.assess(book, shaken(terms, coin=terms.coin_price * move), rows).free_margin - here
        np.testing.assert_allclose((coin - found.coin @ ((move - 1.0) * terms.coin_price)) / gross, 0.0, atol=1e-11)


WHOLE = SizePremiumParameters.model_validate(
    FORM.model_dump() | {"markets": {n: m.model_dump() | {"maint_profit": 1.0} for n, m in FORM.markets.items()}}
)
"""The same with profits that count whole for maintenance, as on the protocol: realising them changes nothing."""


def buffered_health(engine: SizePremium, book: Ledger, terms: Terms) -> float:
    """Free margin less the buffer on positions, of an account that owes nothing."""
    view = engine.assess(book, terms, np.array([0]))
    return float(view.free_margin[0] - engine.buffer * view.notional[0])


def cash_of(book: Ledger) -> float:
    held = book.slot_market[0] >= 0
    return float(book.quote[0] + (book.slot_size[0] * (book.slot_entry[0] - book.slot_funding[0]))[held].sum())


class TestLiquidation:
    @given(accounts=statements(), part=st.floats(0.1, 0.99), missing=st.floats(0.01, 0.5))
    @settings(max_examples=200, deadline=None)
    def test_the_shortage_is_covered_and_no_more_than_the_ratio_of_the_position_needs(
        self, accounts: list[Statement], part: float, missing: float
    ) -> None:
        """What is closed beyond that is worth what the ratio falls by, as the position shrinks, on what is left of it.
        Without a premium that is nothing, and less would not do."""
        engine = SizePremium.build(WHOLE, tuple(PRICES), tuple(COIN_PRICES))
        for account in (a for a in accounts if a.positions):
            book, terms = placed(engine, [account], PRICES, COIN_PRICES)
            need = engine.assess(book, terms, np.array([0])).notional[0] * 0.05
            book.quote[0] -= buffered_health(engine, book, terms) + missing * need
            if cash_of(book) < 0.0:
                continue  # the buffer is on cash that is owed, too, and realising losses adds to it
            market, size = int(book.slot_market[0, 0]), abs(float(book.slot_size[0, 0]))
            short, wanted = (
                engine.shortage(book, terms, np.array([0]))[0],
                engine.quantity_to_restore(book, terms, 0, 0),
            )
            assert short == pytest.approx(missing * need, rel=1e-6)
            assert 0.0 < wanted <= size
            less, rule = book.copy(np.array([0])), WHOLE.markets[account.positions[0].market]
            fee, scale = rule.liquidator_fee + rule.insurance_fee, account_scale(book, terms)[0]
            close(engine, book, terms, 0, 0, wanted, fee)
            close(engine, less, terms, 0, 0, part * wanted, fee)
            if wanted == size or cash_of(book) < 0.0:
                continue
            before, after = engine.ratio(terms, np.array([market, market]), np.array([size, size - wanted]))
            beyond = terms.price[market] * (size - wanted) * (before - after)
            assert beyond >= 0.0
            assert buffered_health(engine, book, terms) == pytest.approx(beyond, abs=1e-9 * scale)
            if rule.imf == 0.0:
                assert beyond == 0.0
                assert buffered_health(engine, less, terms) < 0.0

    def test_by_hand(self) -> None:
        """Long 100 at 10, ratio 5 % and buffer 2 %: 70 needed, 56 there; closing at 1 % frees 10 * (0.07 - 0.01) a coin."""
        market = {"init_ratio": 0.1, "maint_ratio": 0.05, "liquidator_fee": 0.01}
        form = SizePremiumParameters.model_validate({"markets": {"X": market}, "buffer": 0.02})
        engine = SizePremium.build(form, ("X",), ())
        book = ledger_of([Statement(56.0, positions=(Position("X", 100.0, 10.0),))], ("X",), ())
        terms = engine.terms(np.array([10.0]), np.zeros(0))
        assert engine.shortage(book, terms, np.array([0]))[0] == pytest.approx(14.0)
        assert engine.quantity_to_restore(book, terms, 0, 0) == pytest.approx(14.0 / 0.6)
        book.quote[0] -= 100.0
        assert engine.quantity_to_restore(book, terms, 0, 0) == 100.0


class TestMonotone:
    @given(accounts=statements(debts=True), which=st.integers(-1, 1), more=st.floats(0.0, 1e5))
    @settings(max_examples=60, deadline=None)
    def test_more_collateral_never_lowers_health(self, accounts: list[Statement], which: int, more: float) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        terms, rows, scale = crowded(terms), np.arange(len(book)), account_scale(book, terms)
        before = MADE.assess(book, terms, rows)
        (book.quote if which < 0 else book.coins[:, which])[:] += more
        after = MADE.assess(book, terms, rows)
        assert np.all(after.free_margin >= before.free_margin - 1e-12 * scale)
        gain = after.margin_equity - after.im - (before.margin_equity - before.im)
        assert np.all(gain >= -1e-12 * scale)

    @given(accounts=statements(debts=True), more=st.floats(0.0, 2.0))
    @settings(max_examples=60, deadline=None)
    def test_a_uniform_rise_of_weights_never_lowers_the_requirement(
        self, accounts: list[Statement], more: float
    ) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        before, needs = MADE.assess(book, terms, rows), MADE.requirement(book, terms, rows)
        terms.scale = terms.scale * (1.0 + more)
        assert np.all(MADE.assess(book, terms, rows).mm >= before.mm)
        assert np.all(MADE.requirement(book, terms, rows) >= needs)

    def test_splitting_a_large_account_lowers_the_summed_requirement(self) -> None:
        """Not sub-additive: 10,000 BTC need 14 % each, two lots of 5,000 only 4 % + 0.1 % * sqrt(5,000) = 11.07 %."""
        engine = drift()
        whole, half = (Statement(positions=(Position("BTC", size, 2.0),)) for size in (10_000.0, 5_000.0))
        book = ledger_of([whole, half, half], ("BTC",), ())
        one, *two = engine.assess(book, engine.terms(np.array([2.0]), np.zeros(0)), np.arange(3)).mm
        assert one == pytest.approx(2_800.0)
        assert sum(two) == pytest.approx(20_000.0 * (0.04 + 0.001 * math.sqrt(5_000.0)))
        assert sum(two) < one


class TestForm:
    @pytest.mark.parametrize(
        ("part", "change", "message"),
        [
            ("markets", {"init_ratio": 0.01}, "init_ratio must be >= maint_ratio, got 0.01 and 0.05"),
            ("coins", {"init_asset": 1.0}, "init_asset must be <= maint_asset, got 1.0 and 0.9"),
            ("coins", {"init_liability": 1.0}, "init_liability must be >= maint_liability, got 1.0 and 1.1"),
        ],
    )
    def test_initial_figures_are_the_stricter_ones(self, part: str, change: dict[str, float], message: str) -> None:
        fine = {
            "markets": {"init_ratio": 0.1, "maint_ratio": 0.05},
            "coins": {"init_asset": 0.8, "maint_asset": 0.9, "init_liability": 1.2, "maint_liability": 1.1},
        }
        with pytest.raises(ValueError, match=message):
            SizePremiumParameters.model_validate({part: {"X": fine[part] | change}})
