"""A chain: a mempool that becomes blocks, with fees, congestion, finality and outages.

Transactions reach the mempool at their arrival.  A block takes those that have arrived by tip, then arrival, as far
as the gas goes that traffic outside the model leaves, and moves the base fee by EIP-1559.  What a transaction does is
the caller's: the chain returns what was included, in order, and runs nothing itself.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from abm.spec import ChainSpec

__all__ = ["Chain", "Inclusion", "Transaction", "next_base_fee"]

FEE_RANGE = 1000.0
"""Base fee at most over base fee at the start.

Demand outside the model does not answer to the fee here.  Without bounds a calm stretch would sink the fee to nothing,
and a full one compound it without end (1.125 ** 60 is a thousand), from neither of which it would be back in time.
"""


@dataclass(slots=True, eq=False)
class Transaction:
    """A transaction on its way to a block; `(sender, sequence)` is its identity.

    Several units make a bundle, which a block may include in part, from unit 0 on.
    """

    sender: str
    sequence: int
    """Counts the sender's transactions; it breaks ties, and a gap in it holds nothing up."""
    kind: str
    arrival: float
    """Seconds: when it reaches the mempool, latency included."""
    tip: float
    """USD per unit of gas over the base fee."""
    gas: float
    """Gas per unit."""
    run: "Callable[[Inclusion], None]"
    """What it does when included."""
    units: int = 1
    drop: "Callable[[Transaction], None] | None" = None
    """Called when it expires with units not included."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Units `first` to `last` (excluded) of a transaction in a block."""

    transaction: Transaction
    first: int
    last: int
    time: float
    height: int
    fee: float
    """USD paid for these units: gas * (base fee + tip)."""


Waiting = tuple[float, float, str, int, Transaction]


def next_base_fee(base_fee: float, fullness: float, change: float) -> float:
    """USD per gas: the base fee after a block of which a share `fullness` of the gas limit was used.

    The target is half the limit, `change` the largest relative move.  Source: https://eips.ethereum.org/EIPS/eip-1559
    (there in whole wei, with change 1/8).
    """
    return base_fee * (1.0 + change * (2.0 * fullness - 1.0))


class Chain:
    """One chain's mempool and blocks.

    `height` counts blocks (0: none yet), `time` is that of the newest, `base_fee` (USD per gas) holds for the next
    and stays between its start and a thousand times that.
    """

    def __init__(self, spec: ChainSpec) -> None:
        self.name, self.interval = spec.name, spec.interval
        self.height, self.time, self.base_fee = 0, 0.0, spec.base_fee
        self._fee_floor, self._fee_change = spec.base_fee, spec.base_fee_change
        self._gas_limit, self._expiry, self._finality = spec.gas_limit, spec.expiry, spec.finality
        self._background, self._response = spec.background_gas, spec.background_response
        self._outages = _merged(spec.outages)
        self._sells_priority = True
        self._congestion = 0.0
        self._coming: list[tuple[float, str, int, Transaction]] = []  # heap by arrival
        self._waiting: list[Waiting] = []  # arrived, in the order in which blocks take them
        self._next_unit: dict[tuple[str, int], int] = {}  # of everything in the mempool or on its way there
        self._units = 0
        self._least_gas = math.inf  # no unit of what waits takes less

    @classmethod
    def exchange(cls, name: str, interval: float) -> Self:
        """An exchange's own matching engine: no gas limit, fee, finality, expiry or outside traffic; first come first
        served, whatever the tip."""
        engine = cls(
            ChainSpec(name=name, interval=interval, base_fee=0.0, base_fee_change=0.0, finality=0.0, background_gas=0.0)
        )
        engine._gas_limit = engine._expiry = math.inf
        engine._sells_priority = False
        return engine

    @property
    def congestion(self) -> float:
        """Share of the newest block's gas limit that was used, outside traffic included; 0 before the first."""
        return self._congestion

    @property
    def responds(self) -> bool:
        """Whether outside traffic grows with stress: where not, `produce` needs no stress."""
        return self._background * self._response > 0.0

    @property
    def pending(self) -> int:
        """Units submitted and neither included nor dropped yet, those on their way to the mempool included."""
        return self._units

    def submit(self, transaction: Transaction) -> None:
        """Send a transaction to the mempool.

        Raises
        ------
        ValueError
            A transaction of this sender and sequence is waiting already, or it has no unit.
        """
        identity = (transaction.sender, transaction.sequence)
        if identity in self._next_unit:
            raise ValueError(f"{self.name}: transaction {identity[1]} of {identity[0]} is waiting already")
        if transaction.units < 1:
            raise ValueError(f"{self.name}: transaction {identity[1]} of {identity[0]} has no unit")
        self._next_unit[identity] = 0
        self._units += transaction.units
        heapq.heappush(self._coming, (transaction.arrival, *identity, transaction))

    def is_out(self, time: float) -> bool:
        """Whether an outage is on: from its beginning on, no longer at its end."""
        return any(begin <= time < end for begin, end in self._outages)

    def final_at(self, block_time: float) -> float:
        """Seconds: when a block of that time is final; finality does not advance during an outage."""
        final = block_time + self._finality
        for begin, end in self._outages:
            if begin < final and end > block_time:
                final += end - max(begin, block_time)
        return final

    def produce(self, now: float, stress: float = 0.0) -> list[Inclusion]:
        """The block at `now`: what it includes, in order; the caller runs them.

        `stress` is realised over usual volatility less one: outside traffic takes
        background_gas * (1 + background_response * max(stress, 0)) of the block.  What has waited longer than its
        expiry is dropped first, during an outage too; during one there is no block, and the mempool waits.
        """
        coming, expired = self._coming, []
        if coming and coming[0][0] <= now:
            self._admit(now)
        if self._waiting:
            expired = self._expire(now)
        included = [] if self._outages and self.is_out(now) else self._block(now, stress)
        for transaction in expired:
            if transaction.drop is not None:
                transaction.drop(transaction)
        return included

    def _admit(self, now: float) -> None:
        """Move what has arrived into the ranks of the waiting."""
        coming, waiting = self._coming, self._waiting
        while coming and coming[0][0] <= now:
            arrival, sender, sequence, transaction = heapq.heappop(coming)
            tip = transaction.tip if self._sells_priority else 0.0
            waiting.append((-tip, arrival, sender, sequence, transaction))
            self._least_gas = min(self._least_gas, transaction.gas)
        waiting.sort()

    def _expire(self, now: float) -> list[Transaction]:
        """Take out what has waited too long, in rank order."""
        oldest = now - self._expiry
        expired = [entry[4] for entry in self._waiting if entry[1] < oldest]
        if expired:
            self._waiting = [entry for entry in self._waiting if entry[1] >= oldest]
            for transaction in expired:
                first = self._next_unit.pop((transaction.sender, transaction.sequence))
                self._units -= transaction.units - first
        return expired

    def _block(self, now: float, stress: float) -> list[Inclusion]:
        outside = min(self._background * (1.0 + self._response * max(stress, 0.0)), 1.0)
        self.height += 1
        self.time = now
        included, used = self._fill(self._gas_limit * (1.0 - outside)) if self._waiting else ([], 0.0)
        self._congestion = outside + used / self._gas_limit
        wanted = next_base_fee(self.base_fee, self._congestion, self._fee_change)
        self.base_fee = min(max(wanted, self._fee_floor), self._fee_floor * FEE_RANGE)
        return included

    def _fill(self, room: float) -> tuple[list[Inclusion], float]:
        """Include by rank as many units as `room` holds, passing over what does not fit; and the gas they use."""
        included, left, used = [], [], 0.0
        for rank, entry in enumerate(self._waiting):
            if room - used < self._least_gas:
                left += self._waiting[rank:]
                break
            transaction, identity = entry[4], (entry[2], entry[3])
            first = self._next_unit[identity]
            last = first + _fitting(transaction.gas, transaction.units - first, room - used)
            if last > first:
                used += transaction.gas * (last - first)
                included.append(self._included(transaction, first, last, -entry[0]))
            if last < transaction.units:
                self._next_unit[identity] = last
                left.append(entry)
            else:
                del self._next_unit[identity]
        self._waiting = left
        if not left:
            self._least_gas = math.inf
        return included, used

    def _included(self, transaction: Transaction, first: int, last: int, tip: float) -> Inclusion:
        self._units -= last - first
        fee = transaction.gas * (last - first) * (self.base_fee + tip)
        return Inclusion(transaction, first, last, self.time, self.height, fee)


def _fitting(gas: float, units: int, room: float) -> int:
    """How many of the units, each of that gas, fit into the room."""
    return units if gas * units <= room else max(int(room // gas), 0)


def _merged(spans: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The same times as disjoint spans in order."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif begin < end:
            merged.append((begin, end))
    return tuple(merged)
