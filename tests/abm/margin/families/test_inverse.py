"""Inverse contracts: figures of the exchanges' pages, a plain reference per account, and what must hold for every account."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.engine import Terms, UnknownAsset
from abm.margin.families import inverse_kernels as kernels
from abm.margin.families.inverse import Inverse, InverseParameters
from abm.margin.preset import load_preset
from abm.margin.rules import inverse as rules
from abm.margin.statement import Leg, Position, Statement, ledger_of
from abm.margin.valuation import value
from tests.abm.margin.families.portfolios import close, moved, placed, silent

PRICES = {"BTC": 60_000.0, "BTC-DEC": 61_000.0, "ETH": 2_500.0}
TIERS = [[0, 0.005, 0.01], [150, 0.01, 0.015], [300, 0.02, 0.03]]
BYBIT = InverseParameters.model_validate(
    {
        "basis": "entry",
        "markets": {
            "BTC": {"coin": "BTC", "tiers": TIERS, "taker_fee": 0.00075},
            "BTC-DEC": {"coin": "BTC", "tiers": TIERS, "taker_fee": 0.0006},
            "ETH": {"coin": "ETH", "tiers": [[0, 0.01, 0.02]], "taker_fee": 0.00075},
        },
    }
)
DERIBIT = InverseParameters.model_validate(
    {
        "basis": "price",
        "markets": {
            name: {"coin": name[:3], "tiers": [[0, 0.01, 0.02]], "maintenance_slope": slope, "initial_slope": slope}
            for name, slope in (("BTC", 5e-5), ("BTC-DEC", 5e-5), ("ETH", 4e-6))
        },
    }
)
TIERED = InverseParameters.model_validate({**BYBIT.model_dump(), "basis": "price"})
FORMS = {"bybit": BYBIT, "deribit": DERIBIT, "tiered": TIERED}
NAMES = pytest.mark.parametrize("name", list(FORMS))


def engine(name: str) -> Inverse:
    return Inverse.build(FORMS[name], tuple(PRICES), ())


@st.composite
def statements(draw: st.DrawFn) -> Any:
    """Accounts of one coin: a perpetual, and for BTC a future beside it."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.sampled_from([[], ["BTC"], ["BTC-DEC", "BTC"], ["ETH"]]))
        positions = []
        for name in names:
            coins = 10.0 ** draw(st.floats(-2.0, 3.0)) * draw(st.sampled_from([1.0, -1.0]))
            entry = PRICES[name] * draw(st.floats(0.7, 1.4))
            positions.append(Position(name, coins * PRICES[name], entry, draw(st.sampled_from([0.0, 1e-7]))))
        gross = sum(abs(p.size) / PRICES[p.market] for p in positions) + 1.0
        made.append(Statement(gross * draw(st.floats(-0.1, 1.5)), {}, tuple(positions)))
    return made


def put(made: Inverse, accounts: list[Statement]) -> tuple[Any, Terms]:
    book, terms = placed(made, accounts, PRICES)
    terms.funding = terms.funding * 1e-8
    return book, terms


def reference(form: InverseParameters, account: Statement, terms: Terms) -> dict[str, float]:
    """An account in coins as the page writes it: profits one by one, each fee at its position's own bankruptcy price."""
    at = {name: m for m, name in enumerate(PRICES)}
    gains = [
        p.size * (1.0 / p.entry - 1.0 / PRICES[p.market]) - p.size * (terms.funding[at[p.market]] - p.funding)
        for p in account.positions
    ]
    equity = account.cash + sum(gains)
    im = mm = notional = 0.0
    for p, gain in zip(account.positions, gains, strict=True):
        market, price = form.markets[p.market], PRICES[p.market]
        value_ = abs(p.size) / (p.entry if form.basis == "entry" else price)
        need, bracket = 0.0, market.tiers[0]
        for t, tier in enumerate(market.tiers):
            top = market.tiers[t + 1][0] if t + 1 < len(market.tiers) else np.inf
            need += tier[1] * max(min(value_, top) - tier[0], 0.0)
            bracket = tier if value_ >= tier[0] else bracket
        # what stands behind it: everything but its own profit since entry, its funding included
        behind = equity - gain - p.size * (terms.funding[at[p.market]] - p.funding)
        fee = float(rules.closing_fee(p.size, p.entry, behind, market.taker_fee))
        scale = terms.scale[at[p.market]]
        mm += scale * (need + market.maintenance_slope * value_**2 + fee)
        im += scale * (value_ * (bracket[2] + market.initial_slope * value_) + fee)
        notional += abs(p.size) / price
    return {"equity": equity, "margin_equity": equity, "im": im, "mm": mm, "notional": notional}


class TestAgainstTheReference:
    @NAMES
    @given(accounts=statements())
    @settings(max_examples=80, deadline=None)
    def test_every_account_is_what_the_page_says(self, name: str, accounts: list[Statement]) -> None:
        made = engine(name)
        book, terms = put(made, accounts)
        view = made.assess(book, terms, np.arange(len(book)))
        for row, account in enumerate(accounts):
            expected = reference(FORMS[name], account, terms)
            wide = 1.0 + abs(account.cash) + 5.0 * expected["notional"]
            for key, number in expected.items():
                assert getattr(view, key)[row] == pytest.approx(number, rel=1e-12, abs=1e-12 * wide)

    @NAMES
    @given(accounts=statements())
    @settings(max_examples=30, deadline=None)
    def test_the_compiled_loops_are_the_plain_ones(self, name: str, accounts: list[Statement]) -> None:
        made = engine(name)
        book, terms = put(made, accounts)
        s, rows = made.schedule, np.arange(len(book))
        common = (
            book.slot_market, book.slot_size, book.slot_entry, book.quote, terms.price, terms.funding, terms.scale,
            s.floor, s.maintenance, s.amount, made.slope,
        )  # fmt: skip
        tail = (made.fee, made.by_entry)
        for kernel, given_ in (
            ("free_margin", (rows, book.mode, *common, *tail)),
            ("requirement", (rows, *common, *tail)),
            ("assess", (rows, *common, s.initial, made.initial_slope, *tail)),
        ):
            fast, plain = (getattr(kernels, f"{kernel}_kernel{end}")(*given_) for end in ("", "_python"))
            np.testing.assert_allclose(fast, plain, rtol=1e-13, atol=1e-15)
        assert kernels.mixed(rows, book.slot_market, made.coin) == -1
        assert kernels.mixed_python(rows, book.slot_market, made.coin) == -1

    @NAMES
    @given(accounts=statements())
    @settings(max_examples=40, deadline=None)
    def test_parts_and_slots_add_up_and_both_ways_to_free_margin_agree(
        self, name: str, accounts: list[Statement]
    ) -> None:
        made = engine(name)
        book, terms = put(made, accounts)
        book.mode[-1] = SYSTEM
        rows = np.arange(len(book))
        view, free = made.assess(book, terms, rows), made.free_margin(book, terms, rows)
        np.testing.assert_allclose(made.requirement(book, terms, rows).sum(axis=1), view.mm, rtol=1e-12)
        quiet, scale = silent(book), 1.0 + view.notional + np.abs(view.equity)
        assert np.all(np.isposinf(free) == quiet)
        np.testing.assert_allclose(((free - view.free_margin) / scale)[~quiet], 0.0, atol=1e-12)
        for row in rows:
            parts = made.explain(book, terms, row)
            for key in ("equity", "margin_equity", "im", "mm"):
                total = sum(getattr(part, key) for part in parts)
                assert total == pytest.approx(getattr(view, key)[row], rel=1e-9, abs=1e-9 * scale[row])


class TestLedger:
    @given(
        trades=st.lists(
            st.tuples(st.floats(-5e5, 5e5).filter(lambda q: abs(q) > 1.0), st.floats(3e4, 9e4)), min_size=1, max_size=6
        ),
        price=st.floats(3e4, 9e4),
    )
    @settings(max_examples=80, deadline=None)
    def test_trades_booked_at_carried_prices_leave_the_profit_in_coins(
        self, trades: list[tuple[float, float]], price: float
    ) -> None:
        made = engine("deribit")
        book = ledger_of([Statement(1.0)], tuple(PRICES), (), made.carried)
        for size, at in trades:
            carried = made.carried(np.array([at]))
            book.trade(np.array([0]), np.array([0]), np.array([size]), carried, np.zeros(3), 0.0)
        terms = made.terms(np.array([price, 1.0, 1.0]), np.zeros(0))
        expected = 1.0 + sum(size * (1.0 / at - 1.0 / price) for size, at in trades)
        assert made.assess(book, terms, np.array([0])).equity[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)

    def test_the_mean_entry_is_harmonic(self) -> None:
        """10,000 at 8,000 and 10,000 at 10,000: 2.25 BTC, so 20,000 / 2.25."""
        made = engine("bybit")
        book = ledger_of([Statement(1.0)], tuple(PRICES), (), made.carried)
        for at in (8_000.0, 10_000.0):
            carried = made.carried(np.array([at]))
            book.trade(np.array([0]), np.array([0]), np.array([1e4]), carried, np.zeros(3), 0.0)
        assert -1.0 / book.slot_entry[0, 0] == pytest.approx(20_000.0 / 2.25)

    def test_two_coins_in_one_account_are_refused(self) -> None:
        made = engine("bybit")
        positions = (Position("BTC", 1.0, 6e4), Position("ETH", 1.0, 2.5e3))
        book, terms = put(made, [Statement(1.0), Statement(1.0, positions=positions)])
        for ask in (made.assess, made.free_margin, made.requirement, made.liquidation_price):
            with pytest.raises(ValueError, match="account 2: holds contracts of two coins"):
                ask(book, terms, np.arange(2))
        assert kernels.mixed_python(np.arange(2), book.slot_market, made.coin) == 1

    def test_options_and_collateral_are_refused(self) -> None:
        made = engine("bybit")
        book, terms = put(made, [Statement(1.0, legs=(Leg(0, 1.0),))])
        with pytest.raises(ValueError, match="account 1 holds options"):
            made.assess(book, terms, np.array([0]))
        with pytest.raises(UnknownAsset, match="collateral USDC is unknown; known: none"):
            Inverse.build(BYBIT, ["BTC"], ["USDC"])


class TestPrices:
    def test_bybit_s_own_example(self) -> None:
        """Help centre 360039261334: 0.5 BTC, long 10,000 contracts at 8,000, fee 0.075 %, maintenance 0.5 %.

        Bankruptcy at 5,718.57 as there; liquidation at 5,739.08, where the page says 5,739.50 from the same formula.
        """
        preset = load_preset("bybit_inverse")
        made = value(preset, [Statement(0.5, positions=(Position("BTC", 10_000.0, 8_000.0),))], {"BTC": 8_000.0})
        rows = np.array([0])
        assert made.engine.bankruptcy_price(made.ledger, made.terms, rows)[0, 0] == pytest.approx(5_718.57, abs=0.005)
        assert isinstance(made.engine, Inverse)
        found = made.engine.liquidation_price(made.ledger, made.terms, rows)[0, 0]
        assert found == pytest.approx(5_739.08, abs=0.005)

    @pytest.mark.parametrize("side", [1.0, -1.0])
    @pytest.mark.parametrize("mark", [8_000.0, 9_000.0])
    def test_of_a_single_position_they_are_bybit_s_formulas_at_any_mark(self, side: float, mark: float) -> None:
        made, size, balance = engine("bybit"), side * 10_000.0, 0.5
        book = ledger_of(
            [Statement(balance, positions=(Position("BTC", size, 8_000.0),))], tuple(PRICES), (), made.carried
        )
        terms = made.terms(np.array([mark, 1.0, 1.0]), np.zeros(0))
        found = made.liquidation_price(book, terms, np.array([0]))[0, 0]
        assert found == pytest.approx(float(rules.liquidation_price(size, 8_000.0, balance, 0.005, 0.00075)), rel=1e-12)
        broke = made.bankruptcy_price(book, terms, np.array([0]))[0, 0]
        assert broke == pytest.approx(float(rules.bankruptcy_price(size, 8_000.0, balance, 0.00075)), rel=1e-12)

    @NAMES
    @given(accounts=statements())
    @settings(max_examples=80, deadline=None)
    def test_free_margin_is_zero_at_the_liquidation_price(self, name: str, accounts: list[Statement]) -> None:
        """With others' fees held still: of accounts with one position, and of all where there is no fee."""
        made = engine(name)
        book, terms = put(made, accounts)
        found = made.liquidation_price(book, terms, np.arange(len(book)))
        for row, k in zip(*np.nonzero(book.slot_market >= 0), strict=True):
            if len(accounts[row].positions) > 1 and name != "deribit":
                continue
            m, at = int(book.slot_market[row, k]), terms.price.copy()
            scale = 1.0 + abs(accounts[row].cash) + 10.0 * abs(book.slot_size[row, k]) / terms.price[m]
            if np.isfinite(found[row, k]):
                at[m] = found[row, k]
                view = made.assess(book, moved(made, terms, price=at), np.array([row]))
                wide = 1e-9 * (scale + view.notional[0] + view.mm[0])
                assert view.free_margin[0] == pytest.approx(0.0, abs=wide)
                continue
            signs = set()
            for at[m] in np.geomspace(1.0, 1e12, 200):
                view = made.assess(book, moved(made, terms, price=at), np.array([row]))
                signs.add(bool(view.free_margin[0] < -1e-12 * (scale + view.notional[0])))
            assert len(signs) == 1

    @NAMES
    @given(accounts=statements(), market=st.integers(0, 2))
    @settings(max_examples=40, deadline=None)
    def test_the_slope_is_that_of_free_margin(self, name: str, accounts: list[Statement], market: int) -> None:
        made = engine(name)
        book, terms = put(made, accounts)
        rows = np.arange(len(book))
        found = made.sensitivity(book, terms, rows).price
        step = 1e-6 * terms.price[market]
        at = []
        for sign in (1.0, -1.0):
            price = terms.price.copy()
            price[market] += sign * step
            at.append(made.assess(book, moved(made, terms, price=price), rows))
        slope = np.where(book.slot_market == market, found, 0.0).sum(axis=1)
        scale = 1.0 + at[0].notional + np.abs(at[0].equity)
        change = at[0].free_margin - at[1].free_margin - 2.0 * slope * step
        np.testing.assert_allclose(change / scale, 0.0, atol=1e-9)
        assert np.all(np.isposinf(made.gross_sensitivity(book, terms, rows)))

    @given(coins=st.floats(-1e3, 1e3), move=st.floats(-0.9, 5.0))
    def test_a_grid_s_profit_is_that_of_the_contracts(self, coins: float, move: float) -> None:
        contracts = coins * 6e4
        expected = float(rules.profit(contracts, 6e4, 6e4 * (1.0 + move)))
        found = float(rules.scenario_profit(coins, np.array(move)))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * (1.0 + abs(coins)))


class TestQuantityToRestore:
    @NAMES
    @given(
        accounts=statements(), target=st.floats(0.0, 1.0), penalty=st.sampled_from([0.0, 0.0005]),
        part=st.floats(0.1, 0.999),
    )  # fmt: skip
    @settings(max_examples=120, deadline=None)
    def test_it_restores_the_target_and_less_of_it_does_not(
        self, name: str, accounts: list[Statement], target: float, penalty: float, part: float
    ) -> None:
        made = engine(name)
        for row in range(len(accounts)):
            book, terms = put(made, accounts)
            if book.slot_market[row, 0] < 0:
                continue
            before = made.assess(book, terms, np.array([row]))
            whole, scale = abs(book.slot_size[row, 0]), 1.0 + before.notional[0] + abs(before.equity[0])
            wanted = made.quantity_to_restore(book, terms, row, 0, target, penalty)
            assert 0.0 <= wanted <= whole
            if before.equity[0] <= 0.0:
                assert wanted == whole
                continue
            less, _ = put(made, accounts)
            close(made, book, terms, row, 0, wanted, penalty)
            after = made.assess(book, terms, np.array([row]))
            if wanted < whole:
                assert after.free_margin[0] >= target * after.mm[0] - 1e-9 * scale
            if wanted > 0.0:
                close(made, less, terms, row, 0, part * wanted, penalty)
                short = made.assess(less, terms, np.array([row]))
                assert short.free_margin[0] < target * short.mm[0] + 1e-9 * scale


class TestMonotone:
    @NAMES
    @given(accounts=statements(), more=st.floats(0.0, 100.0))
    @settings(max_examples=40, deadline=None)
    def test_more_of_the_coin_never_lowers_health(self, name: str, accounts: list[Statement], more: float) -> None:
        made = engine(name)
        book, terms = put(made, accounts)
        rows = np.arange(len(book))
        before = made.assess(book, terms, rows)
        book.quote += more
        after = made.assess(book, terms, rows)
        assert np.all(after.free_margin >= before.free_margin - 1e-12 * (1.0 + before.notional + np.abs(before.equity)))

    @NAMES
    @given(accounts=statements(), more=st.floats(0.0, 0.2))
    @settings(max_examples=40, deadline=None)
    def test_higher_rates_never_lower_a_requirement(self, name: str, accounts: list[Statement], more: float) -> None:
        form = FORMS[name].model_dump()
        for market in form["markets"].values():
            market["tiers"] = [(f, r + more, i + more) for f, r, i in market["tiers"]]
        raised = Inverse.build(InverseParameters.model_validate(form), tuple(PRICES), ())
        book, terms = put(raised, accounts)
        rows = np.arange(len(book))
        low, high = (e.assess(book, terms, rows) for e in (engine(name), raised))
        assert np.all(high.mm >= low.mm * (1.0 - 1e-12))
        assert np.all(high.im >= low.im * (1.0 - 1e-12))

    def test_two_halves_need_less_than_one_whole(self) -> None:
        """Not sub-additive: 200 BTC on Deribit need 200 * (1 % + 1 %) = 4 BTC, twice 100 BTC 2 * 100 * 1.5 % = 3."""
        preset, size = load_preset("deribit_inverse"), 200.0 * 5e4
        whole = value(preset, [Statement(10.0, positions=(Position("BTC", size, 5e4),))], {"BTC": 5e4})
        halves = value(preset, [Statement(5.0, positions=(Position("BTC", size / 2, 5e4),))] * 2, {"BTC": 5e4})
        assert whole.view.mm[0] == pytest.approx(4.0)
        assert halves.view.mm.sum() == pytest.approx(3.0)


class TestForm:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"tiers": [[0, 0.02, 0.01]]}, "an initial rate of 0.01 is below maintenance of 0.02"),
            ({"tiers": [[0, 0.01, 0.02], [0, 0.02, 0.03]]}, "a tier from 0 follows one from 0"),
            ({"coin": ""}, "at least 1 character"),
        ],
    )
    def test_what_is_wrong_is_told(self, change: dict[str, Any], message: str) -> None:
        market = {"coin": "BTC", "tiers": [[0, 0.01, 0.02]]} | change
        with pytest.raises(ValueError, match=message):
            InverseParameters.model_validate({"basis": "price", "markets": {"BTC": market}})
