import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vollib.black import implied_volatility

from abm.margin.options.black76 import price
from abm.margin.options.implied import (
    implied_kernel,
    implied_kernel_python,
    implied_many,
    implied_many_python,
    implied_vol,
)


def quoted(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Options out of the money, from a second to five years and up to thirty deviations away, and their volatilities."""
    rng = np.random.default_rng(seed)
    s, years = np.exp(rng.uniform(np.log(1e-4), np.log(4.0), n)), np.exp(rng.uniform(np.log(3e-8), np.log(5.0), n))
    h = rng.uniform(-30.0, 30.0, n) * rng.choice([0.0, 0.01, 0.1, 1.0], n)
    forward = np.exp(rng.normal(0.0, 4.0, n))
    strike, discount = forward * np.exp(-h * s), rng.uniform(0.8, 1.05, n)
    call, vol = strike >= forward, s / np.sqrt(years)
    value = price(forward, strike, years, vol, discount, call)
    keep = (value > 1e-280) & (value < 0.9 * discount * np.minimum(forward, strike))
    return [x[keep] for x in (value, forward, strike, years, discount, call)], vol[keep]


def test_gives_back_the_volatility_of_a_price() -> None:
    columns, vol = quoted(20_000, seed=10)
    assert len(vol) > 15_000
    assert implied_vol(*columns) == pytest.approx(vol, rel=2e-11)


def test_in_the_money_it_is_as_sharp_as_the_time_value_is() -> None:
    strike = np.linspace(70.0, 130.0, 61)
    for call in (True, False):
        value = price(100.0, strike, 0.5, 0.6, 0.97, call)
        assert implied_vol(value, 100.0, strike, 0.5, 0.97, call) == pytest.approx(0.6, rel=1e-12)


def test_vollib_agrees() -> None:
    for strike, call in ((90.0, False), (100.0, True), (140.0, True)):
        value = float(price(100.0, strike, 0.5, 0.7, np.exp(-0.025), call))
        theirs = implied_volatility.implied_volatility(value, 100.0, strike, 0.05, 0.5, "c" if call else "p")
        assert float(implied_vol(value, 100.0, strike, 0.5, np.exp(-0.025), call)) == pytest.approx(theirs, rel=1e-10)


@settings(deadline=None)
@given(st.floats(1e-6, 0.999999), st.floats(0.01, 100.0), st.booleans())
def test_every_price_within_the_bounds_has_one(part: float, strike: float, call: bool) -> None:
    """Pricing with it gives the price again, whatever part of its range that is."""
    low, high = max(1.0 - strike if call else strike - 1.0, 0.0), 1.0 if call else strike
    value = low + part * (high - low)
    vol = float(implied_vol(value, 1.0, strike, 1.0, 1.0, call))
    assert float(price(1.0, strike, 1.0, vol, 1.0, call)) == pytest.approx(value, rel=1e-12)


class TestEdges:
    """At and outside of the bounds of no arbitrage."""

    def test_intrinsic_has_none(self) -> None:
        assert implied_vol(10.0, 100.0, 90.0, 0.5, 1.0, True) == 0.0
        assert implied_vol(9.0, 100.0, 90.0, 0.5, 0.9, True) == 0.0
        assert implied_vol(0.0, 100.0, 110.0, 0.5, 1.0, True) == 0.0
        assert implied_vol(np.nextafter(9.7, 0.0), 100.0, 90.0, 0.5, 0.97, True) == 0.0

    @pytest.mark.parametrize("value", [9.99, -1.0, 100.0, 101.0, np.nan])
    def test_no_volatility_gives_a_price_outside(self, value: float) -> None:
        with pytest.raises(ValueError, match=rf"price must be >= 10.0 and < 100.0 \(no arbitrage\), got {value}"):
            implied_vol([15.0, value], 100.0, 90.0, 0.5, 1.0, True)

    def test_a_put_is_worth_less_than_its_strike(self) -> None:
        with pytest.raises(ValueError, match=r"price must be >= 0.0 and < 45.0 .*, got 45.0"):
            implied_vol(45.0, 100.0, 90.0, 0.5, 0.5, False)

    @pytest.mark.parametrize("at", [1, 2, 3, 4])
    def test_numbers_that_are_not_positive_are_named(self, at: int) -> None:
        numbers = [15.0, 100.0, 90.0, 0.5, 1.0]
        numbers[at] = 0.0
        name = ("price", "forward", "strike", "years", "discount")[at]
        with pytest.raises(ValueError, match=f"{name} must be > 0, got 0.0"):
            implied_vol(*numbers, True)

    def test_the_kernel_says_nan(self) -> None:
        assert np.isnan(implied_kernel(1.0, 100.0, 90.0, 0.5, 1.0, True))
        assert np.isnan(implied_kernel(15.0, 100.0, 90.0, 0.0, 1.0, True))


def test_compiled_equals_plain() -> None:
    columns, _ = quoted(200, seed=11)
    for row in zip(*columns, strict=True):
        assert implied_kernel(*row) == pytest.approx(implied_kernel_python(*row), rel=1e-11)
    assert implied_many(*columns) == pytest.approx(implied_many_python(*columns), rel=1e-11)
