"""The usual volatility of a series, per square root of a second: what makers and chains compare the present with."""

import math

import numpy as np
from numpy.typing import NDArray

from abm.spec import AssetSpec

__all__ = ["YEAR", "diffusion_volatility", "usual_volatility"]

YEAR = 365.0 * 86400.0
"""Seconds in a year of 365 days."""

WINDOW, LEAST = 300.0, 30
"""Seconds, and at least so many returns and bars, over which one realised volatility is measured."""


def diffusion_volatility(asset: AssetSpec) -> float:
    """The volatility that a scenario states, per square root of a second; 0 for a stable coin."""
    return 0.0 if asset.stable else asset.volatility / math.sqrt(YEAR)


def usual_volatility(logs: NDArray[np.float64], interval: float, bar: float) -> float:
    """The median over consecutive windows of realised volatility, per square root of a second.

    A window has 300 s, or 30 returns or bars if that is longer; each gives the root of its mean
    squared return over the interval.  A crash that fills less than half of the windows hardly
    moves the median.  A series shorter than two windows is one window, and so is one that stands
    still in most of them.

    Parameters
    ----------
    logs
        Log prices [n], evenly spaced.
    interval
        Seconds between them.
    bar
        Seconds of the bars that they were made from: within one, prices may stand still.
    """
    squares = np.diff(logs) ** 2
    width = math.ceil(max(WINDOW, LEAST * interval, LEAST * bar) / interval)
    whole = len(squares) // width
    windows = squares[: whole * width].reshape(-1, width)
    median = float(np.median(windows.mean(axis=1))) if whole > 1 else 0.0
    return math.sqrt((median or float(squares.mean())) / interval)
