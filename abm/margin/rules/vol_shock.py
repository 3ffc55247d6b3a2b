"""Shocks to implied volatility that grow as expiry comes near: range * (30 / days)^power (Deribit portfolio margin)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["vol_shock"]

Floats = NDArray[np.float64]


def vol_shock(days: Floats | float, size: Floats | float, power: Floats | float) -> Floats:
    """float64[...]: relative change of volatility at `days` to expiry, `size` at 30 days."""
    return np.asarray(size * (30.0 / np.asarray(days, np.float64)) ** power)
