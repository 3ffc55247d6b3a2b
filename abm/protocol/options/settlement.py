"""Expiry: options are settled in cash at the average of the index over their last half hour, and are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.options.expiry import payoff
from abm.option_legs import legs_of, trade_legs
from abm.protocol.bookings import Booking, log_bookings
from abm.protocol.options.trading import board_of

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["open_board", "settle_due", "tick_options"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def open_board(protocol: Protocol) -> None:
    """The opening: list the first series, and value them."""
    now = protocol.tape.time
    _log_listed(protocol, board_of(protocol).open(now, protocol.marks.index))
    protocol.refresh(now)


def tick_options(protocol: Protocol, now: float) -> None:
    """A price tick: surfaces move, what has expired is settled, and what the calendar then has is listed."""
    board = board_of(protocol)
    board.tick(now, protocol.marks.index)
    settle_due(protocol, now)
    _log_listed(protocol, board.list_new(now))


def _log_listed(protocol: Protocol, new: Ints) -> None:
    """Rows of `option_series`."""
    listing, specs = board_of(protocol).listing, board_of(protocol).specs
    protocol.tape.log.rows(
        "option_series", len(new), protocol=protocol.name, series=[listing.names[s] for s in new],
        asset=[specs[t].asset for t in listing.table[new]], side=["call" if c else "put" for c in listing.call[new]],
        strike=listing.strike[new], listed=listing.listed[new], expiry=listing.expiry[new],
    )  # fmt: skip


def settle_due(protocol: Protocol, now: float) -> None:
    """Settle every expiry that has come."""
    board = board_of(protocol)
    listing = board.listing
    for expiry in listing.due(now):
        for table in sorted(set(listing.table[listing.expiry == expiry].tolist())):
            price = board.fixing.settle(int(board.market[table]), expiry)
            gone = np.flatnonzero((listing.expiry == expiry) & (listing.table == table))
            listing.settled[gone] = price
            _pay(protocol, gone, price)


def _pay(protocol: Protocol, gone: Ints, price: float) -> None:
    """Legs of series that have expired become cash."""
    board, ledger = board_of(protocol), protocol.ledger
    listing = board.listing
    rows = ledger.by_id(np.arange(len(ledger)))
    at, series, sizes = legs_of(ledger, rows)
    mine = np.flatnonzero(np.isin(series, gone))
    mine = mine[np.argsort(series[mine], kind="stable")]
    who, series, sizes = rows[at[mine]], series[mine], sizes[mine]
    if not len(who):
        return
    worth = payoff(price, listing.strike[series], listing.call[series])
    trade_legs(ledger, who, series, -sizes, worth, protocol.tape.time)
    asset = board.specs[listing.table[gone[0]]].asset
    log_bookings(
        protocol,
        *(
            Booking("expired", who[i : i + 1], listing.names[series[i]], asset, -sizes[i : i + 1], float(worth[i]))
            for i in range(len(who))
        ),
    )
    protocol.tape.log.rows(
        "option_settlements", len(who), time=protocol.tape.time, protocol=protocol.name, account=ledger.id[who],
        series=[listing.names[s] for s in series], quantity=sizes, settlement=price, payoff=worth,
        amount=sizes * worth,
    )  # fmt: skip
