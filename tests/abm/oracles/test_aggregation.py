"""Median and mean of live sources, and where they came from."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.oracles.aggregation import KINDS, aggregate, aggregate_python, terms

prices = st.one_of(st.floats(1e-6, 1e6), st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([np.nan, 0.0, np.inf, -1.0]))


@st.composite
def worlds(draw: Any) -> tuple[Any, Any]:
    """Last prices of some books, and the sources of some assets among them."""
    last = np.array(draw(st.lists(prices, min_size=1, max_size=8)))
    width = draw(st.integers(1, 6))
    row = st.lists(st.integers(-1, len(last) - 1), min_size=width, max_size=width)
    return last, np.array(draw(st.lists(row, min_size=1, max_size=4)), dtype=np.int64)


@settings(max_examples=150, deadline=None)
@given(worlds(), st.sampled_from(sorted(KINDS)))
def test_value_is_that_of_numpy_over_the_live_sources_and_its_terms_rebuild_it(world: Any, kind: str) -> None:
    last, sources = world
    value, code = aggregate(last, sources, KINDS[kind])
    for a, row in enumerate(sources):
        live = [last[b] for b in row if b >= 0 and 0 < last[b] < np.inf]
        parts = terms(int(code[a]), row)
        if not live:
            assert np.isnan(value[a])
            assert parts == []
            continue
        expected = np.median(live) if kind == "median" else np.mean(live)
        assert value[a] == pytest.approx(expected, rel=1e-14)
        assert sum(w * last[b] for b, w in parts) == pytest.approx(value[a], rel=1e-14)
        assert sum(w for _, w in parts) == pytest.approx(1.0, rel=1e-14)


@settings(max_examples=50, deadline=None)
@given(worlds(), st.sampled_from([0, 1]))
def test_kernel_equals_its_reference(world: Any, kind: int) -> None:
    last, sources = world
    value, code = aggregate(last, sources, kind)
    value_python, code_python = aggregate_python(last, sources, kind)
    np.testing.assert_array_equal(value, value_python)
    np.testing.assert_array_equal(code, code_python)


def one(last: list[float], kind: str = "median") -> tuple[float, int]:
    value, code = aggregate(np.array(last), np.arange(len(last))[None, :], KINDS[kind])
    return float(value[0]), int(code[0])


def test_median_of_an_odd_number_names_one_source() -> None:
    assert one([103.0, 101.0, 102.0]) == (102.0, 2 * 3 + 2)
    assert terms(2 * 3 + 2, np.array([10, 11, 12])) == [(12, 1.0)]


def test_median_of_an_even_number_names_a_pair() -> None:
    assert one([104.0, 101.0, 102.0, 90.0]) == (101.5, 1 * 4 + 2)
    assert terms(1 * 4 + 2, np.array([10, 11, 12, 13])) == [(11, 0.5), (12, 0.5)]


def test_of_equal_prices_the_order_of_sources_decides() -> None:
    assert one([100.0, 100.0, 100.0]) == (100.0, 1 * 3 + 1)
    assert one([100.0, 100.0]) == (100.0, 0 * 2 + 1)
    assert one([101.0, 100.0, 100.0]) == (100.0, 2 * 3 + 2)


def test_dead_sources_and_padding_do_not_count() -> None:
    assert one([np.nan, 101.0, 0.0]) == (101.0, 1 * 3 + 1)
    last, sources = np.array([100.0, 104.0]), np.array([[1, -1, 0], [-1, -1, 1]])
    value, code = aggregate(last, sources, KINDS["median"])
    assert value.tolist() == [102.0, 104.0]
    assert terms(int(code[0]), sources[0]) == [(0, 0.5), (1, 0.5)]
    assert terms(int(code[1]), sources[1]) == [(1, 1.0)]


def test_mean_is_of_all_that_live() -> None:
    assert one([100.0, 102.0, 107.0], "mean") == (103.0, -1)
    assert terms(-1, np.array([4, 5, -1])) == [(4, 0.5), (5, 0.5)]
    value, code = one([100.0, np.nan, 107.0], "mean")
    assert value == 103.5
    assert terms(code, np.array([4, 5, 6])) == [(4, 0.5), (6, 0.5)]
