"""How much of a market can be liquidated in a window of time (Synthetix v3 perps).

Capacity = (maker + taker fee) * skew scale * multiplier * seconds, less what was liquidated strictly inside the window.
When it is used up and |skew|/scale is below a bound, one more full window is let through in each new block.
Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/PerpsMarket.sol (`maxLiquidatableAmount`).
"""

from dataclasses import dataclass, field

__all__ = ["LiquidationWindow", "WindowLimits", "window_capacity"]


def window_capacity(maker: float, taker: float, scale: float, multiplier: float, seconds: float) -> float:
    """Coins that can be liquidated in a window."""
    return (maker + taker) * scale * multiplier * seconds


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """Coins in a window of some seconds; skew scale, and the |skew|/scale below which more is let through (0: never)."""

    capacity: float
    seconds: float
    scale: float
    max_premium: float = 0.0


@dataclass(slots=True)
class LiquidationWindow:
    """A market's liquidations so far: `done` are (time, coins), in order of time."""

    limits: WindowLimits
    done: list[tuple[float, float]] = field(default_factory=list)

    def left(self, now: float) -> float:
        """Coins that the window still has room for."""
        used = sum(coins for t, coins in self.done if t > now - self.limits.seconds)
        return max(self.limits.capacity - used, 0.0)

    def liquidate(self, now: float, requested: float, skew: float) -> float:
        """Coins of `requested` that are liquidated at a time and a skew; all where no capacity is configured."""
        if self.limits.capacity <= 0.0:
            return requested
        room = self.left(now)
        if room == 0.0 and self._balanced(skew) and (not self.done or self.done[-1][0] != now):
            room = self.limits.capacity
        taken = min(room, requested)
        if taken > 0.0:
            self.done.append((now, taken))
        return taken

    def _balanced(self, skew: float) -> bool:
        return self.limits.scale > 0.0 and abs(skew) / self.limits.scale < self.limits.max_premium
