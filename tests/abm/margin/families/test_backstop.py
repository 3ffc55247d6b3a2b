"""A backstop vault: liquidation prices as Hyperliquid returned them, its margin tiers, and what happens below maintenance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.engine import UnknownAsset
from abm.margin.families.backstop import Backstop, BackstopParameters
from abm.margin.preset import load_preset
from abm.margin.rules.backstop import BOOK, NONE, VAULT
from abm.margin.statement import Position, Statement, ledger_of
from abm.margin.valuation import value
from tests.abm.margin.families.portfolios import PRICES, close, moved, placed, silent, statements

FORM = load_preset("hyperliquid").parameters

# Figures of freqtrade/freqtrade, tests/exchange/test_hyperliquid.py: positions as the exchange returned them.
POSITIONS = [
    # largest leverage, size, entry, collateral, liquidation price
    (50, 0.015, 2458.5, 36.864593, 0.86915825),
    (50, 0.00039, 63287.0, 24.673292, 22.37166537),
    (20, 0.33, 145.83, 24.045107, 74.83696193),
    (20, 437.0, 0.11586, 25.29769, 0.05945697),
    (50, -0.019, 2642.8, 25.091876, 3924.18322043),
    (20, -0.32, 155.89, 24.924941, 228.07847866),
    (50, -0.00031, 67400.0, 20.887308, 133443.97317151),
    (20, -0.11, 178.29, 19.605036, 347.82205322),
    (20, 360.0, 0.13284, 15.943218, 0.09082388),
    (10, -0.5, 190.0, 9.5, 199.04761904761904),
    (10, 1.0, 350.0, 50.0, 315.7894736842105),
]


def engine(form: BackstopParameters = FORM) -> Backstop:
    return Backstop.build(form, tuple(PRICES), ())


def plain(accounts: list[Statement]) -> list[Statement]:
    """The accounts without other collateral, which this family has none of."""
    return [Statement(a.cash, {}, a.positions) for a in accounts]


class TestHyperliquid:
    @pytest.mark.parametrize(("leverage", "size", "entry", "margin", "price"), POSITIONS)
    def test_liquidation_prices(self, leverage: int, size: float, entry: float, margin: float, price: float) -> None:
        form = BackstopParameters.model_validate(
            {"markets": {"X": {"tiers": [[0, leverage]]}}, "liquidation": FORM.liquidation.model_dump()}
        )
        made = Backstop.build(form, ["X"], ())
        book = ledger_of([Statement(margin, positions=(Position("X", size, entry),))], ["X"], [])
        terms = made.terms(np.array([entry]), np.zeros(0))
        found = made.liquidation_price(book, terms, np.array([0]))[0, 0]
        assert found == pytest.approx(price, rel=1e-4)

    @given(accounts=statements(), row=st.integers(0, 4))
    @settings(max_examples=60, deadline=None)
    def test_in_one_tier_they_are_the_docs_formula(self, accounts: list[Statement], row: int) -> None:
        """price - side * available / size / (1 - side * rate), available = account value less maintenance."""
        form = BackstopParameters.model_validate(
            {"markets": {m: {"tiers": [[0, 20]]} for m in PRICES}, "liquidation": FORM.liquidation.model_dump()}
        )
        made = engine(form)
        book, terms = placed(made, plain(accounts), PRICES)
        terms.scale, row = np.ones(3), row % len(accounts)
        view = made.assess(book, terms, np.array([row]))
        for k in np.flatnonzero(book.slot_market[row] >= 0):
            size, price = book.slot_size[row, k], terms.price[book.slot_market[row, k]]
            expected = price - (view.margin_equity[0] - view.mm[0]) / size / (1.0 - np.sign(size) * 0.025)
            found = made.liquidation_price(book, terms, np.array([row]))[0, k]
            if expected > 1e-6 * price:
                assert found == pytest.approx(expected, rel=1e-9)
            elif expected < -1e-6 * price:
                assert np.isnan(found)

    @pytest.mark.parametrize(
        ("notional", "im", "mm"),
        # 40x up to 150m and 20x above: rates of 1.25 % and 2.5 %, deduction 150m * 1.25 % = 1.875m
        [(1e6, 25_000.0, 12_500.0), (150e6, 7.5e6, 1.875e6), (200e6, 10e6, 200e6 * 0.025 - 1.875e6)],
    )
    def test_margin_tiers_of_btc(self, notional: float, im: float, mm: float) -> None:
        account = Statement(notional, positions=(Position("BTC", notional / 1e5, 1e5),))
        view = value(load_preset("hyperliquid"), [account], {"BTC": 1e5}).view
        assert (view.im[0], view.mm[0]) == (pytest.approx(im), pytest.approx(mm))


class TestStages:
    def test_book_below_maintenance_vault_below_two_thirds_of_it(self) -> None:
        """Long 10 BTC at 100,000: maintenance 12,500, two thirds of it 8,333.33."""
        made = engine()
        long = (Position("BTC", 10.0, 1e5),)
        accounts = [Statement(cash, positions=long) for cash in (12_500.0, 12_499.0, 8_334.0, 8_333.0, -1.0)]
        book = ledger_of([*accounts, Statement(0.0), Statement(-1.0, positions=long)], tuple(PRICES), ())
        book.mode[-1] = SYSTEM
        terms = made.terms(np.array([1e5, 2_500.0, 150.0]), np.zeros(0))
        found = made.stages(book, terms, np.arange(len(book)))
        assert found.tolist() == [NONE, BOOK, BOOK, VAULT, VAULT, NONE, NONE]

    @given(accounts=statements())
    @settings(max_examples=40, deadline=None)
    def test_an_account_has_a_stage_where_its_free_margin_is_negative(self, accounts: list[Statement]) -> None:
        made = engine()
        book, terms = placed(made, plain(accounts), PRICES)
        rows = np.arange(len(book))
        stages, free = made.stages(book, terms, rows), made.free_margin(book, terms, rows)
        view = made.assess(book, terms, rows)
        clear = ~silent(book) & (np.abs(free) > 1e-9 * (1.0 + view.notional))
        assert np.array_equal((stages != NONE)[clear], (free < 0.0)[clear])


class TestRestore:
    @given(accounts=statements(), target=st.floats(0.0, 1.0), part=st.floats(0.1, 0.999))
    @settings(max_examples=100, deadline=None)
    def test_it_restores_the_target_and_less_of_it_does_not(
        self, accounts: list[Statement], target: float, part: float
    ) -> None:
        made = engine()
        for row in range(len(accounts)):
            book, terms = placed(made, plain(accounts), PRICES)
            if book.slot_market[row, 0] < 0:
                continue
            before = made.assess(book, terms, np.array([row]))
            whole, scale = abs(book.slot_size[row, 0]), 1.0 + before.notional[0] + abs(before.equity[0])
            wanted = made.quantity_to_restore(book, terms, row, 0, target)
            less, _ = placed(made, plain(accounts), PRICES)
            close(made, book, terms, row, 0, wanted, 0.0)
            after = made.assess(book, terms, np.array([row]))
            if wanted < whole:
                assert after.free_margin[0] >= target * after.mm[0] - 1e-9 * scale
            if wanted > 0.0 and before.equity[0] > 0.0:
                close(made, less, terms, row, 0, part * wanted, 0.0)
                short = made.assess(less, terms, np.array([row]))
                assert short.free_margin[0] < target * short.mm[0] + 1e-9 * scale


class TestMonotone:
    @given(accounts=statements(), more=st.floats(0.0, 1e6))
    @settings(max_examples=40, deadline=None)
    def test_more_collateral_never_lowers_health_and_never_worsens_the_stage(
        self, accounts: list[Statement], more: float
    ) -> None:
        made = engine()
        book, terms = placed(made, plain(accounts), PRICES)
        rows = np.arange(len(book))
        before, stage = made.assess(book, terms, rows), made.stages(book, terms, rows)
        book.quote += more
        after = made.assess(book, terms, rows)
        assert np.all(after.free_margin >= before.free_margin - 1e-12 * (1.0 + np.abs(before.equity)))
        assert np.all(made.stages(book, terms, rows) <= stage)

    @given(accounts=statements(), size=st.floats(0.0, 0.02), sign=st.sampled_from([-1.0, 1.0]))
    @settings(max_examples=40, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_one_says(
        self, accounts: list[Statement], size: float, sign: float
    ) -> None:
        made = engine()
        book, terms = placed(made, plain(accounts), PRICES)
        rows = np.arange(len(book))
        gross = made.gross_sensitivity(book, terms, rows)
        after = moved(made, terms, price=terms.price * (1.0 + sign * size))
        before, now = (made.assess(book, t, rows).free_margin for t in (terms, after))
        assert np.all(before - now <= gross * size + 1e-9 * (1.0 + gross))

    def test_lower_leverage_never_lowers_a_requirement(self) -> None:
        low = FORM.model_dump()
        for market in low["markets"].values():
            market["tiers"] = [(floor, max(leverage / 2, 1.0)) for floor, leverage in market["tiers"]]
        accounts = [Statement(1e6, positions=(Position("BTC", size, 6e4),)) for size in (0.1, 100.0, 5_000.0, -9_000.0)]
        found = []
        for form in (FORM, BackstopParameters.model_validate(low)):
            book, terms = placed(engine(form), accounts, PRICES)
            found.append(engine(form).assess(book, terms, np.arange(4)))
        assert np.all(found[1].mm > found[0].mm)
        assert np.all(found[1].im > found[0].im)

    def test_two_halves_need_less_than_one_whole(self) -> None:
        """Not sub-additive: 200m of BTC need 3.125m, twice 100m need 2 * 1.25m."""
        preset, size = load_preset("hyperliquid"), 2_000.0
        whole = value(preset, [Statement(1e7, positions=(Position("BTC", size, 1e5),))], {"BTC": 1e5})
        halves = value(preset, [Statement(5e6, positions=(Position("BTC", size / 2, 1e5),))] * 2, {"BTC": 1e5})
        assert whole.view.mm[0] == pytest.approx(3.125e6)
        assert halves.view.mm.sum() == pytest.approx(2.5e6)


class TestForm:
    def test_there_is_no_collateral_but_the_settlement_asset(self) -> None:
        with pytest.raises(UnknownAsset, match="collateral ETH is unknown; known: none"):
            Backstop.build(FORM, ["BTC"], ["ETH"])

    @pytest.mark.parametrize(
        ("tiers", "message"), [([[0, 10], [5, 20]], "the maintenance rate falls"), ([[1, 10]], "does not start at 0")]
    )
    def test_what_is_wrong_is_told(self, tiers: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            BackstopParameters.model_validate(
                {"markets": {"X": {"tiers": tiers}}, "liquidation": FORM.liquidation.model_dump()}
            )
