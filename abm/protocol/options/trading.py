"""Trades of options: against the street at bid or ask, or between two accounts in the middle.

What an account orders at one time is one package: it is admitted when the account, with all of it done, has its initial
margin, or has more to spare of it than before.  As for perpetuals, the *street* is the part of the market that is not
modelled; orders for options do not move the surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import ISOLATED
from abm.option_legs import trade_legs
from abm.protocol.bookings import Booking, log_bookings
from abm.protocol.options.quoting import Quote, quote

if TYPE_CHECKING:
    from abm.protocol.options.board import Board
    from abm.protocol.protocol import Protocol

__all__ = ["admits_options", "board_of", "book_options", "cross_options", "open_options", "trade_options"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def board_of(protocol: Protocol) -> Board:
    """The options of a protocol.

    Raises
    ------
    ValueError
        It has none.
    """
    if protocol.options is None:
        raise ValueError(f"protocol {protocol.name} has no options")
    return protocol.options


def admits_options(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats, cost: Floats) -> NDArray[np.bool_]:
    """bool[trades]: the trades of those accounts that could bear all of theirs; `cost` is what each pays, USD."""
    accounts, place = np.unique(rows, return_inverse=True)
    ledger, engine, terms = protocol.ledger, protocol.engine, protocol.terms
    before = engine.assess(ledger, terms, accounts)
    book = ledger.copy(accounts)
    trade_legs(book, place.astype(np.int64), series, sizes, np.zeros(len(sizes)), protocol.tape.time)
    book.quote -= np.bincount(place, cost, len(accounts))
    after = engine.assess(book, terms, np.arange(len(accounts)))
    spare = after.margin_equity - after.im
    fine = (spare >= 0.0) | (spare > before.margin_equity - before.im)
    return np.asarray((fine & (ledger.mode[accounts] != ISOLATED))[place])


def trade_options(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats) -> Floats:
    """Buy (sell: below zero) options against the street as the initial margin allows; what each got, options."""
    board = board_of(protocol)
    known = protocol.terms.known.series
    tradable = _tradable(protocol, series) & (sizes != 0.0)
    offered = quote(board, known, series, sizes)
    cost = sizes * offered.premium + np.abs(sizes) * offered.fee
    order = np.lexsort((series, protocol.ledger.id[rows]))
    order = order[tradable[order]]
    got = np.zeros(len(rows))
    if len(order):
        ok = order[admits_options(protocol, rows[order], series[order], sizes[order], cost[order])]
        book_options(protocol, rows[ok], series[ok], sizes[ok], Quote(*(column[ok] for column in offered)), "trade")
        got[ok] = sizes[ok]
    return got


def cross_options(protocol: Protocol, buyer: int, seller: int, series: int, size: float) -> bool:
    """One account buys from another in the middle of the market, without fee; whether both could."""
    board = board_of(protocol)
    rows, which, sizes = np.array([buyer, seller]), np.array([series, series]), np.array([size, -size])
    if not _tradable(protocol, which).all():
        return False
    middle = quote(board, protocol.terms.known.series, which, sizes, part=0.0)
    if not admits_options(protocol, rows, which, sizes, sizes * middle.premium).all():
        return False
    _book(protocol, rows, which, sizes, middle.premium)
    log_bookings(
        protocol,
        *(_booking(protocol, "trade", rows[i : i + 1], series, sizes[i : i + 1], middle.premium[i]) for i in (0, 1)),
    )
    _log_trades(protocol, rows, which, sizes, middle, "crossed")
    return True


def _tradable(protocol: Protocol, series: Ints) -> NDArray[np.bool_]:
    history = protocol.history
    known = float(history.time[history.count - 1]) if history.count else -np.inf
    return board_of(protocol).listing.tradable(series, protocol.tape.time, known)


def open_options(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats) -> None:
    """Options with which accounts come into the world, and their opposite on the street, in the middle and without fee."""
    middle = quote(board_of(protocol), protocol.terms.known.series, series, sizes, part=0.0)
    book_options(protocol, rows, series, sizes, middle, "open")


def book_options(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats, at: Quote, kind: str) -> None:
    """Book trades, their opposite on the street, and the fees; `kind` is what `option_trades` calls them."""
    street = np.full(len(rows), protocol.street)
    _book(
        protocol, np.append(rows, street), np.append(series, series), np.append(sizes, -sizes), np.tile(at.premium, 2)
    )
    fees = np.abs(sizes) * at.fee
    np.subtract.at(protocol.ledger.quote, rows, fees)
    protocol.fees += float(fees.sum())
    bookings = []
    for i in range(len(rows)):
        one = slice(i, i + 1)
        own = "open" if kind == "open" else "trade"
        bookings.append(_booking(protocol, own, rows[one], int(series[i]), sizes[one], at.premium[i]))
        other = "open" if kind == "open" else "other_side"
        bookings.append(_booking(protocol, other, street[one], int(series[i]), -sizes[one], at.premium[i]))
        if fees[i] > 0.0:
            name = board_of(protocol).listing.names[series[i]]
            bookings.append(Booking("fee", rows[one], name, protocol.spec.settlement, -fees[one]))
    if bookings:
        log_bookings(protocol, *bookings)
    _log_trades(protocol, rows, series, sizes, at, kind)


def _book(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats, premiums: Floats) -> None:
    board = board_of(protocol)
    trade_legs(protocol.ledger, rows, series, sizes, premiums, protocol.tape.time)
    np.add.at(board.gross, series, np.abs(sizes))


def _booking(protocol: Protocol, kind: str, rows: Ints, series: int, sizes: Floats, premium: float) -> Booking:
    board = board_of(protocol)
    asset = board.specs[board.listing.table[series]].asset
    return Booking(kind, rows, board.listing.names[series], asset, sizes, float(premium))


def _log_trades(protocol: Protocol, rows: Ints, series: Ints, sizes: Floats, at: Quote, kind: str) -> None:
    """Rows of `option_trades`, one for each account that traded of its own, or was closed."""
    names = board_of(protocol).listing.names
    time, chain, block = protocol.tape.place
    protocol.tape.log.rows(
        "option_trades", len(rows), time=time, chain=chain, block=block, protocol=protocol.name,
        account=protocol.ledger.id[rows], series=[names[s] for s in series], kind=kind, quantity=sizes,
        premium=at.premium, vol=at.vol, fee=np.abs(sizes) * at.fee,
    )  # fmt: skip
