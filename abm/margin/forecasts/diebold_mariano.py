"""Is one forecast better than another by more than luck?

Source: Diebold, Mariano 1995, Journal of Business and Economic Statistics 13(3): the mean loss difference over its robust
standard error, here with Bartlett weights (`abm.margin.forecasts.hac`); times sqrt((T + 1 - 2h + h(h-1)/T)/T) and
compared with Student's t of T - 1 degrees (Harvey, Leybourne, Newbold 1997, International Journal of Forecasting 13(2)).
`holm` keeps the chance of any false finding among many tests (Holm 1979, Scandinavian Journal of Statistics 6(2)).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.hac import lags_for, long_run_covariance

__all__ = ["DieboldMariano", "diebold_mariano", "holm"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """`gain`: mean loss of the benchmark less that of the model (above zero: the model is better), with its 95 %
    interval `low` to `high`; `statistic` and two-sided `p`.  Without any difference in loss all but `gain` are NaN."""

    gain: float
    low: float
    high: float
    statistic: float
    p: float


def diebold_mariano(benchmark: Floats, model: Floats, *, horizon: int = 1, lags: int | None = None) -> DieboldMariano:
    """Compare losses f8[T] of two forecasts of the same targets.

    `lags` of the robust error; default by number of observations and horizon.

    Raises
    ------
    ValueError
        Fewer observations than the horizon needs.
    """
    from scipy.stats import t as student

    count = len(benchmark)
    if count < max(10, 2 * horizon):
        raise ValueError(f"needs {max(10, 2 * horizon)} losses, got {count}")
    difference = benchmark - model
    gain = float(difference.mean())
    around = (difference - gain)[:, None]
    variance = float(long_run_covariance(around, lags_for(count, horizon) if lags is None else lags)[0, 0])
    if variance <= 0.0:
        return DieboldMariano(gain, math.nan, math.nan, math.nan, math.nan)
    small = math.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    error = math.sqrt(variance / count) / small
    reach = float(student.ppf(0.975, count - 1)) * error
    p = 2.0 * float(student.sf(abs(gain) / error, count - 1))
    return DieboldMariano(gain, gain - reach, gain + reach, gain / error, p)


def holm(p: Floats) -> Floats:
    """f8[n]: p values adjusted so that, taken below a level, the chance of any false one is below it; NaN stays."""
    result = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result
