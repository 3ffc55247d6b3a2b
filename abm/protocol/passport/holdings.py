"""What a sub-account has, read from one protocol's ledger and written into another's.

A position is written off at its own entry price and its own funding at entry, so that what is left on the account is its
cash.  At the target it begins with the same entry and with the funding accrued so far: the market's cumulative funding
there less what one coin has paid.  So cash, entries, profit and accrued funding are the same before and after, whatever
the two markets' cumulative fundings are.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import CROSS, ISOLATED, Ledger
from abm.margin.engine import Assessment
from abm.protocol.passport.document import Holdings, Position
from abm.protocol.subaccounts import pass_position

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["assess", "enter", "fingerprint", "mode_at", "place", "read", "unknown", "write_off"]

Ints = NDArray[np.int64]


def fingerprint(ledger: Ledger, row: int) -> str:
    """Hash of all that an account has; the order of its positions does not matter, and funding payments change nothing."""
    slots = sorted(
        (m, float(ledger.slot_size[row, k]), float(ledger.slot_entry[row, k]), float(ledger.slot_funding[row, k]))
        for k, m in enumerate(ledger.slot_market[row].tolist())
        if m >= 0
    )
    legs = [ledger.leg_series[row].tolist(), ledger.leg_size[row].tolist(), ledger.leg_entry[row].tolist()]
    rest = (float(ledger.quote[row]), ledger.coins[row].tolist(), int(ledger.mode[row]), int(ledger.category[row]))
    return hashlib.sha256(repr((slots, legs, rest, float(ledger.deposited[row]))).encode()).hexdigest()


def read(protocol: Protocol, row: int) -> Holdings:
    """What an account has."""
    ledger, found = protocol.ledger, []
    for market, slot in _open(ledger, row):
        accrued = float(protocol.funding[market] - ledger.slot_funding[row, slot])
        size, entry = float(ledger.slot_size[row, slot]), float(ledger.slot_entry[row, slot])
        found.append(Position(protocol.assets[market], size, entry, accrued))
    book = ledger.copy(np.array([row]))
    for market, slot in _open(ledger, row):
        funding = np.zeros(len(protocol.markets))
        funding[market] = ledger.slot_funding[row, slot]
        sizes, entries = np.array([-ledger.slot_size[row, slot]]), np.array([ledger.slot_entry[row, slot]])
        book.trade(np.array([0]), np.array([market]), sizes, entries, funding, 0.0)
    coins = tuple((*protocol.collaterals[h], float(n)) for h, n in enumerate(ledger.coins[row]) if n != 0.0)
    return Holdings(float(book.quote[0]), tuple(found), coins, float(ledger.deposited[row]))


def _open(ledger: Ledger, row: int) -> list[tuple[int, int]]:
    """Market and slot of each position, in order of market."""
    return sorted((m, k) for k, m in enumerate(ledger.slot_market[row].tolist()) if m >= 0)


def write_off(protocol: Protocol, row: int, link: int, number: int) -> None:
    """An account's positions and cash go to the link, its coins out of the protocol (the caller moves them)."""
    ledger, now = protocol.ledger, protocol.tape.time
    for market, _ in _open(ledger, row):
        slot = ledger.slot_market[row].tolist().index(market)  # the last one takes the place of one that is freed
        size = float(ledger.slot_size[row, slot])
        price = float(ledger.slot_entry[row, slot] + (protocol.funding[market] - ledger.slot_funding[row, slot]))
        pass_position(ledger, row, link, market, size, now)
        _log_moved(protocol, np.array([row, link]), market, np.array([-size, size]), number, price)
    cash, deposited = float(ledger.quote[row]), float(ledger.deposited[row])
    ledger.quote[row] = ledger.deposited[row] = 0.0
    ledger.quote[link] += cash
    ledger.deposited[link] += deposited
    _log_carried(protocol, np.array([row, link]), -1, np.array([-cash, cash]), number)
    for h, amount in enumerate(ledger.coins[row].tolist()):
        if amount != 0.0:
            ledger.coins[row, h] = 0.0
            _log_carried(protocol, np.array([row]), h, np.array([-amount]), number)
    ledger.changed[[row, link]] = now


def enter(protocol: Protocol, row: int, link: int, holdings: Holdings, number: int) -> None:
    """What an account brings: against the link all but its coins, which the caller has brought."""
    ledger, now, both = protocol.ledger, protocol.tape.time, np.array([row, link])
    signs = np.array([1.0, -1.0])
    ledger.quote[both] += signs * holdings.cash
    ledger.deposited[both] += signs * holdings.deposited
    _log_carried(protocol, both, -1, signs * holdings.cash, number)
    for position in holdings.positions:
        market, funding = protocol.assets.index(position.asset), protocol.funding.copy()
        funding[market] -= position.accrued
        prices, sizes = np.full(2, position.entry), signs * position.size
        ledger.trade(both, np.full(2, market), sizes, prices, funding, now)
        _log_moved(protocol, both, market, sizes, number, position.entry + position.accrued)
    for asset, chain, amount in holdings.coins:
        h = place(protocol, asset, chain)
        if h < 0:
            ledger.quote[row] += amount
        else:
            ledger.coins[row, h] += amount
        _log_carried(protocol, both[:1], h, np.array([amount]), number)
    ledger.changed[both] = now


def _log_moved(
    protocol: Protocol, rows: Ints, market: int, sizes: NDArray[np.float64], number: int, price: float
) -> None:
    protocol.log_rows("moved", rows, protocol.markets[market], protocol.assets[market], sizes, number, price)


def _log_carried(protocol: Protocol, rows: Ints, collateral: int, amounts: NDArray[np.float64], number: int) -> None:
    if amounts.any():
        protocol.log_rows("carried", rows, "", protocol.asset_name(collateral), amounts, number)


def place(protocol: Protocol, asset: str, chain: str) -> int:
    """Where coins of a chain stand at a protocol: its settlement asset (-1), or a collateral by its position in the list.

    Raises
    ------
    ValueError
        It takes no such coins.
    """
    if (asset, chain) == (protocol.spec.settlement, protocol.chain):
        return -1
    if (asset, chain) not in protocol.collaterals:
        raise ValueError(f"{protocol.name} takes no {asset}@{chain}")
    return protocol.collaterals.index((asset, chain))


def unknown(protocol: Protocol, holdings: Holdings) -> str:
    """What of the holdings a protocol does not have; empty where it has all."""
    for position in holdings.positions:
        if position.asset not in protocol.assets:
            return f"market {position.asset}"
    home = (protocol.spec.settlement, protocol.chain)
    for asset, chain, _ in holdings.coins:
        if (asset, chain) not in (home, *protocol.collaterals):
            return f"collateral {asset}@{chain}"
    return ""


def mode_at(protocol: Protocol, mode: int) -> int:
    """How a protocol lets an account hold its positions: isolated where its ordinary accounts are, or else as it was."""
    if protocol.spec.mode == "isolated":
        return ISOLATED
    return CROSS if mode == ISOLATED else mode


def assess(protocol: Protocol, holdings: Holdings, mode: int) -> Assessment:
    """The account as it would stand at a protocol that knows all of it, alone and at today's terms."""
    ledger = protocol.ledger
    book = Ledger(len(protocol.markets), len(protocol.collaterals), len(protocol.markets), ledger.leg_series.shape[1])
    one, row = np.array([1], np.int64), np.array([0], np.int64)
    book.add(one, one, row, mode=mode, cohort=0, now=0.0)
    book.quote[0] = holdings.cash
    for position in holdings.positions:
        market, funding = np.array([protocol.assets.index(position.asset)]), protocol.terms.funding - position.accrued
        book.trade(row, market, np.array([position.size]), np.array([position.entry]), funding, 0.0)
    for asset, chain, amount in holdings.coins:
        h = place(protocol, asset, chain)
        if h < 0:
            book.quote[0] += amount
        else:
            book.coins[0, h] += amount
    return protocol.engine.assess(book, protocol.terms, row)
