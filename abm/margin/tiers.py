"""Tiers: a rate that rises with the size of a position, and the amount deducted so that the requirement does not jump.

Requirement of a notional n in tier t: n * rate(t) - amount(t), with amount(0) = 0 and
amount(t) = amount(t-1) + floor(t) * (rate(t) - rate(t-1)).  A notional on a tier's floor is in the upper tier, where the
requirement is the same.  (Binance: support faq b3c689c1f50a44cabb3a84e663b81d93; Hyperliquid: trading/margin-tiers;
Bybit: help centre, Maintenance Margin (Inverse Contract).)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Schedule", "amounts", "check_tiers", "next_amount", "tier_at", "tier_at_python", "tier_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def next_amount(
    amount: Floats | float, floor: Floats | float, rate: Floats | float, rate_before: Floats | float
) -> Floats:
    """The amount deducted in a tier, from that of the tier below it and both rates."""
    return np.asarray(amount + np.asarray(floor) * (np.asarray(rate) - rate_before))


def amounts(floor: Floats, rate: Floats) -> Floats:
    """float64[..., T]: amounts deducted in tiers that start at `floor` and have the rates `rate`, along the last axis."""
    steps = floor[..., 1:] * np.diff(rate, axis=-1)
    return np.concatenate([np.zeros((*floor.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def tier_of(floor: Floats, notional: Floats | float) -> Ints:
    """int64[...]: tiers of notionals, the first for those below its floor."""
    return np.asarray(np.maximum(np.searchsorted(floor, notional, side="right") - 1, 0), np.int64)


def tier_at_python(floor: Floats, market: int, notional: float) -> int:
    """The tier of a notional in one of the rows of `floor`, float64[M, T]."""
    tier = 0
    while tier + 1 < floor.shape[1] and floor[market, tier + 1] <= notional:
        tier += 1
    return tier


tier_at = njit(cache=True)(tier_at_python)


def check_tiers(floors: Sequence[float], rates: Sequence[float], initial: Sequence[float]) -> None:
    """Whether floors rise from zero and rates never fall.

    Raises
    ------
    ValueError
        They do not, or an initial rate is below the maintenance rate; the message says where and what to do.
    """
    if floors[0] != 0.0:
        raise ValueError("the first tier does not start at 0; add one that does")
    for below, above in pairwise(floors):
        if not above > below:
            raise ValueError(f"a tier from {above:g} follows one from {below:g}; write them in rising order, each once")
    for name, column in (("maintenance", rates), ("initial", initial)):
        for below, above in pairwise(column):
            if above < below:
                raise ValueError(f"the {name} rate falls from {below:g} to {above:g}; rates must not fall with size")
    for rate, first in zip(rates, initial, strict=True):
        if first < rate * (1.0 - 1e-9):
            raise ValueError(f"an initial rate of {first:g} is below maintenance of {rate:g}; swap or mend them")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The tiers of M markets, T at most.

    Attributes
    ----------
    floor : float64[M, T]
        Where each tier starts, in the settlement asset; infinite past a market's last.
    maintenance, amount, initial : float64[M, T]
        Maintenance rate, amount deducted from it, initial rate.
    """

    floor: Floats
    maintenance: Floats
    amount: Floats
    initial: Floats

    @classmethod
    def of(cls, markets: Sequence[Sequence[tuple[float, float, float]]]) -> Self:
        """From (floor, maintenance rate, initial rate) by tier and market."""
        width = max([1, *(len(tiers) for tiers in markets)])
        floor, maintenance, amount, initial = (np.zeros((len(markets), width)) for _ in range(4))
        for m, tiers in enumerate(markets):
            table, count = np.array(tiers, dtype=np.float64), len(tiers)
            floor[m], maintenance[m], initial[m] = np.inf, table[-1, 1], table[-1, 2]
            floor[m, :count], maintenance[m, :count], initial[m, :count] = table.T
            amount[m, :count] = amounts(table[:, 0], table[:, 1])
            amount[m, count:] = amount[m, count - 1]
        return cls(floor, maintenance, amount, initial)
