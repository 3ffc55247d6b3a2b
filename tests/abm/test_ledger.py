"""The ledger: trades, entry prices, funding through the quote number, layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import (
    CROSS,
    ISOLATED,
    SYSTEM,
    Ledger,
    book_fill,
    book_fill_python,
    book_trades,
    book_trades_python,
    free_slot,
    free_slot_python,
    sizes_in,
    sizes_in_python,
    slot_of,
    slot_of_python,
)

MARKETS, ACCOUNTS = 3, 5
SIZES = st.sampled_from([-4.0, -1.0, -0.5, 0.25, 1.0, 3.0])
PRICES = st.floats(1.0, 1e5)
TRADES = st.lists(
    st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, MARKETS - 1), SIZES, PRICES), min_size=1, max_size=40
)


def ledger(accounts: int = ACCOUNTS, slots: int = MARKETS, collaterals: int = 1) -> Ledger:
    made = Ledger(MARKETS, collaterals, slots)
    ids = 100 * np.arange(1, accounts + 1)
    made.add(ids, ids // 10, np.arange(accounts), mode=CROSS, cohort=0, now=0.0)
    return made


def trade(
    book: Ledger, row: int, market: int, size: float, price: float, funding: float = 0.0, now: float = 1.0
) -> None:
    book.trade(
        np.array([row]), np.array([market]), np.array([size]), np.array([price]), np.full(MARKETS, funding), now
    )  # fmt: skip


def columns(trades: list[tuple[int, int, float, float]]) -> tuple[np.ndarray, ...]:
    rows, markets, sizes, prices = zip(*trades, strict=True)
    return np.array(rows), np.array(markets), np.array(sizes), np.array(prices)


def position(book: Ledger, row: int, market: int) -> tuple[float, float]:
    """Size and entry price."""
    slot = np.flatnonzero(book.slot_market[row] == market)
    return (float(book.slot_size[row, slot[0]]), float(book.slot_entry[row, slot[0]])) if len(slot) else (0.0, 0.0)


def equity(book: Ledger, row: int, prices: np.ndarray, funding: np.ndarray) -> float:
    live = book.slot_market[row] >= 0
    at = book.slot_market[row][live]
    return float(book.quote[row] + np.sum(book.slot_size[row][live] * (prices[at] - funding[at])))


class TestEntryPrice:
    def test_adding_on_the_same_side_averages_it(self) -> None:
        book = ledger()
        trade(book, 0, 1, 2.0, 100.0)
        trade(book, 0, 1, 1.0, 130.0)
        assert position(book, 0, 1) == pytest.approx((3.0, 110.0))

    def test_reducing_leaves_it(self) -> None:
        book = ledger()
        trade(book, 0, 1, -2.0, 100.0)
        trade(book, 0, 1, 1.5, 130.0)
        assert position(book, 0, 1) == pytest.approx((-0.5, 100.0))

    def test_a_flip_starts_anew(self) -> None:
        book = ledger()
        trade(book, 0, 1, 2.0, 100.0)
        trade(book, 0, 1, -5.0, 130.0)
        assert position(book, 0, 1) == pytest.approx((-3.0, 130.0))

    def test_a_closed_position_frees_its_slot_and_the_others_close_ranks(self) -> None:
        book = ledger()
        for market in range(MARKETS):
            trade(book, 0, market, 1.0 + market, 100.0 + market)
        trade(book, 0, 0, -1.0, 120.0)
        assert book.slot_market[0].tolist() == [2, 1, -1]
        assert book.slot_size[0].tolist() == [3.0, 2.0, 0.0]
        assert book.slot_entry[0].tolist() == [102.0, 101.0, 0.0]

    @pytest.mark.parametrize("held", [(), (2,), (1, 0), (2, 0, 1)])
    def test_slots_compiled_and_reference_agree(self, held: tuple[int, ...]) -> None:
        one, other = ledger(), ledger()
        for book in (one, other):
            for market in held:
                trade(book, 3, market, 1.0 + market, 100.0 + market)
        for market in range(MARKETS):
            expected = held.index(market) if market in held else len(held)
            assert slot_of(one.slot_market, 3, market) == slot_of_python(one.slot_market, 3, market) == expected
        if held:
            free_slot(one.slot_market, one.slot_size, one.slot_entry, one.slot_funding, 3, 0)
            free_slot_python(other.slot_market, other.slot_size, other.slot_entry, other.slot_funding, 3, 0)
        for name in ("slot_market", "slot_size", "slot_entry", "slot_funding"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert sorted(m for m in one.slot_market[3] if m >= 0) == sorted(held[1:])

    def test_what_rounding_leaves_of_a_closed_position_is_nothing(self) -> None:
        book = ledger()
        for size in (0.1, 0.2, -0.3):
            trade(book, 0, 1, size, 100.0)
        assert position(book, 0, 1) == (0.0, 0.0)


class TestQuoteNumber:
    def test_a_round_trip_leaves_its_profit(self) -> None:
        book = ledger()
        trade(book, 0, 0, 2.0, 100.0)
        trade(book, 0, 0, -2.0, 110.0)
        assert book.quote[0] == pytest.approx(20.0)

    @given(
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("trade"), st.integers(0, ACCOUNTS - 1), st.integers(0, MARKETS - 1), SIZES, PRICES),
                st.tuples(st.just("funding"), st.integers(0, MARKETS - 1), st.floats(-50.0, 50.0)),
            ),
            max_size=30,
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_funding_through_it_equals_explicit_payments_account_by_account(self, steps: list[tuple]) -> None:
        book, cash = ledger(), np.zeros(ACCOUNTS)
        sizes, rate, prices = np.zeros((ACCOUNTS, MARKETS)), np.zeros(MARKETS), np.array([10.0, 2e3, 5e4])
        for step in steps:
            if step[0] == "trade":
                _, row, market, size, price = step
                book.trade(
                    np.array([row]), np.array([market]), np.array([size]), np.array([price]), rate, 0.0
                )  # fmt: skip
                cash[row] -= size * price
                sizes[row, market] += size
            else:
                _, market, paid = step
                rate[market] += paid
                cash -= sizes[:, market] * paid
        for row in range(ACCOUNTS):
            gross = 1.0 + np.abs(cash[row]) + np.abs(sizes[row]) @ (prices + np.abs(rate))
            assert equity(book, row, prices, rate) == pytest.approx(cash[row] + sizes[row] @ prices, abs=1e-9 * gross)


class TestTrades:
    @given(trades=TRADES, rates=st.lists(st.floats(-5.0, 5.0), min_size=MARKETS, max_size=MARKETS))
    @settings(max_examples=80, deadline=None)
    def test_compiled_and_reference_agree_bit_for_bit(
        self, trades: list[tuple[int, int, float, float]], rates: list[float]
    ) -> None:
        one, other = ledger(slots=2), ledger(slots=2)
        full = []
        for book, rule in ((one, book_trades), (other, book_trades_python)):
            full.append(
                rule(
                    *columns(trades), np.array(rates), book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote,
                    book.long_interest, book.skew, book.gross,
                )
            )  # fmt: skip
        assert full[0] == full[1]
        for name in (
            "slot_market",
            "slot_size",
            "slot_entry",
            "slot_funding",
            "quote",
            "long_interest",
            "skew",
            "gross",
        ):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))

    @given(trades=TRADES)
    @settings(max_examples=60, deadline=None)
    def test_running_sums_are_those_of_the_positions_and_open_slots_come_first(
        self, trades: list[tuple[int, int, float, float]]
    ) -> None:
        book = ledger()
        rows, markets, sizes, prices = columns(trades)
        book.trade(rows, markets, sizes, prices, np.zeros(MARKETS), 1.0)
        held = np.array([[position(book, r, m)[0] for m in range(MARKETS)] for r in range(ACCOUNTS)])
        traded = np.zeros((ACCOUNTS, MARKETS))
        np.add.at(traded, (rows, markets), sizes)
        np.testing.assert_allclose(held, traded, atol=1e-12)
        np.testing.assert_allclose(book.long_interest, np.maximum(held, 0.0).sum(axis=0), atol=1e-9)
        np.testing.assert_allclose(book.skew, held.sum(axis=0), atol=1e-9)
        np.testing.assert_allclose(
            book.gross, np.bincount(markets, weights=np.abs(sizes), minlength=MARKETS), rtol=1e-12
        )
        live = book.slot_market >= 0
        assert not np.any(~live[:, :-1] & live[:, 1:])
        assert np.all(book.slot_size[~live] == 0.0)

    @given(trades=TRADES)
    @settings(max_examples=30, deadline=None)
    def test_trades_with_a_counterparty_sum_to_zero(self, trades: list[tuple[int, int, float, float]]) -> None:
        book = ledger(ACCOUNTS + 1)
        rows, markets, sizes, prices = columns(trades)
        street = np.full(len(rows), ACCOUNTS)
        for who, sign in ((rows, 1.0), (street, -1.0)):
            book.trade(who, markets, sign * sizes, prices, np.zeros(MARKETS), 1.0)
        assert np.all(np.abs(book.errors()) < 1e-12)
        assert abs(np.sum(book.quote)) < 1e-9 * (1.0 + np.sum(np.abs(book.quote)))

    def test_an_unmatched_trade_shows_in_the_errors(self) -> None:
        book = ledger()
        trade(book, 0, 1, 2.0, 100.0)
        assert book.errors().tolist() == [0.0, 1.0, 0.0]

    def test_a_new_market_without_a_free_slot_overflows_and_names_the_account(self) -> None:
        book = ledger(slots=2)
        trade(book, 1, 0, 1.0, 10.0)
        trade(book, 1, 1, 1.0, 10.0)
        with pytest.raises(OverflowError, match="account 200 holds 2 positions already"):
            trade(book, 1, 2, 1.0, 10.0)

    def test_a_held_market_trades_though_all_slots_are_taken(self) -> None:
        book = ledger(slots=1)
        trade(book, 1, 2, 1.0, 10.0)
        trade(book, 1, 2, 1.0, 20.0)
        assert position(book, 1, 2) == (2.0, 15.0)

    def test_it_notes_when_an_account_last_traded(self) -> None:
        book = ledger()
        trade(book, 2, 0, 1.0, 10.0, now=7.0)
        assert book.changed.tolist() == [0.0, 0.0, 7.0, 0.0, 0.0]


class TestAccounts:
    def test_an_id_is_taken_once_only(self) -> None:
        book = ledger()
        with pytest.raises(ValueError, match="an account of that id exists already"):
            book.add(np.array([300]), np.array([1]), np.array([0]), mode=CROSS, cohort=0, now=0.0)
        with pytest.raises(ValueError, match="an account of that id exists already"):
            book.add(np.array([7, 7]), np.array([1, 1]), np.array([0, 0]), mode=CROSS, cohort=0, now=0.0)

    def test_new_accounts_are_empty(self) -> None:
        book = ledger()
        rows = book.add(np.array([7]), np.array([1]), np.array([3]), mode=ISOLATED, cohort=2, now=5.0)
        assert rows.tolist() == [ACCOUNTS]
        assert (book.quote[rows], book.breach[rows], book.changed[rows]) == (0.0, -1, 5.0)
        assert book.mode[rows] == ISOLATED
        assert np.all(book.slot_market[rows] == -1)

    def test_an_unknown_id_has_no_row(self) -> None:
        with pytest.raises(KeyError, match="no account of that id"):
            ledger().rows(np.array([100, 101]))
        with pytest.raises(KeyError, match="no account of that id"):
            ledger().row(999)

    def test_rows_follow_their_accounts_through_another_layout(self) -> None:
        book = ledger()
        ids = np.array([300, 100, 500])
        trade(book, 2, 1, 3.0, 10.0)
        assert book.row(300) == 2
        book.permute(np.array([4, 2, 0, 3, 1]))
        assert book.id.tolist() == [500, 300, 100, 400, 200]
        np.testing.assert_array_equal(book.id[book.rows(ids)], ids)
        assert book.row(300) == 1
        assert position(book, 1, 1) == (3.0, 10.0)
        assert book.id[book.by_id(np.arange(ACCOUNTS))].tolist() == [100, 200, 300, 400, 500]

    @given(trades=TRADES)
    @settings(max_examples=30, deadline=None)
    def test_sizes_compiled_and_reference_agree(self, trades: list[tuple[int, int, float, float]]) -> None:
        book = ledger()
        book.trade(*columns(trades), np.zeros(MARKETS), 1.0)
        rows = np.array([4, 0, 2, 2])
        for market in range(MARKETS):
            markets = np.full(len(rows), market)
            found = sizes_in(rows, markets, book.slot_market, book.slot_size)
            np.testing.assert_array_equal(found, sizes_in_python(rows, markets, book.slot_market, book.slot_size))
            np.testing.assert_array_equal(found, [book.held(int(row), market) for row in rows])
            np.testing.assert_array_equal(book.size(rows, market), found)
            assert found.tolist() == [position(book, r, market)[0] for r in rows]

    def test_system_is_a_mode_of_its_own(self) -> None:
        book = ledger()
        row = book.add(np.array([7]), np.array([1]), np.array([3]), mode=SYSTEM, cohort=2, now=5.0)
        assert book.mode[row] == SYSTEM
        assert np.count_nonzero(book.mode == SYSTEM) == 1


def buys_eight(book: Ledger, row: int) -> tuple[np.ndarray, np.ndarray]:
    """A row buys 8 coins of market 1 where rows 2 and 3 quote 2 and 3 of a depth of 10: rows and sizes of the other side."""
    others, against, _ = book.fill(
        np.array([row]), np.array([8.0]), 1, 100.0, 0.0, 0.0, 5.0,
        makers=np.array([2, 3]), quoted=np.array([2.0, 3.0]), depth=10.0, street=4,
    )  # fmt: skip
    return others, against


class TestFill:
    @given(
        sizes=st.lists(SIZES, min_size=1, max_size=2), quoted=st.lists(st.floats(0.0, 9.0), min_size=2, max_size=2),
        fee=st.sampled_from([0.0, 0.001]), price=PRICES, breached=st.booleans(),
    )  # fmt: skip
    @settings(max_examples=30, deadline=None)
    def test_compiled_and_reference_agree_and_everything_is_zero_sum(
        self, sizes: list[float], quoted: list[float], fee: float, price: float, breached: bool
    ) -> None:
        told = []
        for kernel in (book_fill, book_fill_python):
            book = ledger()
            book.breach[3] = 7 if breached else -1
            found = kernel(
                np.arange(len(sizes)), np.array(sizes), 1, price, fee, np.array([2, 3]), np.array(quoted), 10.0, 4, 0.5,
                book.slot_market, book.slot_size, book.slot_entry, book.slot_funding, book.quote, book.breach, book.long_interest,
                book.skew, book.gross,
            )  # fmt: skip
            told.append((found, book))
        for a, b in zip(told[0][0], told[1][0], strict=True):
            np.testing.assert_array_equal(a, b)
        for name in (
            "slot_market",
            "slot_size",
            "slot_entry",
            "slot_funding",
            "quote",
            "long_interest",
            "skew",
            "gross",
        ):
            np.testing.assert_array_equal(getattr(told[0][1], name), getattr(told[1][1], name))
        full, others, against, fees = told[0][0]
        assert full == -1
        assert others[-1] == 4
        assert float(np.sum(sizes) + np.sum(against)) == pytest.approx(0.0, abs=1e-12)
        assert (3 in others) <= (not breached)
        np.testing.assert_allclose(fees, fee * price * np.abs(sizes))
        assert float(told[0][1].quote.sum() + fees.sum()) == pytest.approx(0.0, abs=1e-9 * price)

    def test_makers_take_what_they_quote_over_the_depth(self) -> None:
        """8 bought against quotes of 2 and 3 of a depth of 10: 1.6, 2.4, and 4 for the street."""
        book = ledger()
        others, against = buys_eight(book, 0)
        assert others.tolist() == [2, 3, 4]
        assert against.tolist() == pytest.approx([-1.6, -2.4, -4.0])
        assert book.changed.tolist() == [5.0, 0.0, 5.0, 5.0, 5.0]

    def test_a_maker_does_not_trade_with_itself(self) -> None:
        book = ledger()
        others, against = buys_eight(book, 2)
        assert others.tolist() == [3, 4]
        assert against.tolist() == pytest.approx([-2.4, -5.6])
        assert position(book, 2, 1)[0] == 8.0

    def test_an_account_without_a_free_slot_is_named(self) -> None:
        book = ledger(slots=1)
        trade(book, 0, 0, 1.0, 10.0)
        with pytest.raises(OverflowError, match="account 100 holds 1 positions already"):
            book.fill(
                np.array([0]), np.array([1.0]), 1, 10.0, 0.0, 0.0, 1.0,
                makers=np.zeros(0, np.int64), quoted=np.zeros(0), depth=1.0, street=4,
            )  # fmt: skip
