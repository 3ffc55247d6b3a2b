"""Hyperliquid's liquidation: the book first, a large position in parts, the liquidator vault when the book fails.

Below maintenance, market orders go to the book; of a position over 100,000 USDC only a fifth at first, and for 30 s after
that whole positions.  Below two thirds of maintenance all cross positions and the whole cross margin go to the vault, and
nothing is returned (hyperliquid.gitbook.io, trading/liquidations).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOOK", "NONE", "STAGES", "VAULT", "first_order", "order", "stage"]

Floats = NDArray[np.float64]

NONE, BOOK, VAULT = 0, 1, 2
STAGES = ("none", "book", "vault")
"""What happens to an account, by number."""


def stage(margin_equity: Floats | float, mm: Floats | float, vault_at: float = 2.0 / 3.0) -> NDArray[np.int8]:
    """int8[...]: what happens to accounts: nothing, orders to the book, or the vault takes over.

    Strictly below each threshold; an account without maintenance and debt is left alone.
    """
    margin_equity, mm = np.asarray(margin_equity), np.asarray(mm)
    return np.where(margin_equity < vault_at * mm, VAULT, np.where(margin_equity < mm, BOOK, NONE)).astype(np.int8)


def first_order(notional: Floats | float, large: float = 100_000.0, part: float = 0.2) -> Floats:
    """float64[...]: what is sent of a position at first, USDC: all of it, or a part where it is over `large`."""
    notional = np.asarray(notional, np.float64)
    return np.where(np.abs(notional) > large, part * notional, notional)


def order(
    notional: Floats | float, since: Floats | float, large: float = 100_000.0, part: float = 0.2, cooldown: float = 30.0
) -> Floats:
    """float64[...]: what is sent of a position, USDC, `since` seconds after the account's last order for a part.

    Whole positions within the cooldown; infinite `since`: there has been none.
    """
    whole = np.asarray(since) < cooldown
    return np.where(whole, np.asarray(notional, np.float64), first_order(notional, large, part))
