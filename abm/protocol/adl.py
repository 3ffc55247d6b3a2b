"""Auto-deleveraging: winners are closed against an account that nobody else takes.

Rank `leverage_profit` is |notional| / value * max(profit, 0) / entry notional, the form recovered from the running
engine of Hyperliquid (design, section 7); `hedge_aware` multiplies it by the unhedged part |net| / gross of the
account's notional; `size` takes the largest first; `pro_rata` takes the same fraction of everybody.

What winners give up against the price that decides breaches covers what is missing on the account, as far as anything
is (layer `adl` of the losses, part of the breach's deficit).  What they give or get beyond that is the rule's price
against the market's (layer `adl_surplus`, signed), and no deficit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["deleverage", "scores", "triggered"]

HEAD = 64
"""Winners that are looked at first."""

ROUNDING = 1e-9
"""Part of what winners give up that is taken for rounding."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def triggered(protocol: Protocol, rows: Ints) -> NDArray[np.bool_]:
    """bool[rows]: whether the protocol's rule allows auto-deleveraging against each account now.

    `fund_empty`: the account lacks more than the insurance fund has (dYdX v4 deleverages where the fund cannot cover
    a loss); `vault_negative`: the backstop vault's equity is below zero; `account_negative`: the account's own is.
    """
    equity = protocol.engine.assess(protocol.ledger, protocol.terms, np.append(rows, protocol.vault)).equity
    trigger = protocol.spec.liquidation.adl.trigger
    if trigger == "account_negative":
        return np.asarray(equity[:-1] < 0.0)
    if trigger == "vault_negative":
        return np.full(len(rows), equity[-1] < 0.0)
    return np.asarray((equity[:-1] < 0.0) & (-equity[:-1] > protocol.fund))


def scores(protocol: Protocol, rows: Ints, market: int) -> Floats:
    """float64[rows]: the rank of winners in a market, highest first."""
    ledger, terms = protocol.ledger, protocol.terms
    rank = protocol.spec.liquidation.adl.rank
    size = ledger.size(rows, market)
    if rank == "size":
        return np.abs(size)
    if rank == "pro_rata":
        return np.zeros(len(rows))
    held = ledger.slot_market[rows] == market
    entry = np.sum(np.where(held, ledger.slot_entry[rows], 0.0), axis=1)
    price = float(terms.price[market])
    view = protocol.engine.assess(ledger, terms, rows)
    profit = np.maximum(size * (price - entry), 0.0)
    value = np.maximum(view.equity, 1e-9)
    score = np.abs(size) * price / value * profit / np.maximum(np.abs(size) * entry, 1e-9)
    if rank == "hedge_aware":
        at = np.append(terms.price, 0.0)[ledger.slot_market[rows]]
        net = np.abs(np.sum(ledger.slot_size[rows] * at, axis=1))
        score = score * net / np.maximum(view.notional, 1e-9)
    return np.asarray(score)


def deleverage(protocol: Protocol, row: int, slot: int) -> float:
    """Close one position of an account against winners; the quantity closed, coins.

    What no winner takes stays open.
    """
    ledger, tape = protocol.ledger, protocol.tape
    market = int(ledger.slot_market[row, slot])
    size = float(ledger.slot_size[row, slot])
    price = _price(protocol, row, slot)
    sign = float(np.sign(size))
    winners, taken = _allocate(protocol, market, -sign, abs(size), price)
    closed = float(taken.sum())
    if closed == 0.0:
        return 0.0
    missing = max(-float(protocol.engine.assess(ledger, protocol.terms, np.array([row])).equity[0]), 0.0)
    everyone = np.append(winners, row)
    sizes = np.append(sign * taken, -sign * closed)
    n = len(everyone)
    ledger.trade(everyone, np.full(n, market), sizes, np.full(n, price), protocol.funding, tape.time)
    _log(protocol, market, everyone, sizes, price)
    _log_losses(protocol, row, winners, sign * taken * (price - float(protocol.terms.price[market])), missing)
    return closed


def _price(protocol: Protocol, row: int, slot: int) -> float:
    """The price that the rule states: bankruptcy price of the position, or the mark of the block before."""
    market = int(protocol.ledger.slot_market[row, slot])
    if protocol.spec.liquidation.adl.price == "previous_mark":
        return protocol.previous_mark(market)
    price = protocol.engine.bankruptcy_price(protocol.ledger, protocol.terms, np.array([row]))[0, slot]
    return max(float(price), 0.0)


def _queue(protocol: Protocol, market: int, side: float) -> Ints:
    """Rows of the winners on one side of a market, first to be taken first; ranked once a block, at its first prices."""
    ledger, now = protocol.ledger, protocol.tape.time
    ranked, winners = protocol.queues.get((market, side), (-np.inf, np.zeros(0, np.int64)))
    if ranked != now:
        held = ledger.size(np.arange(len(ledger)), market) * side
        winners = np.flatnonzero((held > 0.0) & (ledger.mode != SYSTEM))
        winners = winners[np.lexsort((ledger.id[winners], -scores(protocol, winners, market)))]
        protocol.queues[market, side] = now, winners
    return winners


def _allocate(protocol: Protocol, market: int, side: float, quantity: float, price: float) -> tuple[Ints, Floats]:
    """Rows of the winners, not in breach themselves, and how much of each's position is taken at a price: no more than
    what he is worth pays for."""
    ledger, queue = protocol.ledger, _queue(protocol, market, side)
    loss = max(side * (float(protocol.terms.price[market]) - price), 0.0)  # of a coin that is taken, USD
    together = protocol.spec.liquidation.adl.rank == "pro_rata"
    reach = len(queue) if together else HEAD
    while True:
        winners = queue[:reach]
        held = np.maximum(ledger.size(winners, market) * side, 0.0)
        worth = protocol.engine.assess(ledger, protocol.terms, winners).equity
        held[(ledger.breach[winners] >= 0) | (worth <= 0.0)] = 0.0
        if loss > 0.0:
            held = np.minimum(held, np.maximum(worth, 0.0) / loss)
        total = float(held.sum())
        if total >= quantity or reach >= len(queue):
            break
        reach *= 8
    if together:
        taken = held * min(1.0, quantity / max(total, 1e-300))
    else:
        taken = np.clip(quantity - (np.cumsum(held) - held), 0.0, held)
    chosen = taken > 0.0
    return winners[chosen], taken[chosen]


def _log(protocol: Protocol, market: int, everyone: Ints, sizes: Floats, price: float) -> None:
    """The execution, and the trades of the winners and of the account, which comes last."""
    ledger, tape = protocol.ledger, protocol.tape
    name, row = protocol.markets[market], int(everyone[-1])
    number, breach = tape.log.counts["liquidations"], int(ledger.breach[row])
    if breach < 0:  # the vault's own positions serve no breach
        number = -1
    else:
        tape.log.row(
            "liquidations", number, breach, *tape.place, tape.round, protocol.name, int(ledger.id[row]), name,
            float(sizes[-1]), price, 0.0, "", "adl", -1, 0.0,
        )  # fmt: skip
    protocol.log_rows("adl", everyone, name, protocol.assets[market], sizes, number, price)


def _log_losses(protocol: Protocol, row: int, winners: Ints, given_up: Floats, missing: float) -> None:
    """What the winners gave up: as far as it covers what was missing, and the rest."""
    ledger, tape = protocol.ledger, protocol.tape
    breach, total = int(ledger.breach[row]), float(given_up.sum())
    part = min(missing / total, 1.0) if total > 0.0 else 0.0
    part = 1.0 if part > 1.0 - ROUNDING else part
    if part > 0.0:
        protocol.deficit(breach, part * total)
    for layer, amounts in (("adl", part * given_up), ("adl_surplus", (1.0 - part) * given_up)):
        if amounts.any():
            tape.log.rows(
                "losses", len(winners), time=tape.time, protocol=protocol.name, breach=breach, layer=layer,
                account=ledger.id[winners], amount=amounts,
            )  # fmt: skip
