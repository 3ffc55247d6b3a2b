"""Perpetuals that settle in tokens: figures of Mango v4, a plain reference per account, and what must hold for every one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families import settle_token_kernel as kernels
from abm.margin.families.settle_token import HealthKind, SettleToken
from abm.margin.families.settle_token_parameters import SettleTokenParameters
from abm.margin.state import MarketState
from abm.margin.statement import Position, Statement, ledger_of
from tests.abm.margin.families.portfolios import COIN_PRICES, PRICES, close, placed, silent, statements


def perp(base: float, overall: float, **more: Any) -> dict[str, Any]:
    return {
        "init_base_asset": 1.0 - 2.0 * base, "maint_base_asset": 1.0 - base, "init_base_liability": 1.0 + 2.0 * base,
        "maint_base_liability": 1.0 + base, "init_overall_asset": overall / 2.0, "maint_overall_asset": overall,
    } | more  # fmt: skip


def token(weight: float, **more: Any) -> dict[str, Any]:
    return {
        "init_asset": 1.0 - 2.0 * weight, "maint_asset": 1.0 - weight, "init_liability": 1.0 + 2.0 * weight,
        "maint_liability": 1.0 + weight,
    } | more  # fmt: skip


SCALED = {"deposit_scale_start": 2e6, "borrow_scale_start": 1e6}
FORM = SettleTokenParameters.model_validate(
    {
        "settlement": token(0.02),
        "markets": {
            "BTC": perp(0.025, 0.95, liquidation_fee=0.0125),
            "ETH": perp(0.05, 0.0, liquidation_fee=0.02),
            "SOL": perp(0.1, 0.5, settles_in="USDC", liquidation_fee=0.05),
        },
        "coins": {"BTC": token(0.1, **SCALED), "USDC": token(0.05)},
    }
)
MADE = SettleToken.build(FORM, tuple(PRICES), tuple(COIN_PRICES))

MANGO = SettleTokenParameters.model_validate(
    {
        "settlement": {"init_asset": 0.8, "maint_asset": 0.9, "init_liability": 1.2, "maint_liability": 1.1},
        "markets": {"B": perp(0.1, 0.98) | {"init_overall_asset": 0.95}},
        "coins": {
            name: {"init_asset": 0.5, "maint_asset": 0.7, "init_liability": 1.5, "maint_liability": 1.3}
            for name in ("B", "C")
        },
    }
)
"""The group of blockworks-foundation/mango-v4, programs/mango-v4/src/health/cache.rs, `test_health1`."""

HEALTH = [
    # tokens A, B, C at 1, 5, 10; coins and quote of the perpetual on B; initial health (of the same test)
    ((0.0, 0.0, 0.0), -10.0, 100.0, 0.8 * 0.95 * (100.0 - 1.2 * 50.0)),
    ((0.0, 0.0, 0.0), 10.0, -100.0, 1.2 * (-100.0 + 0.8 * 50.0)),
    ((0.0, 0.0, 0.0), 100.0, 100.0, 380.0),
    ((0.0, 0.0, 0.0), 300.0, -100.0, 836.0),
    ((-100.0, 0.0, 0.0), 10.0, 100.0, 26.4),
    ((100.0, 0.0, 0.0), -10.0, -100.0, -72.0),
]


def mango(balances: tuple[float, float, float], size: float, quote: float) -> tuple[SettleToken, Ledger]:
    positions = (Position("B", size, -quote / size),) if size else ()
    account = Statement(balances[0], {"B": balances[1], "C": balances[2]}, positions)
    return SettleToken.build(MANGO, ("B",), ("B", "C")), ledger_of([account], ("B",), ("B", "C"))


class TestMango:
    @pytest.mark.parametrize(("balances", "size", "quote", "expected"), HEALTH)
    def test_initial_health(
        self, balances: tuple[float, float, float], size: float, quote: float, expected: float
    ) -> None:
        engine, book = mango(balances, size, quote)
        terms = engine.terms(np.array([5.0]), np.array([5.0, 10.0]))
        assert engine.health(book, terms, np.array([0]), "initial")[0] == pytest.approx(expected, rel=1e-12)
        view = engine.assess(book, terms, np.array([0]))
        assert view.margin_equity[0] - view.im[0] == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("sign", "expected"),
        # of the same test: 100 of each token held, and owed, with limits of 1,000 coins of each at its price
        [(1.0, 80.0 + 250.0 * 5.0 / 7.5 + 500.0 * 0.1), (-1.0, -120.0 - 750.0 * 7.5 / 5.0 - 1_500.0 * 10.0)],
    )
    def test_initial_weights_scale_past_a_limit(self, sign: float, expected: float) -> None:
        starts = {"A": 1_000.0, "B": 5_000.0, "C": 10_000.0}
        form = MANGO.model_dump()
        for name, start in starts.items():
            at = form["settlement"] if name == "A" else form["coins"][name]
            at |= {"deposit_scale_start": start, "borrow_scale_start": start}
        engine = SettleToken.build(SettleTokenParameters.model_validate(form), ("B",), ("B", "C"))
        assert engine.stateful
        _, book = mango((100.0 * sign, 100.0 * sign, 100.0 * sign), 0.0, 0.0)
        many = np.array([100.0, 1_500.0, 10_000.0])
        state = replace(MarketState.quiet(np.array([5.0]), np.array([5.0, 10.0])), deposits=many, borrows=many)
        terms = engine.terms(np.array([5.0]), np.array([5.0, 10.0]), state=state)
        assert engine.health(book, terms, np.array([0]), "initial")[0] == pytest.approx(expected, rel=1e-12)
        at_end = engine.health(book, terms, np.array([0]), "end")[0]
        assert at_end == pytest.approx(80.0 + 750.0 if sign > 0 else -120.0 - 750.0 - 1_500.0)

    def test_initial_health_takes_the_worse_of_the_oracle_s_and_the_stable_price(self) -> None:
        engine, book = mango((0.0, 10.0, -1.0), 10.0, 0.0)
        quiet = MarketState.quiet(np.array([5.0]), np.array([5.0, 10.0]))
        state = replace(quiet, stable=np.array([4.0]), token_stable=np.array([1.0, 6.0, 12.0]))
        terms = engine.terms(np.array([5.0]), np.array([5.0, 10.0]), state=state)
        worth = 10.0 * 4.0 * 0.8 * 0.95 * 0.8 + 10.0 * 5.0 * 0.5 - 12.0 * 1.5
        assert engine.health(book, terms, np.array([0]), "initial")[0] == pytest.approx(worth)
        kept = 10.0 * 5.0 * 0.9 * 0.98 * 0.9 + 10.0 * 5.0 * 0.7 - 10.0 * 1.3
        assert engine.health(book, terms, np.array([0]))[0] == pytest.approx(kept)


def reference(
    form: SettleTokenParameters, account: Statement, terms: Terms, prices: Mapping[str, float], kind: HealthKind
) -> dict[str, float]:
    """An account as the protocol's program computes it, token by token."""
    prefix, known = "maint" if kind == "maintenance" else "init", terms.known
    tokens = {"": form.settlement, **form.coins}
    oracle = {"": known.settlement_price, **dict(zip(COIN_PRICES, terms.coin_price.tolist(), strict=True))}
    balance = {"": account.cash, **{name: account.collateral.get(name, 0.0) for name in form.coins}}
    equity, required = sum(balance[t] * oracle[t] for t in tokens), 0.0
    for p in account.positions:
        market, m = form.markets[p.market], list(prices).index(p.market)
        price, settles = float(terms.price[m]), market.settles_in or ""
        paid = p.size * (p.entry - p.funding + float(terms.funding[m]))
        equity += (p.size * price - paid) * oracle[settles]
        distance = market.maint_base_liability - 1.0 if p.size < 0.0 else 1.0 - market.maint_base_asset
        off = min(float(terms.scale[m]) * distance, 1.0 if p.size > 0.0 else np.inf)
        required += abs(p.size) * price * off * oracle[settles]
        side = "liability" if p.size < 0.0 else "asset"
        weight = 1.0 + float(terms.scale[m]) * (getattr(market, f"{prefix}_base_{side}") - 1.0)
        if kind == "initial":
            price = max(price, known.stable[m]) if p.size < 0.0 else min(price, known.stable[m])
        worth = p.size * price * max(weight, 0.0) - paid
        balance[settles] += worth * getattr(market, f"{prefix}_overall_asset") if worth > 0.0 else worth
    health = 0.0
    for t, (name, rule) in enumerate(tokens.items()):
        low, high = (f(oracle[name], known.token_stable[t]) for f in (min, max))
        low, high = (low, high) if kind == "initial" else (oracle[name], oracle[name])
        asset, liability = getattr(rule, f"{prefix}_asset"), getattr(rule, f"{prefix}_liability")
        if kind == "initial" and rule.deposit_scale_start is not None:
            asset *= min(1.0, rule.deposit_scale_start / max(known.deposits[t] * high, 1e-300))
        if kind == "initial" and rule.borrow_scale_start is not None:
            liability *= max(1.0, known.borrows[t] * high / rule.borrow_scale_start)
        asset *= terms.factor[t - 1] if t else 1.0
        health += balance[name] * (liability * high if balance[name] < 0.0 else asset * low)
        if kind == "maintenance":
            required += max(-balance[name], 0.0) * (liability - 1.0) * oracle[name]
    return {"equity": equity, "health": health, "mm": required}


def crowded(terms: Terms) -> Terms:
    """The same terms with much deposited and owed, and slow prices that are not the oracle's."""
    state = replace(
        MarketState.quiet(terms.price, terms.coin_price), stable=terms.price * np.array([0.97, 1.02, 1.0]),
        token_stable=np.array([1.001, 58_000.0, 1.01]), deposits=np.array([1e6, 50.0, 1e6]),
        borrows=np.array([0.0, 30.0, 1e5]), settlement_price=0.998,
    )  # fmt: skip
    terms.state = state
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
        for row, account in enumerate(accounts):
            kept, opened, ended = (
                reference(FORM, account, terms, PRICES, kind) for kind in ("maintenance", "initial", "end")
            )
            found = {
                "equity": view.equity[row], "health": view.free_margin[row], "mm": view.mm[row],
                "initial": view.margin_equity[row] - view.im[row],
                "end": MADE.health(book, terms, np.array([row]), "end")[0],
            }  # fmt: skip
            expected = kept | {"initial": opened["health"], "end": ended["health"]}
            for key, number in expected.items():
                assert found[key] == pytest.approx(number, rel=1e-12, abs=1e-12 * scale[row]), key

    @given(accounts=statements(debts=True))
    @settings(max_examples=40, deadline=None)
    def test_the_compiled_loops_are_the_plain_ones(self, accounts: list[Statement]) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        weighing, settles = MADE.weighing(terms, "maintenance"), np.array([0, 0, 2])
        columns = (
            book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote, book.coins, terms.funding,
            settles, *weighing.arrays,
        )  # fmt: skip
        rows = np.arange(len(book))[::-1].copy()
        for name, given_ in (("health", (rows, *columns)), ("free_health", (rows, book.mode, *columns))):
            fast, plain = (getattr(kernels, f"{name}_kernel{end}")(*given_) for end in ("", "_python"))
            np.testing.assert_array_equal(fast, plain)
        for fast, plain in zip(
            kernels.slope_kernel(rows, *columns), kernels.slope_kernel_python(rows, *columns), strict=True
        ):
            np.testing.assert_array_equal(fast, plain)

    @given(accounts=statements(debts=True))
    @settings(max_examples=80, deadline=None)
    def test_parts_add_up_and_both_ways_to_free_margin_agree(self, accounts: list[Statement]) -> None:
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
        assert np.all(needs >= 0.0)
        assert np.all(needs[book.slot_market < 0] == 0.0)
        for row in rows:
            parts = MADE.explain(book, terms, int(row))
            for key in ("equity", "margin_equity", "im", "mm"):
                total = sum(getattr(part, key) for part in parts)
                assert total == pytest.approx(getattr(view, key)[row], rel=1e-9, abs=1e-9 * scale[row]), key
            for part in parts:
                if part.kind == "position":
                    slot = int(np.flatnonzero(book.slot_market[row] == part.index)[0])
                    assert part.mm == needs[row, slot]


def shaken(terms: Terms, **changes: Any) -> Terms:
    """The same terms with other prices or funding."""
    made = MADE.terms(
        changes.get("price", terms.price), changes.get("coin", terms.coin_price),
        funding=changes.get("funding", terms.funding),
    )  # fmt: skip
    made.scale, made.factor = terms.scale, terms.factor
    return made


class TestSensitivity:
    @given(accounts=statements(debts=True), seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 0.02))
    @settings(max_examples=150, deadline=None)
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

    @given(accounts=statements(debts=True), market=st.integers(0, 2), coin=st.integers(0, 1))
    @settings(max_examples=80, deadline=None)
    def test_the_slope_is_that_of_free_margin_away_from_kinks(
        self, accounts: list[Statement], market: int, coin: int
    ) -> None:
        """Forwards and backwards agree but at a kink, where the slope is one of the two."""
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        found, here = MADE.sensitivity(book, terms, rows), MADE.assess(book, terms, rows).free_margin
        gross = 1.0 + MADE.gross_sensitivity(book, terms, rows)
        price, coins = np.eye(3)[market] * terms.price * 1e-6, np.eye(2)[coin] * terms.coin_price * 1e-6
        slope = np.where(book.slot_market == market, found.price, 0.0).sum(axis=1) * price[market]
        for wanted, up, down in (
            (slope, {"price": terms.price + price}, {"price": terms.price - price}),
            (found.coin @ coins, {"coin": terms.coin_price + coins}, {"coin": terms.coin_price - coins}),
        ):
            rise = MADE.assess(book, shaken(terms, **up), rows).free_margin - here
            fall = here - MADE.assess(book, shaken(terms, **down), rows).free_margin
            miss = np.minimum(np.abs(rise - wanted), np.abs(fall - wanted))
            np.testing.assert_allclose(miss / gross, 0.0, atol=1e-11)


def short_of(book: Ledger, terms: Terms, row: int, missing: float) -> None:
    """Set an account's cash so that its health at the end of a liquidation is so much below zero, USD."""
    low, high = -1e13, 1e13
    for _ in range(120):
        book.quote[row] = (low + high) / 2.0
        enough = MADE.health(book, terms, np.array([row]), "end")[0] >= -missing
        low, high = (low, book.quote[row]) if enough else (book.quote[row], high)


class TestLiquidation:
    @given(accounts=statements(debts=True), part=st.floats(0.1, 0.99), missing=st.floats(0.001, 1.2))
    @settings(max_examples=150, deadline=None)
    def test_health_is_restored_and_no_more_than_needed_was_closed(
        self, accounts: list[Statement], part: float, missing: float
    ) -> None:
        """In the markets that settle in the settlement asset, as the ledger books what is realised."""
        for account in accounts:
            for slot, position in enumerate(account.positions):
                if position.market == "SOL":
                    continue
                book, terms = placed(MADE, [account], PRICES, COIN_PRICES)
                distance = 1.0 - FORM.markets[position.market].init_base_asset
                short_of(book, terms, 0, missing * distance * abs(position.size) * PRICES[position.market])
                scale, fee = account_scale(book, terms)[0], FORM.markets[position.market].liquidation_fee
                wanted, less = MADE.quantity_to_restore(book, terms, 0, slot), book.copy(np.array([0]))
                before = MADE.health(book, terms, np.array([0]), "end")[0]
                assert 0.0 < wanted <= abs(position.size)
                close(MADE, book, terms, 0, slot, wanted, fee)
                close(MADE, less, terms, 0, slot, part * wanted, fee)
                after, short = (MADE.health(b, terms, np.array([0]), "end")[0] for b in (book, less))
                if wanted < abs(position.size):
                    assert after == pytest.approx(0.0, abs=1e-9 * scale)
                assert before - 1e-9 * scale <= short < 1e-9 * scale

    def test_a_sound_account_has_nothing_to_close(self) -> None:
        positions = (Position("BTC", 1.0, 60_000.0),)
        book, terms = placed(MADE, [Statement(1e5, positions=positions)], PRICES, COIN_PRICES)
        assert MADE.quantity_to_restore(book, terms, 0, 0) == 0.0

    def test_by_hand_across_a_balance_of_zero(self) -> None:
        """Long 10 of B at 5, entered there, and 20 A owed: 20 * 1.2 = 24 short and 50 * 0.2 = 10 more of position.

        At 1 % off, a coin closed adds 4.95 - 4 to the balance: 30 * 1.2 = 36 short, all of the position adds 9.5.
        With 7 A held, the balance is 7 - 10 = -3, health -3.6: 3 / 0.95 coins.  With 1 C (0.5 * 10) owed besides at
        15 and 20 A held, the balance is 10, health 8 - 15 = -7: 7 / (0.8 * 0.95) coins.
        """
        form = MANGO.model_dump()
        form["markets"]["B"]["liquidation_fee"] = 0.01
        engine = SettleToken.build(SettleTokenParameters.model_validate(form), ("B",), ("B", "C"))
        terms = engine.terms(np.array([5.0]), np.array([5.0, 10.0]))
        for balances, wanted in (
            ((-20.0, 0.0, 0.0), 10.0), ((7.0, 0.0, 0.0), 3.0 / 0.95), ((20.0, 0.0, -1.0), 7.0 / (0.8 * 0.95)),
        ):  # fmt: skip
            _, book = mango(balances, 10.0, -50.0)
            assert engine.quantity_to_restore(book, terms, 0, 0) == pytest.approx(wanted)


class TestMonotone:
    @given(accounts=statements(debts=True), which=st.integers(-1, 1), more=st.floats(0.0, 1e5))
    @settings(max_examples=60, deadline=None)
    def test_more_collateral_never_lowers_health(self, accounts: list[Statement], which: int, more: float) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows, scale = np.arange(len(book)), account_scale(book, terms)
        for kind in ("maintenance", "initial", "end"):
            before = MADE.health(book, terms, rows, kind)
            (book.quote if which < 0 else book.coins[:, which])[:] += more
            assert np.all(MADE.health(book, terms, rows, kind) >= before - 1e-12 * scale)

    @given(accounts=statements(debts=True), more=st.floats(0.0, 2.0))
    @settings(max_examples=60, deadline=None)
    def test_a_uniform_rise_of_weights_never_lowers_the_requirement(
        self, accounts: list[Statement], more: float
    ) -> None:
        book, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        rows, scale = np.arange(len(book)), account_scale(book, terms)
        before, needs = MADE.assess(book, terms, rows), MADE.requirement(book, terms, rows)
        terms.scale = terms.scale * (1.0 + more)
        after = MADE.assess(book, terms, rows)
        assert np.all(after.mm >= before.mm - 1e-12 * scale)
        assert np.all(MADE.requirement(book, terms, rows) >= needs)
        assert np.all(after.free_margin <= before.free_margin + 1e-12 * scale)

    @given(accounts=statements(debts=True), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=80, deadline=None)
    def test_splitting_an_account_never_lowers_the_summed_requirement(
        self, accounts: list[Statement], seed: int
    ) -> None:
        """Requirement, and what of equity does not count as health, of two accounts that hold any parts of one."""
        rng = np.random.default_rng(seed)
        halves = []
        for account in accounts:
            share = rng.uniform(-1.0, 2.0, 2 + len(account.positions))
            for parts in (share, 1.0 - share):
                positions = tuple(
                    replace(p, size=p.size * x) for p, x in zip(account.positions, parts[2:], strict=True) if x
                )
                held = {name: amount * parts[1] for name, amount in account.collateral.items()}
                halves.append(Statement(account.cash * parts[0], held, positions))
        whole, terms = placed(MADE, accounts, PRICES, COIN_PRICES)
        split, _ = placed(MADE, halves, PRICES, COIN_PRICES)
        one, two = (MADE.assess(b, terms, np.arange(len(b))) for b in (whole, split))
        scale = account_scale(split, terms).reshape(-1, 2).sum(axis=1)
        for counts in (lambda v: v.mm, lambda v: v.equity - v.free_margin, lambda v: v.equity - v.margin_equity + v.im):
            assert np.all(counts(two).reshape(-1, 2).sum(axis=1) >= counts(one) - 1e-12 * scale)


class TestForm:
    def test_a_market_settles_in_a_coin_that_there_is(self) -> None:
        with pytest.raises(ValueError, match="market BTC settles in DAI, which is none of the coins"):
            SettleTokenParameters.model_validate(
                {"settlement": token(0.0), "markets": {"BTC": perp(0.1, 1.0, settles_in="DAI")}}
            )

    def test_the_coin_that_a_market_settles_in_is_among_those_of_the_accounts(self) -> None:
        with pytest.raises(UnknownAsset, match="collateral USDC is unknown; known: BTC"):
            SettleToken.build(FORM, ("SOL",), ("BTC",))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"init_base_asset": 0.95}, "init_base_asset must be <= maint_base_asset, got 0.95 and 0.9"),
            ({"init_base_liability": 1.05}, "init_base_liability must be >= maint_base_liability, got 1.05 and 1.1"),
            ({"init_overall_asset": 1.0}, "init_overall_asset must be <= maint_overall_asset, got 1.0 and 0.5"),
        ],
    )
    def test_initial_weights_of_a_market_are_the_stricter_ones(self, change: dict[str, float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            SettleTokenParameters.model_validate({"settlement": token(0.0), "markets": {"X": perp(0.1, 0.5) | change}})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"init_asset": 0.95}, "init_asset must be <= maint_asset, got 0.95 and 0.9"),
            ({"init_liability": 1.05}, "init_liability must be >= maint_liability, got 1.05 and 1.1"),
        ],
    )
    def test_initial_weights_of_a_token_are_the_stricter_ones(self, change: dict[str, float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            SettleTokenParameters.model_validate({"settlement": token(0.1) | change})
