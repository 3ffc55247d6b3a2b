"""Price at which a position's account meets its maintenance margin, the rest of the account held still.

Margin and profit against a share of the notional at the price (Binance, support faq b3c689c1f50a44cabb3a84e663b81d93;
Hyperliquid, trading/liquidations, with rate = 1 / (2 * max leverage); OKX and Gate with the taker fee in the rate):
P = (margin + amount - side * n * entry) / (n * rate - side * n).

Against a requirement at the entry price, which the price does not move (Bybit, isolated: margin = n * entry / leverage):
P = entry - side * (margin - requirement) / n, that is entry * (1 - side * (1 / leverage - rate)).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["entry_liquidation_price", "liquidation_price"]

Floats = NDArray[np.float64]


def liquidation_price(
    margin: Floats | float, size: Floats | float, entry: Floats | float, rate: Floats | float,
    amount: Floats | float = 0.0,
) -> Floats:  # fmt: skip
    """float64[...]: liquidation price; nan without a position, and zero or less where no price is low enough.

    Parameters
    ----------
    margin
        What stands behind the position besides its own profit: balance, others' profit less others' maintenance.
    size
        Signed, coins.
    rate, amount
        Maintenance is |size| * price * rate - amount; a taker fee that is part of it belongs to the rate.
    """
    size = np.asarray(size, np.float64)
    steep = np.abs(size) * rate - size
    nan = np.full(np.broadcast(margin, size, entry, rate, amount).shape, np.nan)
    return np.asarray(
        np.divide(margin + np.asarray(amount) - size * entry, steep, out=nan, where=np.asarray(steep) != 0.0)
    )


def entry_liquidation_price(
    margin: Floats | float, size: Floats | float, entry: Floats | float, requirement: Floats | float
) -> Floats:
    """float64[...]: liquidation price where the requirement stands still; nan without a position."""
    size = np.asarray(size, np.float64)
    nan = np.full(np.broadcast(margin, size, entry, requirement).shape, np.nan)
    return np.asarray(entry - np.divide(np.asarray(margin) - requirement, size, out=nan, where=size != 0.0))
