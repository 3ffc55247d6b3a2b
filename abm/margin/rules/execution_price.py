"""At what price a pool's order is executed once its price impact is put into it (GMX v2).

Increasing: the impact changes the coins got for the size, price = size/(size/P +- impact/P).  Decreasing: it changes the
price of the coins sold, price = P +- entry * impact/size.  + for longs, - for shorts.
gmx-io/gmx-synthetics, contracts/position/PositionUtils.sol and contracts/order/BaseOrderUtils.sol
(`getExecutionPriceForIncrease`, `getExecutionPriceForDecrease`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["decrease_price", "increase_price"]

Floats = NDArray[np.float64]


def increase_price(size: ArrayLike, price: ArrayLike, impact: ArrayLike, side: ArrayLike) -> Floats:
    """USD: price at which a size, USD, is opened; `side` is 1 for long, -1 for short."""
    size, price = np.asarray(size, dtype=np.float64), np.asarray(price, dtype=np.float64)
    return np.asarray(size / ((size + np.asarray(side) * np.asarray(impact)) / price))


def decrease_price(size: ArrayLike, price: ArrayLike, entry: ArrayLike, impact: ArrayLike, side: ArrayLike) -> Floats:
    """USD: price at which a size, USD at entry, is closed."""
    return np.asarray(np.asarray(price) + np.asarray(side) * np.asarray(entry) * np.asarray(impact) / np.asarray(size))
