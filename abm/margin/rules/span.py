"""SPAN, as far as a scan goes: the worst of a set of scenarios.

A future alone: scanning risk = |contracts| * price * multiplier * range; initial margin is a multiple of it, maintenance a
part of initial.  A portfolio: each position has an array of losses per unit by scenario (16 in the original), a loss
positive for the holder of one unit; scanning risk is the largest sum over positions, at least 0
(public test files of brokers.span_margin and impl_span_margin; the method is CME's).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpanFuture", "span_arrays", "span_future"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpanFuture:
    """float64[...] each: scanning risk, initial and maintenance margin, in the currency of the price."""

    scanning_risk: Floats
    initial: Floats
    maintenance: Floats


def span_future(
    contracts: Floats | float, price: Floats | float, multiplier: Floats | float, scan_range: Floats | float,
    initial_ratio: float, maintenance_ratio: float,
) -> SpanFuture:  # fmt: skip
    """Margin of futures in one contract; `scan_range` is relative to the price, signs of `contracts` do not matter."""
    risk = np.asarray(np.abs(contracts) * np.asarray(price) * multiplier * scan_range)
    initial = np.asarray(risk * initial_ratio)
    return SpanFuture(risk, initial, np.asarray(initial * maintenance_ratio))


def span_arrays(sizes: Floats, arrays: Floats) -> tuple[Floats, Ints]:
    """Scanning risk of portfolios, and the scenario that it is of.

    Parameters
    ----------
    sizes : float64[..., positions]
        Signed.
    arrays : float64[positions, scenarios]
        Loss of one unit held long.
    """
    losses = np.asarray(sizes, np.float64) @ np.asarray(arrays, np.float64)
    return np.maximum(losses.max(axis=-1), 0.0), np.asarray(losses.argmax(axis=-1), np.int64)
