"""Sub-accounts: opened for an owner, moved between, partitioned by name.

A cross sub-account lets all its positions share its collateral, an isolated one holds one position, a named one is
a cross partition of its owner's choosing.

Between two of one owner go settlement asset, coins, and positions with entry and funding: nothing is traded, no profit is
realised, and what one gives up the other gets, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import ISOLATED, Ledger

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Parcel", "carry_over", "open_account", "pass_position", "stand", "transfer"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def open_account(protocol: Protocol, owner: int, account: int, *, mode: int, cohort: int) -> int:
    """Open one empty sub-account of an owner that has a wallet; its row."""
    holder = protocol.treasury.owner(owner)
    return int(
        protocol.ledger.add(
            np.array([account]), np.array([owner]), np.array([holder]), mode=mode, cohort=cohort,
            now=protocol.tape.time,
        )[0]
    )  # fmt: skip


def stand(protocol: Protocol, rows: Ints, markets: Ints, sizes: Floats, prices: Floats) -> None:
    """Positions with which accounts come into the world: those given, and their opposite on the street at today's
    price.  They move no price, cost no fee, and are booked as `open`."""
    street = -np.bincount(markets, sizes, len(protocol.markets))
    rows = np.append(rows, np.full(len(street), protocol.street))
    markets = np.append(markets, np.arange(len(street)))
    sizes, prices = np.append(sizes, street), np.append(prices, protocol.terms.price)
    protocol.ledger.trade(rows, markets, sizes, prices, protocol.funding, protocol.tape.time)
    for market in range(len(street)):
        mine = np.flatnonzero((markets == market) & (sizes != 0.0))
        name, asset = protocol.markets[market], protocol.assets[market]
        protocol.log_rows("open", rows[mine], name, asset, sizes[mine], price=prices[mine])


def transfer(protocol: Protocol, source: int, target: int, amount: float) -> float:
    """Move settlement balance between two sub-accounts of one owner, as the source's initial margin allows.

    Returns what was moved, USD.

    Raises
    ------
    ValueError
        The accounts belong to different owners, or are the same.
    """
    ledger = protocol.ledger
    a, b = _two(ledger, source, target)
    if target in protocol.locks:
        return 0.0
    amount = max(min(amount, protocol.withdrawable(a)), 0.0)
    if amount > 0.0:
        ledger.quote[a] -= amount
        ledger.quote[b] += amount
        ledger.deposited[a] -= amount
        ledger.deposited[b] += amount
        ledger.changed[[a, b]] = protocol.tape.time
        protocol.log_rows("transfer", np.array([a, b]), "", protocol.spec.settlement, np.array([-amount, amount]))
    return amount


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes from one sub-account to another, all of it or nothing.

    `cash` of the settlement asset; `coins` by place in the protocol's list of collateral; `positions` by market, signed
    coins, no more than there is.
    """

    cash: float = 0.0
    coins: tuple[tuple[int, float], ...] = ()
    positions: tuple[tuple[int, float], ...] = ()


def carry_over(protocol: Protocol, source: int, target: int, parcel: Parcel) -> str:
    """Move a parcel between two sub-accounts of one owner, atomically; empty, or why nothing was moved.

    The reasons: `locked`, `nothing` (an amount below zero, or of nothing), `holding` (more than there is), `slots` (the
    target cannot hold another position), `margin` (the initial margin of either would not be there afterwards, besides
    what the source waits for in the queue of withdrawals).

    Raises
    ------
    ValueError
        The accounts belong to different owners, or are the same.
    """
    ledger = protocol.ledger
    a, b = _two(ledger, source, target)
    if {source, target} & protocol.locks:
        return "locked"
    refused = _misfit(ledger, a, b, parcel)
    if refused:
        return refused
    book = ledger.copy(np.array([a, b]))
    _apply(book, 0, 1, parcel, protocol.tape.time)
    view = protocol.engine.assess(book, protocol.terms, np.array([0, 1]))
    waits = np.array([sum(amount for who, amount in protocol.queue if who == source), 0.0])
    if np.any(view.margin_equity - waits < view.im):
        return "margin"
    _log_parcel(protocol, a, b, parcel)
    _apply(ledger, a, b, parcel, protocol.tape.time)
    value = parcel.cash + sum(amount * float(protocol.terms.coin_price[h]) for h, amount in parcel.coins)
    ledger.deposited[a] -= value
    ledger.deposited[b] += value
    return ""


def _two(ledger: Ledger, source: int, target: int) -> tuple[int, int]:
    """Rows of two different accounts of one owner."""
    a, b = ledger.row(source), ledger.row(target)
    if ledger.owner[a] != ledger.owner[b]:
        raise ValueError("sub-accounts of different owners")
    if a == b:
        raise ValueError("a sub-account and itself")
    return a, b


def _misfit(ledger: Ledger, a: int, b: int, parcel: Parcel) -> str:
    """Why the parcel is not there to be given, or not to be taken; empty where it is both."""
    amounts = [parcel.cash, *(amount for _, amount in parcel.coins)]
    sizes = [size for _, size in parcel.positions]
    if any(not amount >= 0.0 for amount in amounts) or not any([*amounts, *sizes]) or 0.0 in sizes:
        return "nothing"
    named = [[h for h, _ in parcel.coins], [m for m, _ in parcel.positions]]
    if any(len(set(keys)) < len(keys) for keys in named):
        return "holding"
    if any(amount > ledger.coins[a, h] for h, amount in parcel.coins):
        return "holding"
    for market, size in parcel.positions:
        held = ledger.held(a, market)
        if not (held * size > 0.0 and abs(size) <= abs(held)):
            return "holding"
    there = {m for m in ledger.slot_market[b].tolist() if m >= 0}
    room = 1 if ledger.mode[b] == ISOLATED else ledger.slots
    return "slots" if len(there | set(named[1])) > room else ""


def _apply(ledger: Ledger, a: int, b: int, parcel: Parcel, now: float) -> None:
    """Move what is there and fits."""
    ledger.quote[a] -= parcel.cash
    ledger.quote[b] += parcel.cash
    for h, amount in parcel.coins:
        ledger.coins[a, h] -= amount
        ledger.coins[b, h] += amount
    for market, size in parcel.positions:
        pass_position(ledger, a, b, market, size, now)
    ledger.changed[[a, b]] = now


def _log_parcel(protocol: Protocol, a: int, b: int, parcel: Parcel) -> None:
    both, ledger = np.array([a, b]), protocol.ledger
    for collateral, amount in ((-1, parcel.cash), *parcel.coins):
        if amount > 0.0:
            protocol.log_rows("transfer", both, "", protocol.asset_name(collateral), np.array([-amount, amount]))
    for market, size in parcel.positions:
        slot = ledger.slot_market[a].tolist().index(market)
        price = float(ledger.slot_entry[a, slot] + (protocol.funding[market] - ledger.slot_funding[a, slot]))
        name, asset = protocol.markets[market], protocol.assets[market]
        protocol.log_rows("moved", both, name, asset, np.array([-size, size]), price=price)


def pass_position(ledger: Ledger, a: int, b: int, market: int, size: float, now: float) -> None:
    """Signed coins of a position from one row to another with their entry and their funding at entry: a trade at just
    these, so that neither gains by it and cash stays where it is; `a` holds at least as much on that side."""
    slot = ledger.slot_market[a].tolist().index(market)
    entry, funding = float(ledger.slot_entry[a, slot]), np.zeros(len(ledger.skew))
    funding[market] = ledger.slot_funding[a, slot]
    rows, markets = np.array([a, b]), np.array([market, market])
    ledger.trade(rows, markets, np.array([-size, size]), np.array([entry, entry]), funding, now)
