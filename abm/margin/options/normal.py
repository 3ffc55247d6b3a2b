"""The normal distribution for option pricing: distribution function and Mills ratio, accurate in the left tail.

erfcx(x) = exp(x^2) erfc(x) by the rational approximations of W. J. Cody, Rational Chebyshev approximations for the
error function, Mathematics of Computation 23, 1969 (Netlib, specfun/erf: CALERF).
"""

from math import erfc, exp

from numba import njit

__all__ = ["cdf", "cdf_python", "erfcx", "erfcx_python", "mills", "mills_python", "pdf", "pdf_python"]

ROOT_HALF = 0.7071067811865476
"""sqrt(1/2)."""

ROOT_HALF_PI = 1.2533141373155003
"""sqrt(pi/2)."""

ROOT_PI_INVERSE = 0.56418958354775628695
"""1 / sqrt(pi)."""

ROOT_TAU = 2.5066282746310002
"""sqrt(2 pi)."""


def pdf_python(z: float) -> float:
    """Density at z."""
    return exp(-0.5 * z * z) / ROOT_TAU


pdf = njit(cache=True)(pdf_python)


def cdf_python(z: float) -> float:
    """Probability of a value below z."""
    return 0.5 * erfc(-z * ROOT_HALF)


cdf = njit(cache=True)(cdf_python)


def erfcx_python(x: float) -> float:
    """exp(x^2) erfc(x) for x >= 0."""
    if x <= 0.46875:
        return exp(x * x) * erfc(x)
    if x <= 4.0:
        top = 2.15311535474403846e-8
        for c in (
            5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
            8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
        ):  # fmt: skip
            top = top * x + c
        bottom = 1.0
        for c in (
            1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
            3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
        ):  # fmt: skip
            bottom = bottom * x + c
        return top / bottom
    if x > 1e8:
        return ROOT_PI_INVERSE / x
    y = 1.0 / (x * x)
    top = 1.63153871373020978e-2
    for c in (
        3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
        6.58749161529837803e-4,
    ):  # fmt: skip
        top = top * y + c
    bottom = 1.0
    for c in (
        2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ):  # fmt: skip
        bottom = bottom * y + c
    return (ROOT_PI_INVERSE - y * top / bottom) / x


erfcx = njit(cache=True)(erfcx_python)


def mills_python(z: float) -> float:
    """N(z) / n(z) for z <= 0."""
    value: float = ROOT_HALF_PI * erfcx(-z * ROOT_HALF)
    return value


mills = njit(cache=True)(mills_python)
