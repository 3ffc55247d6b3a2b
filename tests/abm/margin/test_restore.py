"""How much to close: restored, and by no more than needed, for any family."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.book import Book
from abm.margin.engine import Terms, quantity_to_restore
from abm.margin.restore import close_position, close_share, quantity_of_position, share_of_portfolio
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.ledgers import ENGINE, filled, ledgers, terms, view
from tests.abm.margin.toys import Netting, book, series

QUIET = np.zeros(3)


@st.composite
def netted(draw: st.DrawFn) -> Book:
    """An account with a perpetual, perhaps a second, and options, in breach or not."""
    number = st.floats(-2.0, 2.0)
    positions = [Position("BTC", draw(number.filter(lambda x: abs(x) > 0.05)), draw(st.floats(40_000.0, 60_000.0)))]
    if draw(st.booleans()):
        positions.append(Position("ETH", draw(st.floats(1.0, 20.0)), 2_000.0))
    legs = (Leg(0, draw(number)), Leg(1, draw(number)))
    return book([Statement(draw(st.floats(-5_000.0, 25_000.0)), positions=positions, legs=legs)], Netting(), series())


def is_restored(some: Book, ledger: Ledger, target: float) -> bool:
    after = some.engine.assess(ledger, some.terms, np.array([0]))
    return bool(after.free_margin[0] >= target * after.mm[0] and after.equity[0] > 0.0)


class TestOnePosition:
    @given(case=ledgers(), target=st.floats(0.0, 1.0), penalty=st.floats(0.0, 0.02))
    @settings(max_examples=60, deadline=None)
    def test_of_the_weighted_family_it_is_the_closed_form(
        self, case: tuple[Ledger, Terms], target: float, penalty: float
    ) -> None:
        ledger, at = case
        rows = np.flatnonzero(ledger.slot_market[:, 0] >= 0)
        before, part = ENGINE.assess(ledger, at, rows), ENGINE.requirement(ledger, at, rows)[:, 0]
        size = np.abs(ledger.slot_size[rows, 0])
        found = quantity_of_position(
            ENGINE, ledger, at, (rows, np.zeros(len(rows), np.int64)), target=target, penalty=penalty
        )
        for i in range(len(rows)):
            missing = target * before.mm[i] - before.free_margin[i]
            scale = before.notional[i] + abs(before.equity[i])
            if abs(missing) < 1e-9 * scale:
                continue
            notional = size[i] * at.price[ledger.slot_market[rows[i], 0]]
            account = (before.equity[i], before.margin_equity[i], before.mm[i])
            wanted = quantity_to_restore(size[i], notional, part[i], *account, target, penalty)
            gain = part[i] * (1.0 + target) - penalty * notional
            if missing < 0.0 < before.equity[i]:
                assert (found.amount[i], found.restored[i]) == (0.0, True)
            elif abs(gain) > 1e-9 * notional and abs(missing - gain) > 1e-9 * scale:
                assert found.amount[i] == pytest.approx(wanted, rel=1e-9, abs=1e-9 * size[i] * scale / notional)

    @given(some=netted(), target=st.floats(0.0, 0.5), penalty=st.floats(0.0, 0.01))
    @settings(max_examples=50, deadline=None)
    def test_it_is_restored_and_a_little_less_would_not_do(self, some: Book, target: float, penalty: float) -> None:
        zero = np.zeros(1, np.int64)
        found = quantity_of_position(some.engine, some.ledger, some.terms, (zero, zero), target=target, penalty=penalty)
        size = abs(some.ledger.slot_size[0, 0])
        assert 0.0 <= found.amount[0] <= size

        def after(part: float) -> bool:
            ledger = some.ledger.copy(zero)
            close_position(some.engine, ledger, some.terms, zero, np.array([part]), penalty=penalty)
            return is_restored(some, ledger, target)

        part = found.amount[0] / size
        if not found.restored[0]:
            assert part == 1.0
            assert not any(after(p) for p in np.linspace(0.0, 1.0, 65))
        elif part == 0.0:
            assert is_restored(some, some.ledger, target)
        else:
            assert after(min(part + 1e-12, 1.0))
            assert not after(part - 1e-6)

    def test_taking_off_a_hedge_does_not_help_and_it_says_so(self) -> None:
        """Long 1 BTC, short a call, long a put of one strike: nothing moves but ETH, which loses 15 %.

        Needed: 1 % of 150,000 and 16 % of 10,000, together 3,100 against 2,000; closing x of the BTC adds 7,000 x,
        closing y of 5 ETH takes 1,600 y / 5 off.
        """
        account = Statement(
            2_000.0,
            positions=(Position("BTC", 1.0, 50_000.0), Position("ETH", 5.0, 2_000.0)),
            legs=(Leg(0, -1.0), Leg(1, 1.0)),
        )
        some = book([account, account], Netting(), series())
        found = quantity_of_position(some.engine, some.ledger, some.terms, (np.array([0, 1]), np.array([0, 1])))
        assert found.restored.tolist() == [False, True]
        assert found.amount == pytest.approx([1.0, 5.0 * 1_100.0 / 1_600.0])

    def test_worth_nothing_is_closed_whole(self) -> None:
        ledger = filled([-2_100.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        zero = np.zeros(1, np.int64)
        found = quantity_of_position(ENGINE, ledger, terms(funding=QUIET), (zero, zero))
        assert (found.amount[0], found.restored[0]) == (1.0, False)

    def test_closing_at_market_is_a_trade_of_the_ledger(self) -> None:
        """The same columns as booking the trade at the terms' price, and a closed position is gone."""
        at = terms()
        for part in (0.3, 1.0):
            ours, booked = (filled([9_000.0], [[0.5, -3.0, 0.0]], [[0.0, 0.0]], at.funding) for _ in range(2))
            close_position(ENGINE, ours, at, np.array([0]), np.array([part]), penalty=0.0)
            booked.trade(np.array([0]), np.array([0]), np.array([-0.5 * part]), at.price[:1], at.funding, 0.0)
            for name in ("slot_market", "slot_size", "slot_entry", "slot_funding", "quote"):
                np.testing.assert_allclose(getattr(ours, name), getattr(booked, name), rtol=1e-12)

    def test_the_accounts_themselves_are_left_alone(self) -> None:
        ledger = filled([-600.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        before = (ledger.quote.copy(), ledger.slot_size.copy(), ledger.slot_market.copy())
        zero = np.zeros(1, np.int64)
        assert quantity_of_position(ENGINE, ledger, terms(funding=QUIET), (zero, zero), target=0.2).amount[0] > 0.0
        for was, now in zip(before, (ledger.quote, ledger.slot_size, ledger.slot_market), strict=True):
            np.testing.assert_array_equal(was, now)

    def test_below_zero_is_refused(self) -> None:
        ledger, zero = filled([0.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET), np.zeros(1, np.int64)
        with pytest.raises(ValueError, match=r"target must be >= 0, got -0\.1"):
            quantity_of_position(ENGINE, ledger, terms(), (zero, zero), target=-0.1)
        with pytest.raises(ValueError, match="penalty must be >= 0, got nan"):
            share_of_portfolio(ENGINE, ledger, terms(), zero, penalty=np.nan)


class TestShareOfPortfolio:
    def test_by_hand(self) -> None:
        """Equity 1,400 against maintenance 1,500: without penalty 1,400 = 1.2 * 1,500 (1 - x)."""
        ledger = filled([-600.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        at = terms(funding=QUIET)
        assert view(ledger, at).equity[0] == 1_400.0
        found = share_of_portfolio(ENGINE, ledger, at, np.array([0]), target=0.2)
        assert found.amount[0] == pytest.approx(1.0 - 1_400.0 / 1_800.0, rel=1e-12)
        # With a penalty of 1 % on 50,000: 1,400 - 500 x = 1,800 (1 - x).
        found = share_of_portfolio(ENGINE, ledger, at, np.array([0]), target=0.2, penalty=0.01)
        assert found.amount[0] == pytest.approx(400.0 / 1_300.0, rel=1e-12)

    @given(some=netted(), target=st.floats(0.0, 0.5), penalty=st.floats(0.0, 0.005))
    @settings(max_examples=30, deadline=None)
    def test_it_is_restored_and_a_little_less_would_not_do(self, some: Book, target: float, penalty: float) -> None:
        zero = np.zeros(1, np.int64)
        found = share_of_portfolio(some.engine, some.ledger, some.terms, zero, target=target, penalty=penalty)

        def after(part: float) -> bool:
            ledger = some.ledger.copy(zero)
            close_share(some.engine, ledger, some.terms, np.array([part]), penalty=penalty)
            return is_restored(some, ledger, target)

        part = float(found.amount[0])
        if not found.restored[0]:
            assert part == 1.0
            assert not any(after(p) for p in np.linspace(0.0, 1.0, 65))
        elif part > 0.0:
            assert after(min(part + 1e-12, 1.0))
            assert not after(part - 1e-6)
        else:
            assert is_restored(some, some.ledger, target)

    def test_accounts_have_each_their_own(self) -> None:
        ledger = filled([-600.0, 5_000.0, -2_100.0], [[1.0, 0.0, 0.0]] * 3, [[0.0, 0.0]] * 3, QUIET)
        found = share_of_portfolio(ENGINE, ledger, terms(funding=QUIET), np.array([2, 0, 1]), target=0.2)
        assert found.amount == pytest.approx([1.0, 1.0 - 1_400.0 / 1_800.0, 0.0])
        assert found.restored.tolist() == [False, True, True]
