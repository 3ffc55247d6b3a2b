"""Bookings of many accounts, as events: every change of a balance or a position has one, signed from its side.

So the quote number and the coins of any account can be recomputed from the table `events` alone (docs/record.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Booking", "log_bookings"]


class Booking(NamedTuple):
    """One kind of booking of some accounts; `price` USD is that of a trade, 0 of what is none."""

    kind: str
    rows: NDArray[np.int64]
    market: str
    asset: str
    amounts: NDArray[np.float64]
    price: float = 0.0


def log_bookings(protocol: Protocol, *bookings: Booking) -> None:
    """Log several kinds in one go: a fill, its other side, its fees."""
    counts, log = [len(b.rows) for b in bookings], protocol.tape.log
    if "events" in log.dropped:
        log.rows("events", sum(counts))
        return
    time, chain, block = protocol.tape.place
    kinds: list[str] = []
    markets: list[str] = []
    assets: list[str] = []
    for b, n in zip(bookings, counts, strict=True):
        kinds += [b.kind] * n
        markets += [b.market] * n
        assets += [b.asset] * n
    log.rows(
        "events", len(kinds), time=time, chain=chain, block=block, kind=kinds, protocol=protocol.name,
        account=protocol.ledger.id[np.concatenate([b.rows for b in bookings])], market=markets, asset=assets,
        amount=np.concatenate([b.amounts for b in bookings]), ref=-1,
        price=np.repeat([b.price for b in bookings], counts),
    )  # fmt: skip
