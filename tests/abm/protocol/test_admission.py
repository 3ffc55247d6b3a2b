"""Which trades an initial margin lets through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import CROSS, ISOLATED, Ledger
from abm.protocol.admission import admitted, admitted_python

MARKETS = 3
PER_COIN = np.array([10.0, 2.0, 1.0])


def ledger(mode: int, held: list[tuple[int, float]], slots: int = MARKETS) -> Ledger:
    book = Ledger(MARKETS, 0, slots)
    book.add(np.array([1]), np.array([1]), np.array([0]), mode=mode, cohort=0, now=0.0)
    for market, size in held:
        book.trade(np.array([0]), np.array([market]), np.array([size]), np.array([1.0]), np.zeros(MARKETS), 0.0)
    return book


def allowed_of(
    book: Ledger, orders: list[tuple[int, float]], equity: float, im: float = 0.0, cost: float = 0.0
) -> list[bool]:
    """Which of one account's orders (market, size) are let through; each costs the same."""
    n = len(orders)
    markets, sizes = np.array([m for m, _ in orders]), np.array([s for _, s in orders], dtype=np.float64)
    given = np.zeros(n, np.int64), markets, sizes, np.full(n, cost), np.full(n, equity), np.full(n, im)
    found = [k(*given, PER_COIN, book.mode, book.slot_market, book.slot_size).tolist() for k in KERNELS]
    assert found[0] == found[1]
    return found[0]


def allows(book: Ledger, market: int, size: float, equity: float, im: float = 0.0) -> bool:
    return allowed_of(book, [(market, size)], equity, im)[0]


KERNELS = (admitted, admitted_python)


@pytest.mark.parametrize(("equity", "allowed"), [(30.0, True), (29.99, False)])
def test_a_new_position_needs_its_margin_beside_that_of_the_others(equity: float, allowed: bool) -> None:
    assert allows(ledger(CROSS, [(1, 5.0)]), 0, 2.0, equity, im=10.0) is allowed


@pytest.mark.parametrize(
    ("size", "allowed"), [(-1.0, True), (-5.0, True), (-5.01, False), (1.0, False), (-10.1, False)]
)
def test_who_has_nothing_may_only_reduce(size: float, allowed: bool) -> None:
    assert allows(ledger(CROSS, [(1, 5.0)]), 1, size, -100.0, im=10.0) is allowed


def test_a_flip_needs_the_difference_only() -> None:
    book = ledger(CROSS, [(1, 5.0)])
    assert allows(book, 1, -11.0, 12.0, im=10.0)
    assert not allows(book, 1, -11.0, 11.9, im=10.0)
    assert allows(book, 1, -10.0, 10.0, im=10.0)


def test_an_isolated_account_holds_one_market() -> None:
    book = ledger(ISOLATED, [(1, 5.0)])
    assert allows(book, 1, 1.0, 1e6)
    assert not allows(book, 0, 1.0, 1e6)
    assert allows(ledger(ISOLATED, []), 0, 1.0, 1e6)


def test_nobody_holds_more_markets_than_there_are_slots() -> None:
    book = ledger(CROSS, [(0, 1.0), (1, 1.0)], slots=2)
    assert not allows(book, 2, 1.0, 1e9)
    assert allows(book, 1, 1.0, 1e9)


def test_orders_of_one_account_use_its_margin_up_one_after_the_other() -> None:
    """10 a coin on 25: two coins, not three; what each costs is gone for the next."""
    assert allowed_of(ledger(CROSS, []), [(0, 1.0)] * 3, 25.0) == [True, True, False]
    assert allowed_of(ledger(CROSS, []), [(0, 1.0), (1, 7.0), (1, 1.0)], 25.0) == [True, True, False]
    assert allowed_of(ledger(CROSS, []), [(0, 1.0), (0, 1.0)], 21.0, cost=0.6) == [True, False]
    assert allowed_of(ledger(CROSS, [(1, 5.0)]), [(1, -5.0), (1, -5.0), (1, -5.0)], 10.0, 10.0) == [True, True, False]


def test_an_isolated_account_does_not_open_two_markets_at_once() -> None:
    assert allowed_of(ledger(ISOLATED, []), [(0, 1.0), (1, 1.0), (0, 1.0)], 1e6) == [True, False, True]


@given(
    mode=st.sampled_from([CROSS, ISOLATED]), size=st.floats(-20.0, 20.0), equity=st.floats(-50.0, 300.0),
    more=st.floats(0.0, 100.0), market=st.integers(0, MARKETS - 1), held=st.floats(-9.0, 9.0),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_more_equity_never_forbids(
    mode: int, size: float, equity: float, more: float, market: int, held: float
) -> None:
    book = ledger(mode, [(1, held)] if held else [])
    assert allows(book, market, size, equity, 5.0) <= allows(book, market, size, equity + more, 5.0)
