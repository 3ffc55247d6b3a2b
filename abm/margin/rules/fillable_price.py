"""The price at which a liquidation is offered to the book: worse for the account the nearer it is to bankruptcy.

    ABR   = clip(BA * (1 - NC / MMR), 0, 1)                                   adjusted bankruptcy rating
    price = (size * price - ABR * SMMR * |size| * price * fraction) / size

with NC the net collateral and MMR the maintenance margin of the account, BA the bankruptcy adjustment and SMMR the spread
to the maintenance margin ratio.
dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go (`GetFillablePrice`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bankruptcy_rating", "fillable_price"]

Floats = NDArray[np.float64]


def bankruptcy_rating(net_collateral: ArrayLike, maintenance: ArrayLike, adjustment: ArrayLike) -> Floats:
    """The adjusted bankruptcy rating: 0 while collateral covers the requirement, 1 at bankruptcy and below.

    Without a requirement it is 1 where collateral is below zero, and 0 elsewhere.
    """
    net, maintenance = np.asarray(net_collateral, dtype=np.float64), np.asarray(maintenance, dtype=np.float64)
    shape = np.broadcast_shapes(net.shape, maintenance.shape)
    gone = np.array(np.broadcast_to(np.where(net < 0.0, 0.0, 1.0), shape))
    left = np.divide(net, maintenance, out=gone, where=maintenance > 0.0)
    return np.asarray(np.clip(np.asarray(adjustment, dtype=np.float64) * (1.0 - left), 0.0, 1.0))


def fillable_price(
    size: ArrayLike, price: ArrayLike, fraction: ArrayLike, rating: ArrayLike, spread: ArrayLike
) -> Floats:
    """USD: the limit price of a liquidation order; nan without a position.

    Parameters
    ----------
    size
        Of the position, signed coins.
    price, fraction
        Price and maintenance margin fraction of the market.
    rating, spread
        The account's bankruptcy rating, and the spread to the maintenance margin ratio.
    """
    side = np.sign(np.asarray(size, dtype=np.float64))
    spread, fraction = np.asarray(spread, dtype=np.float64), np.asarray(fraction, dtype=np.float64)
    worse = np.asarray(rating, dtype=np.float64) * spread * fraction
    found = np.asarray(price, dtype=np.float64) * (1.0 - side * worse)
    return np.asarray(np.where(side == 0.0, np.nan, found))
