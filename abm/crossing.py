"""Coins over bridges: what a bridge's messages do to the treasury."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.chains.bridge import Bridge, End, Message, Refusal
from abm.tape import Tape
from abm.treasury import Treasury

__all__ = ["Crossing"]


@dataclass(frozen=True, slots=True)
class _Payload:
    """Who gets what when a transfer arrives, and what happens then."""

    holders: NDArray[np.int64]
    amounts: NDArray[np.float64]
    arrived: Callable[[], None] | None


class Crossing:
    """All bridges, with the locks they hold in the treasury.

    Transfers to a bridge's target lock on its source and mint on the target; the other way they burn and release.
    """

    def __init__(self, tape: Tape, treasury: Treasury, bridges: Mapping[str, Bridge]) -> None:
        self._tape, self._treasury = tape, treasury
        self.bridges = dict(bridges)
        self._payloads: dict[tuple[str, int], _Payload] = {}
        self._letters: dict[tuple[str, int], Callable[[], None]] = {}

    def tokens(self, bridge: Bridge) -> tuple[int, int]:
        """Columns of the asset at the bridge's source and target."""
        spec = bridge.spec
        return self._treasury.token(spec.asset, spec.source), self._treasury.token(spec.asset, spec.target)

    def vault(self, bridge: Bridge) -> int:
        """Row of the bridge's lock."""
        return self._treasury.holder(f"bridge:{bridge.spec.name}")

    def back_all(self) -> None:
        """Back every bridge at the opening; what is minted from what is itself minted comes first, so that its lock is
        backed too."""
        into = {(b.spec.asset, b.spec.target): b for b in self.bridges.values()}

        def hops(bridge: Bridge) -> int:
            before = into.get((bridge.spec.asset, bridge.spec.source))
            return 0 if before is None else 1 + hops(before)

        for bridge in sorted(self.bridges.values(), key=hops, reverse=True):
            self.back(bridge)

    def back(self, bridge: Bridge) -> None:
        """Lock what stands on the target at the opening: all of it came over the bridge."""
        source, target = self.tokens(bridge)
        outstanding = float(self._treasury.supply[target])
        self._treasury.inject(self.vault(bridge), source, outstanding)
        bridge.locked += outstanding
        bridge.minted += outstanding

    def send(
        self,
        bridge: Bridge,
        sources: NDArray[np.int64],
        targets: NDArray[np.int64],
        amounts: NDArray[np.float64],
        *,
        to_target: bool,
        arrived: Callable[[], None] | None = None,
    ) -> str:
        """Send from some holders to others, as one message; empty, or why it was refused (nothing moved then).

        The reason is the bridge's own, or `funds`: a holder has not what it is to send.
        """
        total = float(amounts.sum())
        at_source, at_target = self.tokens(bridge)
        if not self._treasury.covers(sources, at_source if to_target else at_target, amounts).all():
            return "funds"
        sent = bridge.send(total, self._tape.time, kind="transfer", to="target" if to_target else "source", tag=0)
        if isinstance(sent, Refusal):
            return str(sent.reason)
        if to_target:
            self._treasury.collect(sources, self.vault(bridge), at_source, amounts)
        else:
            self._treasury.inject_many(sources, at_target, -amounts)
        self._payloads[bridge.spec.name, sent.id] = _Payload(targets, amounts, arrived)
        self._tape.event("bridge_send", "", -1, "", bridge.spec.asset, -total, sent.id)
        return ""

    def write(self, bridge: Bridge, *, to_target: bool, arrived: Callable[[], None]) -> str:
        """Send a letter that carries nothing, read at its other end by `arrived`; empty, or why it was refused."""
        sent = bridge.send(0.0, self._tape.time, kind="letter", to="target" if to_target else "source", tag=0)
        if isinstance(sent, Refusal):
            return str(sent.reason)
        self._letters[bridge.spec.name, sent.id] = arrived
        return ""

    def deliver(self, bridge: Bridge, now: float, to: End) -> None:
        """In a block at one end of a bridge, mint or release there what has become final, and read its letters."""
        for message in bridge.deliver(now, to):
            if message.kind == "state":
                continue
            if message.kind == "letter":
                self._letters.pop((bridge.spec.name, message.id))()
                continue
            payload = self._payloads.pop((bridge.spec.name, message.id), None)
            if payload is None:
                payload = self._forged(bridge, message)
            source, target = self.tokens(bridge)
            if message.to == "target":
                self._treasury.inject_many(payload.holders, target, payload.amounts)
            else:
                self._treasury.distribute(self.vault(bridge), payload.holders, source, payload.amounts)
            if payload.arrived is not None:
                payload.arrived()
            self._tape.event("bridge_arrive", "", -1, "", bridge.spec.asset, float(payload.amounts.sum()), message.id)

    def _forged(self, bridge: Bridge, message: Message) -> _Payload:
        """A forged message pays the attacker; booked under its own name, as nothing backs it."""
        attacker = self._treasury.holder(f"forger:{bridge.spec.name}")
        self._tape.event("forged", "", -1, "", bridge.spec.asset, message.paid, message.id)
        return _Payload(np.array([attacker]), np.array([message.paid]), None)
