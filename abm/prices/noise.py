"""A stationary Ornstein-Uhlenbeck process on the grid of ticks, by its exact recursion."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.draws import Draws

__all__ = ["autoregression", "autoregression_python", "stationary_noise"]


def autoregression_python(decay: float, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """x[0] = steps[0], x[k] = decay * x[k-1] + steps[k]."""
    out = np.empty_like(steps)
    x = 0.0
    for k in range(len(steps)):
        x = decay * x + steps[k]
        out[k] = x
    return out


autoregression = njit(cache=True)(autoregression_python)


def stationary_noise(
    draws: Draws, purpose: str, entity: str, *, ticks: int, decay: float, sd: float
) -> NDArray[np.float64]:
    """Values [ticks + 1] with mean 0, standard deviation `sd` and correlation decay^k at k ticks, from the first on.

    The value at a tick depends on the draws of that and earlier ticks only.
    """
    steps = draws.normal(purpose, entity, np.arange(ticks + 1))
    steps[1:] *= math.sqrt(1.0 - decay * decay)
    noise: NDArray[np.float64] = sd * autoregression(decay, steps)
    return noise
