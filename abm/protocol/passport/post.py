"""Letters and money between protocols: over the bridge that joins their chains, or in the next block of one chain.

A letter arrives late, twice, in another order than it was sent, or never.  What is owed between two protocols goes over
the bridge as coins, locked and minted or burnt and released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from abm.chains.bridge import Bridge
from abm.crossing import Crossing
from abm.protocol.passport.document import Holdings, Letter, Passport
from abm.protocol.passport.holdings import assess
from abm.protocol.passport.link import OpenLink
from abm.protocol.passport.mirror import escrow_errors, mirror_errors
from abm.protocol.passport.office import Office

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Post"]


class Post:
    """The offices of all protocols that have to do with passports, by name, and the ways between them."""

    def __init__(self, protocols: Mapping[str, Protocol], crossing: Crossing, open_link: OpenLink) -> None:
        self._protocols, self._crossing, self._open_link = protocols, crossing, open_link
        self.offices: dict[str, Office] = {}
        self._here: list[tuple[str, float, Callable[[], None]]] = []  # within a chain: which, when sent, what happens

    def office(self, name: str) -> Office:
        """The office of a protocol, opened when it is new."""
        if name not in self.offices:
            self.offices[name] = Office(self._protocols[name], self, self._open_link)
        return self.offices[name]

    def protocol(self, name: str) -> Protocol | None:
        """A protocol by name."""
        return self._protocols.get(name)

    def joined(self, a: str, b: str) -> bool:
        """Whether two protocols are on one chain, or a bridge for the settlement asset of both joins theirs."""
        p, q = self._protocols[a], self._protocols[b]
        return p.spec.settlement == q.spec.settlement and (p.chain == q.chain or self._bridge(p, q) is not None)

    def _bridge(self, p: Protocol, q: Protocol) -> Bridge | None:
        """The first bridge for the settlement asset between two chains."""
        for bridge in self._crossing.bridges.values():
            spec = bridge.spec
            if {spec.source, spec.target} == {p.chain, q.chain} and spec.asset == p.spec.settlement:
                return bridge
        return None

    def send(self, letter: Letter) -> str:
        """Send a letter; empty, or why it did not go."""
        p, q = self._protocols[letter.sender], self._protocols[letter.to]

        def arrived() -> None:
            self.office(q.name).receive(letter)

        bridge = self._bridge(p, q)
        if p.chain == q.chain:
            self._here.append((p.chain, p.tape.time, arrived))
            return ""
        if bridge is None:
            return "no way"
        return self._crossing.write(bridge, to_target=bridge.spec.target == q.chain, arrived=arrived)

    def pay(self, payer: str, payee: str, amount: float) -> float:
        """Cash from one protocol to another's; what was sent of it, as far as the bridge takes it."""
        p, q = self._protocols[payer], self._protocols[payee]

        def arrived() -> None:
            self.office(payee).links.receive(payer, amount)

        if p.chain == q.chain:
            p.treasury.move(p.holder, q.holder, p.cash_token, amount)
            arrived()
            return amount
        bridge = self._bridge(p, q)
        if bridge is None:
            return 0.0
        to_target = bridge.spec.target == q.chain
        amount = amount if to_target else min(amount, bridge.minted)
        holders = np.array([p.holder]), np.array([q.holder])
        if amount <= 0.0 or self._crossing.send(
            bridge, *holders, np.array([amount]), to_target=to_target, arrived=arrived
        ):
            return 0.0
        return amount

    def work(self, chain: str, now: float) -> None:
        """In a block of a chain: what was sent within it earlier arrives, and its protocols' offices do what is due."""
        due = [arrived for place, sent, arrived in self._here if place == chain and sent < now]
        if due:
            self._here = [letter for letter in self._here if letter[0] != chain or letter[1] >= now]
            for arrived in due:
                arrived()
        for office in list(self.offices.values()):
            if office.protocol.chain == chain:
                office.work(now)

    # looking

    def pairs(self) -> list[tuple[Protocol, Protocol]]:
        """Protocols between which something has moved, each pair once, in order of name."""
        linked = {
            tuple(sorted((name, peer))) for name, office in self.offices.items() for peer in office.links.accounts
        }
        return [(self._protocols[a], self._protocols[b]) for a, b in sorted(linked)]

    def phase(self, passport: Passport) -> str:
        """Where a passport is: `issued`, `transit` (the source has written the account off), `opened` or `void`."""
        issue = self.office(passport.source).source.issues[passport.number]
        if issue.phase != "committed":
            return "void" if issue.phase == "void" else "issued"
        return "opened" if self.office(passport.target).target.opened(passport) else "transit"

    def in_transit(self) -> list[tuple[Passport, Holdings]]:
        """What has been written off at a source and not been opened at its target yet."""
        return [
            (issue.passport, issue.final)
            for office in list(self.offices.values())
            for issue in office.source.pending.values()
            if issue.final is not None and not self.office(issue.passport.target).target.opened(issue.passport)
        ]

    def worth(self, owner: int) -> float:
        """Equity of an owner's accounts in transit, at the prices of the protocols that they have left, USD."""
        mine = [(passport, holdings) for passport, holdings in self.in_transit() if passport.owner == owner]
        return sum(
            float(assess(self._protocols[passport.source], holdings, passport.mode).equity[0])
            for passport, holdings in mine
        )

    def errors(self) -> dict[str, float]:
        """What does not add up between protocols, as a fraction of the gross: positions of the links of each pair with
        those in transit, by coin; coins in transit, by protocol and token.  Empty where nothing has ever moved."""
        return mirror_errors(self) | escrow_errors(self)
