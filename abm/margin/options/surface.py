"""Implied-volatility surfaces of several underlyings that move with their spots.

The state is one number per underlying: v, the variance a year of the shortest at-the-money option.  A log return x over
dt takes it to m + (v exp(2 beta x) - m) exp(-c dt), kept within its limits: the level jumps by the spot's beta and
reverts to its mean.  The smile moves along with the forward (it is a function of ln(strike / forward)), so the beta
decides how sticky the surface is: `skew_stickiness` gives L. Bergomi's ratio, the move of at-the-money volatility per
log return over the skew (Smile dynamics IV, Risk, December 2009): 0 is sticky moneyness, 1 sticky strike, 2 what local
volatility does at short maturities.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.options.smile import YEAR, Smile, atm_variance, curvature, vol_kernel

__all__ = ["Surface", "vols_kernel", "vols_kernel_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def vols_kernel_python(
    underlying: Ints, moneyness: Floats, seconds: Floats, variance: Floats, parameters: Floats
) -> Floats:
    """float64[n]: implied volatilities; `parameters` float64[U, 6]: rho, eta, gamma, long variance, speed, shortest."""
    result = np.empty(len(underlying))
    for i in range(len(underlying)):
        u = underlying[i]
        rho, eta, gamma, long_variance, reversion, shortest = parameters[u]
        years = max(seconds[i], shortest) / YEAR
        theta = atm_variance(years, variance[u], long_variance, reversion)
        result[i] = vol_kernel(moneyness[i], years, theta, rho, eta, gamma)
    return result


vols_kernel = njit(cache=True)(vols_kernel_python)


@dataclass(frozen=True, slots=True)
class Surface:
    """Smiles of U underlyings; its state, float64[U] variances a year, is kept by whoever moves it."""

    smiles: tuple[Smile, ...]
    _parameters: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = [(s.rho, s.eta, s.gamma, s.long_vol**2, s.reversion, s.shortest) for s in self.smiles]
        object.__setattr__(self, "_parameters", np.array(rows, np.float64).reshape(-1, 6))

    def at_rest(self) -> Floats:
        """float64[U]: the state in the long run."""
        return self._parameters[:, 3].copy()

    def vols(self, variance: Floats, underlying: Ints, forward: Floats, strike: Floats, seconds: Floats) -> Floats:
        """float64[n]: implied volatilities a year, of (underlying, strike, seconds to expiry) each.

        ValueError for an underlying that there is not, a state of another length, and a forward or strike <= 0.
        """
        self._check(underlying)
        self._check_state(variance)
        for name, values in (("forward", forward), ("strike", strike)):
            if not np.all(values > 0.0):
                raise ValueError(f"{name} must be > 0, got {values[~(values > 0.0)][0]}")
        return np.asarray(vols_kernel(underlying, np.log(strike / forward), seconds, variance, self._parameters))

    def advance(self, variance: Floats, log_return: Floats, seconds: float) -> Floats:
        """float64[U]: the state after `seconds` >= 0 with a log return of each spot."""
        self._check_state(variance)
        if not seconds >= 0.0:
            raise ValueError(f"seconds must be >= 0, got {seconds}")
        beta, least, most = (
            np.array([getattr(s, name) for s in self.smiles]) for name in ("spot_beta", "least_vol", "most_vol")
        )
        mean, reversion = self._parameters[:, 3], self._parameters[:, 4]
        jumped = np.clip(variance * np.exp(2.0 * beta * log_return), least**2, most**2)
        return np.asarray(mean + (jumped - mean) * np.exp(-reversion * seconds / YEAR))

    def skew_stickiness(self, variance: Floats, underlying: int, seconds: float) -> float:
        """Bergomi's ratio at a maturity; nan for a smile with rho = 0, which has no skew."""
        self._check(np.array([underlying]))
        self._check_state(variance)
        rho, eta, gamma, mean, reversion, shortest = (float(x) for x in self._parameters[underlying])
        if rho == 0.0:
            return float("nan")
        years, now = max(seconds, shortest) / YEAR, float(variance[underlying])
        theta = atm_variance(years, now, mean, reversion)
        by_return = 2.0 * self.smiles[underlying].spot_beta * now * -np.expm1(-reversion * years) / reversion
        return float(by_return / (theta * rho * curvature(theta, eta, gamma)))

    def _check(self, underlying: Ints) -> None:
        wrong = underlying[(underlying < 0) | (underlying >= len(self.smiles))]
        if len(wrong):
            raise ValueError(f"underlying must be from 0 to {len(self.smiles) - 1}, got {wrong[0]}")

    def _check_state(self, variance: Floats) -> None:
        if len(variance) != len(self.smiles):
            raise ValueError(f"variance must be given for each of {len(self.smiles)} underlyings, got {len(variance)}")
