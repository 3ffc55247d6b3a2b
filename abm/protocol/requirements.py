"""What moving margins asked of the opening's portfolio: the fixed portfolio on which pro-cyclicality is measured.

Positions and prices are those of the opening, so that nothing but the margin fractions moves (Murphy, Vasios, Vause
2014; `abm.margin.procyclicality`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.procyclicality import largest_call, peak_to_trough

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["CALL", "requirement_summary"]

Floats = NDArray[np.float64]

CALL = 600.0
"""Seconds over which the largest call is taken."""


def requirement_summary(protocols: "Sequence[Protocol]", opened: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Of the protocol that has the highest of each: peak over trough, largest call in USD, mean over the opening's.

    `opened`: open interest at the opening by protocol and market, USD.
    """
    found = {"margin_peak_to_trough": 1.0, "margin_call": 0.0, "margin_mean": 1.0}
    means = []
    for protocol in protocols:
        interest = np.array([opened.get((protocol.name, market), 0.0) for market in protocol.markets])
        if not interest.any():
            continue
        history = protocol.history
        time, margin = history.time[: history.count], history.mmf[: history.count] @ interest
        found["margin_peak_to_trough"] = max(found["margin_peak_to_trough"], peak_to_trough(margin))
        found["margin_call"] = max(found["margin_call"], largest_call(time, margin, CALL))
        means.append(float(margin.mean() / margin[0]))
    if means:
        found["margin_mean"] = max(means)
    return found
