"""Haircuts of collateral: by asset, by amount, and moving with volatility and depth.

*By amount.* Each band of an asset's USD amount has a haircut of its own, as tax brackets have rates; the collateral value
is the sum over bands of amount in the band times (1 - haircut), piecewise linear in the amount (so do exchanges, e.g.
Bullish, support.bullish.com, "Understanding collateral").

*Moving.* What is lost, by a stated quantile, between a breach and the end of the sale:

    haircut = factor * sqrt(variance * time) + coefficient * sqrt(amount / depth)

the quantile of the move, and the square-root impact of selling the amount against the depth there is (Donier, Bonart
2015; `coefficient` is the relative move of selling the depth itself).  It is clipped to a floor and a ceiling.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tiers", "moving_haircut", "sale_cost"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tiers:
    """Haircuts by band of amount.

    `start` f8[K] USD at which each band begins, the first 0; `haircut` f8[K], marginal, none lower than the one before.

    Raises
    ------
    ValueError
        Bands out of order, or haircuts that fall or lie outside [0, 1].
    """

    start: Floats
    haircut: Floats

    def __post_init__(self) -> None:
        if len(self.start) != len(self.haircut) or len(self.start) == 0:
            raise ValueError(f"needs as many starts as haircuts, got {len(self.start)} and {len(self.haircut)}")
        if self.start[0] != 0.0 or not np.all(np.diff(self.start) > 0.0):
            raise ValueError(f"starts must begin at 0 and ascend, got {self.start.tolist()}")
        if not (np.all((self.haircut >= 0.0) & (self.haircut <= 1.0)) and np.all(np.diff(self.haircut) >= 0.0)):
            raise ValueError(f"haircuts must lie in [0, 1] and not fall, got {self.haircut.tolist()}")

    def value(self, amount: Floats) -> Floats:
        """f8[n]: USD that amounts f8[n] >= 0 of USD count for: concave, and never falling."""
        ends = np.append(self.start[1:], np.inf)
        inside = np.clip(amount[:, None], self.start, ends) - self.start
        return np.asarray(inside @ (1.0 - self.haircut))

    def mean_haircut(self, amount: Floats) -> Floats:
        """f8[n]: the haircut of the whole amount; that of the first band where it is nothing."""
        part = np.divide(
            self.value(amount), amount, out=np.full(len(amount), 1.0 - self.haircut[0]), where=amount > 0.0
        )
        return np.asarray(1.0 - part)


def sale_cost(amount: Floats, depth: Floats, coefficient: Floats | float) -> Floats:
    """f8: relative move of selling `amount` USD against `depth` USD; all is lost where there is no depth."""
    ratio = np.divide(amount, depth, out=np.where(amount > 0.0, np.inf, 0.0), where=depth > 0.0)
    return np.asarray(np.minimum(coefficient * np.sqrt(ratio), 1.0))


def moving_haircut(move: Floats, cost: Floats, floor: Floats, ceiling: float) -> Floats:
    """f8: quantile of the move (`abm.margin.thresholds.move_quantile`) and cost of the sale, within floor and ceiling.

    A floor above the ceiling stands.
    """
    return np.asarray(np.maximum(np.minimum(move + cost, ceiling), floor))
