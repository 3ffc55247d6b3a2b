"""The nearest bankruptcy of an account: the likeliest move of all prices at which its equity is gone.

    minimise sqrt(x' S^-1 x) over log returns x with equity(p e^x) = 0

With S = L L' and x = L z that is the least |z| on a surface through the origin's surroundings: the design point of
structural reliability (Hasofer and Lind, 1974, J. Eng. Mech. 100), which Rackwitz and Fiessler (1978, Computers &
Structures 9) find by going to the nearest point of the surface's tangent plane; here with the curvature of the surface
(Newton's method for the multiplier), and only as far as |z|^2/2 + c |equity| falls (Zhang and Der Kiureghian, 1995).

The surface of an account that is long and short, or has options, may have several nearest points.  So every account is
first looked at along rays all around, up and down each axis and in directions spread evenly between, and the search begins
at the nearest of those roots and at the first-order solution.  What is found is a root to rounding, is never farther than
the nearest ray, and is the nearest of all unless a nearer one hides between the rays.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from abm.margin.book import Book, Measure
from abm.margin.roots import REACH, Functions, first_zero
from abm.margin.surface import BookSurface, exposures

__all__ = ["DesignPoint", "design_point", "directions", "factor_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = 3
"""Rays from which the search begins, the nearest ones, besides the first-order solution."""

MOST_STEPS = 40
LENGTHS = 0.5 ** np.arange(10)
COARSE = np.concatenate([np.arange(20) * 0.05, 1.0 + np.arange(8) * 0.25, np.arange(3.0, REACH + 0.5)])
"""Log moves at which rays are looked at."""


class Surface(Protocol):
    """A function of log moves, of several accounts."""

    def values(self, which: Ints, move: Floats) -> Floats:
        """float64[which] at float64[which, A]."""

    def along(self, which: Ints, direction: Floats) -> Functions:
        """Of some accounts, along one ray."""

    def slopes(self, which: Ints, move: Floats) -> tuple[Floats, Floats]:
        """First and second derivatives."""


@dataclass(frozen=True, slots=True)
class DesignPoint:
    """float64[rows], float64[rows, A]: distance in standard deviations and the log move there.

    0 and no move where the measure is not above zero now; inf and nan where nothing in reach brings it to zero.
    """

    distance: Floats
    move: Floats


def design_point(book: Book, covariance: Floats, *, measure: Measure = "equity", rays: int = 64) -> DesignPoint:
    """Nearest zero of equity (bankruptcy) or free margin (liquidation) of each account in the norm of a covariance.

    `covariance` float64[A, A] of log returns, which need not have full rank: what has no variance does not move.

    Raises
    ------
    ValueError
        The covariance is not symmetric, not finite, not positive semidefinite or zero.
    """
    factor = factor_of(covariance, len(book.assets))
    now = book.value(measure, book.terms, np.arange(len(book)))
    distance = np.where(now > 0.0, np.inf, 0.0)
    move = np.where((now > 0.0)[:, None], np.nan, np.zeros((len(book), len(book.assets))))
    healthy = np.flatnonzero((now > 0.0) & np.isfinite(now))
    part = book.some(healthy)
    flat, linear = exposures(part, measure)
    for surface, chosen in ((flat, linear), (BookSurface(part, measure), ~linear)):
        which = np.flatnonzero(chosen)
        if len(which):
            z = _nearest(surface, which, factor, directions(factor.shape[1], rays))
            distance[healthy[which]] = np.linalg.norm(z, axis=1)
            move[healthy[which]] = z @ factor.T
    distance[np.isnan(distance)] = np.inf
    return DesignPoint(distance, move)


def factor_of(covariance: Floats, assets: int) -> Floats:
    """float64[A, Q] with L L' = S, Q the rank.

    Raises
    ------
    ValueError
        The covariance is none, or of another number of assets.
    """
    if covariance.shape != (assets, assets):
        raise ValueError(f"covariance must be {assets} x {assets}, got {' x '.join(map(str, covariance.shape))}")
    if not np.all(np.isfinite(covariance)) or not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0.0):
        raise ValueError("covariance must be finite and symmetric")
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    unit = np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(unit, unit))
    if values.min(initial=0.0) < -1e-9 or not values.max(initial=0.0) > 0.0:
        raise ValueError("covariance must be positive semidefinite and not zero")
    kept = values > 1e-12 * values.max()
    return np.asarray(unit[:, None] * vectors[:, kept] * np.sqrt(values[kept]))


def directions(rank: int, rays: int) -> Floats:
    """float64[n, rank]: unit vectors, up and down each axis and `rays` more, spread evenly.

    Normal quantiles of the additive recurrence by powers of the root of r^(d + 1) = 1 + r (Roberts, 2018).
    """
    axes = np.concatenate([np.eye(rank), -np.eye(rank)])
    if rank == 1:
        return np.asarray(axes)
    ratio = 2.0
    for _ in range(60):
        ratio = (1.0 + ratio) ** (1.0 / (rank + 1.0))
    even = (0.5 + np.arange(1, rays + 1)[:, None] * ratio ** -np.arange(1.0, rank + 1.0)) % 1.0
    normal = ndtri(even)
    length = np.linalg.norm(normal, axis=1)
    return np.concatenate([axes, normal[length > 0.0] / length[length > 0.0, None]])


def _nearest(surface: Surface, which: Ints, factor: Floats, around: Floats) -> Floats:
    """float64[which, Q]: the nearest root found, nan where no ray has one."""
    count = len(which)
    far = np.full((count, len(around)), np.inf)
    nearest = np.full(count, np.inf)
    for j, ray in enumerate(around):
        x = factor @ ray
        at = COARSE / max(float(np.abs(x).max()), 1e-300)
        at = at[: np.searchsorted(at, float(nearest.max())) + 1]
        root = first_zero(surface.along(which, x), count, at)
        far[:, j] = np.where(np.isnan(root), np.inf, root)
        nearest = np.minimum(nearest, far[:, j])
    order = np.argsort(far, axis=1, kind="stable")[:, :STARTS]
    best = _at(far, around, order[:, 0])
    starts = [_at(far, around, order[:, s]) for s in range(order.shape[1])]
    slope = surface.slopes(which, np.zeros((count, len(factor))))[0] @ factor
    size = np.einsum("nq,nq->n", slope, slope)
    first = surface.values(which, np.zeros((count, len(factor))))
    starts.append(-np.divide(first, size, out=np.full(count, np.nan), where=size > 0.0)[:, None] * slope)
    for start in starts:
        usable = np.flatnonzero(np.all(np.isfinite(start), axis=1) & (np.abs(start @ factor.T).max(axis=1) < REACH))
        if len(usable):
            z = _on_surface(surface, which[usable], _descend(surface, which[usable], start[usable], factor), factor)
            better = np.linalg.norm(z, axis=1) < np.linalg.norm(best[usable], axis=1)
            better |= np.isfinite(z).all(axis=1) & ~np.isfinite(best[usable]).all(axis=1)
            best[usable[better]] = z[better]
    return best


def _at(far: Floats, around: Floats, ray: Ints) -> Floats:
    """float64[n, Q]: the root on one ray of each, nan where there is none."""
    reach = far[np.arange(len(far)), ray]
    return np.asarray(np.where(np.isfinite(reach), reach, np.nan)[:, None] * around[ray])


def _descend(surface: Surface, which: Ints, z: Floats, factor: Floats) -> Floats:
    """Nearest points of surfaces, from points near them: steps of Newton's method as far as they lead down."""
    z, left = z.copy(), np.arange(len(which))
    for _ in range(MOST_STEPS):
        here, some = z[left], which[left]
        value = surface.values(some, here @ factor.T)
        first, second = surface.slopes(some, here @ factor.T)
        slope = first @ factor
        size = _squares(slope)
        step = _step(here, value, slope, np.einsum("aq,na,ar->nqr", factor, second, factor))
        weight = 2.0 * np.linalg.norm(here, axis=1) / np.sqrt(size) + np.abs(value) / size
        merit = 0.5 * (here**2).sum(axis=1) + weight * np.abs(value)
        taken = np.zeros(len(left), np.bool_)
        for length in LENGTHS:
            there = here + length * step
            x = there @ factor.T
            rest = np.flatnonzero(~taken & (np.abs(x).max(axis=1) < REACH))
            reached = 0.5 * (there[rest] ** 2).sum(axis=1) + weight[rest] * np.abs(surface.values(some[rest], x[rest]))
            lower = rest[reached < merit[rest]]
            z[left[lower]] = there[lower]
            taken[lower] = True
        left = left[taken]
        if not len(left):
            break
    return z


def _squares(slope: Floats) -> Floats:
    """float64[n]: squared length, a little above zero."""
    return np.asarray(np.maximum(np.einsum("nq,nq->n", slope, slope), 1e-300))


def _step(z: Floats, value: Floats, slope: Floats, curvature: Floats) -> Floats:
    """To the nearest point of the surface's paraboloid, or of its tangent plane where that has none."""
    rank = z.shape[1]
    size = _squares(slope)
    multiplier = -np.einsum("nq,nq->n", z, slope) / size
    normal = slope / np.sqrt(size)[:, None]
    along = normal[:, :, None] * normal[:, None, :]
    tangent = np.eye(rank) - along
    bent = np.eye(rank) + multiplier[:, None, None] * curvature
    bent = np.where(np.isfinite(bent).all(axis=(1, 2))[:, None, None], bent, np.eye(rank))
    lowest = np.linalg.eigvalsh(tangent @ bent @ tangent + along)[:, 0]
    bent = np.where((lowest > 0.05)[:, None, None], bent, np.eye(rank))
    # In the basis of normal and tangent plane: the plane's own condition first, then the least |z| within it.
    down = -(value / np.sqrt(size))[:, None] * normal
    inside = tangent @ bent @ tangent + along
    aside = -np.einsum("nqr,nr->nq", tangent, z + np.einsum("nqr,nr->nq", bent, down))
    return np.asarray(down + np.linalg.solve(inside, aside[:, :, None])[:, :, 0])


def _on_surface(surface: Surface, which: Ints, z: Floats, factor: Floats) -> Floats:
    """The points on the surface on the rays through points near it, nan where there is none."""
    length = np.linalg.norm(z, axis=1)
    ray = z / np.maximum(length, 1e-300)[:, None]
    x = ray @ factor.T
    most = (REACH + 1.0) / np.maximum(np.abs(x).max(axis=1), 1e-300)
    for _ in range(8):
        value = surface.values(which, length[:, None] * x)
        slope = np.einsum("na,na->n", surface.slopes(which, length[:, None] * x)[0], x)
        change = np.divide(value, slope, out=np.full(len(which), np.nan), where=slope != 0.0)
        length = np.clip(length - change, 0.0, most)
    good = (np.abs(change) <= 1e-9 * length) & (length < most)
    return np.asarray(np.where(good, length, np.nan)[:, None] * ray)
