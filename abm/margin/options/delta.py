"""Delta conventions: of spot or forward, plain or adjusted for a premium paid in the coin.

forward: w N(w d1); spot: that times the foreign discount; premium-adjusted: w (K/F) N(w d2), for spot times the foreign
discount; w = 1 for calls, -1 for puts.  The adjusted ones are delta less the premium in coins, which is what the
writer of an inverse option (premium and settlement in the coin) hedges
(D. Reiswich, U. Wystup, FX volatility smile construction, Wilmott 2012; QuantLib, ql/experimental/fx/blackdeltacalculator).
"""

from typing import Literal, get_args

import numpy as np
from numba import vectorize
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.black76 import log_ratio
from abm.margin.options.normal import cdf

__all__ = ["CONVENTIONS", "Convention", "delta", "forward_of"]

Floats = NDArray[np.float64]

Convention = Literal["spot", "forward", "premium_adjusted_spot", "premium_adjusted_forward"]

CONVENTIONS: tuple[str, ...] = get_args(Convention)
"""Names that `delta` knows."""


def forward_of(spot: ArrayLike, discount: ArrayLike, foreign_discount: ArrayLike) -> Floats:
    """The forward of a spot between two discount factors; the foreign one is the coin's."""
    s, d, fd = (np.asarray(x, np.float64) for x in (spot, discount, foreign_discount))
    return np.asarray(s * fd / d)


def _forward_delta(forward: float, strike: float, deviation: float, call: bool, adjusted: bool) -> float:
    """Delta on the forward; `deviation` is vol * sqrt(years)."""
    sign = 1.0 if call else -1.0
    d1 = log_ratio(forward, strike) / deviation + 0.5 * deviation
    value: float = sign * strike / forward * cdf(sign * (d1 - deviation)) if adjusted else sign * cdf(sign * d1)
    return value


_forward_delta_ufunc = vectorize(cache=True)(_forward_delta)


def delta(
    convention: Convention, forward: ArrayLike, strike: ArrayLike, deviation: ArrayLike, foreign_discount: ArrayLike,
    call: ArrayLike,
) -> Floats:  # fmt: skip
    """float64, broadcast: delta by a convention; `deviation` is vol * sqrt(years).

    ValueError for an unknown convention, or a forward, strike or deviation <= 0.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention}")
    numbers = {"forward": forward, "strike": strike, "deviation": deviation}
    columns = {name: np.asarray(value, np.float64) for name, value in numbers.items()}
    for name, values in columns.items():
        if not np.all(values > 0.0):
            raise ValueError(f"{name} must be > 0, got {values[~(values > 0.0)].flat[0]}")
    adjusted = convention.startswith("premium_adjusted")
    result = _forward_delta_ufunc(*columns.values(), np.asarray(call, np.bool_), adjusted)
    return np.asarray(result * np.asarray(foreign_discount, np.float64) if convention.endswith("spot") else result)
