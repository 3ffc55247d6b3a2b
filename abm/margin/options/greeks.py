"""All first and second derivatives of the Black-76 price, in closed form.

V = D B, D = exp(-rate T), in four variables: forward F, volatility v, years to expiry T, rate r.  With n = n(d1):
B_F = +-N(+-d1), B_v = F n sqrt(T), B_T = F n v / (2 sqrt(T)), B_FF = n / (F v sqrt(T)), B_Fv = -n d2 / v,
B_FT = -n d2 / (2 T), B_vv = B_v d1 d2 / v, B_vT = F n (1 + d1 d2) / (2 sqrt(T)),
B_TT = B_T (d1 d2 - 1) / (2 T); those in r and those of D follow from D_T = -r D, D_r = -T D
(E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., 2007, chapter 2).

Signs and units: time is the calendar's (theta = -V_T), in years; volatility and rate in units of 1.00, not points;
the forward is held when the rate or time moves (where
rates below 0 are cut off, as at Derive, pass max(rate, 0)).  Per unit of size, in the unit of the forward:

======== =================== ============= ================
price    V                   charm         -V_FT
delta    V_F                 veta          -V_vT
vega     V_v                 delta_rho     V_Fr
theta    -V_T                vera          V_vr
rho      V_r                 theta_decay   V_TT
gamma    V_FF                rho_decay     -V_Tr
vanna    V_Fv                rho_convexity V_rr
volga    V_vv
======== =================== ============= ================
"""

from math import exp, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.black76 import FAR, log_ratio, price_kernel
from abm.margin.options.columns import flat
from abm.margin.options.normal import cdf, pdf

__all__ = ["NAMES", "greeks", "greeks_kernel", "greeks_kernel_python", "greeks_many", "greeks_many_python"]

Floats = NDArray[np.float64]

NAMES = (
    "price", "delta", "vega", "theta", "rho", "gamma", "vanna", "volga", "charm", "veta", "delta_rho", "vera",
    "theta_decay", "rho_decay", "rho_convexity",
)  # fmt: skip
"""What the columns of every array of Greeks hold, in order."""


def greeks_kernel_python(
    forward: float, strike: float, years: float, vol: float, rate: float, call: bool, out: Floats
) -> None:
    """Write price and Greeks of one option into `out`, float64[15], in the order of `NAMES`.

    `vol` <= 0: the limits, where they exist; at the kink the delta is halfway between its two sides and gamma and the
    like are 0.  `years` <= 0: payoff and delta, and no other Greek.
    """
    left = max(years, 0.0)
    discount = exp(-rate * left)
    sign = 1.0 if call else -1.0
    undiscounted = price_kernel(forward, strike, left, vol, 1.0, call)
    out[:] = 0.0
    out[0] = undiscounted * discount
    deviation = vol * sqrt(left) if vol > 0.0 else 0.0
    smooth = deviation > 0.0 and forward > 0.0 and strike > 0.0
    h = log_ratio(forward, strike) / deviation if smooth else 0.0
    if smooth and abs(h) <= -FAR:
        d1, d2 = h + 0.5 * deviation, h - 0.5 * deviation
        slope = sign * cdf(sign * d1)
        root, density = sqrt(left), pdf(d1)
        by_vol = forward * density * root
        by_time = forward * density * vol / (2.0 * root)
        out[5] = discount * density / (forward * deviation)
        out[6] = -discount * density * d2 / vol
        out[7] = discount * by_vol * d1 * d2 / vol
        slope_by_time = -density * d2 / (2.0 * left)
        vol_by_time = forward * density * (1.0 + d1 * d2) / (2.0 * root)
        time_by_time = by_time * (d1 * d2 - 1.0) / (2.0 * left)
    else:
        slope = 0.5 * sign if forward == strike else (sign if sign * (forward - strike) > 0.0 else 0.0)
        by_vol = by_time = slope_by_time = vol_by_time = time_by_time = 0.0
    out[1] = discount * slope
    if left == 0.0:
        return
    out[2] = discount * by_vol
    out[3] = discount * (rate * undiscounted - by_time)
    out[4] = -left * out[0]
    out[8] = discount * (rate * slope - slope_by_time)
    out[9] = discount * (rate * by_vol - vol_by_time)
    out[10] = -left * out[1]
    out[11] = -left * out[2]
    out[12] = discount * (time_by_time - 2.0 * rate * by_time + rate * rate * undiscounted)
    out[13] = out[0] - left * out[3]
    out[14] = left * left * out[0]


greeks_kernel = njit(cache=True)(greeks_kernel_python)


def greeks_many_python(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, rate: Floats, call: NDArray[np.bool_]
) -> Floats:
    """float64[n, 15]: `greeks_kernel` of each of n options."""
    result = np.empty((len(forward), 15))
    for i in range(len(forward)):
        greeks_kernel(forward[i], strike[i], years[i], vol[i], rate[i], call[i], result[i])
    return result


greeks_many = njit(cache=True)(greeks_many_python)


def greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, rate: ArrayLike, call: ArrayLike
) -> Floats:
    """float64[..., 15], broadcast over all six: price and Greeks of options, in the order of `NAMES`."""
    numbers, side, shape = flat((forward, strike, years, vol, rate), call)
    return np.asarray(greeks_many(*numbers, side)).reshape((*shape, len(NAMES)))
