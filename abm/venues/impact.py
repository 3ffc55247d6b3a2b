"""What net volume does to a price: f(V) = coefficient * |V price / depth|^exponent, and the collar that bounds it.

V is the net volume of a book in a block, so that the order of trades within it does not matter: a trade that takes
the net volume from V to V' moves the price by price * (f(V') - f(V)), price and depth being those at the block's
opening.  Whoever trades pays the price after its whole own impact (Gatheral 2010; square root law: Donier, Bonart
2015).  Each function is compiled; its `_python` twin is the same code, interpreted.
"""

import math

from numba import njit

__all__ = ["displacement", "displacement_python", "take", "take_python", "volume_for", "volume_for_python"]


def displacement_python(volume: float, price: float, depth: float, coefficient: float, exponent: float) -> float:
    """f: relative move of net `volume` coins (signed) against `depth` USD."""
    return math.copysign(coefficient * (abs(volume) * price / depth) ** exponent, volume)


displacement = njit(cache=True)(displacement_python)


def volume_for_python(move: float, price: float, depth: float, coefficient: float, exponent: float) -> float:
    """The inverse of `displacement`: net coins that make the relative `move`; coefficient > 0."""
    return math.copysign((abs(move) / coefficient) ** (1.0 / exponent) * depth / price, move)


volume_for = njit(cache=True)(volume_for_python)


def take_python(
    volume: float,
    net: float,
    exogenous: float,
    alive: float,
    price: float,
    depth: float,
    coefficient: float,
    exponent: float,
    collar: float,
) -> tuple[float, float]:
    """Trade `volume` coins into a block whose net volume is `net`: (coins filled, jump of the last price in USD).

    `alive` is the impact alive before the trade (last - exogenous), `price` and `depth` are the block's opening
    exogenous price and depth.  Nothing is filled beyond |last - exogenous| = collar * exogenous: the volume is cut
    to what just reaches it, and to nothing where the price lies beyond it already.
    """
    sign = math.copysign(1.0, volume)
    before = displacement(net, price, depth, coefficient, exponent)
    move = price * (displacement(net + volume, price, depth, coefficient, exponent) - before)
    room = sign * collar * exogenous - alive
    if sign * move <= sign * room:
        return volume, move
    if sign * room <= 0.0:
        return 0.0, 0.0
    cut = sign * (volume_for(before + room / price, price, depth, coefficient, exponent) - net)
    return sign * min(max(cut, 0.0), abs(volume)), room


take = njit(cache=True)(take_python)
