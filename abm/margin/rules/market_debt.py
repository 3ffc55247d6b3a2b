"""What a market owes its traders: their deposits and their unrealised profit (Synthetix v3 perps).

Whoever stands behind the market carries it: a rise is the liquidity providers' loss.
Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/PerpsMarket.sol (`marketDebt`), `reportedDebt`.
"""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["market_debt"]


def market_debt(collateral: ArrayLike, size: ArrayLike, entry: ArrayLike, price: ArrayLike) -> float:
    """USD: sum of the accounts' collateral (realised profit in it) and of size * (price - entry) of the positions."""
    profit = np.asarray(size) * (np.asarray(price) - np.asarray(entry))
    return float(np.sum(np.asarray(collateral)) + np.sum(profit))
