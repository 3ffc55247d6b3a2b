"""Margins that move: by realised volatility and depth, or by a forecast; and what regulators name against pro-cyclicality.

- *Static*: a scale of one.
- *Reactive*: scale = clip(1 + a * excess volatility + b * missing depth, floor, ceiling).
- *Forecast*: the margin is a quantile of the move over the close-out time, factor * sqrt(variance * time) per unit of
  notional, and the scale is that over the fraction that it stands for, clipped.

Against pro-cyclicality (Commission Delegated Regulation (EU) No 153/2013, Article 28(1)), on the margin m:

- `floored` (c): not lower than with the volatility of a long lookback (ten years there);
- `stressed` (b): a weight of at least 25 % on stressed observations;
- `buffered` (a): a buffer of at least 25 %, which may be exhausted while margins rise: the margin in force stays where it
  is as long as it lies between m and (1 + buffer) m, and a fall of m rebuilds the buffer.

All are element by element, rise with volatility, and fall with depth.
"""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "buffered",
    "floored",
    "forecast_scale",
    "limited",
    "move_quantile",
    "quantile_factor",
    "reactive_scale",
    "stressed",
]

Floats = NDArray[np.float64]

LEAST = 0.25
"""Article 28(1): least buffer, and least weight of stressed observations."""


def reactive_scale(
    excess: Floats, missing: Floats, *, volatility: float, depth: float, floor: float, ceiling: float
) -> Floats:
    """f8: margin scales by `excess` (realised over usual volatility less one, >= 0) and `missing` part of the depth."""
    rise = volatility * excess + depth * missing
    return np.asarray(np.clip(1.0 + rise, floor, ceiling))


def quantile_factor(confidence: float, tail: float = 0.0) -> float:
    """Standard deviations that a move exceeds with probability 1 - confidence: normal, or with `tail` > 2 Student's t of
    so many degrees of freedom, scaled to unit variance.

    Raises
    ------
    ValueError
        Confidence outside [0.5, 1), or a tail in (0, 2], whose variance is infinite.
    """
    from scipy.special import ndtri, stdtrit

    if not 0.5 <= confidence < 1.0:
        raise ValueError(f"confidence must be in [0.5, 1), got {confidence}")
    if tail == 0.0:
        return float(ndtri(confidence))
    if not tail > 2.0:
        raise ValueError(f"tail must be 0 (normal) or > 2, got {tail}")
    return float(stdtrit(tail, confidence)) * math.sqrt((tail - 2.0) / tail)


def move_quantile(variance: Floats, time: float, factor: float) -> Floats:
    """f8: relative move over `time` that is exceeded with the factor's probability; variance per unit of time."""
    return np.asarray(factor * np.sqrt(variance * time))


def forecast_scale(margin: Floats, base: Floats, floor: float, ceiling: float) -> Floats:
    """f8: the scale that makes of the fractions `base` the margins that are called for."""
    return np.asarray(np.clip(margin / base, floor, ceiling))


def floored(margin: Floats, long_run: Floats) -> Floats:
    """f8: not lower than the margin of the long lookback."""
    return np.asarray(np.maximum(margin, long_run))


def stressed(margin: Floats, stress: Floats, weight: float = LEAST) -> Floats:
    """f8: a weighted mean with the margin of stressed observations.

    Raises
    ------
    ValueError
        The weight is outside [0.25, 1].
    """
    if not LEAST <= weight <= 1.0:
        raise ValueError(f"weight must be in [{LEAST}, 1], got {weight}")
    return np.asarray((1.0 - weight) * margin + weight * stress)


def buffered(margin: Floats, in_force: Floats, buffer: float = LEAST) -> Floats:
    """f8: what is in force, moved no further than into margin .. (1 + buffer) * margin.

    Raises
    ------
    ValueError
        The buffer is below 0.25.
    """
    if buffer < LEAST:
        raise ValueError(f"buffer must be >= {LEAST}, got {buffer}")
    return np.asarray(np.clip(in_force, margin, (1.0 + buffer) * margin))


def limited(decided: Floats, aim: Floats, *, step: float, above: float, below: float) -> Floats:
    """f8: a step of at most `step` from what is decided towards the aim where it lies more than `above` over it or `below`
    under it; unchanged elsewhere."""
    gap = aim - decided
    moves = (gap > above) | (gap < -below)
    return np.asarray(np.where(moves, decided + np.clip(gap, -step, step), decided))
