"""First zeros of many functions of one argument."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.roots import DOWN, UP, first_zero, grid


def alone(function: Callable[[float], float], at: np.ndarray) -> float:
    return float(first_zero(lambda t, which: np.full(len(which), function(t)), 1, at)[0])


class TestFirstZero:
    @given(st.floats(1.3e-4, 0.999), st.floats(0.01, 1e6))
    def test_a_line_has_its_own_root(self, root: float, slope: float) -> None:
        assert alone(lambda m: slope * (m - root), DOWN) == pytest.approx(root, rel=1e-12)

    @given(st.floats(1e-6, 8.99))
    def test_a_curve_and_a_kink_have_theirs(self, root: float) -> None:
        assert alone(lambda t: np.exp(0.7 * root) - np.exp(0.7 * t), grid()) == pytest.approx(root, abs=1e-11)
        assert alone(lambda t: max(root - t, 3.0 * (root - t)), grid()) == pytest.approx(root, abs=1e-13)

    def test_the_first_of_several_is_found(self) -> None:
        assert alone(lambda t: np.cos(3.0 * t), grid()) == pytest.approx(np.pi / 6.0, abs=1e-12)

    def test_a_jump_over_zero_is_found_where_it_is(self) -> None:
        assert alone(lambda t: 1.0 if t < 0.123 else -1.0, grid()) == pytest.approx(0.123, abs=1e-12)

    def test_zero_at_once_zero_never_and_no_number(self) -> None:
        assert alone(lambda m: m - 1.0, UP) == 1.0
        assert np.isnan(alone(lambda m: m, UP))
        assert np.isnan(alone(lambda m: np.inf, UP))
        assert np.isnan(alone(lambda m: np.nan, UP))

    def test_each_is_followed_by_itself(self) -> None:
        """Functions that are found are not asked again, and the others go on."""
        roots = np.array([0.015, 5.2, np.inf, 0.0, 0.018])
        asked = []

        def values(t: float, which: np.ndarray) -> np.ndarray:
            asked.append(len(which))
            return np.minimum(roots[which], 1e9) - t

        found = first_zero(values, 5, grid())
        assert found == pytest.approx([0.015, 5.2, np.nan, 0.0, 0.018], nan_ok=True, abs=1e-13)
        assert asked[0] == 5
        assert asked[-1] == 1

    def test_the_grid_ends_where_it_is_told_to(self) -> None:
        assert (grid()[0], grid()[-1], grid(0.5)[-1]) == (0.0, 9.0, 0.5)
        assert np.all(np.diff(grid(2.0)) > 0.0)
