"""The relayer of a bridge, and how it fails: it is down, it loses messages, it censors, it forges.

Honest by default.  What goes wrong is either scripted (windows, forgeries) or drawn by keys of the relayer's own, so
that nobody else's draws move.  Forging is what took Ronin (2022: five keys of nine) and Kelp's bridge (2026: one of
one): whoever holds the threshold of keys has the bridge release what nothing backs.
"""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from abm.chains.bridge import Bridge, Message, Refusal
from abm.errors import ScenarioError, nearest
from abm.keys import NonNegative, Positive, Span, Spans
from agents.resident import Params, Resident

__all__ = ["Forgery", "Relayer", "RelayerParams"]

DAY = 86400.0
ATTEMPT = 2**40
"""Draws of one message's attempts lie this far apart; no bridge carries so many messages."""


class Forgery(Params):
    """One forged message."""

    at: NonNegative = Field(description="seconds at which it is sent")
    amount: Positive = Field(description="of the bridge's asset")
    verifiers: Annotated[int, Field(ge=0)] = Field(description="how many verifiers' keys the forger then holds")
    to: Literal["source", "target"] = Field("source", description="release the lock, or mint on the target")


class RelayerParams(Params):
    """Keys of a relayer; without any it is honest and always up."""

    bridge: str = Field(description="the bridge")
    stalls: Spans = Field((), description="[from, to] in seconds: nothing is delivered")
    outages: NonNegative = Field(0.0, description="random outages a day, besides those")
    outage_length: Positive = Field(600.0, description="mean seconds of a random outage")
    lose: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="probability that a relay loses its message")
    retry: Positive = Field(300.0, description="seconds after which a lost message is relayed again")
    censors: Annotated[int, Field(ge=0)] = Field(0, description="verifiers that attest nothing in the windows below")
    censoring: Spans = Field((), description="[from, to] in seconds")
    forgeries: tuple[Forgery, ...] = Field((), description="forged messages")


class Relayer(Resident):
    """Looks after one bridge."""

    kind: ClassVar[str] = "relayer"
    Params: ClassVar[type[Params]] = RelayerParams

    def settle(self) -> None:
        """Take over the bridge; it has no other relayer."""
        self.bridge = self._find()
        self.outages = sorted((*self.params.stalls, *self._random_outages()))
        """[from, to] in seconds: all the times at which it is down."""
        self.diary: list[tuple[float, str, float]] = []
        """What it did: time, what, amount (of messages: of the asset)."""
        self._forger = self.world.treasury.holder(f"forger:{self.bridge.name}")
        self._seen = 0
        self._lost: list[tuple[float, int, int]] = []  # when to retry, message, attempt
        self._stalled = self._censoring = False
        self._forgeries = sorted(self.params.forgeries, key=lambda f: f.at)

    def _find(self) -> Bridge:
        where = f"agents.{self.name}.params"
        bridges = self.world.bridges
        if self.params.bridge not in bridges:
            raise ScenarioError(
                f"{where}.bridge", f"unknown bridge '{self.params.bridge}'", nearest(self.params.bridge, bridges)
            )
        bridge = bridges[self.params.bridge]
        needed = max([self.params.censors, *(f.verifiers for f in self.params.forgeries)])
        if needed > bridge.spec.verifiers:
            raise ScenarioError(
                where, f"{needed} verifiers, but '{bridge.name}' has {bridge.spec.verifiers}", "name fewer"
            )
        others = [a.name for a in self.model.inhabitants if isinstance(a, Relayer) and a is not self]
        served = [a.params.bridge for a in self.model.inhabitants if isinstance(a, Relayer) and a is not self]
        if self.params.bridge in served:
            raise ScenarioError(
                f"{where}.bridge", f"'{bridge.name}' has the relayer '{others[served.index(bridge.name)]}' already",
                "remove one",
            )  # fmt: skip
        return bridge

    def _random_outages(self) -> list[Span]:
        """Outages of a Poisson process with exponential lengths, drawn by their number."""
        found: list[Span] = []
        if self.params.outages == 0.0:
            return found
        draws, clock = self.world.draws, self.world.scenario.clock
        end, time = clock.start + clock.duration, clock.start
        while True:
            number = len(found)
            time += DAY / self.params.outages * draws.exponential("outage gap", self.name, number)
            if time >= end:
                return found
            length = self.params.outage_length * draws.exponential("outage length", self.name, number)
            found.append((time, time + length))

    def act(self) -> None:
        """Be down, lose, retry, censor, forge: whatever the hour asks for."""
        now = self.world.now
        self._stall(now)
        self._censor(now)
        self._relay(now)
        self._retry(now)
        self._forge(now)

    def _stall(self, now: float) -> None:
        """Down until the last end of the outages that are on; noted once an outage."""
        until = max((end for begin, end in self.outages if begin <= now < end), default=-np.inf)
        if until > now:
            self.bridge.stall(until)
            if not self._stalled:
                self._note("stall", until - now)
        self._stalled = until > now

    def _censor(self, now: float) -> None:
        """Its verifiers stop attesting in the windows, and begin again after them."""
        censoring = any(begin <= now < end for begin, end in self.params.censoring)
        if censoring != self._censoring:
            self._censoring = censoring
            self.bridge.hold(range(self.params.censors) if censoring else ())
            self._note("censor", float(self.params.censors) if censoring else 0.0)

    def _relay(self, now: float) -> None:
        """Take up the new messages; some are lost."""
        if self.params.lose == 0.0:
            return
        fresh = self.bridge.messages[self._seen :]
        self._seen = len(self.bridge.messages)
        for message in fresh:
            if message.kind != "forged" and message.delivered is None:
                self._carry(message, 0, now)

    def _carry(self, message: Message, attempt: int, now: float) -> None:
        """One attempt at a message."""
        u = self.world.draws.uniform("lose", self.name, message.id + attempt * ATTEMPT)
        if u < self.params.lose:
            self.bridge.drop(message.id)
            self._lost.append((now + self.params.retry, message.id, attempt + 1))
            self._note("lose", message.amount, message.id)

    def _retry(self, now: float) -> None:
        """Relay once more what was lost long enough ago."""
        due = [lost for lost in self._lost if lost[0] <= now]
        self._lost = [lost for lost in self._lost if lost[0] > now]
        for _, number, attempt in due:
            self.bridge.retry(number, now)
            self._note("retry", self.bridge.messages[number].amount, number)
            self._carry(self.bridge.messages[number], attempt, now)

    def _forge(self, now: float) -> None:
        """Take hold of keys and send the forged messages that are due; one that the bridge refuses is given up."""
        while self._forgeries and self._forgeries[0].at <= now:
            forgery = self._forgeries.pop(0)
            self.bridge.corrupt(range(forgery.verifiers))
            sent = self.bridge.forge(forgery.amount, now, forgery.to)
            if isinstance(sent, Refusal):
                self._note(f"refused: {sent.reason}", forgery.amount)
            else:
                self._note("forge", forgery.amount, sent.id)

    def _note(self, what: str, amount: float, message: int = -1) -> None:
        """An entry of the diary, and an event."""
        self.actions += 1
        self.diary.append((self.world.now, what, amount))
        kind = f"relayer_{what.partition(':')[0]}"
        self.world.tape.event(kind, "", -1, "", self.bridge.spec.asset, amount, message)

    def wealth(self) -> float:
        """Its wallets, and what forged messages were paid."""
        if not self.params.forgeries:
            return super().wealth()
        loot = self.world.treasury.balance[self._forger]
        return super().wealth() + float(loot @ self.world.prices_by_token())
