"""Where many functions of one common argument first come to zero: accounts as the same prices move.

All functions are looked at together on a grid.  Where some change sign in a cell of it, a polynomial through Chebyshev's
points of that cell is held to each at two further points; one that passes has the polynomial's root (exact where the
function is linear), and only the others, with a kink in the cell, are followed one by one (Brent's method).
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["DOWN", "REACH", "UP", "first_zero", "grid"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Functions = Callable[[float, Ints], Floats]

DEGREE = 8
NODES = np.cos(np.pi * np.arange(DEGREE, -1, -1) / DEGREE)
TO_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(NODES, DEGREE))
CHECKS = np.array([-0.5704, 0.3171])
"""Points of (-1, 1), none of them a node or the middle, at which a polynomial is held to its function."""

AGREES = 1e-12
"""Of the largest value in the cell."""

REACH = 9.0
"""How far prices are moved in search of a root unless told otherwise: by e^9, some 8,100 times, up and down."""


def grid(reach: float = REACH) -> Floats:
    """Log moves from 0 to `reach`: steps of 0.01 to 0.3, of 0.02 to 1, of 0.1 to 3 and of 0.5 beyond.

    Two roots nearer to one another than that can be missed.
    """
    steps = np.concatenate(
        [
            np.arange(30) * 0.01,
            0.3 + np.arange(35) * 0.02,
            1.0 + np.arange(20) * 0.1,
            np.arange(3.0, max(reach, 3.0), 0.5),
        ]
    )
    return np.append(steps[steps < reach], reach)


DOWN = np.exp(-grid())
"""What a price is multiplied by on the way down."""

UP = np.exp(grid())
"""What it is multiplied by on the way up."""


def first_zero(values: Functions, count: int, at: Floats) -> Floats:
    """float64[count]: where each function first is zero on the way along a grid.

    Parameters
    ----------
    values
        The functions `which`, int64, at one argument, float64[which].
    at
        The grid, rising or falling; each function is followed from `at[0]` to the first sign change.

    Returns
    -------
    The argument: `at[0]` where it is zero there already, nan where there is no change of sign on the grid, or where the
    function is infinite or no number.  A function that jumps over zero has the place of the jump.
    """
    found = np.full(count, np.nan)
    which = np.arange(count)
    before = values(float(at[0]), which)
    found[which[before == 0.0]] = at[0]
    going = np.isfinite(before) & (before != 0.0)
    which, before = which[going], before[going]
    for a, b in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        if not len(which):
            break
        after = values(b, which)
        crossed = np.isfinite(after) & (np.sign(after) != np.sign(before))
        if crossed.any():
            found[which[crossed]] = _within(values, which[crossed], a, b, (before[crossed], after[crossed]))
        going = np.isfinite(after) & ~crossed
        which, before = which[going], after[going]
    return found


def _within(values: Functions, which: Ints, a: float, b: float, ends: tuple[Floats, Floats]) -> Floats:
    """Where functions that change sign between a and b are zero."""
    middle, half = (a + b) / 2.0, (b - a) / 2.0
    inner = [values(middle + half * float(node), which) for node in NODES[1:-1]]
    samples = np.stack([ends[0], *inner, ends[1]])
    coefficients = TO_COEFFICIENTS @ samples
    error = np.zeros(len(which))
    for point in CHECKS.tolist():
        error = np.maximum(error, np.abs(chebyshev.chebval(point, coefficients) - values(middle + half * point, which)))
    place = middle + half * _polynomial_root(np.asarray(coefficients, np.float64), ends[0])
    for i in np.flatnonzero(~(error <= AGREES * np.abs(samples).max(axis=0))):
        place[i] = _one(values, which[i : i + 1], a, b)
    return np.asarray(place)


def _polynomial_root(coefficients: Floats, left: Floats) -> Floats:
    """Roots in [-1, 1] of polynomials in Chebyshev's form, one a column, that have the sign of `left` at -1.

    Newton's method where it stays within what is known to hold the root, halving where it does not.
    """
    slopes = np.asarray(chebyshev.chebder(coefficients))
    low, high = np.full(len(left), -1.0), np.ones(len(left))
    sign, place = np.sign(left), np.zeros(len(left))
    for _ in range(64):
        value = chebyshev.chebval(place, coefficients, tensor=False)
        same = np.sign(value) == sign
        low, high = np.where(same, place, low), np.where(same, high, place)
        slope = chebyshev.chebval(place, slopes, tensor=False)
        step = np.divide(-value, slope, out=np.full(len(left), np.inf), where=slope != 0.0)
        guess = place + step
        following = np.where((guess >= low) & (guess <= high), guess, (low + high) / 2.0)
        still = np.abs(following - place) > 1e-15
        place = following
        if not still.any():
            break
    return np.asarray(place)


def _one(values: Functions, which: Ints, a: float, b: float) -> float:
    """Where one function that changes sign between a and b is zero."""
    low, high = min(a, b), max(a, b)
    return float(brentq(lambda t: float(values(t, which)[0]), low, high, xtol=1e-15, rtol=1e-14, maxiter=200))
