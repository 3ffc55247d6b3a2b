"""What every engine can do for one position of an account: its bankruptcy price, and how much of it to close."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.engine import Terms, quantity_to_restore, quantity_to_restore_python
from tests.abm.margin.ledgers import ENGINE, filled, ledgers, terms, view

QUIET = np.zeros(3)


def close(book: Ledger, at: Terms, row: int, slot: int, quantity: float, price: float, penalty: float = 0.0) -> None:
    """Close part of a position at a price, less a penalty on the notional."""
    market, size = int(book.slot_market[row, slot]), float(book.slot_size[row, slot])
    book.trade(
        np.array([row]), np.array([market]), np.array([-np.sign(size) * quantity]), np.array([price]), at.funding, 0.0
    )  # fmt: skip
    book.quote[row] -= penalty * quantity * price


def restoring(book: Ledger, at: Terms, target: float, penalty: float, row: int = 0) -> float:
    """How much of an account's first position restores the target."""
    before, size = view(book, at, row), abs(float(book.slot_size[row, 0]))
    notional = size * float(at.price[book.slot_market[row, 0]])
    part = float(ENGINE.requirement(book, at, np.array([row]))[0, 0])
    account = (float(before.equity[0]), float(before.margin_equity[0]), float(before.mm[0]))
    found = float(quantity_to_restore(size, notional, part, *account, target, penalty))
    assert found == quantity_to_restore_python(size, notional, part, *account, target, penalty)
    return found


class TestBankruptcyPrice:
    @given(case=ledgers())
    @settings(max_examples=60, deadline=None)
    def test_closing_all_of_an_account_at_them_leaves_nothing(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        for row in np.flatnonzero(book.slot_market[:, 0] >= 0):
            prices = ENGINE.bankruptcy_price(book, at, np.array([row]))[0]
            before = view(book, at, row)
            scale = before.notional[0] + abs(before.equity[0]) + 1.0
            while book.slot_market[row, 0] >= 0:
                close(book, at, row, 0, abs(book.slot_size[row, 0]), self._of(book, at, row, 0))
            assert view(book, at, row).equity[0] == pytest.approx(0.0, abs=1e-9 * scale)
            assert np.all(np.isfinite(prices[: np.count_nonzero(~np.isnan(prices))]))

    def _of(self, book: Ledger, at: Terms, row: int, slot: int) -> float:
        return float(ENGINE.bankruptcy_price(book, at, np.array([row]))[0, slot])

    @given(case=ledgers())
    @settings(max_examples=60, deadline=None)
    def test_closing_one_position_at_its_price_takes_its_share_of_the_equity(self, case: tuple[Ledger, Terms]) -> None:
        book, at = case
        for row in np.flatnonzero(book.slot_market[:, 0] >= 0):
            before, part = view(book, at, row), ENGINE.requirement(book, at, np.array([row]))[0]
            share = part[0] / part.sum()
            close(book, at, row, 0, abs(book.slot_size[row, 0]), self._of(book, at, row, 0))
            left = (1.0 - share) * before.equity[0]
            assert view(book, at, row).equity[0] == pytest.approx(left, abs=1e-9 * (before.notional[0] + 1.0))

    def test_a_free_slot_has_none(self) -> None:
        book = filled([1_000.0], [[0.0, 3.0, 0.0]], [[0.0, 0.0]], QUIET)
        prices = ENGINE.bankruptcy_price(book, terms(funding=QUIET), np.array([0]))[0]
        # a long of 3 ETH from 2,100 with 1,000: broke where 3 (p - 2,100) = -1,000
        assert prices[0] == pytest.approx(2_100.0 - 1_000.0 / 3.0)
        assert np.all(np.isnan(prices[1:]))


class TestQuantityToRestore:
    def test_by_hand(self) -> None:
        """Long 1 BTC at 50,000 with equity 1,400 and maintenance 1,500: free margin -100.

        Closing x without penalty lowers maintenance by 1,500 x; to reach 20 % of it free, 1,400 = 1.2 * 1,500 (1 - x).
        """
        at = terms(funding=QUIET)
        book = filled([-600.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        assert view(book, at).equity[0] == 1_400.0
        assert restoring(book, at, 0.2, 0.0) == pytest.approx(1.0 - 1_400.0 / 1_800.0)

    @given(case=ledgers(), target=st.floats(0.0, 1.0), penalty=st.floats(0.0, 0.02))
    @settings(max_examples=100, deadline=None)
    def test_closing_it_at_the_terms_price_restores_the_target_exactly_or_takes_the_whole(
        self, case: tuple[Ledger, Terms], target: float, penalty: float
    ) -> None:
        book, at = case
        for row in np.flatnonzero(book.slot_market[:, 0] >= 0):
            size, before = abs(book.slot_size[row, 0]), view(book, at, row)
            market = int(book.slot_market[row, 0])
            wanted = restoring(book, at, target, penalty, row)
            assert 0.0 <= wanted <= size
            if before.equity[0] <= 0.0:
                assert wanted == size
                continue
            close(book, at, row, 0, wanted, float(at.price[market]), penalty)
            after, scale = view(book, at, row), before.notional[0] + 1.0
            missing = float(target * after.mm[0] - after.free_margin[0])
            if 0.0 < wanted < size:
                assert missing == pytest.approx(0.0, abs=1e-9 * scale)
            elif wanted == 0.0:
                assert missing <= 1e-9 * scale

    @given(case=ledgers(), target=st.floats(0.0, 1.0), part=st.floats(0.1, 0.95))
    @settings(max_examples=60, deadline=None)
    def test_less_of_it_would_not_do(self, case: tuple[Ledger, Terms], target: float, part: float) -> None:
        book, at = case
        for row in np.flatnonzero(book.slot_market[:, 0] >= 0):
            size, before = abs(book.slot_size[row, 0]), view(book, at, row)
            wanted = restoring(book, at, target, 0.0, row)
            if before.equity[0] > 0.0 and 0.0 < wanted < size:
                close(book, at, row, 0, part * wanted, float(at.price[book.slot_market[row, 0]]))
                after = view(book, at, row)
                assert after.free_margin[0] < target * after.mm[0]

    def test_a_penalty_that_eats_the_relief_takes_the_whole(self) -> None:
        book = filled([-600.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        assert restoring(book, terms(funding=QUIET), 0.0, 0.05) == 1.0

    def test_an_account_worth_nothing_is_closed_whole(self) -> None:
        book = filled([-2_100.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], QUIET)
        assert restoring(book, terms(funding=QUIET), 0.0, 0.0) == 1.0
