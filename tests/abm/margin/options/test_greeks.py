import mpmath
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st
from vollib.black.greeks import analytical

from abm.margin.options.black76 import price
from abm.margin.options.greeks import (
    NAMES,
    greeks,
    greeks_kernel,
    greeks_kernel_python,
    greeks_many,
    greeks_many_python,
)

AT = {name: i for i, name in enumerate(NAMES)}

ORDERS = {
    "delta": (1, 0, 0, 0), "vega": (0, 1, 0, 0), "theta": (0, 0, 1, 0), "rho": (0, 0, 0, 1),
    "gamma": (2, 0, 0, 0), "vanna": (1, 1, 0, 0), "volga": (0, 2, 0, 0), "charm": (1, 0, 1, 0),
    "veta": (0, 1, 1, 0), "delta_rho": (1, 0, 0, 1), "vera": (0, 1, 0, 1), "theta_decay": (0, 0, 2, 0),
    "rho_decay": (0, 0, 1, 1), "rho_convexity": (0, 0, 0, 2),
}  # fmt: skip
"""Order of derivative by forward, volatility, years and rate; an odd one by years is taken with a minus."""

OPTIONS = [
    (60_000.0, 62_000.0, 7 / 365, 0.6, 0.05, True),
    (60_000.0, 45_000.0, 30 / 365, 0.9, -0.02, False),
    (100.0, 100.0, 1.0, 0.2, 0.0, True),
    (100.0, 101.0, 1 / 8760, 1.5, 0.1, False),
    (0.5, 1.5, 3.0, 1.2, 0.08, True),
    (2_000.0, 1_500.0, 0.25, 0.4, 0.03, True),
    (100.0, 160.0, 0.02, 0.5, 0.03, True),
]


def exact_price(call: bool, strike: float):
    w, k = (1 if call else -1), mpmath.mpf(strike)

    def value(f, v, t, r):
        s = v * mpmath.sqrt(t)
        d1 = mpmath.log(f / k) / s + s / 2
        first, second = (mpmath.erfc(-w * d / mpmath.sqrt(2)) / 2 for d in (d1, d1 - s))
        return mpmath.exp(-r * t) * w * (f * first - k * second)

    return value


def random_options(n: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    forward = rng.uniform(1.0, 2000.0, n)
    years = np.exp(rng.uniform(np.log(1 / 8760), np.log(5.0), n))
    vol = rng.uniform(0.1, 3.0, n)
    strike = forward * np.exp(rng.uniform(-7.0, 7.0, n) * vol * np.sqrt(years))
    strike = np.clip(strike, forward / 50.0, forward * 50.0)
    return [forward, strike, years, vol, rng.uniform(-0.05, 0.2, n), rng.random(n) < 0.5]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", list(ORDERS))
def test_each_greek_is_the_derivative_of_the_price(name: str, option: tuple) -> None:
    """Differentiated numerically with 60 digits."""
    forward, strike, years, vol, rate, call = option
    orders = ORDERS[name]
    with mpmath.workdps(60):
        truth = float(mpmath.diff(exact_price(call, strike), (forward, vol, years, rate), orders))
    sign = -1.0 if orders[2] == 1 else 1.0
    assert greeks(*option)[AT[name]] == pytest.approx(sign * truth, rel=2e-11, abs=1e-300)


def test_every_pair_of_variables_has_its_second_derivative() -> None:
    seconds = [orders for orders in ORDERS.values() if sum(orders) == 2]
    assert len(set(seconds)) == len(seconds) == 10
    assert set(ORDERS) | {"price"} == set(NAMES)


def test_quantlib_agrees_to_1e_10() -> None:
    columns = random_options(2000, seed=3)
    got = greeks(*columns)
    for row, (f, k, t, v, r, c) in zip(got, zip(*(x.tolist() for x in columns), strict=True), strict=True):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if c else ql.Option.Put, k)
        theirs = ql.BlackCalculator(payoff, f, v * t**0.5, float(np.exp(-r * t)))
        assert row[AT["price"]] == pytest.approx(theirs.value(), rel=1e-10, abs=1e-10)
        assert row[AT["delta"]] == pytest.approx(theirs.deltaForward(), rel=1e-10, abs=1e-10)
        assert row[AT["gamma"]] == pytest.approx(theirs.gammaForward(), rel=1e-10, abs=1e-10)
        assert row[AT["vega"]] == pytest.approx(theirs.vega(t), rel=1e-10, abs=1e-10)


def test_vollib_agrees_to_1e_10() -> None:
    columns = random_options(500, seed=4)
    got = greeks(*columns)
    for row, (f, k, t, v, r, c) in zip(got, zip(*(x.tolist() for x in columns), strict=True), strict=True):
        arguments = ("c" if c else "p", f, k, t, r, v)
        assert row[AT["delta"]] == pytest.approx(analytical.delta(*arguments), rel=1e-10, abs=1e-10)
        assert row[AT["gamma"]] == pytest.approx(analytical.gamma(*arguments), rel=1e-10, abs=1e-10)
        assert row[AT["vega"]] / 100 == pytest.approx(analytical.vega(*arguments), rel=1e-10, abs=1e-10)
        assert row[AT["theta"]] / 365 == pytest.approx(analytical.theta(*arguments), rel=1e-10, abs=1e-10)
        assert row[AT["rho"]] / 100 == pytest.approx(analytical.rho(*arguments), rel=1e-10, abs=1e-10)


class TestLimits:
    """At expiry and without volatility."""

    def test_after_expiry_only_payoff_and_delta_are_left(self) -> None:
        for years in (0.0, -0.1):
            row = greeks(110.0, 100.0, years, 0.5, 0.05, True)
            assert row[AT["price"]] == 10.0
            assert row[AT["delta"]] == 1.0
            assert not row[2:].any()
        assert greeks(90.0, 100.0, 0.0, 0.5, 0.05, False)[AT["delta"]] == -1.0
        assert not greeks(90.0, 100.0, 0.0, 0.5, 0.05, True).any()

    def test_at_the_kink_delta_is_halfway(self) -> None:
        assert greeks(100.0, 100.0, 0.0, 0.5, 0.05, True)[AT["delta"]] == 0.5
        assert greeks(100.0, 100.0, 0.0, 0.5, 0.05, False)[AT["delta"]] == -0.5

    def test_without_volatility_a_claim_on_the_forward_is_left(self) -> None:
        row, near = (greeks(110.0, 100.0, 2.0, vol, 0.05, True) for vol in (0.0, 1e-3))
        assert row == pytest.approx(near, rel=1e-12, abs=1e-12)
        assert row[AT["theta"]] == pytest.approx(0.05 * row[AT["price"]])
        assert row[AT["rho"]] == pytest.approx(-2.0 * row[AT["price"]])

    def test_far_from_the_money_nothing_overflows(self) -> None:
        row = greeks(1.0, 1e6, 1e-12, 1e-3, 0.05, True)
        assert not row.any()

    def test_unknown_in_unknown_out(self) -> None:
        assert np.isnan(greeks(np.nan, 100.0, 1.0, 0.5, 0.05, True)[AT["price"]])


class TestIdentities:
    """What holds among the Greeks of one option."""

    @settings(deadline=None)
    @given(
        st.floats(1.0, 1e5), st.floats(0.2, 5.0), st.floats(1e-3, 3.0), st.floats(0.05, 3.0), st.floats(-0.1, 0.3),
        st.booleans(),
    )  # fmt: skip
    def test_theta_is_paid_by_gamma(
        self, forward: float, ratio: float, years: float, vol: float, rate: float, call: bool
    ) -> None:
        """Black's equation: theta + vol^2 F^2 gamma / 2 = rate * price."""
        row = greeks(forward, forward * ratio, years, vol, rate, call)
        left = row[AT["theta"]] + 0.5 * (vol * forward) ** 2 * row[AT["gamma"]]
        assert left == pytest.approx(rate * row[AT["price"]], rel=1e-9, abs=1e-11 * forward)

    @settings(deadline=None)
    @given(st.floats(1.0, 1e5), st.floats(0.2, 5.0), st.floats(1e-3, 3.0), st.floats(0.05, 3.0), st.floats(-0.1, 0.3))
    def test_call_and_put_differ_by_a_forward(
        self, forward: float, ratio: float, years: float, vol: float, rate: float
    ) -> None:
        call, put = (greeks(forward, forward * ratio, years, vol, rate, c) for c in (True, False))
        assert call[AT["delta"]] - put[AT["delta"]] == pytest.approx(np.exp(-rate * years), rel=1e-13)
        for name in ("gamma", "vega", "vanna", "volga", "vera"):
            assert call[AT[name]] == put[AT[name]]


@pytest.mark.parametrize("option", [*OPTIONS, (110.0, 100.0, 0.0, 0.5, 0.05, True), (9.0, 9.0, 1.0, 0.0, 0.1, False)])
def test_compiled_equals_plain(option: tuple) -> None:
    compiled, plain = np.empty(15), np.empty(15)
    greeks_kernel(*option, compiled)
    greeks_kernel_python(*option, plain)
    assert compiled == pytest.approx(plain, rel=1e-12, abs=1e-300)


def test_arrays_are_broadcast_and_equal_the_kernel() -> None:
    got = greeks(100.0, [[90.0], [110.0]], [0.1, 0.2, 0.3], 0.5, 0.05, True)
    assert got.shape == (2, 3, 15)
    one = np.empty(15)
    greeks_kernel(100.0, 110.0, 0.3, 0.5, 0.05, True, one)
    assert np.array_equal(got[1, 2], one)
    assert got[..., 0] == pytest.approx(
        price(100.0, [[90.0], [110.0]], [0.1, 0.2, 0.3], 0.5, np.exp([-0.005, -0.01, -0.015]), True), rel=1e-15
    )
    columns = [np.ascontiguousarray(x) for x in random_options(20, seed=5)]
    assert greeks_many(*columns) == pytest.approx(greeks_many_python(*columns), rel=1e-12, abs=1e-300)
