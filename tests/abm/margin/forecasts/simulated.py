"""Series whose law is known."""

import numpy as np

from abm.margin.forecasts.observed import Observed


def garch(periods: int, omega: float, alpha: float, beta: float, seed: int) -> Observed:
    """Returns of a GARCH(1,1); their squares are the measure."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal(periods)
    returns, variance = np.zeros(periods), omega / (1.0 - alpha - beta)
    for t in range(periods):
        returns[t] = np.sqrt(variance) * shocks[t]
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return Observed(returns, returns**2)


def log_har(periods: int, coefficients: tuple[float, ...], spread: float, seed: int) -> Observed:
    """Variance that follows the HAR in logarithms of the means (constant, day, week, month)."""
    rng = np.random.default_rng(seed)
    noise = spread * rng.standard_normal(periods)
    variance = np.full(periods, 1e-3)
    for t in range(30, periods):
        means = [variance[t - lag : t].mean() for lag in (1, 7, 30)]
        variance[t] = np.exp(coefficients[0] + np.dot(coefficients[1:], np.log(means)) + noise[t])
    return Observed(np.sqrt(variance) * rng.standard_normal(periods), variance)


def clustered(periods: int = 400, seed: int = 1) -> Observed:
    """Any series with volatility that comes in clusters."""
    series = log_har(periods + 60, (-0.7, 0.35, 0.35, 0.2), 0.5, seed)
    return series.part(60, periods + 60)
