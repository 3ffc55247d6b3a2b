"""What accounts have in options: Greeks by account, and the delta that they have with their perpetuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.aggregate import Legs, per_account, sheet
from abm.margin.options.greeks import NAMES
from abm.option_legs import legs_of
from abm.protocol.options.trading import board_of

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["account_greeks", "net_delta"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DELTA = NAMES.index("delta")


def account_greeks(protocol: Protocol, rows: Ints) -> tuple[Floats, Floats]:
    """float64[rows, M, 15]: premium and Greeks of the options of some rows, on the forward, by market; float64[rows, M]:
    their delta by the index."""
    series = protocol.terms.known.series
    at, which, sizes = legs_of(protocol.ledger, rows)
    table, market, count = sheet(series), series.underlying.astype(np.int64), len(protocol.markets)
    legs = Legs(at, which, sizes)
    held = per_account(legs, table, market, len(rows), count)
    by_index = np.zeros((len(rows), count))
    slope = board_of(protocol).by_spot(series)
    np.add.at(by_index, (at, market[which]), sizes * table[which, DELTA] * slope[which])
    return held, by_index


def net_delta(protocol: Protocol, row: int, market: int) -> tuple[float, float]:
    """Coins, by the index: delta of an account's options on a market, and of its position in the perpetual."""
    _, by_index = account_greeks(protocol, np.array([row]))
    return float(by_index[0, market]), protocol.ledger.held(row, market)
