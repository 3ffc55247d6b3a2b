"""A slow price that follows the oracle's with a bounded growth: what new positions are valued at beside the oracle's.

Two bounds.  The *delay price* is the oracle's price of 24 intervals (hours) ago: the mean over each interval, moved from
the one before by at most `delay_growth`.  The *stable price* moves toward the oracle's by at most

    stable_growth * fraction^2 * seconds,  fraction = the smaller of delay/stable and stable/delay

so that the further it is from where the price was a day ago, the slower it goes.  Updates within 10 s of the last are
left out, and no more than 600 s are counted for one.
blockworks-foundation/mango-v4, programs/mango-v4/src/state/stable_price.rs (`StablePriceModel`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["StablePrice", "StablePriceRule"]

Floats = NDArray[np.float64]

DELAYS = 24
"""Delay prices kept."""


@dataclass(frozen=True, slots=True)
class StablePriceRule:
    """Growth of the delay price an interval and of the stable price a second, relative; lengths in seconds."""

    delay_growth: float = 0.06
    stable_growth: float = 0.0003
    interval: int = 3600
    least_step: int = 10
    longest_step: int = 600

    def __post_init__(self) -> None:
        for name in ("delay_growth", "stable_growth", "interval", "least_step", "longest_step"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class StablePrice:
    """Slow prices of N assets.

    Attributes
    ----------
    price : float64[N]
        The stable prices, USD.
    delay : float64[24, N]
        Delay prices by interval, in a cycle.
    total : float64[N]
        Sum of price times seconds since the interval began.
    seconds, updated, place : int
        Seconds in that sum, time of the last update, and the interval it fell in.
    rule : StablePriceRule
    """

    price: Floats
    delay: Floats
    total: Floats
    seconds: int
    updated: int
    place: int
    rule: StablePriceRule

    @classmethod
    def at(cls, price: Floats, now: int, rule: StablePriceRule | None = None) -> "StablePrice":
        """Begin at the oracle's prices.

        Raises
        ------
        ValueError
            A price is not above zero.
        """
        rule = rule if rule is not None else StablePriceRule()
        start = np.asarray(price, dtype=np.float64)
        if not np.all(start > 0.0):
            raise ValueError(f"price must be > 0, got {start.min()}")
        place = now // rule.interval % DELAYS
        return cls(start.copy(), np.tile(start, (DELAYS, 1)), np.zeros(len(start)), 0, now, place, rule)

    def after(self, now: int, oracle: Floats) -> "StablePrice":
        """The slow prices once the oracle has told its prices at a time."""
        rule, passed = self.rule, max(now - self.updated, 0)
        if passed < rule.least_step:
            return self
        step = min(passed, rule.longest_step)
        made = replace(self, updated=now, total=self.total + oracle * step, seconds=self.seconds + passed)
        place = now // rule.interval % DELAYS
        if place != self.place:
            made = made._next_interval(place, whole=passed > DELAYS * rule.interval)
        delay = made.delay[place]
        fraction = np.minimum(delay, self.price) / np.maximum(delay, self.price)
        return replace(made, price=_within(oracle, self.price, rule.stable_growth * fraction**2 * step))

    def _next_interval(self, place: int, *, whole: bool) -> "StablePrice":
        """The interval's mean becomes the newest delay price, also of intervals that nobody reported in."""
        mean = self.total / self.seconds
        newest = _within(mean, self.delay[self.place - 1], np.asarray(self.rule.delay_growth))
        passed = DELAYS if whole else (place - self.place) % DELAYS
        delay = self.delay.copy()
        delay[(self.place + np.arange(passed)) % DELAYS] = newest
        return replace(self, delay=delay, total=np.zeros(len(mean)), seconds=0, place=place)


def _within(target: Floats, previous: Floats, growth: Floats) -> Floats:
    """A target, moved no further from what was before than by a relative growth."""
    return np.asarray(np.clip(target, previous * (1.0 - growth), previous * (1.0 + growth)))
