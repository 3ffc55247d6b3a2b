import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.forecasts.losses import qlike, squared_error

variances = st.floats(1e-8, 1e2)


def test_qlike_by_hand() -> None:
    """x/f - ln(x/f) - 1 at x = 2f and x = f/2."""
    loss = qlike(np.array([2.0, 1.0]), np.array([1.0, 2.0]))
    assert loss.tolist() == pytest.approx([1.0 - math.log(2.0), math.log(2.0) - 0.5], rel=1e-15)


def test_squared_error_by_hand() -> None:
    assert squared_error(np.array([3.0]), np.array([1.0])).tolist() == [4.0]


@given(variances, variances)
def test_it_is_least_where_the_forecast_is_right(target: float, forecast: float) -> None:
    at = np.array([target])
    assert qlike(at, at)[0] == 0.0
    assert qlike(at, np.array([forecast]))[0] >= 0.0


def test_too_low_costs_more_than_too_high() -> None:
    low, high = qlike(np.array([1.0, 1.0]), np.array([0.5, 2.0]))
    assert low > high


def test_a_still_period_shifts_all_forecasts_alike() -> None:
    """The difference of two forecasts' losses is that of ln f + x/f, in which no logarithm of x stands."""
    loss = qlike(np.array([0.0, 0.0]), np.array([1e-4, 3e-4]))
    assert loss[1] - loss[0] == pytest.approx(math.log(3.0), abs=1e-7)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_a_forecast_that_is_no_variance_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="forecasts must be > 0"):
        qlike(np.array([1.0]), np.array([wrong]))
