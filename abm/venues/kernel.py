"""How the impact of a trade fades: a power law as a short sum of exponentials.

The propagator G(age) = (1 + age/t0)^-gamma (Bouchaud, Gefen, Potters, Wyart 2004; Gatheral 2010) needs all past
trades.  Written as sum_j weight_j exp(-age/time_j) it becomes TERMS numbers a book, each decaying by itself, exact
at any instant, on the grid of ticks or off it (Beylkin, Monzon 2005, on such sums).  With non-negative weights the sum
is completely monotone, hence convex and decreasing: free of manipulation when impact is linear.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["LONGEST_LAG", "TERMS", "exponentials", "permanent", "propagator", "relative_error", "response"]

TERMS = 12
"""Exponentials a kernel has."""

LONGEST_LAG = 1e5
"""Seconds up to which the power law is met; later the sum falls faster."""

Floats = NDArray[np.float64]

_LAGS = 400
_SHORTEST_ENDS = (0.3, 0.5, 0.7, 1.0)
_LONGEST_ENDS = (0.7, 1.5, 3.0, 6.0, 10.0)


def exponentials(t0: float, gamma: float, shortest: float, longest: float) -> tuple[Floats, Floats]:
    """Fit (1 + age/t0)^-gamma by exponentials whose times lie geometrically from `shortest` to `longest`.

    Non-negative least squares of the relative error on a geometric grid of ages to LONGEST_LAG, age 0 counting as
    much as all others together; then scaled so that G(0) = 1.

    Parameters
    ----------
    t0, shortest, longest
        Seconds.

    Returns
    -------
    weights f8[TERMS], summing to one, and times f8[TERMS] in seconds.
    """
    times = np.geomspace(shortest, longest, TERMS)
    lags = np.concatenate([[0.0], np.geomspace(0.01 * t0, LONGEST_LAG, _LAGS)])
    rows = np.exp(-lags[:, None] / times) * (1.0 + lags[:, None] / t0) ** gamma
    target = np.ones(len(lags))
    rows[0] *= math.sqrt(_LAGS)
    target[0] = math.sqrt(_LAGS)
    weights, _ = nnls(rows, target, maxiter=1000 * TERMS)
    weights = weights / math.fsum(weights)
    weights[np.argmax(weights)] += 1.0 - math.fsum(weights)
    return weights, times


def response(weights: Floats, times: Floats, age: Floats | float) -> Floats:
    """What is left of a move of one after `age` seconds (scalar or any shape)."""
    ages = np.asarray(age, dtype=np.float64)
    total: Floats = np.sum(weights * np.exp(-ages[..., None] / times), axis=-1)
    return total


def relative_error(weights: Floats, times: Floats, t0: float, gamma: float) -> float:
    """Largest relative distance to the power law at age 0 and over ages up to LONGEST_LAG."""
    ages = np.concatenate([[0.0], np.geomspace(1e-4 * t0, LONGEST_LAG, 3000)])
    return float(np.max(np.abs(response(weights, times, ages) * (1.0 + ages / t0) ** gamma - 1.0)))


@cache
def propagator(t0: float, gamma: float) -> tuple[Floats, Floats]:
    """The best of `exponentials` over some ranges of times; the arrays are shared and read-only.

    Its largest relative error over ages from 0 to 1e5 s is 0.23 % for t0 = 0.5 s, gamma = 0.6, and below 1 % for
    t0 from 0.5 to 60 s with gamma from 0.3 to 1.2 (tests/abm/venues/test_kernel.py).
    """
    ends = [(a * t0, b * LONGEST_LAG) for a in _SHORTEST_ENDS for b in _LONGEST_ENDS]
    fits = [exponentials(t0, gamma, *end) for end in ends]
    weights, times = min(fits, key=lambda fit: relative_error(fit[0], fit[1], t0, gamma))
    weights.flags.writeable = times.flags.writeable = False
    return weights, times


def permanent() -> tuple[Floats, Floats]:
    """The kernel of a pool, whose price stays: weights (1, 0, ...), times infinite."""
    weights = np.zeros(TERMS)
    weights[0] = 1.0
    return weights, np.full(TERMS, np.inf)
