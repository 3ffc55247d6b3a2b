"""How much of a position to close so that an account is healthy, where the requirement is not linear in size.

Health is value(x) = margin equity after closing x, less (1 + target) times the maintenance left.  A requirement that
grows faster than size makes it concave in x, so a tangent meets zero at or before the health itself does, and walking
from tangent to tangent comes to the least quantity from below: within as many steps as there are tiers where the
requirement is piecewise linear, and at Newton's pace where it is curved.
"""

from collections.abc import Callable

__all__ = ["least_quantity"]

STEPS = 200
"""Tangents at most: far more than there are tiers."""


def least_quantity(health: Callable[[float], tuple[float, float]], whole: float) -> float:
    """The least x of [0, whole] at which a concave health is not below zero; the whole where there is none.

    `health` gives its value at x and its slope for larger x.
    """
    x = 0.0
    for _ in range(STEPS):
        value, slope = health(x)
        if value >= 0.0:
            return x
        if slope <= 0.0:
            return whole
        further = x - value / slope
        if further >= whole:
            return whole
        if further <= x:  # the step is below what a float can tell
            return x
        x = further
    return whole
