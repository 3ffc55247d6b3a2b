import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.ledger import CROSS, Ledger
from abm.option_legs import (
    book_legs,
    book_legs_python,
    holds_options,
    leg_sums,
    legs_of,
    option_size,
    trade_legs,
)

ONE = np.array([0])


def ledger(accounts: int = 3, legs: int = 4) -> Ledger:
    made, ids = Ledger(1, 0, 1, legs), np.arange(accounts)
    made.add(ids + 10, ids + 10, ids, mode=CROSS, cohort=0, now=0.0)
    return made


def trade(book: Ledger, row: int, series: int, size: float, premium: float) -> None:
    trade_legs(book, np.array([row]), np.array([series]), np.array([size]), np.array([premium]), 7.0)


def test_a_premium_is_paid_at_once_and_the_leg_is_there() -> None:
    book = ledger()
    trade(book, 1, 5, -2.0, 30.0)
    assert book.quote.tolist() == [0.0, 60.0, 0.0]
    assert option_size(book, 1, 5) == -2.0
    assert holds_options(book, np.arange(3)).tolist() == [False, True, False]
    assert book.changed.tolist() == [0.0, 7.0, 0.0]


def test_the_entry_is_the_mean_premium_of_what_was_added_and_a_flip_starts_anew() -> None:
    book = ledger()
    for size, premium, entry in ((2.0, 10.0, 10.0), (2.0, 20.0, 15.0), (-1.0, 99.0, 15.0), (-5.0, 40.0, 40.0)):
        trade(book, 0, 3, size, premium)
        assert book.leg_entry[0, 0] == entry
    assert option_size(book, 0, 3) == -2.0


def test_a_closed_leg_frees_its_place_and_the_last_one_moves_in() -> None:
    book = ledger()
    for series in (4, 5, 6):
        trade(book, 0, series, 1.0, float(series))
    trade(book, 0, 4, -1.0, 1.0)
    assert book.leg_series[0].tolist() == [6, 5, -1, -1]
    assert book.leg_entry[0].tolist() == [6.0, 5.0, 0.0, 0.0]
    assert legs_of(book, ONE)[1].tolist() == [6, 5]


def test_an_account_without_a_free_leg_is_named() -> None:
    book = ledger(legs=1)
    trade(book, 2, 0, 1.0, 1.0)
    with pytest.raises(OverflowError, match="account 12 holds 1 option series already"):
        trade(book, 2, 1, 1.0, 1.0)


def test_a_ledger_without_options_has_none() -> None:
    assert not holds_options(Ledger(1, 0, 1), np.zeros(0, np.int64)).any()
    assert not holds_options(ledger(legs=0), np.arange(3)).any()


trades = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 3), st.sampled_from([-2.5, -1.0, -0.1, 0.0, 0.1, 0.3, 1.0, 2.5]),
        st.floats(0.0, 1e4),
    ),
    max_size=60,
)  # fmt: skip


@given(done=trades)
def test_kernel_and_reference_agree_and_legs_are_what_was_traded(done: list[tuple[int, int, float, float]]) -> None:
    rows, series, sizes, premiums = (
        np.array([d[i] for d in done], kind) for i, kind in enumerate((np.int64, np.int64, float, float))
    )
    books = []
    for booked in (book_legs, book_legs_python):
        book = ledger()
        full = booked(rows, series, sizes, premiums, book.leg_series, book.leg_size, book.leg_entry, book.quote)
        assert full == -1
        books.append(book)
    for name in ("leg_series", "leg_size", "leg_entry", "quote"):
        assert np.array_equal(getattr(books[0], name), getattr(books[1], name))
    for row in range(3):
        for s in range(4):
            total = sum(d[2] for d in done if d[:2] == (row, s))
            assert option_size(books[0], row, s) == pytest.approx(total, abs=1e-12 * (1 + len(done)))
    open_ = books[0].leg_series >= 0
    assert np.all(open_[:, :-1] | ~open_[:, 1:])
    assert np.all((books[0].leg_size != 0.0) == open_)
    assert books[0].quote.sum() == pytest.approx(-np.sum(sizes * premiums), rel=1e-12, abs=1e-8)


@given(done=trades)
def test_opposite_trades_leave_every_series_at_zero(done: list[tuple[int, int, float, float]]) -> None:
    book = ledger()
    for row, series, size, premium in done:
        both = np.array([row, (row + 1) % 3])
        trade_legs(book, both, np.array([series] * 2), np.array([size, -size]), np.array([premium] * 2), 0.0)
    net, interest = leg_sums(book, 4)
    assert net == pytest.approx(np.zeros(4), abs=1e-11)
    assert np.all(interest >= 0.0)
    assert book.quote.sum() == pytest.approx(0.0, abs=1e-6)
