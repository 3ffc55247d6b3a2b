"""How the cost of closing a position against a pool changes with the market's skew: slopes, and steps."""

import numpy as np
from numpy.typing import NDArray

from abm.margin.rules.price_impact import price_impact_python

__all__ = ["REACH", "impact_slope", "steepest_impact", "steps_within"]

Floats = NDArray[np.float64]

REACH = 0.021
"""Relative move of the skew's value that bounds hold for; a little over the radius within which accounts are watched."""


def _impact(skew: Floats, signed: Floats, table: Floats) -> Floats:
    """USD: price impact of closing positions of a signed size, USD, at a skew, USD."""
    return np.asarray(price_impact_python(skew, skew - signed, table[:, 3], table[:, 4], table[:, 5]))  # type: ignore[arg-type]


def impact_slope(skew: Floats, size: Floats, entry: Floats, table: Floats) -> Floats:
    """Change of what remains per USD of skew: of the impact where it is a cost, not capped."""
    usd = np.abs(size) * entry
    after = skew - np.sign(size) * usd
    impact = _impact(skew, np.sign(size) * usd, table)
    helps = np.minimum(table[:, 3], table[:, 4])
    crosses, shrinks = skew * after < 0.0, np.abs(after) < np.abs(skew)
    start = np.where(crosses | shrinks, helps, table[:, 4]) * _curve_slope(skew, table[:, 5])
    end = np.where(shrinks & ~crosses, helps, table[:, 4]) * _curve_slope(after, table[:, 5])
    return np.asarray(np.where((impact < 0.0) & (-impact < table[:, 6] * usd), start - end, 0.0))


def _curve_slope(imbalance: Floats, exponent: Floats) -> Floats:
    size = np.abs(imbalance)
    counts = (size >= 1.0) | (exponent == 1.0)
    return np.asarray(np.where(counts, exponent * size ** (exponent - 1.0) * np.sign(imbalance), 0.0))


def steepest_impact(skew: Floats, usd: Floats, table: Floats) -> Floats:
    """The most that the impact of closing changes per USD of skew within reach; nothing where none is counted."""
    far = (1.0 + REACH) * np.abs(skew)
    steep = table[:, 5] * (far ** (table[:, 5] - 1.0) + (far + usd) ** (table[:, 5] - 1.0))
    return np.asarray(np.where(table[:, 6] > 0.0, np.maximum(table[:, 3], table[:, 4]) * steep, 0.0))


def steps_within(skew: Floats, signed: Floats, table: Floats) -> NDArray[np.bool_]:
    """Whether within reach the impact of closing changes sign, on which the fee depends, or passes 1 USD of imbalance."""
    low, high = skew * (1.0 - REACH), skew * (1.0 + REACH)
    fees = (table[:, 7] != table[:, 8]) & ((_impact(low, signed, table) > 0.0) != (_impact(high, signed, table) > 0.0))
    matters = (table[:, 6] > 0.0) | (table[:, 7] != table[:, 8])
    curve = (table[:, 5] != 1.0) & (table[:, 4] > 0.0) & matters
    return np.asarray(fees | (curve & (_passes(low, high) | _passes(low - signed, high - signed))))


def _passes(low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Whether an imbalance that goes from one to the other enters or leaves the 1 USD around balance."""
    inside = (np.abs(low) < 1.0) & (np.abs(high) < 1.0)
    outside = (np.minimum(low, high) >= 1.0) | (np.maximum(low, high) <= -1.0)
    return np.asarray(~(inside | outside))
