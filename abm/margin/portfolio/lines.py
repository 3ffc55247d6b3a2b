"""The lines of one account: its positions, options and collaterals, by name, and what they do in scenarios."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Terms
from abm.margin.portfolio.board import Board
from abm.margin.portfolio.book import Numbers, book_of
from abm.margin.portfolio.holdings import empty, scratch_for, take_coins, take_legs, take_positions
from abm.margin.portfolio.losses import profits
from abm.margin.portfolio.parts import line_profits
from abm.margin.portfolio.plan import Plan
from abm.margin.portfolio.shocks import DAY

__all__ = ["Line", "lines_of", "profit_matrix"]

Floats = NDArray[np.float64]


class Line(NamedTuple):
    """A thing in an account.

    `number` is that of its row in `profit_matrix`, `asset` that of its market, series or collateral, `underlying` that of
    what it moves with, -1: nothing.
    """

    kind: str
    number: int
    asset: int
    name: str
    size: float
    underlying: int


def lines_of(plan: Plan, ledger: Ledger, terms: Terms, row: int) -> list[Line]:
    """Everything with a size in an account."""
    series, found = terms.known.series, []
    for k, m in enumerate(ledger.slot_market[row].tolist()):
        if m >= 0:
            size, u = float(ledger.slot_size[row, k]), int(plan.market_underlying[m])
            found.append(Line("position", k, m, plan.markets[m], size, u))
    slots, legs = ledger.slot_market.shape[1], ledger.leg_series.shape[1]
    for k, n in enumerate(ledger.leg_series[row].tolist()):
        if n >= 0:
            u = int(plan.market_underlying[series.underlying[n]])
            side, days = "call" if series.call[n] else "put", max(series.seconds[n], 0.0) / DAY
            name = f"{plan.names[u]} {series.strike[n]:g} {side}, {days:.3g} d"
            found.append(Line("option", slots + k, n, name, float(ledger.leg_size[row, k]), u))
    for h in np.flatnonzero(ledger.coins[row]).tolist():
        amount = float(ledger.coins[row, h])
        kind = "collateral" if amount > 0.0 else "debt"
        found.append(Line(kind, slots + legs + h, h, plan.coins[h], amount, int(plan.coin_underlying[h])))
    return found


def profit_matrix(ledger: Ledger, board: Board, numbers: Numbers, row: int) -> Floats:
    """float64[K + L + H, T + 1]: profit of each line in each scenario and, last, in the basis contingency."""
    book, room = book_of(ledger), scratch_for(board, numbers)
    empty(numbers, room)
    take_positions(row, book, board, numbers, room)
    take_legs(row, book, board, numbers, room)
    take_coins(row, book, numbers, room)
    profits(board, numbers, room)
    count = book.slot_market.shape[1] + book.leg_series.shape[1] + book.coins.shape[1]
    out = np.zeros((count, numbers.shock.shape[1] + 1))
    line_profits(row, book, board.unit, board, numbers, room, out)
    return out
