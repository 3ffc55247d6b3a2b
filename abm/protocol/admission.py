"""Which trades an initial margin lets through."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import ISOLATED

__all__ = ["admitted", "admitted_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def admitted_python(
    rows: Ints, markets: Ints, sizes: Floats, cost: Floats, equity: Floats, im: Floats, per_coin: Floats,
    mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats,
) -> NDArray[np.bool_]:  # fmt: skip
    """bool[trades]: trades that reduce a position, and those whose initial margin is there afterwards.

    `rows, markets, sizes` are a trade each (signed coins), `cost` what it loses, `equity` and `im` its account's margin
    equity and initial margin before all of them, USD; `per_coin` float64[M], initial margin of a coin.  Several trades
    of an account count one after the other.  An isolated account holds one market, and nobody more than there are slots.
    """
    result, growth = np.zeros(len(rows), np.bool_), np.zeros(len(rows))
    for i in range(len(rows)):
        row, market = rows[i], markets[i]
        held, old, used = False, 0.0, 0
        for k in range(slot_market.shape[1]):
            if slot_market[row, k] >= 0:
                used += 1
                if slot_market[row, k] == market:
                    held, old = True, slot_size[row, k]
        spent, before = cost[i], im[i]
        for j in range(i):
            if result[j] and rows[j] == row:
                spent += cost[j]
                before += growth[j] * per_coin[markets[j]]
                if markets[j] == market:
                    held, old = True, old + sizes[j]
                else:
                    used += 1  # at most: it may have been held
        new = old + sizes[i]
        growth[i] = abs(new) - abs(old)
        if growth[i] <= 0.0 and old * new >= 0.0:
            result[i] = True
        elif held or used < (1 if mode[row] == ISOLATED else slot_market.shape[1]):
            alone = mode[row] != ISOLATED or used <= (1 if held else 0)
            result[i] = alone and equity[i] - spent >= before + growth[i] * per_coin[market]
    return result


admitted = njit(cache=True)(admitted_python)
