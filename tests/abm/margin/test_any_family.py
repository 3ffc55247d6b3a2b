"""What works on top of any engine does so under every preset that is shipped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.bankruptcy import distance_along
from abm.margin.book import Book, moved
from abm.margin.compare import compare
from abm.margin.design_point import design_point
from abm.margin.liquidation_price import liquidation_price
from abm.margin.preset import shipped_presets
from abm.margin.restore import (
    close_position,
    close_share,
    quantity_of_position,
    repay_share,
    share_of_debts,
    share_of_portfolio,
)  # fmt: skip
from abm.margin.reverse_stress import broken_share, smallest_fall
from abm.margin.stress import scenario_grid, stress_totals
from tests.abm.margin.protocols import accounts

ACCOUNTS = 6
every_preset = pytest.mark.parametrize("preset", shipped_presets())
seeds = st.integers(0, 2**32 - 1)


def covariance(book: Book) -> np.ndarray:
    n = len(book.assets)
    return 0.0016 * (0.7 + 0.3 * np.eye(n))


def restored(book: Book, ledger: Ledger, target: float) -> np.ndarray:
    view = book.engine.assess(ledger, book.terms, np.arange(len(ledger)))
    return np.asarray((view.free_margin >= target * view.mm) & (view.equity > 0.0))


@every_preset
class TestRestore:
    """Restored after a partial closing, and 1e-6 less of it would not have done; or nothing would have."""

    @given(seed=seeds, target=st.floats(0.0, 0.3), penalty=st.floats(0.0, 0.004))
    @settings(max_examples=5, deadline=None)
    def test_a_share_of_the_portfolio_is_no_more_than_needed(
        self, preset: str, seed: int, target: float, penalty: float
    ) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        found = share_of_portfolio(book.engine, book.ledger, book.terms, book.rows, target=target, penalty=penalty)

        def after(part: np.ndarray) -> np.ndarray:
            made = book.ledger.copy(book.rows)
            close_share(book.engine, made, book.terms, part, penalty=penalty)
            return restored(book, made, target)

        self.check(found.amount, found.restored, after)

    @given(seed=seeds, target=st.floats(0.0, 0.3), penalty=st.floats(0.0, 0.004))
    @settings(max_examples=5, deadline=None)
    def test_a_part_of_one_position_is_no_more_than_needed(
        self, preset: str, seed: int, target: float, penalty: float
    ) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        slot = np.zeros(ACCOUNTS, np.int64)
        size = np.abs(book.ledger.slot_size[book.rows, slot])
        if not size.all():
            assert preset == "aave_v3"
            return
        found = quantity_of_position(
            book.engine, book.ledger, book.terms, (book.rows, slot), target=target, penalty=penalty
        )

        def after(part: np.ndarray) -> np.ndarray:
            made = book.ledger.copy(book.rows)
            close_position(book.engine, made, book.terms, slot, part, penalty=penalty)
            return restored(book, made, target)

        self.check(found.amount / size, found.restored, after)

    @given(seed=seeds, target=st.floats(0.0, 0.3))
    @settings(max_examples=5, deadline=None)
    def test_a_share_of_the_debts_is_no_more_than_needed(self, preset: str, seed: int, target: float) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        if not book.engine.lends:
            return
        found = share_of_debts(book.engine, book.ledger, book.terms, book.rows, target=target, penalty=0.05)

        def after(part: np.ndarray) -> np.ndarray:
            made = book.ledger.copy(book.rows)
            repay_share(made, book.terms, part, penalty=0.05)
            return restored(book, made, target)

        self.check(found.amount, found.restored, after)

    @staticmethod
    def check(part: np.ndarray, done: np.ndarray, after) -> None:  # type: ignore[no-untyped-def]
        assert np.all((part >= 0.0) & (part <= 1.0 + 1e-12))
        assert np.all(part[~done] == 1.0)
        assert np.all(after(np.minimum(part + 1e-11, 1.0))[done])
        partial = done & (part > 1e-6)
        assert not np.any(after(np.maximum(part - 1e-6, 0.0))[partial])
        assert not np.any(after(np.ones(len(part)))[~done])


@every_preset
class TestDistances:
    @given(seed=seeds)
    @settings(max_examples=3, deadline=None)
    def test_free_margin_is_zero_at_liquidation_prices(self, preset: str, seed: int) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        price = liquidation_price(book.engine, book.ledger, book.terms, book.rows)
        notional = book.assess(book.terms).notional
        for row, slot in zip(*np.nonzero(~np.isnan(price)), strict=True):
            market = book.ledger.slot_market[row, slot]
            ratio = np.ones(len(book.terms.price))
            ratio[market] = price[row, slot] / book.terms.price[market]
            there = moved(book.terms, ratio)
            there.state = book.terms.state
            free = book.value("free_margin", there, np.array([row]))[0]
            scale = max(ratio[market], 1.0 / ratio[market]) * notional[row]
            assert free == pytest.approx(0.0, abs=1e-10 * scale)

    @given(seed=seeds)
    @settings(max_examples=2, deadline=None)
    def test_the_nearest_bankruptcy_is_one_and_no_farther_than_falls_and_rises(self, preset: str, seed: int) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        found = design_point(book, covariance(book), rays=16)
        notional = book.assess(book.terms).notional
        for row in np.flatnonzero(np.isfinite(found.distance) & (found.distance > 0.0)):
            equity = book.value("equity", book.at(found.move[row]), np.array([row]))[0]
            assert equity == pytest.approx(
                0.0, abs=1e-9 * max(notional[row], 1e-9) * np.exp(np.abs(found.move[row]).max())
            )
        ones = np.ones(len(book.assets))
        scale = np.sqrt(ones @ np.linalg.solve(covariance(book), ones))
        for way in (ones, -ones):
            assert np.all(found.distance <= scale * distance_along(book, way) * (1.0 + 1e-9))

    @given(seed=seeds)
    @settings(max_examples=3, deadline=None)
    def test_the_fall_that_breaks_half_of_them_does_so(self, preset: str, seed: int) -> None:
        book = Book.of(accounts(preset, ACCOUNTS, seed))
        share = broken_share(book)
        found = smallest_fall(share, 0.5, len(book.assets))
        if np.isfinite(found.size) and found.size > 0.0:
            assert share(found.move) >= 0.5 > share(found.move * (1.0 - 1e-6))


@every_preset
def test_accounts_can_be_stressed_and_compared(preset: str) -> None:
    """No shock and the same rules change nothing; moves of one price against the others cost somebody all."""
    book = Book.of(accounts(preset, 30, 7))
    grid = scenario_grid(book.assets, book.assets.names[0], [-0.5, 0.0, 1.0], correlations=[(0.0, -1.0), (0.0, 1.0)])
    totals = stress_totals(book, grid)
    still = totals.filter(totals["price_shock"] == 0.0)
    now = book.value("free_margin", book.terms, np.arange(30)) < 0.0
    assert still["liquidatable"].to_list() == [np.count_nonzero(now)] * 2
    assert totals["deficit"].max() > still["deficit"].max()  # type: ignore[operator]
    assert set(compare(book, book)["worse_off"]) == {"equal"}
