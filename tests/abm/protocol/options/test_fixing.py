import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.options.expiry import WINDOW, settlement_price
from abm.protocol.options.fixing import Fixing


def noted(seconds: list[float], prices: list[float]) -> Fixing:
    made = Fixing()
    for when, price in zip(seconds, prices, strict=True):
        made.note(when, np.array([1.0, price]))
    return made


@given(
    steps=st.lists(st.tuples(st.floats(0.5, 400.0), st.floats(1e3, 1e5)), min_size=2, max_size=60),
    late=st.floats(0.0, 1.0),
)
def test_settlement_is_the_time_weighted_average_of_the_window(steps: list[tuple[float, float]], late: float) -> None:
    seconds = np.cumsum([s for s, _ in steps])
    prices = np.array([p for _, p in steps])
    expiry = seconds[0] + 1e-3 + WINDOW + late * max(seconds[-1] - seconds[0] - WINDOW, 0.0)
    made = noted(seconds.tolist(), prices.tolist())
    assert made.settle(1, expiry) == pytest.approx(settlement_price(seconds, prices, expiry), rel=1e-11)


def test_the_average_so_far_is_of_the_window_alone() -> None:
    made = noted([0.0, 1000.0, 1300.0], [100.0, 200.0, 400.0])
    expiry = 900.0 + WINDOW
    assert made.average(1, expiry, 1300.0) == pytest.approx((100.0 * 100.0 + 200.0 * 300.0) / 400.0)
    assert made.average(1, 1300.0 + WINDOW, 1300.0) == 400.0


def test_a_window_that_began_before_the_first_tick_is_an_error() -> None:
    with pytest.raises(ValueError, match="the index is not known from"):
        noted([100.0, 5000.0], [1.0, 1.0]).settle(1, WINDOW)


def test_what_is_old_is_forgotten_and_nothing_else() -> None:
    made, price = Fixing(), 0.0
    for second in range(30_000):
        price = 100.0 + second % 7
        made.note(float(second), np.array([price]))
    assert len(made._seconds) <= 8192
    expiry = 29_999.0
    window = np.arange(29_999 - 1800, 29_999)
    assert made.settle(0, expiry) == pytest.approx(np.mean(100.0 + window % 7), rel=1e-12)
