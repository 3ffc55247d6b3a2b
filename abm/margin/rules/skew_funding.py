"""Funding whose rate drifts with the skew: a velocity, not a level (Synthetix v3 perps).

The rate, per day, moves by clip(skew/scale, -1, 1) * max velocity a day; longs pay the mean of the rate over the time.
Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/PerpsMarket.sol (`currentFundingRate`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["funding_paid", "funding_rate_after"]

Floats = NDArray[np.float64]


def funding_rate_after(
    rate: ArrayLike, skew: ArrayLike, scale: ArrayLike, max_velocity: ArrayLike, days: ArrayLike
) -> Floats:
    """Rate per day after some days at a skew; `scale` 0 leaves it as it is."""
    skew, scale = np.asarray(skew, dtype=np.float64), np.asarray(scale, dtype=np.float64)
    part = np.divide(skew, scale, out=np.zeros(np.broadcast(skew, scale).shape), where=scale > 0.0)
    return np.asarray(rate + np.clip(part, -1.0, 1.0) * np.asarray(max_velocity) * np.asarray(days))


def funding_paid(before: ArrayLike, after: ArrayLike, size: ArrayLike, price: ArrayLike, days: ArrayLike) -> Floats:
    """USD that a position of a signed size pays while the rate goes from one to the other; below zero it receives."""
    mean = (np.asarray(before) + np.asarray(after)) / 2.0
    return np.asarray(mean * np.asarray(size) * np.asarray(price) * np.asarray(days))
