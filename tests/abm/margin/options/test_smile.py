from dataclasses import replace
from math import inf, log, nan, sqrt

import pytest

from abm.margin.options.smile import (
    Smile,
    atm_variance,
    atm_variance_python,
    curvature,
    curvature_python,
    vol_kernel,
    vol_kernel_python,
)
from tests.abm.margin.options.smiles import BITCOIN, DAY


def test_at_the_money_the_total_variance_is_theta() -> None:
    assert vol_kernel(0.0, 0.5, 0.18, -0.3, 1.0, 0.4) == pytest.approx(sqrt(0.18 / 0.5), rel=1e-15)


def test_skew_at_the_money_is_that_of_the_paper() -> None:
    """Gatheral and Jacquier: the slope of w at the money is rho theta phi."""
    k, years, theta, rho, eta, gamma = 1e-6, 0.5, 0.18, -0.3, 1.0, 0.4
    up, down = (vol_kernel(x, years, theta, rho, eta, gamma) ** 2 * years for x in (k, -k))
    assert (up - down) / (2 * k) == pytest.approx(rho * theta * curvature(theta, eta, gamma), rel=1e-7)


def test_worked_value_of_a_wing() -> None:
    """gamma 1/2, theta 1: phi = eta / sqrt(2) = 1, so w(1) = (1 + rho + sqrt(2 + 2 rho)) / 2 = 1 with rho -1/2."""
    assert curvature(1.0, sqrt(2.0), 0.5) == pytest.approx(1.0, rel=1e-15)
    assert vol_kernel(1.0, 1.0, 1.0, -0.5, sqrt(2.0), 0.5) == pytest.approx(sqrt(0.75), rel=1e-15)


def test_variance_reverts_to_its_mean_along_the_maturities() -> None:
    """Half of the deviation is gone in a half-life: forward variance there is halfway between now and the mean."""
    speed = log(2.0) / 0.25
    early, late = (atm_variance(t, 1.0, 0.25, speed) for t in (0.25, 0.25 + 1e-6))
    assert (late - early) / 1e-6 == pytest.approx(0.625, rel=1e-5)
    assert atm_variance(1e-9, 1.0, 0.25, speed) / 1e-9 == pytest.approx(1.0, rel=1e-6)
    assert atm_variance(1e6, 1.0, 0.25, speed) / 1e6 == pytest.approx(0.25, rel=1e-5)


def test_half_life_is_told_as_speed_a_year() -> None:
    assert replace(BITCOIN, half_life=365 * DAY).reversion == pytest.approx(log(2.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rho": -1.0}, r"rho must be in \(-1, 1\), got -1.0"),
        ({"rho": 0.5, "eta": 1.4}, r"eta must be <= 2 / \(1 \+ \|rho\|\) = 1.33.*, got 1.4"),
        ({"eta": 0.0}, "eta must be > 0, got 0"),
        ({"gamma": 0.6}, r"gamma must be in \(0, 0.5\], got 0.6"),
        ({"gamma": 0.0}, r"gamma must be in \(0, 0.5\], got 0.0"),
        ({"half_life": 0.0}, "half_life must be > 0, got 0"),
        ({"half_life": inf}, "half_life must be finite, got inf"),
        ({"shortest": -1.0}, "shortest must be > 0, got -1"),
        ({"least_vol": 0.0}, "least_vol must be > 0, got 0"),
        ({"long_vol": 0.1}, "long_vol must be from least_vol = 0.15 to most_vol = 3.0, got 0.1"),
        ({"spot_beta": 0.1}, "spot_beta must be <= 0, got 0.1"),
        ({"long_vol": nan}, "long_vol must be finite, got nan"),
    ],
)
def test_a_smile_that_cannot_be_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(BITCOIN, **change)


def test_parameters_have_names_and_no_defaults() -> None:
    with pytest.raises(TypeError, match="missing 9 required keyword-only arguments"):
        Smile()  # type: ignore[call-arg]


def test_compiled_equals_plain() -> None:
    for k in (-2.0, -0.1, 0.0, 0.3, 4.0):
        assert vol_kernel(k, 0.1, 0.05, -0.4, 1.3, 0.5) == pytest.approx(
            vol_kernel_python(k, 0.1, 0.05, -0.4, 1.3, 0.5), rel=1e-14
        )
    assert atm_variance(0.1, 0.5, 0.3, 4.0) == pytest.approx(atm_variance_python(0.1, 0.5, 0.3, 4.0), rel=1e-15)
    assert curvature(0.1, 1.2, 0.4) == pytest.approx(curvature_python(0.1, 1.2, 0.4), rel=1e-15)
