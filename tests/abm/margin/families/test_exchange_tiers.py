"""Exchanges with tiers: figures of their pages, a plain reference per account, and what must hold for every account."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families import tiered_kernels as kernels
from abm.margin.families.exchange_tiers import ExchangeTiers, ExchangeTiersParameters
from abm.margin.preset import load_preset
from abm.margin.statement import Leg, Position, Statement, ledger_of
from abm.margin.valuation import value
from tests.abm.margin.families.portfolios import COIN_PRICES, PRICES, close, moved, placed, silent, statements

BINANCE = load_preset("binance").parameters
ENTRY = ExchangeTiersParameters.model_validate({**BINANCE.model_dump(), "basis": "entry"})
SIZED = ExchangeTiersParameters.model_validate(
    {
        "basis": "price",
        "markets": {
            # Deribit's rates of its linear perpetuals (support 25944738177565), here with a second tier and a fee as OKX's
            "BTC": {"tiers": [[0, 0.01, 50]], "maintenance_slope": 5e-5, "initial_slope": 5e-5},
            "ETH": {"tiers": [[0, 0.01, 50], [1e6, 0.02, 20]], "maintenance_slope": 4e-6, "initial_slope": 4e-6},
            "SOL": {"tiers": [[0, 0.02, 25]], "maintenance_slope": 5e-6, "initial_slope": 5e-6, "taker_fee": 0.0005},
        },
        "coins": {"BTC": {"haircut": [[0, 0.05], [5e3, 0.1], [1e4, 0.4]]}, "USDC": {"haircut": [[0, 0.0], [1e3, 1.0]]}},
    }
)
FORMS = {"binance": BINANCE, "entry": ENTRY, "sized": SIZED}


def engine(name: str) -> ExchangeTiers:
    return ExchangeTiers.build(FORMS[name], tuple(PRICES), tuple(COIN_PRICES))


def reference(
    form: ExchangeTiersParameters, account: Statement, terms: Terms, prices: Mapping[str, float]
) -> dict[str, float]:
    """An account as the exchange's page computes it, tier by tier, without amounts: each slice of notional at its rate."""
    cash, im, mm = account.cash, 0.0, 0.0
    for p in account.positions:
        at = list(prices).index(p.market)
        market, price = form.markets[p.market], prices[p.market]
        cash += p.size * ((price - terms.funding[at]) - (p.entry - p.funding))
        notional = abs(p.size) * (price if form.basis == "price" else p.entry)
        need, bracket = 0.0, market.tiers[0]
        for t, tier in enumerate(market.tiers):
            top = market.tiers[t + 1][0] if t + 1 < len(market.tiers) else np.inf
            need += tier[1] * max(min(notional, top) - tier[0], 0.0)
            bracket = tier if notional >= tier[0] else bracket
        extra = notional * market.taker_fee
        mm += terms.scale[at] * (need + notional * market.maintenance_slope * abs(p.size) + extra)
        im += terms.scale[at] * (notional * (1.0 / bracket[2] + market.initial_slope * abs(p.size)) + extra)
    equity = margin = cash
    for h, (asset, price) in enumerate(COIN_PRICES.items()):
        worth = account.collateral.get(asset, 0.0) * price
        equity += worth
        haircut = form.coins[asset].haircut
        counts, bands = 0.0, haircut if isinstance(haircut, tuple) else ((0.0, haircut),)
        for b, (start, off) in enumerate(bands):
            top = bands[b + 1][0] if b + 1 < len(bands) else np.inf
            counts += (1.0 - off) * max(min(worth, top) - start, 0.0)
        margin += counts * terms.factor[h] if worth > 0.0 else worth
    return {"equity": equity, "margin_equity": margin, "im": im, "mm": mm}


NAMES = pytest.mark.parametrize("name", list(FORMS))


class TestAgainstTheReference:
    @NAMES
    @given(accounts=statements(debts=True))
    @settings(max_examples=60, deadline=None)
    def test_every_account_is_what_the_page_says(self, name: str, accounts: list[Statement]) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        view = made.assess(book, terms, np.arange(len(book)))
        for row, account in enumerate(accounts):
            expected = reference(FORMS[name], account, terms, PRICES)
            size = 1.0 + abs(account.cash) + sum(abs(p.size) * 2e5 for p in account.positions)
            for key, number in expected.items():
                wide = size if key in ("equity", "margin_equity") else abs(number)
                assert getattr(view, key)[row] == pytest.approx(number, rel=1e-12, abs=1e-12 * wide)

    @NAMES
    @given(accounts=statements(debts=True))
    @settings(max_examples=30, deadline=None)
    def test_the_compiled_loops_are_the_plain_ones(self, name: str, accounts: list[Statement]) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        s, rows = made.schedule, np.arange(len(book))
        free = (
            rows, book.mode, book.slot_market, book.slot_size, book.slot_entry, book.quote, book.coins, terms.price,
            terms.funding, terms.scale, s.floor, s.maintenance, s.amount, made.slope, made.fee, made.by_entry,
            terms.coin_price, terms.factor, *made.bands,
        )  # fmt: skip
        need = (
            rows, book.slot_market, book.slot_size, book.slot_entry, terms.price, terms.scale, s.floor, s.maintenance,
            s.amount, made.slope, made.fee, made.by_entry,
        )  # fmt: skip
        gross = (
            rows, book.slot_market, book.slot_size, book.coins, terms.price, terms.scale, s.floor, s.maintenance,
            made.slope, made.fee, made.by_entry, 0.02, terms.coin_price, terms.factor, made.bands[0], made.bands[2],
        )  # fmt: skip
        whole = (
            rows, *free[2:13], made.slope, s.initial, made.initial_slope, made.fee, made.by_entry, terms.coin_price,
            terms.factor, *made.bands,
        )  # fmt: skip
        for kernel, given_ in (("free_margin", free), ("requirement", need), ("gross", gross), ("assess", whole)):
            fast, plain = (getattr(kernels, f"{kernel}_kernel{end}")(*given_) for end in ("", "_python"))
            np.testing.assert_allclose(fast, plain, rtol=1e-14, atol=0.0)

    @NAMES
    @given(accounts=statements(debts=True))
    @settings(max_examples=40, deadline=None)
    def test_parts_and_slots_add_up_and_both_ways_to_free_margin_agree(
        self, name: str, accounts: list[Statement]
    ) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        book.mode[-1] = SYSTEM
        rows = np.arange(len(book))
        view, free = made.assess(book, terms, rows), made.free_margin(book, terms, rows)
        np.testing.assert_allclose(made.requirement(book, terms, rows).sum(axis=1), view.mm, rtol=1e-12)
        assert np.all(np.isposinf(free) == silent(book))
        scale = 1.0 + view.notional + np.abs(view.equity)
        np.testing.assert_allclose(((free - view.free_margin) / scale)[~silent(book)], 0.0, atol=1e-12)
        for row in rows:
            parts = made.explain(book, terms, row)
            for key in ("equity", "margin_equity", "im", "mm"):
                total = sum(getattr(part, key) for part in parts)
                assert total == pytest.approx(getattr(view, key)[row], rel=1e-9, abs=1e-9 * scale[row])


class TestSensitivity:
    @NAMES
    @given(accounts=statements(debts=True), seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 0.02))
    @settings(max_examples=80, deadline=None)
    def test_free_margin_falls_by_no_more_than_the_gross_one_says(
        self, name: str, accounts: list[Statement], seed: int, size: float
    ) -> None:
        made, rng = engine(name), np.random.default_rng(seed)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        gross = made.gross_sensitivity(book, terms, rows)
        split, sign = rng.uniform(0.0, 1.0, 3), rng.choice([-1.0, 1.0], (3, 3))
        after = moved(
            made, terms, price=terms.price * (1.0 + size * split * sign[0]),
            funding=terms.funding + size * (1.0 - split) * sign[1] * terms.price,
            coin=terms.coin_price * (1.0 + size * sign[2, :2]),
        )  # fmt: skip
        before, now = (made.assess(book, t, rows).free_margin for t in (terms, after))
        assert np.all(before - now <= gross * size + 1e-9 * (1.0 + gross))

    @NAMES
    @given(accounts=statements(debts=True), market=st.integers(0, 2))
    @settings(max_examples=40, deadline=None)
    def test_the_slope_is_that_of_free_margin(self, name: str, accounts: list[Statement], market: int) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        found = made.sensitivity(book, terms, rows)
        step = 1e-7 * terms.price[market]
        up = terms.price.copy()
        up[market] += step
        change = made.assess(book, moved(made, terms, price=up), rows).free_margin
        change = change - made.assess(book, terms, rows).free_margin
        slope = np.where(book.slot_market == market, found.price, 0.0).sum(axis=1)
        gross = made.gross_sensitivity(book, terms, rows)
        np.testing.assert_allclose((change - slope * step) / (1.0 + gross), 0.0, atol=1e-12)
        coin = made.assess(book, moved(made, terms, coin=terms.coin_price * (1.0 + 1e-7)), rows).free_margin
        coin = coin - made.assess(book, terms, rows).free_margin
        np.testing.assert_allclose((coin - found.coin @ (1e-7 * terms.coin_price)) / (1.0 + gross), 0.0, atol=1e-12)


class TestLiquidationPrice:
    def test_binance_s_own_example(self) -> None:
        """Support faq b3c689c1f50a44cabb3a84e663b81d93: long 3,683.979 ETH at 1,456.84 and short 109.488 BTC at
        32,481.980, wallet 1,535,443.01; with rates of 10 % and 2.5 % and amounts of 135,365 and 16,300 the ETH
        position is liquidated at 1,153.26, the BTC position at 26,316.89."""
        form = ExchangeTiersParameters.model_validate(
            {
                "basis": "price",
                "markets": {
                    "ETH": {"tiers": [[0, 0.1, 1]]},
                    "BTC": {"tiers": [[0, 0.025, 1]]},
                },
            }
        )
        made = ExchangeTiers.build(form, ["ETH", "BTC"], [])
        made.schedule.amount[:, 0] = [135_365.0, 16_300.0]
        positions = (Position("ETH", 3_683.979, 1_456.84), Position("BTC", 109.488, 32_481.98))
        book = ledger_of([Statement(1_535_443.01, positions=positions)], ["ETH", "BTC"], [])
        terms = made.terms(np.array([1_335.18, 31_967.27]), np.zeros(0))
        assert made.liquidation_price(book, terms, np.array([0]))[0] == pytest.approx([1_153.26, 26_316.89], abs=0.01)

    @pytest.mark.parametrize(
        ("size", "entry", "margin", "price"),
        # freqtrade/freqtrade, tests/exchange/test_exchange.py, the taker fee of 0.06 % in the rate of 1 % (OKX, Gate)
        [
            (1.0, 10.0, 2.0, 8.085708510208207),
            (1.0, 10.0, 10.0 / 3.0, 6.738090425173506),
            (-1.0, 8.0, 1.6, 9.499307342172967),
        ],
    )
    def test_a_fee_that_is_counted_brings_it_closer(
        self, size: float, entry: float, margin: float, price: float
    ) -> None:
        market = {"tiers": [[0, 0.01, 1]], "taker_fee": 0.0006}
        form = ExchangeTiersParameters.model_validate({"basis": "price", "markets": {"X": market}})
        made = ExchangeTiers.build(form, ["X"], [])
        book = ledger_of([Statement(margin, positions=(Position("X", size, entry),))], ["X"], [])
        found = made.liquidation_price(book, made.terms(np.array([entry]), np.zeros(0)), np.array([0]))
        assert found[0, 0] == pytest.approx(price, rel=1e-12)

    @pytest.mark.parametrize(
        ("size", "leverage", "price"), [(1.0, 3.0, 6.766666666666667), (-1.0, 10.0, 10.9), (1.0, 2.0, 5.1)]
    )
    def test_at_entry_it_is_one_less_the_leverage_plus_the_rate(
        self, size: float, leverage: float, price: float
    ) -> None:
        """freqtrade/freqtrade, tests/exchange/test_bybit.py: entry 10, maintenance 1 %."""
        form = ExchangeTiersParameters.model_validate({"basis": "entry", "markets": {"X": {"tiers": [[0, 0.01, 1]]}}})
        made = ExchangeTiers.build(form, ["X"], [])
        book = ledger_of([Statement(10.0 / leverage, positions=(Position("X", size, 10.0),))], ["X"], [])
        for mark in (9.0, 10.0):
            found = made.liquidation_price(book, made.terms(np.array([mark]), np.zeros(0)), np.array([0]))
            assert found[0, 0] == pytest.approx(price, rel=1e-9)

    @NAMES
    @given(accounts=statements())
    @settings(max_examples=60, deadline=None)
    def test_free_margin_is_zero_there_and_nowhere_where_there_is_none(
        self, name: str, accounts: list[Statement]
    ) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        found = made.liquidation_price(book, terms, np.arange(len(book)))
        for row, k in zip(*np.nonzero(book.slot_market >= 0), strict=True):
            m, at = int(book.slot_market[row, k]), terms.price.copy()
            if np.isfinite(found[row, k]):
                at[m] = found[row, k]
                view = made.assess(book, moved(made, terms, price=at), np.array([row]))
                scale = 1.0 + view.notional[0] + abs(view.equity[0]) + abs(book.slot_size[row, k]) * terms.price[m]
                assert view.free_margin[0] == pytest.approx(0.0, abs=1e-9 * scale)
                continue
            signs = set()
            for at[m] in np.geomspace(1e-9, 1e9, 200):
                signs.add(bool(made.assess(book, moved(made, terms, price=at), np.array([row])).free_margin[0] < 0.0))
            assert len(signs) == 1

    def test_a_system_account_with_nothing_has_none(self) -> None:
        made = engine("binance")
        book, terms = placed(made, [Statement(10.0)], PRICES, COIN_PRICES)
        assert np.all(np.isnan(made.liquidation_price(book, terms, np.array([0]))))


class TestQuantityToRestore:
    @NAMES
    @given(
        accounts=statements(), target=st.floats(0.0, 1.0), penalty=st.sampled_from([0.0, 0.001, 0.01]),
        part=st.floats(0.1, 0.999),
    )  # fmt: skip
    @settings(max_examples=120, deadline=None)
    def test_it_restores_the_target_and_less_of_it_does_not(
        self, name: str, accounts: list[Statement], target: float, penalty: float, part: float
    ) -> None:
        made = engine(name)
        for row in range(len(accounts)):
            book, terms = placed(made, accounts, PRICES, COIN_PRICES)
            if book.slot_market[row, 0] < 0:
                continue
            before = made.assess(book, terms, np.array([row]))
            whole, scale = abs(book.slot_size[row, 0]), 1.0 + before.notional[0] + abs(before.margin_equity[0])
            wanted = made.quantity_to_restore(book, terms, row, 0, target, penalty)
            assert 0.0 <= wanted <= whole
            if before.equity[0] <= 0.0:
                assert wanted == whole
                continue
            less, _ = placed(made, accounts, PRICES, COIN_PRICES)
            close(made, book, terms, row, 0, wanted, penalty)
            after = made.assess(book, terms, np.array([row]))
            if wanted < whole:
                assert after.free_margin[0] >= target * after.mm[0] - 1e-9 * scale
            if wanted > 0.0:
                close(made, less, terms, row, 0, part * wanted, penalty)
                short = made.assess(less, terms, np.array([row]))
                assert short.free_margin[0] < target * short.mm[0] + 1e-9 * scale

    def test_by_hand_across_two_tiers(self) -> None:
        """Long 100 at a price of 10, 1 % up to 400 and 5 % above: maintenance 1,000 * 5 % - 16 = 34, equity 20.

        At 400 left maintenance is 4, so 20 is met where 5 % n - 16 = 20, n = 720: 28 of the 100 go.
        """
        form = ExchangeTiersParameters.model_validate(
            {"basis": "price", "markets": {"X": {"tiers": [[0, 0.01, 20], [400, 0.05, 10]]}}}
        )
        made = ExchangeTiers.build(form, ["X"], [])
        book = ledger_of([Statement(20.0, positions=(Position("X", 100.0, 10.0),))], ["X"], [])
        terms = made.terms(np.array([10.0]), np.zeros(0))
        assert made.quantity_to_restore(book, terms, 0, 0, 0.0) == pytest.approx(28.0)
        assert made.quantity_to_restore(book, terms, 0, 0, 1.0) == pytest.approx(100.0 - (10.0 + 16.0) / 0.05 / 10.0)


class TestMonotone:
    @NAMES
    @given(accounts=statements(debts=True), which=st.integers(-1, 1), more=st.floats(0.0, 1e5))
    @settings(max_examples=40, deadline=None)
    def test_more_collateral_never_lowers_health(
        self, name: str, accounts: list[Statement], which: int, more: float
    ) -> None:
        made = engine(name)
        book, terms = placed(made, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        before = made.assess(book, terms, rows)
        (book.quote if which < 0 else book.coins[:, which])[:] += more
        after = made.assess(book, terms, rows)
        assert np.all(after.free_margin >= before.free_margin - 1e-12 * (1.0 + np.abs(before.equity)))
        assert np.all(after.margin_equity - after.im >= before.margin_equity - before.im - 1e-9)

    @NAMES
    @given(accounts=statements(), more=st.floats(0.0, 0.2))
    @settings(max_examples=40, deadline=None)
    def test_higher_rates_never_lower_a_requirement(self, name: str, accounts: list[Statement], more: float) -> None:
        form = FORMS[name].model_dump()
        for market in form["markets"].values():
            market["tiers"] = [(f, min(r + more, 0.99), 1.0) for f, r, _ in market["tiers"]]
        raised = ExchangeTiers.build(ExchangeTiersParameters.model_validate(form), tuple(PRICES), tuple(COIN_PRICES))
        book, terms = placed(raised, accounts, PRICES, COIN_PRICES)
        rows = np.arange(len(book))
        low, high = (e.assess(book, terms, rows) for e in (engine(name), raised))
        assert np.all(high.mm >= low.mm * (1.0 - 1e-12))
        assert np.all(high.im >= low.im * (1.0 - 1e-12))

    def test_two_halves_need_less_than_one_whole(self) -> None:
        """Not sub-additive: 10m USD of BTC in one account need 88,550 USD, in two of 5m each 77,100."""
        preset = load_preset("binance")
        whole = value(preset, [Statement(1e6, positions=(Position("BTC", 100.0, 1e5),))], {"BTC": 1e5})
        halves = value(preset, [Statement(5e5, positions=(Position("BTC", 50.0, 1e5),))] * 2, {"BTC": 1e5})
        assert (whole.view.mm[0], halves.view.mm.sum()) == (88_550.0, 77_100.0)


class TestWhatItRefuses:
    def test_options(self) -> None:
        made = engine("binance")
        book, terms = placed(made, [Statement(10.0, legs=(Leg(0, 1.0),))], PRICES, COIN_PRICES)
        with pytest.raises(ValueError, match="account 1 holds options"):
            made.assess(book, terms, np.array([0]))

    def test_assets_that_the_preset_does_not_have(self) -> None:
        with pytest.raises(UnknownAsset, match="market XMR is unknown"):
            ExchangeTiers.build(BINANCE, ["XMR"], [])
        with pytest.raises(UnknownAsset, match="collateral XMR is unknown"):
            ExchangeTiers.build(BINANCE, ["BTC"], ["XMR"])

    @pytest.mark.parametrize("bands", [[[1, 0.1]], [[0, 0.2], [5, 0.1]], []])
    def test_bands_of_collateral_out_of_order(self, bands: list[list[float]]) -> None:
        with pytest.raises(ValueError, match=r"starts must begin at 0|must lie in|needs as many"):
            ExchangeTiersParameters.model_validate(
                {"basis": "price", "markets": {}, "coins": {"X": {"haircut": bands}}}
            )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"tiers": [[5, 0.01, 20]]}, "does not start at 0"),
            ({"tiers": []}, "at least 1 item"),
            ({"tiers": [[0, 1.0, 20]]}, "less than 1"),
            ({"tiers": [[0, 0.01, 0.5]]}, "greater than or equal to 1"),
            ({"tiers": [[0, 0.01, 20]], "taker_fee": -0.1}, "greater than or equal to 0"),
        ],
    )
    def test_forms_that_are_wrong(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            ExchangeTiersParameters.model_validate({"basis": "price", "markets": {"X": change}})
