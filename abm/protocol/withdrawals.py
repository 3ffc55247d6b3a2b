"""Withdrawals: what the margin leaves free goes out, and what the cash here does not cover waits in a queue.

What waits is spoken for: it cannot be asked for again, nor moved to another sub-account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["serve_queue", "withdraw", "withdrawable"]


def withdrawable(protocol: Protocol, row: int) -> float:
    """What the initial margin leaves free in the settlement asset, less what waits in the queue already, USD; nothing of
    an account that is locked."""
    account = int(protocol.ledger.id[row])
    if account in protocol.locks:
        return 0.0
    return max(0.0, _free(protocol, row) - sum(amount for who, amount in protocol.queue if who == account))


def _free(protocol: Protocol, row: int) -> float:
    """What the initial margin leaves free, USD."""
    view = protocol.engine.assess(protocol.ledger, protocol.terms, np.array([row]))
    return max(0.0, float(view.margin_equity[0] - view.im[0]))


def _cash(protocol: Protocol) -> float:
    return max(float(protocol.treasury.balance[protocol.holder, protocol.cash_token]), 0.0)


def withdraw(protocol: Protocol, row: int, amount: float) -> float:
    """Settlement asset to the owner's wallet, as the initial margin and the cash here allow; what was paid now."""
    amount = min(amount, withdrawable(protocol, row))
    if amount <= 0.0:
        return 0.0
    account = int(protocol.ledger.id[row])
    paid = 0.0 if protocol.queue else min(amount, _cash(protocol))
    if paid < amount:
        protocol.queue.append((account, amount - paid))
        protocol.queued += amount - paid
        protocol.tape.event("queued", protocol.name, account, "", protocol.spec.settlement, amount - paid)
    if paid > 0.0:
        _pay_out(protocol, row, paid)
    return paid


def serve_queue(protocol: Protocol) -> None:
    """Pay waiting withdrawals in order, as cash and margins allow.

    When its turn has come, a claim is cut to what the initial margin leaves free.
    """
    while protocol.queue and _cash(protocol) > 0.0:
        account, amount = protocol.queue[0]
        row = protocol.ledger.row(account)
        allowed = min(amount, _free(protocol, row))
        paid = min(allowed, _cash(protocol))
        if paid > 0.0:
            _pay_out(protocol, row, paid)
        if paid < allowed:
            protocol.queue[0] = (account, amount - paid)
            return
        if allowed < amount:
            protocol.struck_off += amount - allowed
            protocol.tape.event("unqueued", protocol.name, account, "", protocol.spec.settlement, amount - allowed)
        protocol.queue.pop(0)


def _pay_out(protocol: Protocol, row: int, amount: float) -> None:
    ledger = protocol.ledger
    protocol.treasury.move(protocol.holder, int(ledger.holder[row]), protocol.cash_token, amount)
    ledger.quote[row] -= amount
    ledger.deposited[row] -= amount
    ledger.changed[row] = protocol.tape.time
    protocol.tape.event("withdraw", protocol.name, int(ledger.id[row]), "", protocol.spec.settlement, -amount)
