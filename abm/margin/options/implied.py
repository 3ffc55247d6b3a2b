"""Implied volatility: the one at which Black-76 gives a price.

Solved for s = vol sqrt(T) from the price b out of the money per unit of the smaller of forward and strike, which rises
from 0 to 1: Newton from the inflection s = sqrt(2 |ln(F/K)|) (S. Manaster, G. Koehler, Journal of Finance 37, 1982), on
1/ln b below it and -ln(1 - b) above (after P. Jaeckel, Let's be rational, Wilmott 2015), kept in a bracket by bisection.
"""

from math import exp, log, log1p, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.black76 import ROOT_TAU, log_ratio, price_kernel
from abm.margin.options.columns import flat

__all__ = ["implied_kernel", "implied_kernel_python", "implied_many", "implied_many_python", "implied_vol"]

Floats = NDArray[np.float64]

STEPS = 100
"""Most steps; Newton takes four to eight, bisection alone about sixty."""

CLOSE = 1e-14
"""Relative step at which the root is found; Newton's next would be of its square."""

ROUNDING = 1e-15
"""How far below intrinsic a price may be by rounding, relative to the larger of forward and strike."""


TINY = 1e-290
"""Price per unit below which too few digits are left to take a step from."""


def _slope_python(forward: float, strike: float, s: float) -> float:
    """Change of the undiscounted price by s = vol sqrt(T)."""
    h, t = log_ratio(forward, strike) / s, 0.5 * s
    return sqrt(forward) * sqrt(strike) * exp(-0.5 * (h * h + t * t)) / ROOT_TAU


_slope = njit(cache=True)(_slope_python)


def _step_python(target: float, b: float, slope: float, low: bool) -> float:
    """Newton's step on 1/ln b where `low`, else on -ln(1 - b); nan where b is 0 or 1 to double precision."""
    if b <= TINY or b >= 1.0 or slope <= TINY:
        return np.nan
    if low:
        return (1.0 / log(target) - 1.0 / log(b)) * -b * log(b) ** 2 / slope
    return (log1p(-b) - log1p(-target)) * (1.0 - b) / slope


_step = njit(cache=True)(_step_python)


def implied_kernel_python(
    price: float, forward: float, strike: float, years: float, discount: float, call: bool
) -> float:
    """Implied volatility a year; 0 at intrinsic, nan where no volatility gives the price (see `implied_vol`)."""
    low, high = min(forward, strike), max(forward, strike)
    if not (low > 0.0 and years > 0.0 and discount > 0.0):
        return np.nan
    inside = (forward > strike) == call
    target = (price / discount - (high - low if inside else 0.0)) / low
    if -ROUNDING * high <= target * low <= 0.0:
        return 0.0
    if not (target > 0.0 and target < 1.0):
        return np.nan
    s = sqrt(2.0 * abs(log_ratio(forward, strike)))
    below = s > 0.0 and target * low < price_kernel(forward, strike, 1.0, s, 1.0, forward <= strike)
    s = max(s, ROOT_TAU * target) if not below else s
    left, right = 0.0, np.inf
    for _ in range(STEPS):
        b = price_kernel(forward, strike, 1.0, s, 1.0, forward <= strike) / low
        if b < target:
            left = s
        else:
            right = s
        new = s + _step(target, b, _slope(forward, strike, s) / low, below)
        if not left <= new <= right:
            new = 2.0 * s if right == np.inf else 0.5 * (left + right)
        if abs(new - s) <= CLOSE * s:
            s = new
            break
        s = new
    return s / sqrt(years)


implied_kernel = njit(cache=True)(implied_kernel_python)


def implied_many_python(
    price: Floats, forward: Floats, strike: Floats, years: Floats, discount: Floats, call: NDArray[np.bool_]
) -> Floats:
    """float64[n]: `implied_kernel` of each of n options."""
    result = np.empty(len(price))
    for i in range(len(price)):
        result[i] = implied_kernel(price[i], forward[i], strike[i], years[i], discount[i], call[i])
    return result


implied_many = njit(cache=True)(implied_many_python)


def implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, discount: ArrayLike, call: ArrayLike
) -> Floats:
    """float64, broadcast over all six: implied volatilities a year.

    A price at intrinsic gives 0.  ValueError for a price outside of arbitrage bounds, [D max(F - K, 0), D F) for calls and
    [D max(K - F, 0), D K) for puts, and for a forward, strike, discount or time to expiry <= 0.
    """
    names = ("price", "forward", "strike", "years", "discount")
    columns, side, shape = flat((price, forward, strike, years, discount), call)
    for name, values in zip(names[1:], columns[1:], strict=True):
        if not np.all(values > 0.0):
            raise ValueError(f"{name} must be > 0, got {values[~(values > 0.0)][0]}")
    result = np.asarray(implied_many(*columns, side))
    if np.isnan(result).any():
        at = np.flatnonzero(np.isnan(result))[0]
        p, f, k, _, d = (x[at] for x in columns)
        sign, most = (1.0, d * f) if side[at] else (-1.0, d * k)
        raise ValueError(f"price must be >= {d * max(sign * (f - k), 0.0)} and < {most} (no arbitrage), got {p}")
    return result.reshape(shape)
