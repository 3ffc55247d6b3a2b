"""Delta conventions: of spot or forward, plain or adjusted for a premium paid in the coin.

forward: w N(w d1); spot: that times the foreign discount; premium-adjusted: w (K/F) N(w d2), for spot times the foreign
discount; w = 1 for calls, -1 for puts.  The adjusted ones are delta less the premium in coins, which is what the
writer of an inverse option (premium and settlement in the coin) hedges
(D. Reiswich, U. Wystup, FX volatility smile construction, Wilmott 2012; QuantLib, ql/experimental/fx/blackdeltacalculator).
"""

from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.black76 import log_ratio
from abm.margin.options.columns import flat
from abm.margin.options.normal import cdf

__all__ = ["CONVENTIONS", "Convention", "delta", "delta_many", "delta_many_python", "forward_of"]

Floats = NDArray[np.float64]

Convention = Literal["spot", "forward", "premium_adjusted_spot", "premium_adjusted_forward"]

CONVENTIONS: tuple[str, ...] = get_args(Convention)
"""Names that `delta` knows."""


def forward_of(spot: ArrayLike, discount: ArrayLike, foreign_discount: ArrayLike) -> Floats:
    """The forward of a spot between two discount factors; the foreign one is the coin's."""
    s, d, fd = (np.asarray(x, np.float64) for x in (spot, discount, foreign_discount))
    return np.asarray(s * fd / d)


def delta_many_python(
    forward: Floats, strike: Floats, deviation: Floats, foreign: Floats, call: NDArray[np.bool_], adjusted: bool
) -> Floats:
    """float64[n]: delta times `foreign`, premium-adjusted or not; `deviation` is vol * sqrt(years)."""
    result = np.empty(len(forward))
    for i in range(len(forward)):
        sign = 1.0 if call[i] else -1.0
        d1 = log_ratio(forward[i], strike[i])
        if deviation[i] > 0.0:
            d1 = d1 / deviation[i] + 0.5 * deviation[i]
        elif d1 != 0.0:
            d1 = np.inf if d1 > 0.0 else -np.inf
        value = strike[i] / forward[i] * cdf(sign * (d1 - deviation[i])) if adjusted else cdf(sign * d1)
        result[i] = sign * foreign[i] * value
    return result


delta_many = njit(cache=True)(delta_many_python)


def delta(
    convention: Convention, forward: ArrayLike, strike: ArrayLike, deviation: ArrayLike, foreign_discount: ArrayLike,
    call: ArrayLike,
) -> Floats:  # fmt: skip
    """float64, broadcast: delta by a convention; `deviation` is vol * sqrt(years).

    A deviation of 0 gives that of the payoff, halfway at its kink.  ValueError for an unknown convention, a forward,
    strike or discount <= 0, or a deviation below 0.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention}")
    foreign = foreign_discount if convention.endswith("spot") else np.ones(())
    columns, side, shape = flat((forward, strike, deviation, foreign), call)
    for name, values in zip(("forward", "strike", "foreign_discount"), (*columns[:2], columns[3]), strict=True):
        if not np.all(values > 0.0):
            raise ValueError(f"{name} must be > 0, got {values[~(values > 0.0)][0]}")
    if not np.all(columns[2] >= 0.0):
        raise ValueError(f"deviation must be >= 0, got {columns[2][~(columns[2] >= 0.0)][0]}")
    adjusted = convention.startswith("premium_adjusted")
    return np.asarray(delta_many(*columns, side, adjusted)).reshape(shape)
