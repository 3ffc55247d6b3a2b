"""Funding between the longs and the shorts of a pool, per second (GMX v2).

With x = |L - S|^e/(L + S).  Static: min(factor * x, max) of the larger side's open interest a second, which the larger side
pays.  Adaptive: a saved factor, above zero where longs pay, moves by x * increase * dt towards the skew where x is above the
stable threshold or the skew has turned against it; where x is below the decrease threshold its magnitude falls by
decrease * dt; else it holds.  The saved factor is at most the maximum, what is paid at least the minimum.
gmx-io/gmx-synthetics, contracts/market/MarketUtils.sol (`getNextFundingFactorPerSecond`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["AdaptiveFunding", "funding_imbalance", "next_saved_factor", "paid_factor", "static_funding_paid"]

Floats = NDArray[np.float64]

LEAST_SAVED = 1e-30
"""What is left of a saved factor that has fallen to nothing: the contracts keep its sign in their smallest unit."""


@dataclass(frozen=True, slots=True)
class AdaptiveFunding:
    """Increase by imbalance and decrease, a second each; thresholds of x; exponent; least and most factor a second."""

    increase: float
    decrease: float
    stable: float
    falling: float
    exponent: float = 1.0
    least: float = 0.0
    most: float = 1.0


def funding_imbalance(longs: ArrayLike, shorts: ArrayLike, exponent: float) -> Floats:
    """|L - S|^e/(L + S) of open interests, USD; 0 in an empty market."""
    longs, shorts = np.asarray(longs, dtype=np.float64), np.asarray(shorts, dtype=np.float64)
    apart, total = np.abs(longs - shorts) ** exponent, longs + shorts
    return np.asarray(np.divide(apart, total, out=np.zeros(np.shape(total)), where=total > 0.0))


def next_saved_factor(
    saved: ArrayLike, longs: ArrayLike, shorts: ArrayLike, seconds: ArrayLike, rule: AdaptiveFunding
) -> Floats:
    """The saved factor after some seconds at some open interests; above zero longs pay."""
    saved, skew = np.asarray(saved, dtype=np.float64), np.asarray(longs, dtype=np.float64) - np.asarray(shorts)
    x, seconds = funding_imbalance(longs, shorts, rule.exponent), np.asarray(seconds)
    agrees = saved * skew > 0.0
    grown = saved + np.sign(skew) * x * rule.increase * seconds
    fallen = np.sign(saved) * np.maximum(
        np.abs(saved) - rule.decrease * seconds, np.where(saved != 0.0, LEAST_SAVED, 0.0)
    )
    steady = np.where(x < rule.falling, fallen, saved)
    moved = np.where(~agrees | (x > rule.stable), grown, steady)
    return np.asarray(np.clip(moved, -rule.most, rule.most))


def paid_factor(saved: ArrayLike, rule: AdaptiveFunding) -> Floats:
    """What is paid of the larger side a second, by who `saved` says pays: no less than the least."""
    return np.asarray(np.clip(np.abs(saved), rule.least, rule.most))


def static_funding_paid(
    longs: ArrayLike, shorts: ArrayLike, seconds: ArrayLike, factor: float, exponent: float, most: float
) -> Floats:
    """USD that the larger side pays in some seconds; nothing while one side is empty."""
    longs, shorts = np.asarray(longs, dtype=np.float64), np.asarray(shorts, dtype=np.float64)
    rate = np.minimum(factor * funding_imbalance(longs, shorts, exponent), most)
    paid = rate * np.asarray(seconds) * np.maximum(longs, shorts)
    return np.asarray(np.where(np.minimum(longs, shorts) > 0.0, paid, 0.0))
