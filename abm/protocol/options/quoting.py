"""At which premium options are bought and sold: Black-76 at the surface's volatility, half the spread either way.

The fee is a part of the price of the coin, and at most a part of the premium, as at Deribit (support.deribit.com, Fees).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.black76 import price
from abm.margin.options.smile import YEAR
from abm.margin.state import Series
from abm.protocol.options.board import Board

__all__ = ["Quote", "quote"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Quote(NamedTuple):
    """float64[trades] each: premium and fee of one option, USD, and the volatility that the premium is at."""

    premium: Floats
    fee: Floats
    vol: Floats


def quote(board: Board, series: Series, which: Ints, sizes: Floats, *, part: float = 1.0) -> Quote:
    """What trades in some series come to, bought (size above 0) or sold; `part` of the spread and of the fee."""
    table = board.listing.table[which]
    spread, fee, cap = (
        np.array([getattr(s, name) for s in board.specs])[table] for name in ("spread", "fee", "fee_cap")
    )
    vol = np.maximum(series.vol[which] + 0.5 * part * spread * np.sign(sizes), 0.0)
    years = series.seconds[which] / YEAR
    premium = price(
        series.forward[which], series.strike[which], years, vol, np.exp(-series.rate[which] * years), series.call[which]
    )
    coin = board.index[board.market[table]]
    return Quote(premium, part * np.minimum(fee * coin, cap * premium), vol)
