"""Reverse stress: the smallest shock that breaks an account, or a given part of a protocol.

Broken is insolvent (`measure` equity) or liquidatable (free margin) as in `abm.margin.bankruptcy`.  Shocks are a fall of all
prices alike, a move of one common factor with betas either way, and the nearest move in the norm of a covariance.

Of a protocol, the part that is broken need not grow all the way along a ray: it is looked at on the grid of
`abm.margin.roots`, and where it first reaches the part asked for is found by bisection.  The nearest over all directions is
searched for on rays all around, and from the nearest of them on smaller and smaller circles: what is found does break
that much, and nothing nearer was met, which is no proof that there is nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.margin.bankruptcy import distance_along, factor_distance
from abm.margin.book import Book, Measure
from abm.margin.design_point import design_point, directions, factor_of
from abm.margin.roots import REACH, grid

__all__ = [
    "Breaking",
    "Weight",
    "broken_share",
    "reverse_stress",
    "smallest_along",
    "smallest_fall",
    "smallest_in_norm",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Weight = Literal["accounts", "notional", "equity"]
"""What a part of a protocol is a part of: accounts, or their notional or equity before the shock."""

HALVINGS = 50
CIRCLES = 0.5 ** np.arange(1, 15)
MOST_ROUNDS = 5


def reverse_stress(
    book: Book,
    *,
    measure: Measure = "equity",
    betas: Floats | None = None,
    covariance: Floats | None = None,
) -> pl.DataFrame:
    """One row an account: the smallest shock of each kind that breaks it.

    `fall` relative, of all prices alike (0.2: by a fifth); `factor` relative with its sign, of the common factor, where
    betas are given; with a covariance `distance` in standard deviations and the relative move of each asset there,
    `move_NAME`.  null where none does, 0 where it is broken already.
    """
    columns: dict[str, NDArray[np.float64] | Ints] = {"account": book.ledger.id[book.rows]}
    fall = distance_along(book, -np.ones(len(book.assets)), measure=measure)
    columns["fall"] = np.where(np.isinf(fall), np.nan, -np.expm1(-fall))
    if betas is not None:
        columns["factor"] = np.expm1(factor_distance(book, betas, measure=measure))
    if covariance is not None:
        found = design_point(book, covariance, measure=measure)
        columns["distance"] = np.where(np.isinf(found.distance), np.nan, found.distance)
        for a, name in enumerate(book.assets.names):
            columns[f"move_{name}"] = np.expm1(found.move[:, a])
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


@dataclass(frozen=True, slots=True)
class Breaking:
    """A shock that breaks a part of a protocol: its size (inf: none in reach), the log move, and the part broken."""

    size: float
    move: Floats
    share: float


def broken_share(book: Book, measure: Measure = "equity", weight: Weight = "accounts") -> Callable[[Floats], float]:
    """The part of a protocol that a log move breaks, as a function of it; the protocol's own accounts count for nothing.

    Weights are those before the shock.  Accounts broken already count as broken as long as they are, their equity as
    none.

    Raises
    ------
    ValueError
        Nobody has any of what it would be a part of.
    """
    some = book.some(np.flatnonzero(book.people))
    view, everyone = some.assess(some.terms), np.arange(len(some))
    weights = {"accounts": np.ones(len(some)), "notional": view.notional, "equity": np.maximum(view.equity, 0.0)}[
        weight
    ]
    whole = float(weights.sum())
    if not whole > 0.0:
        raise ValueError(f"no account has any {weight}")

    def share(move: Floats) -> float:
        broken = some.value(measure, some.at(move), everyone) < 0.0
        return float(weights[broken].sum()) / whole

    return share


def smallest_along(share: Callable[[Floats], float], part: float, direction: Floats, reach: float = REACH) -> Breaking:
    """The smallest multiple of a direction of log returns that breaks at least a part; `share` as of `broken_share`.

    Raises
    ------
    ValueError
        `part` is not above 0 and at most 1, or the direction is zero or not finite.
    """
    if not 0.0 < part <= 1.0:
        raise ValueError(f"part must be above 0 and at most 1, got {part}")
    largest = float(np.max(np.abs(direction), initial=0.0))
    if not (np.isfinite(largest) and largest > 0.0):
        raise ValueError(f"direction must be finite and not zero, got {direction.tolist()}")
    least = part * (1.0 - 1e-12)
    low = 0.0
    for at in (grid(reach) / largest).tolist():
        if share(at * direction) >= least:
            break
        low = at
    else:
        return Breaking(np.inf, np.full(len(direction), np.nan), 0.0)
    high = at
    for _ in range(HALVINGS if high > 0.0 else 0):
        middle = (low + high) / 2.0
        low, high = (low, middle) if share(middle * direction) >= least else (middle, high)
    return Breaking(high, high * direction, share(high * direction))


def smallest_fall(share: Callable[[Floats], float], part: float, assets: int) -> Breaking:
    """The smallest fall of all prices alike that breaks at least a part; `size` is relative (0.2: by a fifth)."""
    found = smallest_along(share, part, -np.ones(assets))
    return Breaking(float(-np.expm1(-found.size)) if np.isfinite(found.size) else np.inf, found.move, found.share)


def smallest_in_norm(
    share: Callable[[Floats], float], part: float, covariance: Floats, *, rays: int = 64
) -> Breaking:  # fmt: skip
    """The nearest log move found that breaks at least a part, in standard deviations of a covariance, float64[A, A]."""
    factor = factor_of(covariance, len(covariance))
    around = directions(factor.shape[1], rays)
    best, centre = Breaking(np.inf, np.full(len(covariance), np.nan), 0.0), around[0]
    for way in around:
        x = factor @ way
        found = smallest_along(share, part, x, min(REACH, best.size * float(np.abs(x).max())))
        if found.size < best.size:
            best, centre = found, way
    if np.isfinite(best.size) and factor.shape[1] > 1:
        for radius in CIRCLES:
            best, centre = _nearer(share, part, (factor, around), (best, centre, radius))
    return best


def _nearer(
    share: Callable[[Floats], float], part: float, space: tuple[Floats, Floats], at: tuple[Breaking, Floats, float]
) -> tuple[Breaking, Floats]:
    """The nearest shock on rays through a circle about the nearest so far, as long as there is a nearer one."""
    (factor, around), (best, centre, radius) = space, at
    least = part * (1.0 - 1e-12)
    for _ in range(MOST_ROUNDS):
        before = best
        for aside in around:
            way = centre + radius * aside
            way = way / np.linalg.norm(way)
            x = factor @ way
            low, high = 0.0, best.size * (1.0 - 1e-9)
            if share(high * x) < least:
                continue
            for _ in range(HALVINGS):
                middle = (low + high) / 2.0
                low, high = (low, middle) if share(middle * x) >= least else (middle, high)
            best, centre = Breaking(high, high * x, share(high * x)), way
        if best is before:
            break
    return best, centre
