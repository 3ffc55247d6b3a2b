import mpmath
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st
from vollib.black import black

from abm.margin.options.black76 import (
    log_ratio,
    log_ratio_python,
    price,
    price_kernel,
    price_kernel_python,
    price_many,
    price_many_python,
)

SIDES = st.booleans()
FORWARDS = st.floats(1e-3, 1e6)
RATIOS = st.floats(0.02, 50.0)
YEARS = st.floats(1e-7, 5.0)
VOLS = st.floats(0.01, 5.0)


def exact(forward: float, strike: float, years: float, vol: float, discount: float, call: bool) -> float:
    """The textbook's formula with 400 digits."""
    with mpmath.workdps(400):
        f, k, t, v, d = (mpmath.mpf(float(x)) for x in (forward, strike, years, vol, discount))
        s, w = v * mpmath.sqrt(t), 1 if call else -1
        d1 = mpmath.log(f / k) / s + s / 2

        def cdf(z: mpmath.mpf) -> mpmath.mpf:
            return mpmath.erfc(-z / mpmath.sqrt(2)) / 2

        return float(d * w * (f * cdf(w * d1) - k * cdf(w * (d1 - s))))


def random_options(n: int, seed: int) -> list[np.ndarray]:
    """Forward, strike, years, vol, rate, call: from a minute to five years, from at the money to nine deviations away."""
    rng = np.random.default_rng(seed)
    forward = rng.uniform(1.0, 2000.0, n)
    years = np.exp(rng.uniform(np.log(2e-6), np.log(5.0), n))
    vol = rng.uniform(0.05, 3.0, n)
    away = rng.uniform(-9.0, 9.0, n) * rng.choice([0.0, 0.01, 0.3, 1.0], n)
    strike = forward * np.exp(away * vol * np.sqrt(years))
    strike = np.clip(strike, forward / 50.0, forward * 50.0)
    return [forward, strike, years, vol, rng.uniform(-0.05, 0.2, n), rng.random(n) < 0.5]


class TestAgainstOthers:
    """Prices are those of QuantLib, of vollib, and of exact arithmetic."""

    def test_quantlib_and_vollib_agree_to_1e_10(self) -> None:
        columns = random_options(3000, seed=1)
        forward, strike, years, vol, rate, call = columns
        got = price(forward, strike, years, vol, np.exp(-rate * years), call)
        for i, (f, k, t, v, r, c) in enumerate(zip(*(x.tolist() for x in columns), strict=True)):
            side = ql.Option.Call if c else ql.Option.Put
            assert got[i] == pytest.approx(
                ql.blackFormula(side, k, f, v * t**0.5, np.exp(-r * t)), rel=1e-10, abs=1e-10
            )
            assert got[i] == pytest.approx(black("c" if c else "p", f, k, t, r, v), rel=1e-10, abs=1e-10)

    def test_no_digits_are_lost_far_from_the_money(self) -> None:
        """Relative to the price, up to what the rounding of its own inputs makes: h^2 units in the last place."""
        rng = np.random.default_rng(2)
        for _ in range(400):
            s = np.exp(rng.uniform(np.log(1e-5), np.log(6.0)))
            h = rng.uniform(-36.0, 36.0) * rng.choice([0.01, 0.1, 1.0])
            f, t = np.exp(rng.normal(0.0, 3.0)), np.exp(rng.uniform(-15.0, 1.0))
            k = f * np.exp(-h * s)
            option = (f, k, t, s / np.sqrt(t), 0.9, k > f)
            truth = exact(*option)
            if truth > 1e-300:
                assert price_kernel(*option) == pytest.approx(truth, rel=5e-13 * (1.0 + h * h), abs=0), option

    def test_worked_value_of_exact_arithmetic(self) -> None:
        """A call five deviations out, an hour to go: 60,000 against 62,000 at 60 % a year."""
        option = (60_000.0, 62_000.0, 1 / 8760, 0.6, 1.0, True)
        assert price_kernel(*option) == pytest.approx(exact(*option), rel=1e-13)


class TestLimits:
    """Where the formula divides by zero the price is the discounted intrinsic value."""

    @pytest.mark.parametrize(("years", "vol"), [(0.0, 0.5), (-1.0, 0.5), (1.0, 0.0), (1.0, -0.1), (1e-320, 1e-200)])
    def test_no_time_or_volatility(self, years: float, vol: float) -> None:
        assert price_kernel(110.0, 100.0, years, vol, 0.9, True) == pytest.approx(9.0)
        assert price_kernel(110.0, 100.0, years, vol, 0.9, False) == 0.0
        assert price_kernel(90.0, 100.0, years, vol, 0.9, False) == pytest.approx(9.0)
        assert price_kernel(100.0, 100.0, years, vol, 0.9, True) == 0.0

    def test_worthless_forward_and_strike(self) -> None:
        assert price_kernel(0.0, 100.0, 1.0, 0.5, 0.9, False) == pytest.approx(90.0)
        assert price_kernel(0.0, 100.0, 1.0, 0.5, 0.9, True) == 0.0
        assert price_kernel(100.0, 0.0, 1.0, 0.5, 0.9, True) == pytest.approx(90.0)

    def test_they_are_approached(self) -> None:
        assert price_kernel(110.0, 100.0, 1e-9, 0.5, 0.9, True) == pytest.approx(9.0, rel=1e-14)
        assert price_kernel(100.0, 100.0, 1e-10, 0.5, 1.0, True) == pytest.approx(
            100 * 0.5e-5 / np.sqrt(2 * np.pi), rel=1e-10
        )

    def test_boundless_volatility_makes_a_call_worth_the_forward(self) -> None:
        assert price_kernel(100.0, 120.0, 1.0, 1e3, 0.9, True) == pytest.approx(90.0)
        assert price_kernel(100.0, 120.0, 1.0, 1e3, 0.9, False) == pytest.approx(108.0)

    def test_unknown_in_unknown_out(self) -> None:
        assert np.isnan(price_kernel(np.nan, 100.0, 1.0, 0.5, 1.0, True))
        assert np.isnan(price_kernel(100.0, 100.0, 1.0, np.nan, 1.0, True))

    def test_where_the_series_takes_over_the_price_does_not_jump(self) -> None:
        below, above = (price_kernel(100.0, 100.1, 1.0, 2e-3 * x, 1.0, True) for x in (1 - 1e-12, 1 + 1e-12))
        assert below == pytest.approx(above, rel=1e-11)


class TestShape:
    """What holds for every price."""

    @settings(deadline=None)
    @given(FORWARDS, RATIOS, YEARS, VOLS)
    def test_put_call_parity(self, forward: float, ratio: float, years: float, vol: float) -> None:
        strike = forward * ratio
        call, put = (price_kernel(forward, strike, years, vol, 0.9, c) for c in (True, False))
        assert call - put == pytest.approx(0.9 * (forward - strike), rel=1e-12, abs=1e-14 * (forward + strike))

    @settings(deadline=None)
    @given(FORWARDS, RATIOS, YEARS, VOLS, SIDES)
    def test_within_arbitrage_bounds(self, forward: float, ratio: float, years: float, vol: float, call: bool) -> None:
        strike = forward * ratio
        value = price_kernel(forward, strike, years, vol, 0.9, call)
        gap = forward - strike if call else strike - forward
        assert 0.9 * max(gap, 0.0) <= value <= 0.9 * (forward if call else strike) * (1 + 1e-15)

    @settings(deadline=None)
    @given(FORWARDS, RATIOS, YEARS, VOLS, SIDES, st.floats(1.0, 2.0))
    def test_rises_with_volatility_and_time(
        self, forward: float, ratio: float, years: float, vol: float, call: bool, by: float
    ) -> None:
        strike = forward * ratio
        value = price_kernel(forward, strike, years, vol, 1.0, call)
        slack = 1e-12 * value
        assert price_kernel(forward, strike, years, vol * by, 1.0, call) >= value - slack
        assert price_kernel(forward, strike, years * by, vol, 1.0, call) >= value - slack

    @settings(deadline=None)
    @given(FORWARDS, RATIOS, YEARS, VOLS, st.floats(1.0, 2.0))
    def test_a_call_rises_and_a_put_falls_with_the_forward(
        self, forward: float, ratio: float, years: float, vol: float, by: float
    ) -> None:
        strike = forward * ratio
        slack = 1e-13 * (forward + strike)
        call, put = (price_kernel(forward, strike, years, vol, 1.0, c) for c in (True, False))
        assert price_kernel(forward * by, strike, years, vol, 1.0, True) >= call - slack
        assert price_kernel(forward * by, strike, years, vol, 1.0, False) <= put + slack

    @settings(deadline=None)
    @given(FORWARDS, RATIOS, YEARS, VOLS, SIDES, st.floats(1e-3, 1e3))
    def test_has_no_unit_of_its_own(
        self, forward: float, ratio: float, years: float, vol: float, call: bool, unit: float
    ) -> None:
        value = price_kernel(forward, forward * ratio, years, vol, 1.0, call)
        scaled = price_kernel(forward * unit, forward * ratio * unit, years, vol, 1.0, call)
        assert scaled == pytest.approx(value * unit, rel=1e-9, abs=1e-14 * forward * unit)


@settings(deadline=None)
@given(FORWARDS, RATIOS, YEARS, VOLS, SIDES)
def test_compiled_equals_plain(forward: float, ratio: float, years: float, vol: float, call: bool) -> None:
    option = (forward, forward * ratio, years, vol, 0.9, call)
    assert price_kernel(*option) == pytest.approx(price_kernel_python(*option), rel=1e-13, abs=1e-300)
    assert log_ratio(forward, forward * ratio) == pytest.approx(log_ratio_python(forward, forward * ratio), rel=1e-15)


def test_arrays_are_broadcast_and_equal_the_kernel() -> None:
    strikes = np.array([80.0, 100.0, 125.0])
    got = price(100.0, strikes[:, None], [0.1, 1.0], 0.5, 0.9, [[True], [False], [True]])
    assert got.shape == (3, 2)
    assert got[2, 1] == price_kernel(100.0, 125.0, 1.0, 0.5, 0.9, True)
    assert got[1, 0] == price_kernel(100.0, 100.0, 0.1, 0.5, 0.9, False)


def test_arrays_compiled_equal_plain() -> None:
    columns = random_options(50, seed=6)
    assert price_many(*columns) == pytest.approx(price_many_python(*columns), rel=1e-13, abs=1e-300)
