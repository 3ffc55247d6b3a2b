import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venues.kernel import TERMS, exponentials, permanent, propagator, relative_error, response


@given(t0=st.floats(0.5, 60.0), gamma=st.floats(0.3, 1.2))
@settings(max_examples=15, deadline=None)
def test_propagator_meets_the_power_law_within_one_per_cent(t0: float, gamma: float) -> None:
    weights, times = propagator(t0, gamma)
    assert relative_error(weights, times, t0, gamma) < 0.01


def test_default_propagator_meets_it_within_a_quarter_per_cent() -> None:
    assert relative_error(*propagator(0.5, 0.6), 0.5, 0.6) < 0.0025


@given(t0=st.floats(0.05, 100.0), gamma=st.floats(0.1, 2.0))
@settings(max_examples=15, deadline=None)
def test_weights_are_not_negative_and_sum_to_one(t0: float, gamma: float) -> None:
    weights, times = exponentials(t0, gamma, 0.5 * t0, 3e5)
    assert weights.shape == times.shape == (TERMS,)
    assert np.all(weights >= 0.0)
    assert math.isclose(math.fsum(weights), 1.0, rel_tol=1e-15)
    assert times[0] == 0.5 * t0
    assert times[-1] == 3e5


def test_response_is_one_at_age_zero_then_falls_and_is_convex() -> None:
    ages = np.linspace(0.0, 50.0, 501)
    left = response(*propagator(0.5, 0.6), ages)
    assert math.isclose(left[0], 1.0, rel_tol=1e-15)
    assert np.all(np.diff(left) < 0.0)
    assert np.all(np.diff(left, 2) > 0.0)


def test_known_values_of_the_power_law_at_one_and_two_seconds() -> None:
    left = response(*propagator(0.5, 0.6), np.array([1.0, 2.0]))
    np.testing.assert_allclose(left, [3.0**-0.6, 5.0**-0.6], rtol=0.0025)


def test_permanent_impact_never_fades() -> None:
    np.testing.assert_array_equal(response(*permanent(), np.array([0.0, 1.0, 1e9])), 1.0)


def test_propagator_is_shared_and_cannot_be_written() -> None:
    weights, times = propagator(0.5, 0.6)
    assert propagator(0.5, 0.6)[0] is weights
    assert not weights.flags.writeable
    assert not times.flags.writeable
