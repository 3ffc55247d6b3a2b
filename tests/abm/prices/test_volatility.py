"""The usual volatility is what is said, and is not moved by a crash."""

import math

import numpy as np
import pytest

from abm.draws import Draws
from abm.prices.volatility import YEAR, diffusion_volatility, usual_volatility
from abm.spec import AssetSpec


def test_stated_volatility_is_annual_and_zero_for_a_stable_coin():
    assert diffusion_volatility(AssetSpec(name="BTC", price=1.0, volatility=0.6)) == pytest.approx(
        0.6 / math.sqrt(YEAR)
    )
    assert diffusion_volatility(AssetSpec(name="USDC", price=1.0, stable=True)) == 0.0


@pytest.mark.parametrize("interval", [0.4, 1.0, 60.0])
def test_random_walk_has_its_volatility(interval):
    logs = np.cumsum(0.002 * math.sqrt(interval) * Draws(1).normal("walk", 1, np.arange(40_000)))
    assert usual_volatility(logs, interval, interval) == pytest.approx(0.002, rel=0.03)


def test_a_crash_in_less_than_half_of_the_time_hardly_moves_it():
    steps = 1e-4 * Draws(1).normal("walk", 1, np.arange(30_000))
    steps[10_000:20_000] *= 30
    assert usual_volatility(np.cumsum(steps), 1.0, 1.0) == pytest.approx(1e-4, rel=0.1)


def test_coarse_bars_widen_the_window():
    """A path that steps once an hour has a volatility, although most windows of 300 s stand still."""
    hourly = np.cumsum(0.01 * Draws(1).normal("walk", 1, np.arange(480)))
    assert usual_volatility(np.repeat(hourly, 60), 60.0, 3600.0) == pytest.approx(0.01 / 60, rel=0.15)


def test_short_series_is_one_window():
    assert usual_volatility(np.array([0.0, 0.1, 0.0]), 4.0, 4.0) == pytest.approx(0.05)


def test_series_that_mostly_stands_still_is_one_window():
    logs = np.zeros(3001)
    logs[100:] = 0.3
    assert usual_volatility(logs, 1.0, 1.0) == pytest.approx(0.3 / math.sqrt(3000))


def test_constant_series_has_none():
    assert usual_volatility(np.zeros(1000), 1.0, 1.0) == 0.0
