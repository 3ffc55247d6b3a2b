"""How far prices are from those at which an account is worth nothing: of one position, along a ray, to first order.

A ray is a direction d of log returns; an account's distance along it is the least t >= 0 with equity(p e^(t d)) = 0,
options and all; of several roots, as a straddle has them, it is the nearest on that side.  The nearest of all in the norm
of a covariance matrix is in `abm.margin.design_point`.  The same functions give distances to liquidation: where free
margin is zero.

The bankruptcy price by which a position is closed in a liquidation, p - s E / q, is `Engine.bankruptcy_price`: all
positions bear the loss there, while `ruin_price` moves the price of one and holds all else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.book import Book, Measure
from abm.margin.engine import Engine, Terms
from abm.margin.liquidation_price import zero_price
from abm.margin.roots import REACH, first_zero, grid

__all__ = ["FirstOrder", "distance_along", "factor_distance", "first_order", "gradient", "ruin_price"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP = 1e-4
"""Of central differences, in log returns."""


def ruin_price(engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, underlying: bool = False) -> Floats:
    """float64[rows, K]: price of each position at which the account's equity is zero, all else held still, USD.

    On the side on which the position loses, or on the other where equity is below zero; nan as in `liquidation_price`.
    """
    return zero_price("equity", engine, ledger, terms, rows, underlying=underlying)


def distance_along(book: Book, direction: Floats, *, measure: Measure = "equity", reach: float = REACH) -> Floats:
    """float64[rows]: least t >= 0 at which the measure is zero after the log returns t * direction.

    0 where it is not above zero now, inf where it stays above zero as far as `reach` (the largest log return of any asset).

    Raises
    ------
    ValueError
        The direction is zero or not finite.
    """
    largest = float(np.max(np.abs(direction), initial=0.0))
    if not (np.isfinite(largest) and largest > 0.0):
        raise ValueError(f"direction must be finite and not zero, got {direction.tolist()}")
    now = book.value(measure, book.terms, np.arange(len(book)))
    healthy = np.flatnonzero(now > 0.0)
    found = np.where(now > 0.0, np.inf, 0.0)
    at = grid(reach) / largest
    root = first_zero(book.some(healthy).along(measure, direction), len(healthy), at)
    found[healthy] = np.where(np.isnan(root), np.inf, root)
    return found


def factor_distance(book: Book, betas: Floats, *, measure: Measure = "equity", reach: float = REACH) -> Floats:
    """float64[rows]: the least log move, with its sign, of one common factor at which the measure is zero.

    Each asset moves by its beta times as much.  A fall (below zero) where a rise is as near; nan where there is none.
    """
    fall = distance_along(book, -betas, measure=measure, reach=reach)
    rise = distance_along(book, betas, measure=measure, reach=reach)
    return np.where(np.isinf(fall) & np.isinf(rise), np.nan, np.where(fall <= rise, -fall, rise))


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """float64[rows], float64[rows, A]: distance in standard deviations (below zero past it), and the log move there."""

    distance: Floats
    move: Floats


def gradient(book: Book, measure: Measure = "equity") -> Floats:
    """float64[rows, A]: change of the measure per unit of log return of each asset, USD, by central differences."""
    everyone, slope = np.arange(len(book)), np.zeros((len(book), len(book.assets)))
    for a in range(slope.shape[1]):
        step = np.zeros(slope.shape[1])
        step[a] = STEP
        up, down = (book.value(measure, book.at(sign * step), everyone) for sign in (1.0, -1.0))
        known = np.isfinite(up) & np.isfinite(down)
        slope[known, a] = (up[known] - down[known]) / (2.0 * STEP)
    return slope


def first_order(book: Book, covariance: Floats, *, measure: Measure = "equity") -> FirstOrder:
    """Distance in the metric of returns: d = E / sqrt(g' S g) at x = -E S g / (g' S g), with E the measure and g its slope.

    inf and nan where nothing that moves matters to the account.
    """
    value, slope = book.value(measure, book.terms, np.arange(len(book))), gradient(book, measure)
    spread = slope @ covariance
    variance = np.einsum("na,na->n", spread, slope)
    moves = (variance > 0.0) & np.isfinite(value)
    distance, move = np.full(len(book), np.inf), np.full(slope.shape, np.nan)
    distance[moves] = value[moves] / np.sqrt(variance[moves])
    move[moves] = -(value[moves] / variance[moves])[:, None] * spread[moves]
    return FirstOrder(distance, move)
