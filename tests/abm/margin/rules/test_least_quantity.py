"""The walk along tangents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.least_quantity import least_quantity


def test_nothing_where_it_is_healthy() -> None:
    assert least_quantity(lambda x: (0.0, 1.0), 5.0) == 0.0


def test_the_whole_where_closing_does_not_help_or_not_enough() -> None:
    assert least_quantity(lambda x: (-1.0, 0.0), 5.0) == 5.0
    assert least_quantity(lambda x: (x - 6.0, 1.0), 5.0) == 5.0


@given(first=st.floats(0.5, 3.0), second=st.floats(0.01, 0.4), bend=st.floats(0.1, 4.0), debt=st.floats(0.01, 3.0))
def test_the_first_zero_of_two_lines(first: float, second: float, bend: float, debt: float) -> None:
    """Slope `first` up to `bend` and `second` from there on."""

    def health(x: float) -> tuple[float, float]:
        value = min(first * x, first * bend + second * (x - bend)) - debt
        return value, first if x < bend else second

    expected = debt / first if debt <= first * bend else bend + (debt - first * bend) / second
    assert least_quantity(health, 1_000.0) == pytest.approx(min(expected, 1_000.0), rel=1e-12)


@given(debt=st.floats(0.01, 0.99))
def test_the_first_zero_of_a_parabola(debt: float) -> None:
    found = least_quantity(lambda x: (x * (2.0 - x) - debt, 2.0 - 2.0 * x), 1.0)
    assert found == pytest.approx(1.0 - (1.0 - debt) ** 0.5, rel=1e-9)
