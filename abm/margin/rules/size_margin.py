"""Margin with a rate that rises with the size of the position (Deribit): |size| * price * (base + slope * |size|)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["size_margin", "size_rate"]

Floats = NDArray[np.float64]


def size_rate(size: Floats | float, base: Floats | float, slope: Floats | float) -> Floats:
    """float64[...]: rate of a position of `size` coins."""
    return np.asarray(base + slope * np.abs(size))


def size_margin(size: Floats | float, price: Floats | float, base: Floats | float, slope: Floats | float) -> Floats:
    """float64[...]: margin of a position of `size` coins, in the currency of the price."""
    return np.asarray(np.abs(size) * price * size_rate(size, base, slope))
