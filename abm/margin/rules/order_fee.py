"""What an order pays by what it does to the market's skew: taker where it grows, maker where it shrinks, split at a flip.

Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/AsyncOrder.sol (`calculateOrderFee`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["order_fee"]

Floats = NDArray[np.float64]


def order_fee(skew: ArrayLike, size: ArrayLike, price: ArrayLike, maker: ArrayLike, taker: ArrayLike) -> Floats:
    """USD: fee of an order of a signed size filled at a price, in a market of some skew before it, coins."""
    skew, size = np.asarray(skew, dtype=np.float64), np.asarray(size, dtype=np.float64)
    against = np.where(skew * size < 0.0, np.minimum(np.abs(size), np.abs(skew)), 0.0)
    paid = against * np.asarray(maker) + (np.abs(size) - against) * np.asarray(taker)
    return np.asarray(paid * np.asarray(price))
