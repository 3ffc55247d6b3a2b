"""Weights that a large balance or position moves against its holder, by the square root of its size.

    liability weight, margin ratio = max(w, 0.8 w + imf * sqrt(size))
    asset weight                   = min(w, 1.1 / (1 + imf * sqrt(size)))

imf = 0 turns either off.  Sizes are in coins (of unrealised profit: USD).
Drift v2: drift-labs/protocol-v2, programs/drift/src/math/margin.rs (`calculate_size_premium_liability_weight`,
`calculate_size_discount_asset_weight`); the program rounds to 1e-4.
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "asset_weight",
    "asset_weight_of",
    "asset_weight_of_python",
    "liability_weight",
    "liability_weight_of",
    "liability_weight_of_python",
]

Floats = NDArray[np.float64]


def liability_weight_of_python(weight: float, imf: float, size: float) -> float:
    """Weight of one debt, or margin ratio of one position, of a size without sign."""
    return max(weight, 0.8 * weight + imf * np.sqrt(size)) if imf > 0.0 else weight


liability_weight_of = njit(cache=True)(liability_weight_of_python)


def asset_weight_of_python(weight: float, imf: float, size: float) -> float:
    """Weight of one deposit of a size without sign."""
    return min(weight, 1.1 / (1.0 + imf * np.sqrt(size))) if imf > 0.0 else weight


asset_weight_of = njit(cache=True)(asset_weight_of_python)


def liability_weight(weight: ArrayLike, imf: ArrayLike, size: ArrayLike) -> Floats:
    """Weights of debts, or margin ratios of positions, of sizes without sign."""
    weight, imf = np.asarray(weight, dtype=np.float64), np.asarray(imf, dtype=np.float64)
    large = 0.8 * weight + imf * np.sqrt(np.asarray(size, dtype=np.float64))
    return np.asarray(np.where(imf > 0.0, np.maximum(weight, large), weight))


def asset_weight(weight: ArrayLike, imf: ArrayLike, size: ArrayLike) -> Floats:
    """Weights of deposits of sizes without sign."""
    weight, imf = np.asarray(weight, dtype=np.float64), np.asarray(imf, dtype=np.float64)
    large = 1.1 / (1.0 + imf * np.sqrt(np.asarray(size, dtype=np.float64)))
    return np.asarray(np.where(imf > 0.0, np.minimum(weight, large), weight))
