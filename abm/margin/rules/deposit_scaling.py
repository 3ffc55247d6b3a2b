"""Initial weights of a token that a protocol holds, or has lent, much of.

Past a limit in USD the asset weight falls so that what all deposits count for stays what it was at the limit, and the
liability weight rises as the borrows do.
Mango v4: blockworks-foundation/mango-v4, programs/mango-v4/src/state/bank.rs (`scaled_init_asset_weight`,
`scaled_init_liab_weight`).  Drift v2 (assets only): drift-labs/protocol-v2, programs/drift/src/state/spot_market.rs
(`get_scaled_initial_asset_weight`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["scaled_asset_weight", "scaled_liability_weight"]

Floats = NDArray[np.float64]


def scaled_asset_weight(weight: ArrayLike, deposits: ArrayLike, start: ArrayLike) -> Floats:
    """weight * start/deposits where deposits, USD, are above `start`, USD; inf: never scaled."""
    deposits, start = np.asarray(deposits, dtype=np.float64), np.asarray(start, dtype=np.float64)
    ones = np.ones(np.broadcast_shapes(deposits.shape, start.shape))
    return np.asarray(np.asarray(weight) * np.divide(start, deposits, out=ones, where=deposits > start))


def scaled_liability_weight(weight: ArrayLike, borrows: ArrayLike, start: ArrayLike) -> Floats:
    """weight * borrows/start where borrows, USD, are above `start`, USD and above zero; inf: never scaled."""
    borrows, start = np.asarray(borrows, dtype=np.float64), np.asarray(start, dtype=np.float64)
    ones = np.ones(np.broadcast_shapes(borrows.shape, start.shape))
    return np.asarray(np.asarray(weight) * np.divide(borrows, start, out=ones, where=borrows > start))
