"""One block of a protocol's life: news from remote, withdrawals, breaches, and liquidations in rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.engine import Assessment
from abm.protocol.breaches import Episodes, find_breached, heal, record_breaches
from abm.protocol.liquidation import close_positions, sell_collateral, stakes, take_home, wanted, worst_first
from abm.protocol.options.closing import serve_options, without_options
from abm.protocol.waterfall import cover, take_over
from abm.protocol.withdrawals import serve_queue

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["close_for_keeper", "in_breach", "run_block"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY = Assessment(*np.zeros((5, 0)))
"""What an assessment of no account comes to."""


def run_block(protocol: Protocol, episodes: Episodes) -> None:
    """What the protocol does in a block after the transactions.

    In each round: find the breaches, record the new ones, serve those that the protocol serves itself, let prices
    move; until nobody is left to serve or the rounds are used up.
    """
    now = protocol.tape.time
    protocol.refresh(now)
    protocol.snapshot(now)
    protocol.credit_remote(now)
    _pay_withdrawals(protocol)
    ranked, view = _look(protocol, episodes)
    for _ in range(protocol.spec.liquidation.rounds):
        if not len(ranked) or not _serve(protocol, ranked, view):
            break
        protocol.refresh(now)
        ranked, view = _look(protocol, episodes)
    protocol.liquidatable = ranked = without_options(protocol, ranked)
    if len(ranked):  # valued anew: what was taken home since counts without its haircut
        view = protocol.engine.assess(protocol.ledger, protocol.terms, ranked)
        protocol.stakes = stakes(protocol, ranked, view)


def _look(protocol: Protocol, episodes: Episodes) -> tuple[Ints, Assessment]:
    """Breaches that have healed are closed, new ones recorded; the rows in breach, worst first, and their assessment."""
    rows, free = find_breached(protocol)
    heal(protocol, free, episodes.quiet)
    if not len(rows):
        return rows, NOBODY
    record_breaches(protocol, rows, free, episodes)
    return worst_first(protocol, rows, free)


def _pay_withdrawals(protocol: Protocol) -> None:
    """Serve the queue; while it waits, what accounts owe here is called in from other chains."""
    if protocol.queue:
        take_home(protocol, protocol.ledger.by_id(np.flatnonzero(protocol.ordinary())))
        serve_queue(protocol)


def _serve(protocol: Protocol, rows: Ints, view: Assessment) -> bool:
    """Serve breaches by the protocol itself, worst first, as assessed; whether anything was done."""
    ledger = protocol.ledger
    rule = protocol.spec.liquidation
    rows, view, closed = serve_options(protocol, rows, view)
    holds = ledger.holds(rows)
    take_home(protocol, ledger.by_id(rows[~holds]))
    backs = (ledger.coins[rows] > 0.0).any(axis=1)
    owes = ledger.quote[rows] < 0.0
    late = protocol.tape.time - ledger.since[rows] >= rule.backstop_after
    stuck = holds & (late | (view.margin_equity < rule.backstop_below * view.mm) | (rule.route == "vault"))
    done = closed
    for row in rows[~holds & ~backs & owes]:
        cover(protocol, int(row))
        done = True
    taken = np.flatnonzero(stuck)[: rule.per_round]
    left = taken[take_over(protocol, rows[taken])]
    done |= len(left) < len(taken)
    mine = np.concatenate([left, np.flatnonzero(holds & ~stuck)]) if rule.route == "book" else left
    done |= _close(protocol, rows[mine[: rule.per_round]], "", "book")
    # a keeper lives on a penalty, and an account that is worth nothing pays none
    unsold = late | (view.equity <= 0.0) | (rule.route != "keeper")
    seized = ~holds & backs & owes & unsold
    done |= _sell(protocol, rows[seized][: rule.per_round], "", "book")
    return bool(done)


def _close(protocol: Protocol, rows: Ints, keeper: str, route: str) -> bool:
    if not len(rows):
        return False
    view = protocol.engine.assess(protocol.ledger, protocol.terms, rows)
    slots, quantities, _ = wanted(protocol, rows, view)
    before = protocol.ledger.gross.sum()
    close_positions(protocol, rows, slots, quantities, [keeper] * len(rows), route)
    return bool(protocol.ledger.gross.sum() > before)


def _sell(protocol: Protocol, rows: Ints, keeper: str, route: str) -> bool:
    if not len(rows):
        return False
    owed = protocol.ledger.quote[rows].sum()
    sell_collateral(protocol, rows, [keeper] * len(rows), route)
    return bool(protocol.ledger.quote[rows].sum() > owed)


def in_breach(protocol: Protocol, ids: Ints) -> Ints:
    """Rows of those of the accounts that are in breach at this moment's prices."""
    ledger = protocol.ledger
    rows = ledger.rows(ids)
    rows = without_options(protocol, rows[ledger.breach[rows] >= 0])
    if not len(rows):
        return rows
    protocol.refresh(protocol.tape.time)
    take_home(protocol, ledger.by_id(rows[~ledger.holds(rows)]))
    return rows[protocol.engine.free_margin(ledger, protocol.terms, rows) < 0.0]


def close_for_keeper(protocol: Protocol, rows: Ints, keeper: str, holder: int) -> Floats:
    """A keeper's transaction: one execution for each of some accounts in breach; the reward of each, USD.

    The reward is the keeper's share of the penalty, paid to `holder` as far as the protocol has cash here.
    """
    ledger = protocol.ledger
    holds = ledger.holds(rows)
    penalties = np.zeros(len(rows))
    if holds.any():
        view = protocol.engine.assess(ledger, protocol.terms, rows[holds])
        slots, quantities, _ = wanted(protocol, rows[holds], view)
        penalties[holds] = close_positions(
            protocol, rows[holds], slots, quantities, [keeper] * int(holds.sum()), "keeper"
        )  # fmt: skip
    backed = ~holds & (ledger.coins[rows] > 0.0).any(axis=1)
    if backed.any():
        penalties[backed] = sell_collateral(protocol, rows[backed], [keeper] * int(backed.sum()), "keeper")
    rewards = penalties * protocol.spec.liquidation.keeper_share
    protocol.reward(holder, float(rewards.sum()), keeper)
    return np.asarray(rewards)
