"""Which trades an initial margin lets through."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import ISOLATED, slot_of

__all__ = ["admitted", "admitted_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def admitted_python(
    rows: Ints, markets: Ints, sizes: Floats, equity: Floats, im: Floats, per_coin: Floats, mode: NDArray[np.int8],
    slot_market: NDArray[np.int16], slot_size: Floats,
) -> NDArray[np.bool_]:  # fmt: skip
    """bool[trades]: trades that reduce a position, and those whose initial margin is there afterwards.

    `rows, markets, sizes` are a trade each (signed coins), `equity` its account's margin equity after what the trade
    costs, `im` the account's initial margin before it, USD; `per_coin` float64[M], initial margin of a coin.  An
    isolated account holds one market, and nobody more than there are slots.
    """
    result = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        row, market = rows[i], markets[i]
        slot = slot_of(slot_market, row, market)
        if slot == slot_market.shape[1]:
            continue
        holds = slot_market[row, slot] == market
        old = slot_size[row, slot] if holds else 0.0
        new = old + sizes[i]
        if abs(new) <= abs(old) and old * new >= 0.0:
            result[i] = True
            continue
        only = slot == 0 and (slot_market.shape[1] == 1 or slot_market[row, 1] < 0)
        if mode[row] == ISOLATED and not only:
            continue
        result[i] = equity[i] >= im[i] + (abs(new) - abs(old)) * per_coin[market]
    return result


admitted = njit(cache=True)(admitted_python)
