"""Settlement of European options in cash, at the average of the index over the last half hour.

Deribit: the delivery price is the time-weighted average of the index over the 30 minutes before expiry
(deribit.com, Expiration price).  Derive: the same, and in these minutes the forward is marked as part fixed, the
average so far, part still open, the forward over the time left (help.derive.xyz, Expiration settlement;
derivexyz/v2-core, src/feeds/LyraForwardFeed.sol); margin takes forward * (window - left)/window for the fixed part.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "WINDOW",
    "fixed_share",
    "marked_forward",
    "payoff",
    "payoff_in_coin",
    "settlement_price",
    "shocked_forward",
]

Floats = NDArray[np.float64]

WINDOW = 1800.0
"""Seconds before expiry over which the index is averaged, at Deribit and Derive."""


def payoff(settlement: ArrayLike, strike: ArrayLike, call: ArrayLike) -> Floats:
    """float64, broadcast: what one option pays at a settlement price, in the unit of the price."""
    gap = np.asarray(settlement, np.float64) - np.asarray(strike, np.float64)
    return np.asarray(np.maximum(np.where(np.asarray(call, np.bool_), gap, -gap), 0.0))


def payoff_in_coin(settlement: ArrayLike, strike: ArrayLike, call: ArrayLike) -> Floats:
    """float64, broadcast: the same for an inverse option, paid in the coin; ValueError for a settlement <= 0."""
    price = np.asarray(settlement, np.float64)
    if not np.all(price > 0.0):
        raise ValueError(f"settlement must be > 0, got {price[~(price > 0.0)].flat[0]}")
    return np.asarray(payoff(price, strike, call) / price)


def fixed_share(seconds: ArrayLike) -> Floats:
    """float64: the part of the settlement price that is decided at `seconds` before expiry, from 0 to 1."""
    return np.asarray(np.clip((WINDOW - np.asarray(seconds, np.float64)) / WINDOW, 0.0, 1.0))


def shocked_forward(forward: ArrayLike, shock: ArrayLike, seconds: ArrayLike) -> Floats:
    """float64, broadcast: the forward when the spot is multiplied by `shock`: only the open part moves (Derive)."""
    price, fixed = np.asarray(forward, np.float64), fixed_share(seconds)
    return np.asarray(price * fixed + price * (1.0 - fixed) * np.asarray(shock, np.float64))


def marked_forward(average: ArrayLike, forward: ArrayLike, seconds: ArrayLike) -> Floats:
    """float64, broadcast: the forward at which options are marked, `average` being that of the window so far (Derive)."""
    fixed = fixed_share(seconds)
    return np.asarray(fixed * np.asarray(average, np.float64) + (1.0 - fixed) * np.asarray(forward, np.float64))


def settlement_price(seconds: Floats, index: Floats, expiry: float) -> float:
    """Time-weighted average of the index over the window before `expiry`.

    `seconds` float64[n], rising, are the moments from which each `index` float64[n] holds, until the next.  ValueError
    when they do not rise, are not as many as the prices, or begin after the window does.
    """
    if len(seconds) != len(index):
        raise ValueError(f"index must have as many prices as there are times, {len(seconds)}, got {len(index)}")
    if len(seconds) == 0 or seconds[0] > expiry - WINDOW:
        first = seconds[0] if len(seconds) else "none"
        raise ValueError(f"the first time must be <= {expiry - WINDOW}, the begin of the window, got {first}")
    if not np.all(np.diff(seconds) > 0.0):
        raise ValueError("seconds must rise")
    edges = np.clip(np.append(seconds, np.inf), expiry - WINDOW, expiry)
    return float(np.sum(index * np.diff(edges)) / WINDOW)
