import math

import numpy as np
import pytest

from abm.margin.forecasts.realised import daily_sums, garman_klass, log_returns, parkinson


def test_by_hand() -> None:
    open_, high, low, close = (np.array([x]) for x in (100.0, 110.0, 95.0, 104.0))
    assert parkinson(high, low)[0] == pytest.approx(math.log(110 / 95) ** 2 / (4 * math.log(2)))
    expected = 0.5 * math.log(110 / 95) ** 2 - (2 * math.log(2) - 1) * math.log(1.04) ** 2
    assert garman_klass(open_, high, low, close)[0] == pytest.approx(expected)


def test_all_measure_the_variance_of_a_random_walk() -> None:
    """Days of 2,000 steps at a daily deviation of 3 %; ranges of discrete walks are a little too small."""
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((1000, 2000)) * 0.03 / math.sqrt(2000.0)
    path = np.exp(np.concatenate([np.zeros((1000, 1)), steps.cumsum(axis=1)], axis=1))
    high, low = path.max(axis=1), path.min(axis=1)
    true = 0.03**2
    assert np.mean(parkinson(high, low)) == pytest.approx(true, rel=0.08)
    assert np.mean(garman_klass(path[:, 0], high, low, path[:, -1])) == pytest.approx(true, rel=0.08)
    _, realised, _ = daily_sums(np.repeat(np.arange(1000), 2000), steps.ravel() ** 2)
    assert np.mean(realised) == pytest.approx(true, rel=0.01)
    assert np.std(realised) < np.std(garman_klass(path[:, 0], high, low, path[:, -1])) < np.std(parkinson(high, low))


def test_a_range_with_its_ends_inside_is_not_negative() -> None:
    assert garman_klass(np.array([1.0]), np.array([2.0]), np.array([1.0]), np.array([2.0]))[0] > 0.0


def test_sums_by_day() -> None:
    days, total, count = daily_sums(np.array([3, 3, 5]), np.array([1.0, 2.0, 4.0]))
    assert (days.tolist(), total.tolist(), count.tolist()) == ([3, 5], [3.0, 4.0], [2, 1])


def test_returns_are_logarithmic() -> None:
    assert log_returns(np.array([1.0, math.e, 1.0])).tolist() == pytest.approx([1.0, -1.0])
