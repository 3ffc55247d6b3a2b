"""A lock-and-mint bridge: what is locked on the source chain is minted on the target, told by attested messages.

A transfer to the target locks when sent and mints when delivered; one to the source burns when sent and releases when
delivered.  Messages may also tell state (balances), or be letters between contracts, and carry nothing.  A chain that
is out sends none.  A message is ready once its origin's block is final and the relay delay has passed, and is delivered in a block of its destination
when k of n verifiers attest it.  An attacker who holds k keys forges messages that nothing backs, and the bridge serves
them like any other (Ronin in 2022: five keys of nine).

The bridge books no money: who pays or is paid, the caller reads from the messages.  Amounts are in the asset, and
caps are compared with them as they are.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from abm.chains.chain import Chain
from abm.spec import BridgeSpec

__all__ = ["Bridge", "End", "Message", "Refusal"]

End = Literal["source", "target"]

HOUR = 3600.0
ROUNDING = 1e-12
"""Part of the most that was ever locked or minted which is taken for rounding of the running sums."""


@dataclass(slots=True, eq=False)
class Message:
    """A message over the bridge."""

    id: int
    """Counts the bridge's messages from 0."""
    kind: Literal["transfer", "state", "letter", "forged"]
    sent: float
    to: End
    amount: float
    """Of the asset; what a state message carries is the sender's business."""
    tag: int
    """The sender's own mark; -1 on a forged message."""
    ready: float
    """Seconds: final on the origin chain and relayed."""
    attestations: set[int] = field(default_factory=set)
    """Verifiers that vouch for it."""
    delivered: float | None = None
    paid: float = 0.0
    """Minted or released at delivery: the amount, but a forged release gets at most what is locked."""
    lost: bool = False
    """A relayer has lost it, and it waits for a retry."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the bridge did not accept a message."""

    reason: Literal["halted", "outage", "cap", "flow cap", "attestations"]


class Bridge:
    """One bridge: its locks, its wrapped supply and its messages.

    Public: `locked` and `minted` (asset), `in_flight` (asset on its way, by destination), `messages` (all, by id).
    Without forgery locked = minted + in flight to the target + in flight to the source (burnt, not yet released).
    Coins that are across when the world opens: add them to `locked` and `minted` before the first message.

    Parameters
    ----------
    spec
        The bridge.
    source, target
        The chains at its ends: when they are out, and when a block of theirs is final.
    """

    def __init__(self, spec: BridgeSpec, source: Chain, target: Chain) -> None:
        self.name, self.spec = spec.name, spec
        self.locked = self.minted = 0.0
        self.in_flight: dict[End, float] = {"target": 0.0, "source": 0.0}
        self.messages: list[Message] = []
        self._origin: dict[End, Chain] = {"target": source, "source": target}
        # (ready, id) of what is neither delivered nor lost, in order
        self._queue: dict[End, list[tuple[float, int]]] = {"target": [], "source": []}
        self._flow: dict[End, deque[tuple[float, float]]] = {"target": deque(), "source": deque()}
        self._told: dict[End, tuple[list[float], list[float]]] = {"target": ([], []), "source": ([], [])}
        self._idle: frozenset[int] = frozenset()
        self._corrupt: frozenset[int] = frozenset()
        self._stalled_until = -float("inf")
        self._peak = 0.0  # most that was locked or minted

    def halted(self, now: float) -> bool:
        """Whether nothing is accepted or released: from a halt's beginning on, no longer at its end."""
        return any(begin <= now < end for begin, end in self.spec.halts)

    def send(
        self, amount: float, now: float, *, kind: Literal["transfer", "state", "letter"], to: End, tag: int
    ) -> Message | Refusal:
        """Send a message: lock (to the target) or burn (to the source) the amount of a transfer.

        Refused while the chain that it is sent from is out.

        Raises
        ------
        ValueError
            A transfer of nothing or less, or a burn of more than there is.
        """
        if self.halted(now):
            return Refusal("halted")
        if self._origin[to].is_out(now):
            return Refusal("outage")
        if kind == "transfer":
            refusal = self._take(amount, now, to)
            if refusal:
                return refusal
        return self._enqueue(kind, amount, now, to, tag, self._origin[to].final_at(now) + self.spec.delay)

    def forge(self, amount: float, now: float, to: End) -> Message | Refusal:
        """A transfer that nothing backs, attested by the corrupt verifiers and relayed by the attacker at once.

        Refused where they are fewer than the threshold.  It counts towards the hourly flow, which is the one limit
        that it meets; to the target it mints, to the source it releases as much as is locked.

        Raises
        ------
        ValueError
            It is of nothing or less.
        """
        if self.halted(now):
            return Refusal("halted")
        if len(self._corrupt) < self.spec.threshold:
            return Refusal("attestations")
        if not self._flows(amount, now, to):
            return Refusal("flow cap")
        message = self._enqueue("forged", amount, now, to, -1, now)
        message.attestations |= self._corrupt
        return message

    def hold(self, verifiers: Collection[int]) -> None:
        """These verifiers attest nothing from now on (offline, or censoring), all others do; (): all do."""
        self._idle = self._checked(verifiers)

    def corrupt(self, verifiers: Collection[int]) -> None:
        """These verifiers' keys are the attacker's; towards genuine messages they behave as before, unless on hold."""
        self._corrupt = self._checked(verifiers)

    def stall(self, until: float) -> None:
        """The relayer is down: nothing is delivered before `until`; a time that has passed ends it."""
        self._stalled_until = until

    def drop(self, message_id: int) -> None:
        """A relayer loses a message: it is in flight still, and not delivered until `retry`.

        Raises
        ------
        ValueError
            It is not waiting to be delivered.
        """
        message = self.messages[message_id]
        if message.lost or message.delivered is not None:
            raise ValueError(f"{self.name}: message {message_id} is not waiting, so it cannot be lost")
        self._queue[message.to].remove((message.ready, message_id))
        message.lost = True

    def retry(self, message_id: int, now: float) -> None:
        """Relay a lost message once more: it is ready after the relay delay, and not before it is final.

        Raises
        ------
        ValueError
            It is not lost.
        """
        message = self.messages[message_id]
        if not message.lost:
            raise ValueError(f"{self.name}: message {message_id} is not lost, so it cannot be retried")
        message.lost, message.ready = False, max(message.ready, now + self.spec.delay)
        insort(self._queue[message.to], (message.ready, message_id))

    def deliver(self, now: float, to: End) -> list[Message]:
        """In a block at one end, deliver there what is ready and attested, in order of ready, then id.

        Honest verifiers that are not on hold attest all genuine messages that are ready.  A genuine release for which
        too little is locked, after a forgery, waits until there is enough; later ones that fit go before it.
        """
        queue = self._queue[to]
        if not queue or queue[0][0] > now or now < self._stalled_until or self.halted(now):
            return []
        due = bisect_right(queue, (now, len(self.messages)))
        willing = self._willing()
        delivered, stuck = [], []
        for entry in queue[:due]:
            message = self.messages[entry[1]]
            if message.kind != "forged":
                message.attestations |= willing
            if len(message.attestations) >= self.spec.threshold and self._payable(message):
                self._settle(message, now)
                delivered.append(message)
            else:
                stuck.append(entry)
        queue[:due] = stuck
        return delivered

    def last_state(self, now: float, to: End | None = None) -> float:
        """Seconds: when the newest state message delivered by `now` was sent (-inf: none), to one end or to either."""
        newest = -float("inf")
        for end, (times, sents) in self._told.items():
            count = bisect_right(times, now)
            if count and to in (None, end):
                newest = max(newest, sents[count - 1])
        return newest

    def _take(self, amount: float, now: float, to: End) -> Refusal | None:
        """Lock or burn, unless a limit forbids it."""
        self._peak = max(self._peak, self.locked, self.minted)
        if to == "source" and amount > self.minted + self._slack():
            raise ValueError(f"{self.name}: a burn of {amount}, but only {self.minted} is minted")
        if to == "target" and self.locked + amount > self.spec.cap:
            return Refusal("cap")
        if not self._flows(amount, now, to):
            return Refusal("flow cap")
        if to == "target":
            self.locked += amount
        else:
            self.minted = max(self.minted - amount, 0.0)
        self.in_flight[to] += amount
        return None

    def _flows(self, amount: float, now: float, to: End) -> bool:
        """Count an amount towards the hour's flow, if there is room for it."""
        if not amount > 0.0:
            raise ValueError(f"{self.name}: a transfer of {amount} moves nothing")
        flow = self._flow[to]
        while flow and flow[0][0] <= now - HOUR:
            flow.popleft()
        if sum(past for _, past in flow) + amount > self.spec.flow_cap:
            return False
        flow.append((now, amount))
        return True

    def _enqueue(
        self, kind: Literal["transfer", "state", "letter", "forged"], amount: float, now: float, to: End, tag: int,
        ready: float,
    ) -> Message:  # fmt: skip
        message = Message(len(self.messages), kind, now, to, amount, tag, ready)
        self.messages.append(message)
        insort(self._queue[to], (ready, message.id))
        return message

    def _willing(self) -> frozenset[int]:
        """Verifiers that attest whatever is genuine and ready."""
        return frozenset(range(self.spec.verifiers)) - self._idle

    def _payable(self, message: Message) -> bool:
        if message.kind != "transfer" or message.to == "target":
            return True
        return message.amount <= self.locked + self._slack()

    def _settle(self, message: Message, now: float) -> None:
        """Mint, release or take note."""
        message.delivered = now
        if message.kind == "state":
            self._note(message, now)
        if message.kind in ("state", "letter"):
            return
        if message.kind == "transfer":
            self.in_flight[message.to] = max(self.in_flight[message.to] - message.amount, 0.0)
        if message.to == "target":
            message.paid = message.amount
            self.minted += message.paid
        else:
            message.paid = min(message.amount, self.locked)
            self.locked -= message.paid

    def _note(self, message: Message, now: float) -> None:
        times, sents = self._told[message.to]
        times.append(now)
        sents.append(max(message.sent, sents[-1] if sents else message.sent))

    def _slack(self) -> float:
        """Rounding to be allowed for, in the asset."""
        return ROUNDING * self._peak

    def _checked(self, verifiers: Collection[int]) -> frozenset[int]:
        chosen = frozenset(verifiers)
        strangers = sorted(v for v in chosen if not 0 <= v < self.spec.verifiers)
        if strangers:
            raise ValueError(f"{self.name}: there is no verifier {strangers[0]} among {self.spec.verifiers}")
        return chosen
