"""What an order pays a pool, or is paid, for the balance of longs and shorts that it leaves (GMX v2).

The curve is f * d^e, with d the imbalance, USD; below 1 USD it counts nothing, unless e is 1.  On one side of balance an order
from d0 to d1 is paid f * (d0^e - d1^e); through balance f+ * d0^e - f- * d1^e.  f- where the imbalance grows; where it shrinks
f+, never more than f-.  An order that would pay, pays the worse of what its own market says and what the virtual
imbalance of all markets of the coin says.
gmx-io/gmx-synthetics, contracts/pricing/PricingUtils.sol and PositionPricingUtils.sol (`getPriceImpactUsd`).
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "capped_cost",
    "impact_curve",
    "impact_curve_python",
    "price_impact",
    "price_impact_python",
    "worse_impact",
]

Floats = NDArray[np.float64]


def impact_curve_python(imbalance: Floats, factor: float, exponent: float) -> Floats:
    """USD: f * |d|^e, or nothing below 1 USD; also of one number."""
    size = np.abs(imbalance)
    counts = np.maximum(1.0 * (size >= 1.0), 1.0 * (exponent == 1.0))
    usd: Floats = factor * counts * size**exponent
    return usd


impact_curve = njit(cache=True)(impact_curve_python)


def price_impact_python(before: Floats, after: Floats, positive: float, negative: float, exponent: float) -> Floats:
    """USD that an order is paid for moving longs less shorts, USD, from one to the other; below zero it pays.

    `before` and `after` may be arrays or numbers.
    """
    helps = np.minimum(positive, negative)
    crosses, shrinks = 1.0 * (before * after < 0.0), 1.0 * (np.abs(after) < np.abs(before))
    start, end = np.maximum(crosses, shrinks), shrinks * (1.0 - crosses)
    gained: Floats = (helps * start + negative * (1.0 - start)) * impact_curve(before, 1.0, exponent)
    lost: Floats = (helps * end + negative * (1.0 - end)) * impact_curve(after, 1.0, exponent)
    return gained - lost


price_impact = njit(cache=True)(price_impact_python)


def worse_impact(own: ArrayLike, virtual: ArrayLike) -> Floats:
    """USD: the worse of both where its own is negative, its own otherwise."""
    own = np.asarray(own, dtype=np.float64)
    return np.asarray(np.where(own < 0.0, np.minimum(own, virtual), own))


def capped_cost(impact: ArrayLike, size: ArrayLike, most: ArrayLike) -> Floats:
    """USD that a liquidation check takes off for closing a size, USD: a positive impact counts nothing, a negative one at
    most a part of the size."""
    return np.asarray(np.minimum(np.maximum(-np.asarray(impact), 0.0), np.asarray(most) * np.asarray(size)))
