"""The recursion equals its reference, and the noise has the law of an Ornstein-Uhlenbeck process."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from abm.draws import Draws
from abm.prices.noise import autoregression, autoregression_python, stationary_noise


@settings(max_examples=30, deadline=None)
@given(decay=st.floats(0, 1), steps=arrays(np.float64, st.integers(0, 20), elements=st.floats(-10, 10)))
def test_kernel_equals_reference(decay, steps):
    assert np.array_equal(autoregression(decay, steps), autoregression_python(decay, steps))


def test_known_recursion():
    assert autoregression_python(0.5, np.array([8.0, 1.0, 0.0])).tolist() == [8.0, 5.0, 2.5]


def test_variance_and_correlation_are_stationary():
    decay, n = 0.8, 200_000
    x = stationary_noise(Draws(3), "noise", "here", ticks=n, decay=decay, sd=2.0)
    effective = n * (1 - decay) / (1 + decay)
    assert len(x) == n + 1
    assert abs(x.mean()) < 4 * 2.0 / math.sqrt(effective)
    assert abs(x.std() - 2.0) < 4 * 2.0 / math.sqrt(effective)
    assert abs(np.corrcoef(x[:-5], x[5:])[0, 1] - decay**5) < 0.02


def test_the_first_value_has_the_stationary_law():
    starts = np.array(
        [stationary_noise(Draws(root), "noise", "here", ticks=1, decay=0.9, sd=3.0)[0] for root in range(2000)]
    )
    assert abs(starts.std() - 3.0) < 4 * 3.0 / math.sqrt(2 * 2000)


def test_a_longer_run_has_the_same_beginning():
    short = stationary_noise(Draws(3), "noise", "here", ticks=100, decay=0.9, sd=1.0)
    long = stationary_noise(Draws(3), "noise", "here", ticks=300, decay=0.9, sd=1.0)
    assert np.array_equal(short, long[:101])
