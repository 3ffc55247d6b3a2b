"""Margin for what a scan of scenarios does not see (Deribit portfolio margin, deribit.com pages/docs/portfoliomargin).

Short options of a strike that are not covered by long ones of it: rate * max(-(calls + puts), 0).  A spread of offsetting
futures, whose two sides need not move together: rate * min(long, -short).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["short_options", "spread"]

Floats = NDArray[np.float64]


def short_options(calls: Floats | float, puts: Floats | float, rate: float) -> Floats:
    """float64[...]: margin for the net short options of strikes; numbers are signed."""
    return np.asarray(rate * np.maximum(-(np.asarray(calls) + puts), 0.0))


def spread(long: Floats | float, short: Floats | float, rate: float) -> Floats:
    """float64[...]: margin for futures that offset each other; `short` is negative, 0 where one side is missing."""
    return np.asarray(rate * np.maximum(np.minimum(long, -np.asarray(short)), 0.0))
