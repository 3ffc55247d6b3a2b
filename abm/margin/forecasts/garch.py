"""GARCH(1,1): s2_{t+1} = omega + alpha e_t^2 + beta s2_t on returns with a constant mean, by normal quasi-likelihood.

Source: Bollerslev 1986, Journal of Econometrics 31; fitted by the package `arch` (Sheppard).  The recursion and the mean
of the next h variances, sum over k of s2_{t+k} with s2_{t+k+1} = omega + (alpha + beta) s2_{t+k}, are here.  GARCH speaks of
the variance of returns; where another measure is to be forecast, its forecasts are multiplied by mean measure over mean
squared residual of the fitted periods.
"""

import numpy as np
from numpy.typing import NDArray

from abm.margin.forecasts.base import Forecaster
from abm.margin.forecasts.observed import Observed

__all__ = ["Garch", "conditional_variance"]

Floats = NDArray[np.float64]


def conditional_variance(squares: Floats, omega: float, alpha: float, beta: float, seed: float) -> Floats:
    """f8[T]: s2 of the period after each, given squared residuals f8[T]; `seed` is that of the first period."""
    from scipy.signal import lfilter

    result, _ = lfilter([1.0], [1.0, -beta], omega + alpha * squares, zi=[beta * seed])
    return np.asarray(result)


class Garch(Forecaster):
    """GARCH(1,1).

    After `fit`, `omega`, `alpha`, `beta`, `mean` are those of returns over their standard deviation `unit`.  A fit that
    does not converge leaves the earlier parameters in force, if there are any.
    """

    least = 100

    def __init__(self, horizon: int = 1) -> None:
        super().__init__(horizon)
        self.mean, self.omega, self.alpha, self.beta = 0.0, 0.0, 0.0, 0.0
        self._fitted = False

    def _fit(self, past: Observed) -> None:
        from arch import arch_model

        unit = float(past.returns.std())
        if unit == 0.0:
            raise ValueError("nothing to fit: returns do not move")
        model = arch_model(past.returns / unit, mean="Constant", vol="GARCH", p=1, q=1, dist="normal", rescale=False)
        result = model.fit(disp="off", show_warning=False)
        if result.convergence_flag == 0 or not self._fitted:
            self.mean, self.omega, self.alpha, self.beta = (float(value) for value in np.asarray(result.params))
            self.unit, self._fitted = unit, True
        squares = (past.returns / self.unit - self.mean) ** 2
        self._seed = float(squares.mean())
        self._level = float(past.variance.mean()) / self._seed

    def forecast(self, seen: Observed, start: int) -> Floats:
        """Mean of the next `horizon` conditional variances, at the level of the measure."""
        squares = (seen.returns / self.unit - self.mean) ** 2
        next_one = conditional_variance(squares, self.omega, self.alpha, self.beta, self._seed)[start:]
        total, step = np.zeros(len(next_one)), next_one
        for _ in range(self.horizon):
            total += step
            step = self.omega + (self.alpha + self.beta) * step
        return np.asarray(total / self.horizon * self._level)
