"""What must add up in a protocol: cash, collateral, positions and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from abm.option_legs import leg_sums

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["errors"]


def errors(protocol: Protocol) -> dict[str, float]:
    """What does not add up, as a fraction of the gross: cash, each collateral (and the worst negative balance of an
    account in it), each market's positions, and the worst series of each underlying's options."""
    ledger = protocol.ledger
    claims = float(ledger.quote.sum()) + protocol.fund + protocol.fees + protocol.bad_debt
    cash = float(protocol.treasury.balance[protocol.holder, protocol.cash_token]) + protocol.remote.in_transit
    gross = float(np.sum(np.abs(ledger.quote))) + abs(cash) + 1.0
    found = {f"cash {protocol.spec.settlement}": (claims - cash) / gross}
    for h, token in enumerate(protocol.coin_tokens):
        claims = float(np.sum(ledger.coins[:, h])) + protocol.remote.pending(h)
        held = float(protocol.treasury.balance[protocol.holder, token])
        gross = abs(held) + abs(claims) + 1.0
        found[f"collateral {protocol.asset_name(h)}"] = (claims - held) / gross
        found[f"overdraft {protocol.asset_name(h)}"] = float(np.min(ledger.coins[:, h], initial=0.0)) / gross
    for m, error in enumerate(ledger.errors()):
        found[f"positions {protocol.markets[m]}"] = float(error)
    return found | dict(_options(protocol))


def _options(protocol: Protocol) -> Iterator[tuple[str, float]]:
    """By underlying: of its series the sum of all sizes over all that has changed hands that is furthest from 0."""
    board = protocol.options
    if board is None or not len(board.listing):
        return
    net, _ = leg_sums(protocol.ledger, len(board.listing))
    error = net / np.maximum(board.gross, 1e-300)
    for table, spec in enumerate(board.specs):
        mine = error[board.listing.table == table]
        yield f"options {spec.asset}", float(mine[np.argmax(np.abs(mine))])
