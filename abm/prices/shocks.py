"""Scripted moves of exogenous prices: a path in log price, the same whatever the prices do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.spec import AssetSpec, ShockSpec

if TYPE_CHECKING:
    from abm.scenario import Scenario

__all__ = ["scripted_moves", "unfelt_shocks"]

_EPSILON = 1e-7  # seconds: multiples of an interval such as 0.1 miss their decimal value by rounding


def scripted_moves(shocks: tuple[ShockSpec, ...], asset: AssetSpec, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """What all shocks together add to an asset's log price at each time.

    A shock moves log price by log(1 + move) * beta, evenly from `at` to `at + over`; when that is
    done, the part `reverts` of it comes back evenly over `revert_over`.  With `over` 0 the whole
    move is there at the first tick after `at`, and that tick shows it whole: it begins to come
    back after it.  A shock that names no assets hits all that are not stable.

    Parameters
    ----------
    times
        Seconds of the ticks, ascending [n].
    """
    total = np.zeros(len(times))
    for shock in shocks:
        hit = asset.name in shock.assets if shock.assets else not asset.stable
        if hit:
            done = max(shock.at + shock.over, _first_after(times, shock.at))
            course = _progress(times, shock.at, shock.over) - shock.reverts * _progress(times, done, shock.revert_over)
            total += math.log1p(shock.move) * asset.beta * course
    return total


def unfelt_shocks(scenario: Scenario) -> list[str]:
    """A line for each shock that lies outside the run: it begins after the end, or is over before the opening."""
    start, end = scenario.clock.start, scenario.clock.start + scenario.clock.duration
    lines = []
    for shock in scenario.prices.shocks:
        over = shock.at + shock.over + (shock.revert_over if shock.reverts else 0.0)
        if shock.at >= end:
            lines.append(
                f"shock '{shock.name}' begins at {shock.at:g} s, and the run ends at {end:g} s: nothing feels it"
            )
        elif over < start or (over == start and over > shock.at):
            lines.append(
                f"shock '{shock.name}' is over at {over:g} s, and the run begins at {start:g} s: it is in the opening prices"
            )
    return lines


def _first_after(times: NDArray[np.float64], moment: float) -> float:
    later = int(np.searchsorted(times, moment + _EPSILON, side="right"))
    return float(times[later]) if later < len(times) else moment


def _progress(times: NDArray[np.float64], begin: float, length: float) -> NDArray[np.float64]:
    """From 0 at `begin` to 1 at `begin + length`; for length 0, 1 at all times after `begin`."""
    if length == 0.0:
        return (times > begin + _EPSILON).astype(np.float64)
    return np.clip((times - begin) / length, 0.0, 1.0)
