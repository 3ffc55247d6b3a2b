"""At what price a pool fills an order, by what the order does to the market's skew (Synthetix v3 perps).

Fill = price * (1 + (skew + size/2)/scale): the mean of the premium before and after.
Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/AsyncOrder.sol (`calculateFillPrice`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fill_price"]

Floats = NDArray[np.float64]


def fill_price(price: ArrayLike, skew: ArrayLike, size: ArrayLike, scale: ArrayLike) -> Floats:
    """USD: price of an order of a signed size in a market of some skew, coins; `scale` 0 turns the premium off."""
    scale = np.asarray(scale, dtype=np.float64)
    middle = np.asarray(skew) + np.asarray(size) / 2.0
    premium = np.divide(middle, scale, out=np.zeros(np.broadcast(middle, scale).shape), where=scale > 0.0)
    return np.asarray(np.asarray(price) * (1.0 + premium))
