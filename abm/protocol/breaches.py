"""Breaches: found, given an episode, and recorded with all that their causes can be traced by.

A breach is the moment at which an account's free margin turns negative.  Its fall is split from `since` on:
the later of the episode's start and the account's own last change (design of the attribution: docs/attribution.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.ledger import MODES
from abm.protocol.falls import falls

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Episodes", "find_breached", "heal", "record_breaches"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Episodes:
    """Episodes of the whole world: one opens at its first shock and closes after a quiet time.

    The first shock is a scripted one that is under way, or else the first breach after a quiet time.  As a breach
    needs a beginning to be split from, the episode then reaches back to the scripted shock's start, or by one quiet
    time, but not into the episode before it, nor before the opening of the world.
    """

    def __init__(self, quiet: float, opened: float, shocks: list[float]) -> None:
        self.quiet = quiet
        self.number = -1
        self.start = opened
        self._last = -np.inf
        self._opened = opened
        self._shocks = sorted(shocks)

    def at(self, now: float) -> int:
        """The episode of a breach that happens now."""
        if now - self._last > self.quiet:
            floor = max(self._opened, self._last)
            recent = [s for s in self._shocks if floor <= s <= now and now - s <= 6.0 * self.quiet]
            self.start = recent[-1] if recent else max(floor, now - self.quiet)
            self.number += 1
        self._last = now
        return self.number


def find_breached(protocol: Protocol) -> tuple[Ints, Floats]:
    """Rows with negative free margin in order of account id, and the free margin of every row that could have one
    (+inf for all others)."""
    rows, free = protocol.watch.look(protocol.terms, protocol.tape.time)
    return protocol.ledger.by_id(rows[free[rows] < 0.0]), free


def heal(protocol: Protocol, free: Floats, quiet: float) -> None:
    """Close the breaches of accounts that have free margin again, and since acted, or were acted on, or had a quiet time.

    Prices alone close no breach before that, so that an account on the edge does not breach in every other block.
    """
    ledger = protocol.ledger
    looked = protocol.watch.rows
    open_ = looked[ledger.breach[looked] >= 0]
    if not len(open_):
        return
    since = ledger.since[open_]
    over = (ledger.changed[open_] >= since) | (protocol.tape.time - since > quiet)
    healed = open_[(free[open_] >= 0.0) & over]
    own = healed[ledger.changed[healed] == _just_before(ledger.since[healed])]
    ledger.changed[own] = ledger.since[own]
    ledger.breach[healed] = -1
    ledger.since[healed] = np.nan


def record_breaches(protocol: Protocol, rows: Ints, free: Floats, episodes: Episodes) -> Ints:
    """Open a breach for those of the rows (in order of id) that have none; the rows that were new."""
    ledger = protocol.ledger
    new = rows[ledger.breach[rows] < 0]
    if not len(new):
        return new
    tape, terms = protocol.tape, protocol.terms
    now = tape.time
    episode = episodes.at(now)
    since = np.maximum(episodes.start, ledger.changed[new])
    start = _starts(protocol, new, since)
    split = falls(protocol, new, start)
    view = protocol.engine.assess(ledger, terms, new)
    first = tape.log.counts["breaches"]
    ids = np.arange(first, first + len(new))
    time, chain, block = tape.place
    tape.log.rows(
        "breaches", len(new), breach=ids, time=time, chain=chain, block=block, round=tape.round,
        protocol=protocol.name, account=ledger.id[new], owner=ledger.owner[new], cohort=[protocol.cohorts[c] for c in ledger.cohort[new]],
        mode=[MODES[m] for m in ledger.mode[new]], episode=episode, since=protocol.history.time[start],
        free_margin_start=free[new] + split.total, free_margin=free[new], equity=view.equity,
        notional=view.notional, generation=0, deficit=0.0, moves_seen=tape.moves,
        margin_fall=split.margin, haircut_fall=split.haircut, staleness_fall=split.staleness,
        funding_fall=split.funding, own_fall=0.0,
    )  # fmt: skip
    _record_exposures(protocol, split.sensitivity, ids, start)
    ledger.breach[new] = ids
    ledger.since[new] = now
    # what the account did earlier in this block does not heal; `heal` puts the time right again
    ledger.changed[new] = np.minimum(ledger.changed[new], _just_before(ledger.since[new]))
    return new


def _just_before(times: Floats) -> Floats:
    return np.asarray(np.nextafter(times, -np.inf))


def _starts(protocol: Protocol, rows: Ints, since: Floats) -> Ints:
    """Index in the history from which each account's fall is split.

    An account that breaches in the block of its own last change is split from the block before it.
    """
    history = protocol.history
    start = history.at(since)
    same = start >= history.count - 1
    return np.where(same, np.maximum(history.count - 2, 0), start)


def _record_exposures(protocol: Protocol, sensitivity: Floats, ids: Ints, start: Ints) -> None:
    """One row for each price that a breach depends on: sensitivity, and the price at both ends with its source."""
    history = protocol.history
    told = np.isfinite(sensitivity)
    told[:, history.markets :] &= protocol.coin_feed >= 0
    who, which = np.nonzero(told)
    value = sensitivity[who, which]
    now = protocol.current_prices()
    then = start[who]
    protocol.tape.log.rows(
        "exposures", len(who), breach=ids[who], price=protocol.first_price + which, sensitivity=value,
        price_start=history.price[then, which], price_end=now.price[which],
        code_start=history.code[then, which], code_end=now.code[which],
        seen_start=history.seen[then, which], seen_end=now.seen[which],
        moves_start=history.moves[then, which], moves_end=now.moves[which],
    )  # fmt: skip
