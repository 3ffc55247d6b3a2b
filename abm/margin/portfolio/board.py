"""What one option of each series is worth in every scenario: the same for all accounts of a protocol, so priced once.

With F the forward and f its part that still moves with the spot, a scenario of spot x values a series by Black-76 at
F (1 - f + f x), with the volatility raised (to no less than a floor), lowered or left, and discount exp(-max(rate, 0) T);
skew scenarios leave the forward and shock each volatility by its log-moneyness.  An expiry is all series of one
underlying and one time left, with the dated futures of the same.
"""

from collections.abc import Callable
from math import exp
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.options.black76 import log_ratio, price_kernel
from abm.margin.portfolio.parameters import VOLS
from abm.margin.portfolio.plan import GridNumbers, Plan
from abm.margin.portfolio.shocks import (
    YEAR,
    moving_share,
    skew_multiplier,
    static_discounts,
    vol_multipliers,
)
from abm.margin.state import Series

__all__ = [
    "BASE",
    "DOWN",
    "FIRST",
    "UP",
    "Board",
    "board_of",
    "in_scenarios",
    "price_series",
    "price_series_python",
    "series_used",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BASE, UP, DOWN, FIRST = 0, 1, 2, 3
"""Columns of `Board.unit`: now, at the two moves of the basis contingency, in the first scenario."""

NONE, RISE, FALL, ABSOLUTE = (VOLS.index(vol) for vol in ("none", "up", "down", "abs"))


class Board(NamedTuple):
    """N series, E expiries, G strikes of an expiry.

    Attributes
    ----------
    unit : float64[N, 3 + T]
        USD: now, at the two moves of the basis contingency, in every scenario (without static discount).
    expiry, strike : int64[N] twice
        Number of its expiry, and of its strike within all.
    underlying : int64[N]
        Number of its underlying.
    confidence : float64[N]
        Least of forward, rate and volatility.
    expiry_underlying, long, short, basis : int64[E], float64[E] thrice
        Static discounts of an expiry, and the part of its basis loss that counts.
    market_expiry : int64[M]
        Expiry of a dated future, -1: a perpetual.
    strikes : int
        G.
    """

    unit: Floats
    expiry: Ints
    strike: Ints
    underlying: Ints
    confidence: Floats
    expiry_underlying: Ints
    long: Floats
    short: Floats
    basis: Floats
    market_expiry: Ints
    strikes: int


def board_of(plan: Plan, series: Series, used: NDArray[np.bool_]) -> Board:
    """Value the series that are used; the rows of others are 0."""
    under = plan.market_underlying[series.underlying.astype(np.int64)]
    unit = in_scenarios(price_series, plan, series, used)
    dated = np.flatnonzero(plan.market_seconds > 0.0)
    pairs = np.stack([np.append(under, plan.market_underlying[dated]), _left(plan, series, dated)], axis=1)
    expiries, number = _numbered(pairs)
    strikes, strike = _numbered(np.stack([number[: len(series)].astype(np.float64), series.strike], axis=1))
    market_expiry = np.full(len(plan.market_seconds), -1, np.int64)
    market_expiry[dated] = number[len(series) :]
    above = expiries[:, 0].astype(np.int64)
    years = np.maximum(expiries[:, 1], 0.0) / YEAR
    long, short = _discounts(plan, series, number[: len(series)], above, years)
    return Board(
        unit, number[: len(series)], strike, under,
        np.minimum(np.minimum(series.forward_confidence, series.rate_confidence), series.vol_confidence),
        above, long, short, plan.rates.basis_add[above] + plan.rates.basis_mult[above] * years, market_expiry, len(strikes),
    )  # fmt: skip


def in_scenarios(kernel: Callable[..., None], plan: Plan, series: Series, used: NDArray[np.bool_]) -> Floats:
    """float64[N, 3 + T]: what a kernel such as `price_series` says of the series that are used, 0 for others."""
    under = plan.market_underlying[series.underlying.astype(np.int64)]
    result = np.zeros((len(series), FIRST + plan.spot.shape[1]))
    for u, grid in enumerate(plan.grids):
        members = np.flatnonzero(used & (under == u))
        if len(members):
            kernel(
                members,
                series.forward,
                series.strike,
                series.seconds,
                series.vol,
                series.rate,
                series.call,
                grid,
                result,
            )
    return result


def _left(plan: Plan, series: Series, dated: Ints) -> Floats:
    """Seconds to expiry of the series, then of the dated futures."""
    return np.asarray(np.append(series.seconds, plan.market_seconds[dated]))


def _numbered(pairs: Floats) -> tuple[Floats, Ints]:
    """Different rows of pairs, and the number of each pair's own."""
    if not len(pairs):
        return pairs.reshape(0, 2), np.zeros(0, np.int64)
    different, number = np.unique(pairs, axis=0, return_inverse=True)
    return different, number.reshape(-1).astype(np.int64)


def _discounts(plan: Plan, series: Series, number: Ints, above: Ints, years: Floats) -> tuple[Floats, Floats]:
    """Static discounts of each expiry, at the rate of its first series; one with futures only has none."""
    long, short = np.ones(len(above)), np.ones(len(above))
    for e, n in zip(*np.unique(number, return_index=True), strict=True):
        long[e], short[e] = static_discounts(years[e], series.rate[n], plan.grids[above[e]].static)
    return long, short


def series_used_python(rows: Ints, leg_series: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """bool[N]: which series some rows hold."""
    used = np.zeros(count, np.bool_)
    for i in range(len(rows)):
        for k in range(leg_series.shape[1]):
            if leg_series[rows[i], k] < 0:
                break
            used[leg_series[rows[i], k]] = True
    return used


series_used = njit(cache=True)(series_used_python)


def price_series_python(
    members: Ints, forward: Floats, strike: Floats, seconds: Floats, vol: Floats, rate: Floats,
    call: NDArray[np.bool_], grid: GridNumbers, unit: Floats,
) -> None:  # fmt: skip
    """Write the rows of some series of one underlying into `unit`, float64[N, 3 + T]."""
    for n in members:
        years = max(seconds[n], 0.0) / YEAR
        discount = exp(-max(rate[n], 0.0) * years)
        share = moving_share(seconds[n])
        up, down = vol_multipliers(seconds[n], grid.vol_shock)
        k = -log_ratio(forward[n], strike[n])
        unit[n, BASE] = price_kernel(forward[n], strike[n], years, vol[n], discount, call[n])
        for column, spot in ((UP, grid.spot_up), (DOWN, grid.spot_down)):
            moved = forward[n] * (1.0 - share + share * spot)
            unit[n, column] = price_kernel(moved, strike[n], years, vol[n], discount, call[n])
        for s in range(len(grid.spot)):
            shock, shocked = grid.vol[s], vol[n]
            moved = forward[n] * (1.0 - share + share * grid.spot[s])
            if shock == RISE:
                shocked = max(shocked * up, grid.vol_shock.min_vol_up)
            elif shock == FALL:
                shocked = shocked * down
            elif shock != NONE:
                moved = forward[n]
                shocked = shocked * skew_multiplier(k, years, shock == ABSOLUTE, grid.skew)
            unit[n, FIRST + s] = price_kernel(moved, strike[n], years, shocked, discount, call[n])


price_series = njit(cache=True)(price_series_python)
