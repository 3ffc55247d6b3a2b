"""How the board's values change with the forward, for first-order sensitivities.

d value / d ln(price of the market): the forward's moving part moves with it, F (1 - f + f x) by f (1 - f + f x) F, and in
skew scenarios the volatility with the log-moneyness.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.options.black76 import log_ratio
from abm.margin.options.greeks import NAMES, greeks_kernel
from abm.margin.portfolio.board import ABSOLUTE, BASE, DOWN, FALL, FIRST, NONE, RISE, UP
from abm.margin.portfolio.plan import GridNumbers
from abm.margin.portfolio.shocks import YEAR, moving_share, skew_multiplier, skew_slope, vol_multipliers

__all__ = ["slope_series", "slope_series_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GREEKS = len(NAMES)
DELTA, VEGA = NAMES.index("delta"), NAMES.index("vega")


def slope_series_python(
    members: Ints, forward: Floats, strike: Floats, seconds: Floats, vol: Floats, rate: Floats,
    call: NDArray[np.bool_], grid: GridNumbers, slope: Floats,
) -> None:  # fmt: skip
    """Write the rows of some series of one underlying into `slope`, float64[N, 3 + T], as `price_series` does values."""
    greeks = np.empty(GREEKS)
    for n in members:
        years, floored = max(seconds[n], 0.0) / YEAR, max(rate[n], 0.0)
        share = moving_share(seconds[n])
        up, down = vol_multipliers(seconds[n], grid.vol_shock)
        k = -log_ratio(forward[n], strike[n])
        for column in (BASE, UP, DOWN):
            spot = 1.0 if column == BASE else (grid.spot_up if column == UP else grid.spot_down)
            moved = forward[n] * (1.0 - share + share * spot)
            greeks_kernel(moved, strike[n], years, vol[n], floored, call[n], greeks)
            slope[n, column] = greeks[DELTA] * moved * share
        for s in range(len(grid.spot)):
            shock, shocked, tilt = grid.vol[s], vol[n], 0.0
            moved = forward[n] * (1.0 - share + share * grid.spot[s])
            if shock == RISE:
                shocked = max(shocked * up, grid.vol_shock.min_vol_up)
            elif shock == FALL:
                shocked = shocked * down
            elif shock != NONE:
                moved, absolute = forward[n], shock == ABSOLUTE
                tilt = shocked * skew_slope(k, years, absolute, grid.skew)
                shocked = shocked * skew_multiplier(k, years, absolute, grid.skew)
            greeks_kernel(moved, strike[n], years, shocked, floored, call[n], greeks)
            slope[n, FIRST + s] = (greeks[DELTA] * moved - greeks[VEGA] * tilt) * share


slope_series = njit(cache=True)(slope_series_python)
