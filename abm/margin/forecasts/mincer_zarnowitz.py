"""Is a forecast unbiased and efficient?  Regress x = a + b f + e, and test a = 0 and b = 1 together.

Source: Mincer, Zarnowitz 1969, in: Economic Forecasts and Expectations, NBER; errors robust to serial dependence
(`abm.margin.forecasts.hac`), since volatile days come together and horizons may overlap.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.hac import lags_for, long_run_covariance

__all__ = ["MincerZarnowitz", "mincer_zarnowitz"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MincerZarnowitz:
    """The regression: `alpha`, `beta` with standard errors, `r2`, and the Wald test of (0, 1), chi2 with 2 degrees."""

    alpha: float
    beta: float
    alpha_error: float
    beta_error: float
    r2: float
    wald: float
    p: float


def mincer_zarnowitz(target: Floats, forecast: Floats, *, horizon: int = 1, lags: int | None = None) -> MincerZarnowitz:
    """Regress targets f8[T] on forecasts f8[T].

    `lags` of the robust errors; default by number of observations and horizon.

    Raises
    ------
    ValueError
        Fewer than ten observations, or a forecast that never changes.
    """
    from scipy.stats import chi2

    count = len(target)
    if count < 10:
        raise ValueError(f"needs 10 forecasts, got {count}")
    unit = float(forecast.mean())  # both sides in this unit: figures of 1e-4 would make the moments ill-conditioned
    design = np.column_stack([np.ones(count), forecast / unit])
    if np.linalg.matrix_rank(design) < 2:
        raise ValueError("the forecast never changes, so nothing can be regressed on it")
    moments = np.linalg.inv(design.T @ design / count)
    coefficients = moments @ (design.T @ (target / unit) / count)
    left = target / unit - design @ coefficients
    scores = long_run_covariance(design * left[:, None], lags_for(count, horizon) if lags is None else lags)
    covariance = moments @ scores @ moments / count
    gap = coefficients - np.array([0.0, 1.0])
    wald = float(gap @ np.linalg.solve(covariance, gap))
    errors = np.sqrt(np.diag(covariance))
    spread = float(np.sum((target / unit - target.mean() / unit) ** 2))
    return MincerZarnowitz(
        float(coefficients[0]) * unit, float(coefficients[1]), float(errors[0]) * unit, float(errors[1]),
        1.0 - float(left @ left) / spread, wald, float(chi2.sf(wald, 2)),
    )  # fmt: skip
