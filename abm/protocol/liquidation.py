"""Serving a breach: which position, how much of it, at what price, and what the account pays for it.

Executions of a round are closed together: a market's net volume moves its price once, and each execution has its
share of that move in proportion to its signed volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.engine import Assessment, quantity_to_restore
from abm.margin.restore import quantity_of_position

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = [
    "Stakes",
    "close_positions",
    "log_liquidations",
    "penalise",
    "sell_collateral",
    "stakes",
    "swap",
    "take_home",
    "wanted",
    "wanted_kernel",
    "wanted_kernel_python",
    "worst_first",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stakes:
    """What closing accounts is about, float64[rows] each, USD: the margin behind what is closed first, or the debt of an
    account without positions; its notional, or again the debt; and equity."""

    margin: Floats
    notional: Floats
    equity: Floats


def stakes(protocol: Protocol, rows: Ints, view: Assessment) -> Stakes:
    """The stakes of some accounts, as assessed."""
    ledger, terms = protocol.ledger, protocol.terms
    slots, quantity, part = wanted(protocol, rows, view)
    size = np.abs(ledger.slot_size[rows, slots])
    closed = np.divide(quantity, size, out=np.zeros(len(rows)), where=size > 0)
    share = np.divide(part, view.mm, out=np.zeros(len(rows)), where=view.mm > 0) * closed
    notional = quantity * np.append(terms.price, 0.0)[ledger.slot_market[rows, slots]]
    debt = np.maximum(-ledger.quote[rows], 0.0)
    holds = view.mm > 0
    return Stakes(np.where(holds, view.im * share, debt), np.where(holds, notional, debt), view.equity)


def worst_first(protocol: Protocol, rows: Ints, free: Floats) -> tuple[Ints, Assessment]:
    """Rows by free margin over maintenance, the most negative first, ties by account id; and their assessment."""
    view = protocol.engine.assess(protocol.ledger, protocol.terms, rows)
    ratio = free[rows] / np.maximum(view.mm, 1e-9)
    order = np.lexsort((protocol.ledger.id[rows], ratio))
    return rows[order], view.of(order)


def wanted(protocol: Protocol, rows: Ints, view: Assessment) -> tuple[Ints, Floats, Floats]:
    """For each account, as assessed, the position to close next, as a slot, how much of it, in coins without sign, and
    its maintenance margin, USD.

    The position with the largest maintenance requirement goes first; the policy `partial` closes what restores the
    target, `whole` all of it.
    """
    rule, ledger, terms = protocol.spec.liquidation, protocol.ledger, protocol.terms
    requirement = protocol.engine.requirement(ledger, terms, rows)
    if not protocol.engine.linear:
        return _wanted_by_revaluation(protocol, rows, requirement)
    slots, quantities, parts = wanted_kernel(
        rows, ledger.slot_market, ledger.slot_size, requirement, terms.price,
        view.equity, view.margin_equity, view.mm, rule.policy == "whole", rule.target, rule.penalty, rule.least,
        rule.dust,
    )  # fmt: skip
    return slots, quantities, parts


def _wanted_by_revaluation(protocol: Protocol, rows: Ints, requirement: Floats) -> tuple[Ints, Floats, Floats]:
    """The same for any family: the least quantity that restores the target, found by valuing what would be left."""
    rule, ledger, terms = protocol.spec.liquidation, protocol.ledger, protocol.terms
    slots = np.argmax(requirement, axis=1)
    parts = requirement[np.arange(len(rows)), slots]
    size = np.abs(ledger.slot_size[rows, slots])
    quantities = size.copy()
    large = size * np.append(terms.price, 0.0)[ledger.slot_market[rows, slots]] > rule.dust
    some = np.flatnonzero(large & (rule.policy != "whole"))
    if len(some):
        at = (rows[some], slots[some])
        found = quantity_of_position(protocol.engine, ledger, terms, at, target=rule.target, penalty=rule.penalty)
        quantities[some] = np.maximum(found.amount, rule.least * size[some])
    return slots, quantities, parts


def wanted_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, requirement: Floats, price: Floats, equity: Floats,
    margin_equity: Floats, mm: Floats, whole: bool, target: float, penalty: float, least: float, dust: float,
) -> tuple[Ints, Floats, Floats]:  # fmt: skip
    """int64[rows], float64[rows] twice: `wanted` of accounts whose positions require `requirement` float64[rows, K]."""
    slots, quantities, parts = np.zeros(len(rows), np.int64), np.zeros(len(rows)), np.zeros(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        if slot_market[row, 0] < 0:
            continue
        slot = np.argmax(requirement[i])
        size = abs(slot_size[row, slot])
        notional = size * price[slot_market[row, slot]]
        quantity = size
        if not whole and notional > dust:
            quantity = quantity_to_restore(
                size, notional, requirement[i, slot], equity[i], margin_equity[i], mm[i], target, penalty
            )
            quantity = max(quantity, least * size)
        slots[i], quantities[i], parts[i] = slot, quantity, requirement[i, slot]
    return slots, quantities, parts


wanted_kernel = njit(cache=True)(wanted_kernel_python)


def close_positions(
    protocol: Protocol, rows: Ints, slots: Ints, quantities: Floats, keepers: list[str], route: str
) -> Floats:
    """Close part of one position of each account on the book, in one round; penalties paid, USD.

    `keepers` names who did each (an empty name: the protocol).  Accounts must differ from each other.
    """
    ledger, tape = protocol.ledger, protocol.tape
    markets = ledger.slot_market[rows, slots].astype(np.int64)
    sizes = -np.sign(ledger.slot_size[rows, slots]) * quantities
    penalties = np.zeros(len(rows))
    least = protocol.spec.liquidation.least_fill
    for market in sorted(set(markets[sizes != 0.0].tolist())):
        chosen = np.flatnonzero((markets == market) & (sizes != 0.0))
        who = rows[chosen]
        order = float(np.sum(sizes[chosen]))
        if abs(tape.books.room(int(protocol.books[market]), order, tape.time)) < least * abs(order):
            continue
        got, price, move = protocol.fill(who, market, sizes[chosen], "liquidation")
        penalties[chosen] = penalise(protocol, who, np.abs(got) * price)
        net = float(got.sum())
        share = got / net if move >= 0 else np.zeros(len(got))
        names = [keepers[i] for i in chosen]
        log_liquidations(
            protocol, who, protocol.markets[market], got, price, penalties[chosen], names, route, move, share
        )
    tape.round += 1
    return penalties


def log_liquidations(
    protocol: Protocol, rows: Ints, market: str | list[str], quantity: Floats, price: float | Floats, penalty: Floats,
    keepers: list[str], route: str, move: int, share: Floats,
) -> None:  # fmt: skip
    """Rows of `liquidations`: the executions of one market in this round, or of a market each."""
    ledger, tape, n = protocol.ledger, protocol.tape, len(rows)
    first = tape.log.counts["liquidations"]
    time, chain, block = tape.place
    tape.log.rows(
        "liquidations", n, liquidation=np.arange(first, first + n), breach=ledger.breach[rows], time=time,
        chain=chain, block=block, round=tape.round, protocol=protocol.name, account=ledger.id[rows], market=market,
        quantity=quantity, price=price, penalty=penalty, keeper=keepers, route=route, move=move, share=share,
    )  # fmt: skip


def penalise(protocol: Protocol, rows: Ints, notional: Floats) -> Floats:
    """Penalty of each, at most what equity it has; it goes to the insurance fund (keepers are paid out of that)."""
    equity = protocol.engine.assess(protocol.ledger, protocol.terms, rows).equity
    penalty = np.minimum(protocol.spec.liquidation.penalty * notional, np.maximum(equity, 0.0))
    protocol.ledger.quote[rows] -= penalty
    protocol.fund += float(penalty.sum())
    protocol.log_rows("penalty", rows, "", protocol.spec.settlement, -penalty)
    return np.asarray(penalty)


def sell_collateral(protocol: Protocol, rows: Ints, keepers: list[str], route: str) -> Floats:
    """Sell coins of accounts that owe and have no positions, in one round; penalties paid, USD.

    The coins go to the coin's spot market at its price after the impact; the account gets that less the penalty.
    """
    ledger, tape = protocol.ledger, protocol.tape
    penalties = np.zeros(len(rows))
    rate, least = protocol.spec.liquidation.penalty, protocol.spec.liquidation.least_fill
    for h, (asset, _) in enumerate(protocol.collaterals):
        book = protocol.spot_books[h]
        if book < 0:
            continue
        owed = np.maximum(-ledger.quote[rows], 0.0)
        price = float(tape.books.last[book])
        amounts = np.minimum(ledger.coins[rows, h], owed / (price * (1.0 - rate)))
        chosen = np.flatnonzero(amounts > 0.0)
        if not len(chosen):
            continue
        who, sold = rows[chosen], amounts[chosen]
        order = -float(sold.sum())
        if abs(tape.books.room(book, order, tape.time)) < least * abs(order):
            continue
        done = tape.execute(book, order, "liquidation")
        sold = sold * (done.fill.volume / order)
        proceeds = sold * done.fill.price
        penalty = np.minimum(rate * proceeds, np.maximum(ledger.quote[who] + proceeds, 0.0))
        swap(protocol, h, who, sold, proceeds, penalty)
        penalties[chosen] += penalty
        share = sold / sold.sum() if done.move >= 0 else np.zeros(len(sold))
        names = [keepers[i] for i in chosen]
        log_liquidations(protocol, who, asset, -sold, done.fill.price, penalty, names, route, done.move, share)
        protocol.log_rows("seized", who, asset, protocol.asset_name(h), -sold)
        protocol.log_rows("proceeds", who, asset, protocol.spec.settlement, proceeds)
        protocol.log_rows("penalty", who, asset, protocol.spec.settlement, -penalty)
    tape.round += 1
    return penalties


def swap(protocol: Protocol, h: int, rows: Ints, sold: Floats, proceeds: Floats, penalty: Floats) -> None:
    """Coins to the market, its settlement coins to the protocol, the account's balances, the penalty to the fund."""
    treasury, ledger = protocol.treasury, protocol.ledger
    treasury.move(protocol.holder, treasury.outside, protocol.coin_tokens[h], float(sold.sum()))
    treasury.move(treasury.outside, protocol.holder, protocol.cash_token, float(proceeds.sum()))
    ledger.coins[rows, h] = np.maximum(ledger.coins[rows, h] - sold, 0.0)
    ledger.quote[rows] += proceeds - penalty
    ledger.changed[rows] = protocol.tape.time
    protocol.fund += float(penalty.sum())


def take_home(protocol: Protocol, rows: Ints) -> None:
    """Settle what some accounts (in order of id) owe in the settlement asset out of their remote balances of it.

    An account owes what its equity in that asset, positions at the price that decides breaches, lies below zero.  It
    is credited at once, without a haircut: from then on the bridge is the protocol's risk, and what has not arrived is
    missing from its cash (`in_transit`), which withdrawals and rewards wait for.
    """
    ledger = protocol.ledger
    for h, (asset, _) in enumerate(protocol.collaterals if len(rows) else ()):
        bridge = protocol.remote.bridge[h]
        if asset != protocol.spec.settlement or bridge is None:
            continue
        amounts = np.minimum(_owed_at_home(protocol, rows), ledger.coins[rows, h])
        who, amounts = rows[amounts > 0.0], amounts[amounts > 0.0]
        if not len(who) or not protocol.carry_home(bridge, h, float(amounts.sum())):
            continue
        ledger.coins[who, h] -= amounts
        ledger.quote[who] += amounts
        ledger.changed[who] = protocol.tape.time
        protocol.log_rows("settled", who, "", asset, amounts)
        protocol.log_rows("settled", who, "", protocol.asset_name(h), -amounts)


def _owed_at_home(protocol: Protocol, rows: Ints) -> Floats:
    """float64[rows]: what equity in the settlement asset lies below zero, USD."""
    ledger, terms = protocol.ledger, protocol.terms
    worth = np.append(terms.price - terms.funding, 0.0)[ledger.slot_market[rows]]
    return np.maximum(-(ledger.quote[rows] + np.sum(ledger.slot_size[rows] * worth, axis=1)), 0.0)
