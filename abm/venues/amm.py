"""A constant-product pool: x coins and y USD with x y kept by every swap, but for the fee, which stays in the pool.

Formulas of Uniswap v2 (UniswapV2Library.getAmountOut and getAmountIn), without its rounding to integers.
Each function is compiled; its `_python` twin is the same code, interpreted.
"""

import math

from numba import njit

__all__ = [
    "NEAR",
    "pool_depth",
    "pool_depth_python",
    "pool_dollars",
    "pool_take",
    "pool_take_python",
    "swap_in",
    "swap_in_python",
    "swap_out",
    "swap_out_python",
]

NEAR = math.sqrt(1.01) - 1.0
"""USD per USD of reserves that move the price up by one per cent: y' = sqrt(k p'), so (y' - y)/y = sqrt(1.01) - 1."""


def swap_out_python(amount: float, reserve_in: float, reserve_out: float, fee: float) -> float:
    """What comes out for `amount` put in (getAmountOut)."""
    counted = amount * (1.0 - fee)
    return reserve_out * counted / (reserve_in + counted)


swap_out = njit(cache=True)(swap_out_python)


def swap_in_python(amount: float, reserve_in: float, reserve_out: float, fee: float) -> float:
    """What must be put in for `amount` to come out (getAmountIn); amount < reserve_out."""
    return reserve_in * amount / ((reserve_out - amount) * (1.0 - fee))


swap_in = njit(cache=True)(swap_in_python)


def pool_dollars(depth: float) -> float:
    """USD reserves of a pool whose depth within one per cent on one side, before fees, is `depth` USD."""
    return depth / NEAR


def pool_depth_python(dollars: float) -> float:
    """Depth within one per cent on one side of a pool with `dollars` in it: the inverse of `pool_dollars`."""
    return dollars * NEAR


pool_depth = njit(cache=True)(pool_depth_python)


def pool_take_python(
    volume: float, coins: float, dollars: float, fee: float, low: float, high: float
) -> tuple[float, float, float]:
    """Swap `volume` coins (positive: out of the pool): (coins filled, coins then, USD then).

    The volume is cut where the price after it would leave [low, high] USD.  With g = 1 - fee the price after is
    y (g x' + x - x') / (g x'^2) for x' coins left by a purchase, and x y / ((x + g v)(x + v)) after a sale of v:
    two quadratics.
    """
    keep = 1.0 - fee
    if volume > 0.0:
        root = math.sqrt((dollars * fee) ** 2 + 4.0 * high * keep * coins * dollars)
        left = (root - dollars * fee) / (2.0 * high * keep)
        filled = min(volume, max(coins - left, 0.0))
        return filled, coins - filled, dollars + swap_in(filled, dollars, coins, fee)
    spread = coins * (1.0 + keep)
    root = math.sqrt(max(spread**2 - 4.0 * keep * (coins**2 - coins * dollars / low), 0.0))
    filled = max(volume, min((spread - root) / (2.0 * keep), 0.0))
    return filled, coins - filled, dollars - swap_out(-filled, coins, dollars, fee)


pool_take = njit(cache=True)(pool_take_python)
