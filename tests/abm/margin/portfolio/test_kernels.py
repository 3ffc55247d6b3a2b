"""Kernels against their plain selves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.board import (
    Board,
    board_of,
    in_scenarios,
    price_series_python,
    series_used,
    series_used_python,
)
from abm.margin.portfolio.book import Book, Numbers, book_of, numbers_of
from abm.margin.portfolio.contingencies import doubt, doubt_python, naked, naked_python, peg_term, peg_term_python
from abm.margin.portfolio.holdings import Scratch, scratch_for
from abm.margin.portfolio.kernel import margin_kernel, margin_kernel_python, safe_rows, safe_rows_python
from abm.margin.portfolio.parts import add_sizes, add_sizes_python, parts_kernel, parts_kernel_python
from abm.margin.portfolio.sensitivity import (
    gross_kernel,
    gross_kernel_python,
    slope_kernel,
    slope_kernel_python,
    steepest,
)
from abm.margin.portfolio.slopes import slope_series, slope_series_python
from abm.margin.statement import Statement
from tests.abm.margin.portfolio.portfolios import BOARD, COINS, MARKETS, book, form, statements, terms

ENGINE = ScenarioGrid.build(form(0.5), MARKETS, COINS)
ALL = np.ones(len(BOARD), np.bool_)


def made(accounts: list[Statement]) -> tuple[np.ndarray, Book, Board, Numbers, Scratch]:
    """What kernels take."""
    ledger, at = book(accounts), terms(ENGINE)
    board, numbers = board_of(ENGINE.plan, BOARD, ALL), numbers_of(ENGINE.plan, at)
    return np.arange(len(accounts)), book_of(ledger), board, numbers, scratch_for(board, numbers)


@given(accounts=st.lists(statements(), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_accounts(accounts: list[Statement]) -> None:
    rows, columns, board, numbers, room = made(accounts)
    found = []
    for kernel in (margin_kernel, margin_kernel_python):
        worst, joint = np.zeros((len(rows), 2), np.int64), np.zeros((len(rows), 2), np.int64)
        found.append((kernel(rows, columns, board, numbers, room, worst, joint), worst, joint))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(safe_rows(rows, columns), safe_rows_python(rows, columns))
    ends = steepest(ENGINE.plan, numbers, board)
    np.testing.assert_array_equal(
        gross_kernel(rows, columns, numbers, *ends), gross_kernel_python(rows, columns, numbers, *ends)
    )


@given(accounts=st.lists(statements(), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_parts_and_slopes(accounts: list[Statement]) -> None:
    rows, columns, board, numbers, room = made(accounts)
    slope = in_scenarios(slope_series, ENGINE.plan, BOARD, ALL)
    parts = [
        kernel(rows, columns, slope, board, numbers, numbers.rates.mm_factor, room)
        for kernel in (parts_kernel, parts_kernel_python)
    ]
    np.testing.assert_array_equal(*parts)
    slopes = [
        kernel(rows, columns, slope, board, numbers, parts[0], BOARD.underlying, ENGINE.plan.reference)
        for kernel in (slope_kernel, slope_kernel_python)
    ]
    np.testing.assert_array_equal(*slopes)
    add_sizes(rows, columns, board, numbers, parts[0])
    add_sizes_python(rows, columns, board, numbers, parts[1])
    np.testing.assert_array_equal(*parts)


def test_series() -> None:
    plan = ENGINE.plan
    unit = board_of(plan, BOARD, ALL).unit
    np.testing.assert_allclose(in_scenarios(price_series_python, plan, BOARD, ALL), unit, rtol=1e-13)
    slope = in_scenarios(slope_series, plan, BOARD, ALL)
    np.testing.assert_allclose(in_scenarios(slope_series_python, plan, BOARD, ALL), slope, rtol=1e-12, atol=1e-12)


def test_only_series_that_are_held_are_valued() -> None:
    some = ALL.copy()
    some[::2] = False
    part, whole = board_of(ENGINE.plan, BOARD, some), board_of(ENGINE.plan, BOARD, ALL)
    np.testing.assert_array_equal(part.unit[some], whole.unit[some])
    assert not part.unit[~some].any()
    legs = np.array([[3, 5, -1], [0, -1, -1]], np.int32)
    rows = np.array([0])
    np.testing.assert_array_equal(series_used(rows, legs, 8), series_used_python(rows, legs, 8))
    assert np.flatnonzero(series_used(rows, legs, 8)).tolist() == [3, 5]


@given(x=st.floats(-2.0, 2.0))
def test_contingencies(x: float) -> None:
    assert doubt(abs(x), 0.55, 1.5) == doubt_python(abs(x), 0.55, 1.5)
    assert naked(x) == naked_python(x) == max(-x, 0.0)
    assert peg_term(x, 0.98, 2.0) == peg_term_python(x, 0.98, 2.0)
