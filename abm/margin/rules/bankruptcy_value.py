"""What must be received for closing part of a position so that its share of the account's collateral is just used up.

With NC the net collateral, MMR the maintenance margin of the account and dMMR the change of it by the trade:

    value = -delta * price - NC * |dMMR| / MMR

dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go (`GetBankruptcyPriceInQuoteQuantums`); the chain rounds up to
1e-6 USDC and admits only trades that reduce the position.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bankruptcy_value"]

Floats = NDArray[np.float64]


def bankruptcy_value(
    net_collateral: ArrayLike, maintenance: ArrayLike, size: ArrayLike, delta: ArrayLike, price: ArrayLike,
    fraction: ArrayLike,
) -> Floats:  # fmt: skip
    """USD to be received for a trade of `delta` coins; below zero, what may be paid at most.

    Parameters
    ----------
    net_collateral, maintenance
        Of the whole account before the trade, USD.
    size, delta
        Of the position before the trade, and of the trade, signed coins.
    price, fraction
        Price and maintenance margin fraction of the market.

    An account that requires no margin has nothing to share out: the value at the price.
    """
    size, delta, price = (np.asarray(x, dtype=np.float64) for x in (size, delta, price))
    maintenance = np.asarray(maintenance, dtype=np.float64)
    freed = np.abs(np.abs(size + delta) - np.abs(size)) * price * np.asarray(fraction, dtype=np.float64)
    shape = np.broadcast_shapes(freed.shape, maintenance.shape)
    share = np.divide(freed, maintenance, out=np.zeros(shape), where=maintenance > 0.0)
    return np.asarray(-delta * price - np.asarray(net_collateral, dtype=np.float64) * share)
