"""Black-76: the price of a European option on a forward.

call = D (F N(d1) - K N(d2)), put = D (K N(-d2) - F N(-d1)), d1,2 = ln(F/K) / s +- s/2, s = vol sqrt(T)
(F. Black, The pricing of commodity contracts, Journal of Financial Economics 3, 1976).

The side out of the money is computed, and the other follows by parity, so that neither loses digits.  Out of the money
F N(d1) and K N(d2) nearly cancel; with h = -|ln(F/K)|/s, t = s/2 and Y(z) = N(z)/n(z) the price is
D sqrt(F K) n(h) exp(-t^2/2) (Y(h + t) - Y(h - t)), where only the Y are subtracted
(P. Jaeckel, Let's be rational, Wilmott 2015); for small t the difference is a series in t.

The discount D is an argument: exp(-rate T) in Black-76, exp(-max(rate, 0) T) at Derive.
"""

from math import exp, log, log1p, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.columns import flat
from abm.margin.options.normal import cdf, mills

__all__ = [
    "log_ratio",
    "log_ratio_python",
    "price",
    "price_kernel",
    "price_kernel_python",
    "price_many",
    "price_many_python",
]

Floats = NDArray[np.float64]

ROOT_TAU = 2.5066282746310002
"""sqrt(2 pi)."""

FAR = -39.0
"""Standard deviations beyond which exp(-h^2/2) is 0 in double precision."""

SMALL = 1e-3
"""Half of the standard deviation below which the difference of Mills ratios is taken by its series."""


def log_ratio_python(forward: float, strike: float) -> float:
    """ln(forward / strike), to full precision also near 1."""
    gap = (forward - strike) / strike
    return log1p(gap) if abs(gap) < 0.5 else log(forward / strike)


log_ratio = njit(cache=True)(log_ratio_python)


def price_kernel_python(forward: float, strike: float, years: float, vol: float, discount: float, call: bool) -> float:
    """Price of a European option, in the unit of the forward.

    `years` or `vol` <= 0, and `forward` or `strike` <= 0: the discounted intrinsic value.
    """
    intrinsic = discount * max(forward - strike if call else strike - forward, 0.0)
    if years <= 0.0 or vol <= 0.0 or forward <= 0.0 or strike <= 0.0:
        return intrinsic
    deviation = vol * sqrt(years)
    if deviation == 0.0:
        return intrinsic
    h = -abs(log_ratio(forward, strike)) / deviation
    if h < FAR:
        return intrinsic
    t = 0.5 * deviation
    if h + t > 0.0 and t >= SMALL:
        low, high = min(forward, strike), max(forward, strike)
        width: float = low * cdf(h + t) - high * cdf(h - t)
        return intrinsic + discount * width
    if t < SMALL:
        zeroth = mills(h)
        first = 1.0 + h * zeroth
        third = h * (h * first + zeroth) + 2.0 * first
        width = 2.0 * t * (first + t * t * third / 6.0)
    else:
        width = mills(h + t) - mills(h - t)
    scale = sqrt(forward) * sqrt(strike) * exp(-0.5 * (h * h + t * t)) / ROOT_TAU
    return intrinsic + discount * scale * max(width, 0.0)


price_kernel = njit(cache=True)(price_kernel_python)


def price_many_python(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, discount: Floats, call: NDArray[np.bool_]
) -> Floats:
    """float64[n]: `price_kernel` of each of n options."""
    result = np.empty(len(forward))
    for i in range(len(forward)):
        result[i] = price_kernel(forward[i], strike[i], years[i], vol[i], discount[i], call[i])
    return result


price_many = njit(cache=True)(price_many_python)


def price(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, discount: ArrayLike, call: ArrayLike
) -> Floats:
    """float64, broadcast over all six: prices of European options, as `price_kernel`; `call` is boolean."""
    numbers, side, shape = flat((forward, strike, years, vol, discount), call)
    return np.asarray(price_many(*numbers, side)).reshape(shape)
