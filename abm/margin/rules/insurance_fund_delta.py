"""What a liquidation pays into the insurance fund, or takes out of it.

What was received above the bankruptcy value is paid in, at most the largest fee on the value traded; what was received
below it the fund pays.
dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go (`GetLiquidationInsuranceFundDelta`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["insurance_fund_delta"]

Floats = NDArray[np.float64]


def insurance_fund_delta(delta: ArrayLike, price: ArrayLike, bankruptcy: ArrayLike, largest_fee: ArrayLike) -> Floats:
    """USD into the fund, below zero out of it.

    Parameters
    ----------
    delta, price
        Of the fill: signed coins, and USD.
    bankruptcy
        Bankruptcy value of the fill, USD to be received.
    largest_fee
        Part of the value traded that the account pays at most.
    """
    received = -np.asarray(delta, dtype=np.float64) * np.asarray(price, dtype=np.float64)
    above = received - np.asarray(bankruptcy, dtype=np.float64)
    most = np.asarray(largest_fee, dtype=np.float64) * np.abs(received)
    return np.asarray(np.where(above > 0.0, np.minimum(above, most), above))
