"""The feed of one oracle: reads its sources, sends what has moved or is due, and holds what the chain has been told.

An update is sent when a value has moved by more than the deviation from the one last sent, or when the heartbeat has
passed since then (the rule of Chainlink's data feeds, https://docs.chain.link/architecture-overview/architecture-decentralized-model).
It takes effect when the transaction that carries it is included, which the caller tells by `publish`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.errors import ScenarioError
from abm.oracles.aggregation import KINDS, Floats, Ints, aggregate
from abm.spec import OracleSpec

__all__ = ["Feed", "Update", "mark_due", "mark_due_python"]

NEVER = -np.inf


@dataclass(frozen=True, slots=True)
class Update:
    """One asset's new value on its way to the chain."""

    asset: int
    """Its place among the feed's assets."""
    value: float
    """USD."""
    code: int
    """Which sources it came from (`aggregation.terms`)."""
    seen: float
    """Seconds: when they were read."""
    moves_seen: int
    """How many price moves had happened then."""
    sequence: int
    """Counts the feed's updates from 0."""


def mark_due_python(
    now: float, value: Floats, sent: Floats, sent_at: Floats, deviation: float, heartbeat: float, due: NDArray[np.bool_]
) -> int:
    """How many values are to be sent, marked in `due` (bool[A]).

    A value that is not a number never is; the first after one that was not is at once.
    """
    count = 0
    for a in range(len(value)):
        moved = not abs(value[a] - sent[a]) <= deviation * sent[a]
        due[a] = value[a] > 0.0 and (moved or now - sent_at[a] >= heartbeat)
        count += due[a]
    return count


mark_due = njit(cache=True)(mark_due_python)


class Feed:
    """One oracle's prices on its chain, for A assets.

    Arrays over assets: `price` (USD), `seen` (seconds, when its sources were read), `code` (which sources), `moves`
    (price moves that had happened then), `published` (seconds, when the chain took it).  Before the first publication
    a price is nan and its times are -inf.

    Parameters
    ----------
    spec
        The oracle.
    assets
        Names, in the order of all arrays.
    sources
        int64[A, S]: the books that it reads, padded with -1.

    Raises
    ------
    ScenarioError
        An asset that no source trades.
    """

    def __init__(self, spec: OracleSpec, assets: tuple[str, ...], sources: Ints) -> None:
        unsourced = [name for name, row in zip(assets, sources, strict=True) if (row < 0).all()]
        if unsourced:
            raise ScenarioError(
                f"oracles.{spec.name}.assets",
                f"none of its sources trades {unsourced[0]}",
                "name a venue that does under sources, or leave the asset out",
            )
        count = len(assets)
        self.name, self.assets, self.sources = spec.name, assets, sources
        self.price = np.full(count, np.nan)
        self.seen, self.published = np.full(count, NEVER), np.full(count, NEVER)
        self.code, self.moves = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._kind, self._deviation, self._heartbeat = KINDS[spec.aggregation], spec.deviation, spec.heartbeat
        self._sent, self._sent_at = np.full(count, np.nan), np.full(count, NEVER)
        self._newest = np.full(count, -1)  # sequence of each asset's newest update
        self._due = np.zeros(count, np.bool_)
        self._sequence = 0
        self._outages = spec.outages

    def open(self, now: float, last: Floats) -> None:
        """First values, there without delay; `last` is float64[B], the books' last prices."""
        self.price[:], self.code[:] = aggregate(last, self.sources, self._kind)
        self.seen[:] = self.published[:] = self._sent_at[:] = now
        self._sent[:] = self.price

    def sample(self, now: float, last: Floats, moves_seen: int) -> list[Update]:
        """Read the sources, once per `spec.sampling`: the updates to be sent, in order of assets.

        Deviation and heartbeat count from the last value sent, whether or not the chain has it yet.  During an outage
        nothing is sent: from its beginning on, no longer at its end.
        """
        if any(begin <= now < end for begin, end in self._outages):
            return []
        value, code = aggregate(last, self.sources, self._kind)
        if not mark_due(now, value, self._sent, self._sent_at, self._deviation, self._heartbeat, self._due):
            return []
        return [self._send(int(a), value[a], code[a], now, moves_seen) for a in np.flatnonzero(self._due)]

    def publish(self, update: Update, now: float) -> bool:
        """The chain takes an update; false, and nothing, if what it has was read later."""
        a = update.asset
        if update.seen < self.seen[a]:
            return False
        self.price[a], self.code[a] = update.value, update.code
        self.seen[a], self.moves[a], self.published[a] = update.seen, update.moves_seen, now
        return True

    def dropped(self, update: Update) -> None:
        """An update's transaction has expired: unless a newer one is under way, deviation and heartbeat count again
        from what the chain has."""
        a = update.asset
        if self._newest[a] == update.sequence:
            self._sent[a], self._sent_at[a] = self.price[a], self.seen[a]

    def _send(self, a: int, value: float, code: int, now: float, moves_seen: int) -> Update:
        update = Update(a, float(value), int(code), now, moves_seen, self._sequence)
        self._sequence += 1
        self._sent[a], self._sent_at[a], self._newest[a] = value, now, update.sequence
        return update
