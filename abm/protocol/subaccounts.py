"""Sub-accounts: opened for an owner, moved between, partitioned by name.

A cross sub-account lets all its positions share its collateral, an isolated one holds one position, a named one is
a cross partition of its owner's choosing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["open_account", "stand", "transfer"]

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
        The accounts belong to different owners.
    """
    ledger = protocol.ledger
    a, b = ledger.row(source), ledger.row(target)
    if ledger.owner[a] != ledger.owner[b]:
        raise ValueError("sub-accounts of different owners")
    amount = max(min(amount, protocol.withdrawable(a)), 0.0)
    if amount > 0.0:
        ledger.quote[a] -= amount
        ledger.quote[b] += amount
        ledger.deposited[a] -= amount
        ledger.deposited[b] += amount
        ledger.changed[[a, b]] = protocol.tape.time
        protocol.log_rows("transfer", np.array([a, b]), "", protocol.spec.settlement, np.array([-amount, amount]))
    return amount
