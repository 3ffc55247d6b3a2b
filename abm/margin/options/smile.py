"""A smile without arbitrage: SSVI, total implied variance over log-moneyness and maturity.

w(k, theta) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)), k = ln(strike / forward),
phi(theta) = eta theta^-gamma (1 + theta)^(gamma - 1): at the money w = theta, slope there rho theta phi.
With 0 < gamma <= 1/2, eta (1 + |rho|) <= 2 and theta that never falls with maturity there is neither butterfly nor
calendar arbitrage (J. Gatheral, A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14, 2014,
theorems 4.1 and 4.2, section 4.3).

The term structure is that of a variance that reverts to its mean at speed c = ln 2 / half-life:
theta(T) = m T + (v - m)(1 - exp(-c T))/c, v now and m in the long run; it rises with T, since forward variance is
positive.  For a T below `shortest` the vols are those of `shortest`, because SSVI's wings grow without limit as T goes
to 0; w is then in proportion to T, which keeps both kinds of arbitrage out.
"""

from dataclasses import dataclass, fields
from math import exp, expm1, isfinite, log, sqrt

from numba import njit

__all__ = [
    "YEAR",
    "Smile",
    "atm_variance",
    "atm_variance_python",
    "curvature",
    "curvature_python",
    "vol_kernel",
    "vol_kernel_python",
]

YEAR = 365.0 * 86400.0
"""Seconds in a year, as Derive counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """How the implied volatility of one underlying looks and moves.

    Attributes
    ----------
    rho : float
        Asymmetry, in (-1, 1); below 0 puts out of the money are dearer than calls.
    eta, gamma : float
        Height of the wings, eta > 0 and eta (1 + |rho|) <= 2, and how fast they flatten with maturity, in (0, 1/2].
    long_vol : float
        Volatility a year to which it reverts.
    half_life : float
        Seconds in which half of a deviation of the variance is gone.
    spot_beta : float
        Relative change of the shortest at-the-money volatility per unit of log return; below 0 it rises in a fall.
    least_vol, most_vol : float
        What the volatility is kept within.
    shortest : float
        Seconds to expiry below which the smile no longer changes.
    """

    rho: float
    eta: float
    gamma: float
    long_vol: float
    half_life: float
    spot_beta: float
    least_vol: float
    most_vol: float
    shortest: float

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} must be finite, got {getattr(self, field.name)}")
        for name in ("eta", "half_life", "least_vol", "shortest"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not -1.0 < self.rho < 1.0:
            raise ValueError(f"rho must be in (-1, 1), got {self.rho}")
        if not 0.0 < self.gamma <= 0.5:
            raise ValueError(f"gamma must be in (0, 0.5], got {self.gamma}")
        if self.eta * (1.0 + abs(self.rho)) > 2.0:
            raise ValueError(f"eta must be <= 2 / (1 + |rho|) = {2.0 / (1.0 + abs(self.rho))}, got {self.eta}")
        if self.spot_beta > 0.0:
            raise ValueError(f"spot_beta must be <= 0, got {self.spot_beta}")
        if not self.least_vol <= self.long_vol <= self.most_vol:
            raise ValueError(
                f"long_vol must be from least_vol = {self.least_vol} to most_vol = {self.most_vol}, got {self.long_vol}"
            )

    @property
    def reversion(self) -> float:
        """Speed of mean reversion, a year."""
        return log(2.0) * YEAR / self.half_life


def atm_variance_python(years: float, variance: float, long_variance: float, reversion: float) -> float:
    """theta: total variance at the money up to a maturity."""
    return long_variance * years - (variance - long_variance) * expm1(-reversion * years) / reversion


atm_variance = njit(cache=True)(atm_variance_python)


def curvature_python(theta: float, eta: float, gamma: float) -> float:
    """phi: how much of the smile is seen per unit of log-moneyness."""
    return eta * exp(-gamma * log(theta) + (gamma - 1.0) * log(1.0 + theta))


curvature = njit(cache=True)(curvature_python)


def vol_kernel_python(k: float, years: float, theta: float, rho: float, eta: float, gamma: float) -> float:
    """Implied volatility a year at a log-moneyness; `theta` is the total variance at the money of `years` > 0."""
    x = curvature(theta, eta, gamma) * k
    return sqrt(0.5 * theta * (1.0 + rho * x + sqrt((x + rho) ** 2 + 1.0 - rho * rho)) / years)


vol_kernel = njit(cache=True)(vol_kernel_python)
