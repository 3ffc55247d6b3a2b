"""Depth as a state: wanted depth follows volatility, the actual one relaxes to it and is consumed by net volume.

A trade that finds less depth moves the price further, and what it leaves fades by the kernel alone.  So a trader who
buys while depth is full, pushes the price while his own trades have driven the makers away, and sells when they are
back, earns where depth comes back faster than impact fades: what decides is `refill` against the kernel's t0, the more
so the larger the exponent.  Sampling volatility once a minute gives such a trader known instants at which the makers
turn.  Optimised trips (12 trades a second apart, or 5 to 8 over minutes, some over an hour; 0.1 to 30 times the calm
depth turned over) find

- under the default depth rule nothing at exponent 0.5 with gamma 0.55 and t0 to 2 s (the default impact is well
  inside), nor at exponents 0.8 and 1 with gamma 0.55 and t0 0.5 s, nor at exponents 0.5 and 0.8 with t0 12 s on blocks
  as long; but something at exponent 1 from t0 = 5 s on;
- the same under makers who forget volatility by the next sample, flee at twice the usual and are back in 15 s, except
  that there is something at exponent 0.8 with t0 = 3 s and at exponents 0.5 and 0.8 with t0 = 12 s;
- under makers who do so and are back in one second something at exponents 0.5, 0.8 and 1, also at 0.5 with gamma 0.6
  and t0 = 1 s; the default impact with t0 = 0.5 s only just loses.

At constant depth none of these pays (tests/abm/venues/test_manipulation.py).

Units: depth in USD within one per cent on one side, variance per second, times in seconds.
Each function is compiled; its `_python` twin is the same code, interpreted.
"""

import math

from numba import njit

__all__ = [
    "FLOOR",
    "SAMPLING",
    "averaged",
    "averaged_python",
    "consumed",
    "consumed_python",
    "relaxed",
    "relaxed_python",
    "sample_length",
    "wanted",
    "wanted_python",
]

SAMPLING = 60.0
"""Seconds between samples of the realised variance.

At one second the bounce of single trades, which concave impact makes large and its decay takes back, would pass for
volatility, and a busy calm market would scare its makers away.
"""


def sample_length(interval: float) -> float:
    """Seconds between samples where ticks are `interval` seconds apart: the whole number of ticks nearest to SAMPLING
    (of two as near the smaller), one at least."""
    return interval * max(1, math.ceil(SAMPLING / interval - 0.5))


FLOOR = 0.02
"""Least part of the calm depth that volatility leaves.

The exponential alone would leave 1e-10 of it after a fall of ten per cent in a second; on 10 October 2025 the
visible depth of the majors fell by about 98 per cent.
"""


def averaged_python(variance: float, change: float, interval: float, alpha: float) -> float:
    """Exponential mean of the squared relative `change` per second, after one more sample of `interval` seconds."""
    return variance + alpha * (change * change / interval - variance)


averaged = njit(cache=True)(averaged_python)


def wanted_python(calm: float, makers: float, response: float, variance: float, usual: float) -> float:
    """D0 exp(-response * max(volatility ratio - 1, 0)), at least FLOOR D0, plus what makers quote.

    `usual` is the usual volatility per square root of a second; without one (a stable coin) depth does not respond.
    """
    if usual <= 0.0:
        return calm + makers
    excess = max(math.sqrt(variance) / usual - 1.0, 0.0)
    return calm * max(math.exp(-response * excess), FLOOR) + makers


wanted = njit(cache=True)(wanted_python)


def relaxed_python(depth: float, target: float, elapsed: float, refill: float) -> float:
    """Depth after `elapsed` seconds: the gap to the wanted depth falls as exp(-elapsed/refill), either way."""
    return target + (depth - target) * math.exp(-elapsed / refill)


relaxed = njit(cache=True)(relaxed_python)


def consumed_python(depth: float, part: float, traded: float) -> float:
    """Depth after a block of net volume |V| = `traded` USD: part * |V| less, to first order.

    The exponential keeps it positive however large the volume.
    """
    return depth * math.exp(-part * traded / depth)


consumed = njit(cache=True)(consumed_python)
