"""Isolated margin around any family: what a split leaves, sums and worst positions, and that cross never loses more."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import ISOLATED, SYSTEM, Ledger
from abm.margin.engine import Engine, Terms
from abm.margin.families.backstop import Backstop
from abm.margin.families.exchange_tiers import ExchangeTiers
from abm.margin.families.inverse import Inverse
from abm.margin.families.isolated import Isolated, split
from abm.margin.families.weighted import Weighted, WeightedParameters
from abm.margin.preset import load_preset
from abm.margin.statement import Leg, Position, Statement, ledger_of
from tests.abm.margin.families.portfolios import COIN_PRICES, PRICES, moved, placed, statements
from tests.abm.margin.ledgers import ENGINE, ledgers

WEIGHTED = WeightedParameters.model_validate(
    {
        "markets": {m: {"imf": 0.05, "mmf": 0.03} for m in PRICES},
        "coins": {"BTC": {"haircut": 0.1}, "USDC": {"haircut": 0.0}},
    }
)
COINS = {"backstop": {}, "exchange_tiers": COIN_PRICES, "weighted": COIN_PRICES}
FAMILIES = pytest.mark.parametrize("name", list(COINS))


def inner(name: str) -> Engine:
    if name == "weighted":
        return Weighted.build(WEIGHTED, tuple(PRICES), tuple(COIN_PRICES))
    if name == "backstop":
        return Backstop.build(load_preset("hyperliquid").parameters, tuple(PRICES), ())
    return ExchangeTiers.build(load_preset("binance").parameters, tuple(PRICES), tuple(COIN_PRICES))


def put(name: str, engine: Engine, accounts: list[Statement]) -> tuple[Ledger, Terms]:
    held = accounts if COINS[name] else [replace(a, collateral={}) for a in accounts]
    return placed(engine, held, PRICES, COINS[name])


class TestSplit:
    @FAMILIES
    @given(accounts=statements(), part=st.floats(0.0, 1.0))
    @settings(max_examples=40, deadline=None)
    def test_nothing_is_lost_or_made(self, name: str, accounts: list[Statement], part: float) -> None:
        engine = inner(name)
        book, terms = put(name, engine, accounts)
        apart = split(book, engine, terms, part=part)
        rows, pieces = np.arange(len(book)), np.arange(len(apart.ledger))
        whole, view = engine.assess(book, terms, rows), engine.assess(apart.ledger, terms, pieces)
        equity = apart.sums(view.equity) + apart.wallet + apart.coins @ terms.coin_price
        scale = 1.0 + whole.notional + np.abs(whole.equity)
        np.testing.assert_allclose((equity - whole.equity) / scale, 0.0, atol=1e-12)
        np.testing.assert_allclose(apart.sums(view.notional), whole.notional, rtol=1e-12)
        np.testing.assert_allclose(apart.sums(apart.share), 1.0, rtol=1e-12)
        counted = np.count_nonzero(book.slot_market >= 0, axis=1)
        assert np.array_equal(np.bincount(apart.parent, minlength=len(book)), np.maximum(counted, 1))

    @FAMILIES
    @given(accounts=statements())
    @settings(max_examples=30, deadline=None)
    def test_collateral_goes_by_initial_margin(self, name: str, accounts: list[Statement]) -> None:
        engine = inner(name)
        book, terms = put(name, engine, accounts)
        apart = split(book, engine, terms)
        need = engine.assess(apart.ledger, terms, np.arange(len(apart.ledger))).im
        total = apart.sums(need)[apart.parent]
        np.testing.assert_allclose((apart.share * total)[total > 0.0], need[total > 0.0], rtol=1e-9)
        assert np.all(apart.wallet == 0.0)

    def test_by_hand(self) -> None:
        """1 BTC at 60,000 and -20 ETH at 2,500 with 10,000: initial margins of 3,000 and 2,500, so 6/11 and 5/11."""
        engine = inner("weighted")
        positions = (Position("BTC", 1.0, 60_000.0), Position("ETH", -20.0, 2_500.0))
        accounts = [Statement(10_000.0, {"USDC": 110.0}, positions), Statement(7.0, {"USDC": 1.0})]
        book = ledger_of(accounts, tuple(PRICES), tuple(COIN_PRICES))
        book.owner[:], book.mode[0] = [5, 6], SYSTEM
        terms = engine.terms(np.array(list(PRICES.values())), np.array(list(COIN_PRICES.values())))
        apart = split(book, engine, terms, part=0.5)
        view = engine.assess(apart.ledger, terms, np.arange(3))
        assert view.equity == pytest.approx([5_055 * 6 / 11, 5_055 * 5 / 11, 8.0])
        assert apart.wallet.tolist() == [5_000.0, 0.0]
        assert apart.coins.tolist() == [[0.0, 55.0], [0.0, 0.0]]
        assert (apart.parent.tolist(), apart.slot.tolist()) == ([0, 0, 1], [0, 1, -1])
        assert apart.ledger.mode.tolist() == [SYSTEM, SYSTEM, ISOLATED]
        assert apart.ledger.owner.tolist() == [5, 5, 6]
        assert apart.any(np.array([False, True, False])).tolist() == [True, False]

    def test_options_are_rows_of_their_own(self) -> None:
        """The weighted family knows no options: the account's only need is the position's."""
        engine = inner("weighted")
        account = Statement(90.0, {}, (Position("BTC", 1.0, 6e4),), (Leg(3, -2.0, 5.0), Leg(1, 4.0)))
        book = ledger_of(
            [account, Statement(9.0, {}, (), (Leg(1, 1.0), Leg(2, 1.0)))], tuple(PRICES), tuple(COIN_PRICES)
        )
        terms = engine.terms(np.array(list(PRICES.values())), np.array(list(COIN_PRICES.values())))
        apart = split(book, engine, terms)
        assert apart.slot.tolist() == [0, 1, 2, 1, 2]
        assert apart.ledger.leg_series[:, 0].tolist() == [-1, 3, 1, 1, 2]
        assert apart.ledger.leg_size[:, 0].tolist() == [0.0, -2.0, 4.0, 1.0, 1.0]
        assert apart.ledger.leg_entry[:, 0].tolist() == [0.0, 5.0, 0.0, 0.0, 0.0]
        assert apart.share.tolist() == [1.0, 0.0, 0.0, 0.5, 0.5]

    @pytest.mark.parametrize("part", [-0.1, 1.1])
    def test_a_part_that_is_none_is_refused(self, part: float) -> None:
        engine = inner("backstop")
        book, terms = put("backstop", engine, [Statement(1.0)])
        with pytest.raises(ValueError, match=f"part must be between 0 and 1, got {part}"):
            split(book, engine, terms, part=part)


class TestIsolated:
    @FAMILIES
    @given(accounts=statements())
    @settings(max_examples=40, deadline=None)
    def test_parts_and_slots_add_up_and_the_worst_position_decides(self, name: str, accounts: list[Statement]) -> None:
        engine = Isolated(inner(name), part=0.9)
        book, terms = put(name, engine.inner, accounts)
        rows = np.arange(len(book))
        view, apart = engine.assess(book, terms, rows), engine.split(book, terms, rows)
        scale = 1.0 + view.notional + np.abs(view.equity)
        np.testing.assert_allclose(engine.requirement(book, terms, rows).sum(axis=1), view.mm, rtol=1e-12)
        for row in rows:
            parts = engine.explain(book, terms, row)
            for key in ("equity", "margin_equity", "im", "mm"):
                total = sum(getattr(part, key) for part in parts)
                assert total == pytest.approx(getattr(view, key)[row], abs=1e-9 * scale[row])
        each = engine.inner.free_margin(apart.ledger, terms, np.arange(len(apart.ledger)))
        for row, free in enumerate(engine.free_margin(book, terms, rows)):
            assert free == min(each[apart.parent == row])

    @FAMILIES
    @given(accounts=statements())
    @settings(max_examples=40, deadline=None)
    def test_an_account_of_one_position_is_what_it_is_under_the_family(
        self, name: str, accounts: list[Statement]
    ) -> None:
        single = [replace(a, positions=a.positions[:1]) for a in accounts]
        engine = Isolated(inner(name))
        book, terms = put(name, engine.inner, single)
        rows = np.arange(len(book))
        cross, alone = (e.assess(book, terms, rows) for e in (engine.inner, engine))
        scale = 1.0 + cross.notional + np.abs(cross.equity)
        for key in ("equity", "margin_equity", "im", "mm"):
            np.testing.assert_allclose((getattr(cross, key) - getattr(alone, key)) / scale, 0.0, atol=1e-12)
        for ask in ("free_margin", "gross_sensitivity", "requirement", "bankruptcy_price"):
            mine, theirs = (getattr(e, ask)(book, terms, rows) for e in (engine, engine.inner))
            np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-7)
        mine, theirs = (e.sensitivity(book, terms, rows) for e in (engine, engine.inner))
        np.testing.assert_allclose(mine.price, theirs.price, rtol=1e-12)
        np.testing.assert_allclose(mine.coin, theirs.coin, rtol=1e-12)

    def test_what_moves_with_the_allotment_is_watched_always(self) -> None:
        engine = Isolated(inner("weighted"))
        two = (Position("BTC", 1.0, 6e4), Position("ETH", 1.0, 2.5e3))
        book, terms = put(
            "weighted", engine.inner, [Statement(1e4, {}, two), Statement(1e4, {}, two[:1]), Statement(1.0)]
        )
        assert np.isinf(engine.gross_sensitivity(book, terms, np.arange(3))).tolist() == [True, False, False]

    def test_a_family_s_presets_build_it(self) -> None:
        made = Isolated.around(Inverse).build(load_preset("bybit_inverse").parameters, ["BTC"], [])
        assert isinstance(made, Isolated)
        assert isinstance(made.inner, Inverse)
        assert type(made).Parameters is Inverse.Parameters
        assert made.carried(np.array([4.0]))[0] == -0.25
        account = Statement(0.5, positions=(Position("BTC", 10_000.0, 8_000.0),))
        book = ledger_of([account], ["BTC"], [], made.carried)
        terms = made.terms(np.array([8_000.0]), np.zeros(0))
        assert made.bankruptcy_price(book, terms, np.array([0]))[0, 0] == pytest.approx(5_718.57, abs=0.005)

    def test_around_no_family_there_is_no_preset(self) -> None:
        with pytest.raises(TypeError, match="around no family"):
            Isolated.build(None, [], [])


class TestCrossAgainstIsolated:
    @FAMILIES
    @given(accounts=statements(), moves=st.lists(st.floats(0.2, 3.0), min_size=3, max_size=3))
    @settings(max_examples=60, deadline=None)
    def test_isolated_positions_never_lose_less(self, name: str, accounts: list[Statement], moves: list[float]) -> None:
        """sum over positions of max(-E_k, 0) >= max(-sum E_k, 0), split before prices move."""
        engine = inner(name)
        book, terms = put(name, engine, accounts)
        apart = split(book, engine, terms)
        after = moved(engine, terms, price=terms.price * np.array(moves))
        lost(book, apart, engine, after)

    @given(case=ledgers(), moves=st.lists(st.floats(0.2, 3.0), min_size=3, max_size=3))
    @settings(max_examples=60, deadline=None)
    def test_nor_those_of_a_world_s_ledger(self, case: tuple[Ledger, Terms], moves: list[float]) -> None:
        book, terms = case
        apart = split(book, ENGINE, terms)
        lost(book, apart, ENGINE, replace_price(terms, np.array(moves)))

    @given(
        cash=st.floats(0.0, 3.0), sizes=st.tuples(st.floats(-2e5, 2e5), st.floats(-2e5, 2e5)), move=st.floats(0.3, 3.0)
    )
    @settings(max_examples=60, deadline=None)
    def test_nor_those_in_inverse_contracts(self, cash: float, sizes: tuple[float, float], move: float) -> None:
        form = load_preset("bybit_inverse").parameters.model_dump()
        form["markets"]["BTC-DEC"] = form["markets"]["BTC"]
        names = ["BTC", "BTC-DEC"]
        engine = Inverse.build(Inverse.Parameters.model_validate(form), names, [])
        positions = tuple(Position(m, s, 6e4) for m, s in zip(names, sizes, strict=True) if abs(s) > 1.0)
        book = ledger_of([Statement(cash, positions=positions)], names, [], engine.carried)
        apart = split(book, engine, engine.terms(np.array([6e4, 6e4]), np.zeros(0)))
        lost(book, apart, engine, engine.terms(np.array([6e4 * move, 6e4]), np.zeros(0)))


def replace_price(terms: Terms, moves: Any) -> Terms:
    """The same terms at other prices."""
    given_ = {k: getattr(terms, k) for k, field in Terms.__dataclass_fields__.items() if field.init}
    return Terms(**given_ | {"price": terms.price * moves})


def lost(book: Ledger, apart: Any, engine: Engine, terms: Terms) -> None:
    """Assert that what is lost in all is never less position by position."""
    whole = engine.assess(book, terms, np.arange(len(book)))
    each = engine.assess(apart.ledger, terms, np.arange(len(apart.ledger))).equity
    scale = 1.0 + whole.notional + np.abs(whole.equity) + apart.sums(np.abs(each))
    np.testing.assert_allclose((apart.sums(each) - whole.equity) / scale, 0.0, atol=1e-9)
    assert np.all(apart.sums(np.maximum(-each, 0.0)) >= np.maximum(-whole.equity, 0.0) - 1e-9 * scale)
