"""What a scenario does to a forward, to a volatility and to the value of an expiry (Derive PMRM_2).

https://github.com/derivexyz/v2-core, src/risk-managers/PMRMLib_2.sol: _addVolShocks, _getKStar,
_getExpirySkewedShockedMTM, _addStaticDiscount; src/feeds/LyraForwardFeed.sol for the part that is fixed.
"""

from math import exp, sqrt
from typing import NamedTuple

from numba import njit

__all__ = [
    "DAY",
    "YEAR",
    "SkewNumbers",
    "StaticNumbers",
    "VolNumbers",
    "moving_share",
    "moving_share_python",
    "skew_multiplier",
    "skew_multiplier_python",
    "skew_slope",
    "skew_slope_python",
    "static_discounts",
    "static_discounts_python",
    "vol_multipliers",
    "vol_multipliers_python",
]

DAY = 86_400.0
YEAR = 365.0 * DAY

WINDOW = 1_800.0
"""Seconds before expiry over which the settlement price is averaged."""

LARGE = 700.0
"""exp of it is still finite."""

TINY = 1e-300


class VolNumbers(NamedTuple):
    """A `VolShock` for kernels."""

    range_up: float
    range_down: float
    short_term_power: float
    long_term_power: float
    dte_floor_days: float
    min_vol_up: float


class SkewNumbers(NamedTuple):
    """A `SkewShock` for kernels."""

    linear_cap: float
    linear_cbase: float
    abs_cap: float
    abs_cbase: float
    min_k_star: float
    width_scale: float
    vol_static: float
    vol_scale: float


class StaticNumbers(NamedTuple):
    """The static discounts' part of `Factors` for kernels."""

    long_static_discount: float
    long_rate_mult: float
    long_rate_add: float
    short_static_discount: float
    short_rate_mult: float
    short_rate_add: float


def moving_share_python(seconds: float) -> float:
    """The part of a forward that still moves with the spot: all of it until half an hour before expiry."""
    return min(max(seconds / WINDOW, 0.0), 1.0)


moving_share = njit(cache=True)(moving_share_python)


def vol_multipliers_python(seconds: float, shock: VolNumbers) -> tuple[float, float]:
    """What volatilities are multiplied by in a rise and in a fall; nothing left to time: 1 and 1."""
    counted = max(seconds, shock.dte_floor_days * DAY)
    if counted <= 0.0:
        return 1.0, 1.0
    power = shock.short_term_power if seconds <= 30.0 * DAY else shock.long_term_power
    horizon = (30.0 * DAY / counted) ** power
    return 1.0 + shock.range_up * horizon, max(1.0 - shock.range_down * horizon, 0.0)


vol_multipliers = njit(cache=True)(vol_multipliers_python)


def static_discounts_python(years: float, rate: float, static: StaticNumbers) -> tuple[float, float]:
    """Factors of a positive and of a negative shocked value of an expiry; a short's is at most its undiscounting."""
    floored = max(rate, 0.0)
    long_rate = floored * static.long_rate_mult + static.long_rate_add
    short_rate = floored * static.short_rate_mult + static.short_rate_add
    long = static.long_static_discount * exp(-years * long_rate)
    short = static.short_static_discount * exp(min(years * short_rate, LARGE))
    return long, min(exp(min(years * floored, LARGE)), short)


static_discounts = njit(cache=True)(static_discounts_python)


def _cap_and_width_python(years: float, absolute: bool, skew: SkewNumbers) -> tuple[float, float]:
    """The cap of a skew shock and the k* at which it is reached."""
    root = sqrt(max(years, 0.0))
    cap = skew.abs_cap + skew.abs_cbase * root if absolute else skew.linear_cap + skew.linear_cbase * root
    width = root * skew.width_scale * (skew.vol_static + skew.vol_scale * root)
    return cap, max(max(skew.min_k_star, width), TINY)


_cap_and_width = njit(cache=True)(_cap_and_width_python)


def skew_multiplier_python(k: float, years: float, absolute: bool, skew: SkewNumbers) -> float:
    """What a volatility at log-moneyness k = ln(strike / forward) is multiplied by; at least 0.

    A cap that has turned negative bounds on one side only, as in the contract: min(cap, k cap / k*) for k >= 0.
    """
    cap, width = _cap_and_width(years, absolute, skew)
    k = abs(k) if absolute else k
    shift: float = min(cap, k * cap / width) if k >= 0.0 else max(-cap, k * cap / width)
    return max(1.0 + shift, 0.0)


skew_multiplier = njit(cache=True)(skew_multiplier_python)


def skew_slope_python(k: float, years: float, absolute: bool, skew: SkewNumbers) -> float:
    """Derivative of `skew_multiplier` in k; 0 where it is held by a bound."""
    cap, width = _cap_and_width(years, absolute, skew)
    sign = -1.0 if absolute and k < 0.0 else 1.0
    k = abs(k) if absolute else k
    slope = cap / width
    bound = slope * k >= cap if k >= 0.0 else slope * k <= -cap
    if bound or 1.0 + slope * k <= 0.0:
        return 0.0
    return float(sign * slope)


skew_slope = njit(cache=True)(skew_slope_python)
