"""What a forecaster may look at: period by period a return and a measure of variance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Observed", "trailing_mean"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observed:
    """T periods of equal length, oldest first.

    `returns` f8[T], log returns; `variance` f8[T], a measure of each period's variance (per period, not annual).

    Raises
    ------
    ValueError
        Lengths differ, or a figure is not finite or a variance below zero.
    """

    returns: Floats
    variance: Floats

    def __post_init__(self) -> None:
        if self.returns.shape != self.variance.shape or self.returns.ndim != 1:
            raise ValueError(f"returns and variance must be alike, got {self.returns.shape} and {self.variance.shape}")
        if not (np.all(np.isfinite(self.returns)) and np.all(np.isfinite(self.variance))):
            raise ValueError("returns and variance must be finite")
        if np.any(self.variance < 0.0):
            raise ValueError(f"variance must be >= 0, got {self.variance.min()}")

    def __len__(self) -> int:
        return len(self.returns)

    def part(self, start: int, end: int) -> "Observed":
        """Periods start..end-1."""
        return Observed(self.returns[start:end], self.variance[start:end])


def trailing_mean(values: Floats, length: int) -> Floats:
    """f8[T]: mean of the last `length` values up to and with each; of those that there are at the beginning."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - length, 0)
    return np.asarray((total[end] - total[start]) / (end - start))
