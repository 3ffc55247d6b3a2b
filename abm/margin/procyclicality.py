"""How much requirements rise when it hurts: peak to trough, and the largest call over a time.

Source: Murphy, Vasios, Vause 2014, "An investigation into the procyclicality of risk-based initial margin models", Bank of
England Financial Stability Paper 29: the ratio of the highest to the lowest margin of a fixed portfolio over the
observation period, and the largest increase of that margin over an n-day period.  They count days; here time is seconds.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_call", "peak_to_trough"]

Floats = NDArray[np.float64]


def peak_to_trough(margin: Floats) -> float:
    """Highest over lowest margin f8[T] of a fixed portfolio; 1 where it never moves.

    Raises
    ------
    ValueError
        There is no margin, or one that is not above zero.
    """
    if len(margin) == 0 or not np.all(margin > 0.0):
        raise ValueError("margins must be > 0 and there must be one")
    return float(margin.max() / margin.min())


def largest_call(time: Floats, margin: Floats, span: float) -> float:
    """Largest rise from a margin to a later one at most `span` after it, in the margin's unit; 0 where it never rises.

    `time` f8[T] ascends.

    Raises
    ------
    ValueError
        The span is below zero.
    """
    if span < 0.0:
        raise ValueError(f"span must be >= 0, got {span}")
    worst, lows = 0.0, list[int]()  # indices of the span's candidates for its lowest margin, margins ascending
    head = 0
    for i in range(len(margin)):
        while len(lows) > head and margin[lows[-1]] >= margin[i]:
            lows.pop()
        lows.append(i)
        while time[lows[head]] < time[i] - span:
            head += 1
        worst = max(worst, float(margin[i] - margin[lows[head]]))
    return worst
