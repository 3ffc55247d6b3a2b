"""Peak to trough and the largest call, against the plain definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.procyclicality import largest_call, peak_to_trough

paths = st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.01, 10.0)), min_size=1, max_size=40)


def test_by_hand() -> None:
    time, margin = np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0, 4.0])
    assert peak_to_trough(margin) == 4.0
    assert [largest_call(time, margin, span) for span in (0.0, 1.0, 2.0)] == [0.0, 2.0, 3.0]


def test_a_margin_that_stands_still_calls_nothing() -> None:
    assert peak_to_trough(np.ones(5)) == 1.0
    assert largest_call(np.arange(5.0), np.ones(5), 3.0) == 0.0


@given(paths, st.floats(0.0, 20.0))
def test_the_largest_call_is_that_of_all_pairs(path: list[tuple[float, float]], span: float) -> None:
    time = np.cumsum([step for step, _ in path])
    margin = np.array([value for _, value in path])
    plain = max(
        float(margin[j] - margin[i]) for j in range(len(path)) for i in range(j + 1) if time[i] >= time[j] - span
    )
    assert largest_call(time, margin, span) == plain


def test_what_is_no_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margins must be > 0"):
        peak_to_trough(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"span must be >= 0, got -1.0"):
        largest_call(np.arange(2.0), np.ones(2), -1.0)
