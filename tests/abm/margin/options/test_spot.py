import mpmath
import numpy as np
import pytest
import QuantLib as ql

from abm.margin.options.spot import spot_greeks

ORDERS = {
    "delta": (1, 0, 0, 0, 0), "vega": (0, 1, 0, 0, 0), "theta": (0, 0, 1, 0, 0), "rho": (0, 0, 0, 1, 0),
    "dividend_rho": (0, 0, 0, 0, 1), "gamma": (2, 0, 0, 0, 0), "vanna": (1, 1, 0, 0, 0), "volga": (0, 2, 0, 0, 0),
    "charm": (1, 0, 1, 0, 0), "veta": (0, 1, 1, 0, 0), "delta_rho": (1, 0, 0, 1, 0), "vera": (0, 1, 0, 1, 0),
    "theta_decay": (0, 0, 2, 0, 0), "rho_decay": (0, 0, 1, 1, 0), "rho_convexity": (0, 0, 0, 2, 0),
}  # fmt: skip
"""Order of derivative by spot, volatility, years, rate and dividend; an odd one by years is taken with a minus."""


def exact_price(call: bool, strike: float):
    w, k = (1 if call else -1), mpmath.mpf(strike)

    def value(spot, v, t, r, q):
        f, s = spot * mpmath.exp((r - q) * t), v * mpmath.sqrt(t)
        d1 = mpmath.log(f / k) / s + s / 2
        first, second = (mpmath.erfc(-w * d / mpmath.sqrt(2)) / 2 for d in (d1, d1 - s))
        return mpmath.exp(-r * t) * w * (f * first - k * second)

    return value


@pytest.mark.parametrize("name", list(ORDERS))
@pytest.mark.parametrize(
    "option", [(95.0, 103.0, 0.3, 0.7, (0.05, 0.02), True), (430.0, 405.0, 1 / 12, 0.2, (0.07, 0.15), False)]
)
def test_each_greek_is_the_derivative_of_the_price(name: str, option: tuple) -> None:
    spot, strike, years, vol, rates, call = option
    with mpmath.workdps(60):
        truth = float(mpmath.diff(exact_price(call, strike), (spot, vol, years, *rates), ORDERS[name]))
    sign = -1.0 if ORDERS[name][2] == 1 else 1.0
    assert float(spot_greeks(*option)[name]) == pytest.approx(sign * truth, rel=1e-11)


def test_quantlib_agrees_to_1e_10() -> None:
    rng = np.random.default_rng(8)
    for _ in range(1000):
        s, t, v = rng.uniform(1.0, 500.0), np.exp(rng.uniform(-7.0, 1.0)), rng.uniform(0.1, 2.0)
        r, q, call = rng.uniform(-0.02, 0.2), rng.uniform(0.0, 0.2), bool(rng.random() < 0.5)
        k = s * np.clip(np.exp(rng.uniform(-5.0, 5.0) * v * np.sqrt(t)), 0.02, 50.0)
        got = spot_greeks(s, k, t, v, (r, q), call)
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if call else ql.Option.Put, k)
        theirs = ql.BlackCalculator(payoff, s * np.exp((r - q) * t), v * np.sqrt(t), np.exp(-r * t))
        for name, value in {
            "price": theirs.value(), "delta": theirs.delta(s), "gamma": theirs.gamma(s), "theta": theirs.theta(s, t),
            "vega": theirs.vega(t), "rho": theirs.rho(t), "dividend_rho": theirs.dividendRho(t),
            "strike_delta": theirs.strikeSensitivity(),
        }.items():  # fmt: skip
            assert float(got[name]) == pytest.approx(value, rel=1e-10, abs=1e-10), name
        if theirs.value() > 1.0:  # theirs loses digits below
            assert float(got["elasticity"]) == pytest.approx(theirs.elasticity(s), rel=1e-10)


def test_an_index_that_pays_what_it_costs_is_its_own_forward() -> None:
    """Without carry the spot's delta is the forward's."""
    got = spot_greeks(100.0, 110.0, 0.5, 0.4, (0.1, 0.1), True)
    assert float(got["dividend_rho"]) == pytest.approx(-0.5 * 100.0 * float(got["delta"]))


def test_a_worthless_option_has_no_elasticity() -> None:
    got = spot_greeks([100.0, 100.0], [110.0, 90.0], 0.0, 0.4, (0.1, 0.0), True)
    assert np.isnan(got["elasticity"][0])
    assert got["elasticity"][1] == 10.0
    assert list(got["price"]) == [0.0, 10.0]
    assert list(got["theta"]) == pytest.approx([0.0, -0.1 * 100.0])
