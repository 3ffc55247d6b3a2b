"""One protocol's office for margin passports: both sides of it, what it hears, and what it says.

A step (issue, reserve, commit, open, void, release, close) is one transaction: a chain makes it whole or not at all.
Between the steps, and between a step and the letter that tells of it, an office can go down; what it knows outlives that.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from abm.protocol.passport.document import Holdings, Letter, Passport, genuine, sign
from abm.protocol.passport.holdings import assess
from abm.protocol.passport.link import Links, OpenLink
from abm.protocol.passport.source import Source
from abm.protocol.passport.target import Target

if TYPE_CHECKING:
    from abm.protocol.passport.post import Post
    from abm.protocol.protocol import Protocol

__all__ = ["POINTS", "Office", "key_of"]

POINTS = (
    "issue", "issue told", "reserve", "reserve told", "commit", "commit told", "open", "open told", "void", "void told",
    "release", "release told", "close", "told again",
)  # fmt: skip
"""Where an office can go down: before each step, and between it and its letter."""

STATEMENTS = 60.0
"""Seconds between the statements of a link."""

FROM_SOURCE = ("offer", "commit", "void")
"""Letters that only a passport's source may write."""


def key_of(protocol: str) -> bytes:
    """A protocol's signing key."""
    return hashlib.sha256(f"passport key of {protocol}".encode()).digest()


class Office:
    """Margin passports of one protocol.

    Attributes
    ----------
    source, target
        Passports that it has issued, and that were shown to it.
    links
        What it and other protocols owe each other.
    faults
        Points at which it goes down once, with seconds for how long: crashes to be planned from outside.
    down_until
        Seconds: before that it neither hears nor says nor does anything.
    """

    def __init__(self, protocol: Protocol, post: Post, open_link: OpenLink) -> None:
        self.protocol, self.post = protocol, post
        self.links = Links(protocol, open_link)
        self.source, self.target = Source(self), Target(self)
        self.faults: dict[str, float] = {}
        self.down_until = -np.inf
        self._key = key_of(protocol.name)
        self._stated = -np.inf

    def reaches(self, point: str) -> bool:
        """Whether it is up at a point; a planned crash happens here."""
        now = self.protocol.tape.time
        if point in self.faults:
            self.down_until = max(self.down_until, now + self.faults.pop(point))
        return bool(now >= self.down_until)

    # letters

    def say(self, letter: Letter) -> str:
        """Sign and send; empty, or why it did not go."""
        return self.post.send(sign(letter, self._key))

    def receive(self, letter: Letter) -> None:
        """Read a letter; one that is not genuine is noted, and changes nothing."""
        if self.protocol.tape.time < self.down_until:
            return
        passport = letter.passport
        if not self._credible(letter):
            self.log(passport, "forged", letter.kind)
            return
        if passport is None:
            self._settle(letter)
        elif letter.kind == "offer":
            self.target.offered(letter, passport)
        elif letter.kind == "commit":
            self.target.committed(letter, passport)
        elif letter.kind == "void":
            self.target.voided(passport)
        elif letter.kind == "accept":
            self.source.accepted(letter)
        elif letter.kind == "refuse":
            self.source.refused(letter)
        elif letter.kind == "done":
            self.source.done(letter)

    def _credible(self, letter: Letter) -> bool:
        """Whether a known protocol has signed it, it is meant for this one, and its sender may say that."""
        name, passport = self.protocol.name, letter.passport
        if letter.to != name or letter.sender == name or self.post.protocol(letter.sender) is None:
            return False
        if not genuine(letter, key_of(letter.sender)):
            return False
        if passport is None:
            return letter.kind == "statement"
        ends = (passport.source, passport.target)
        return ends == ((letter.sender, name) if letter.kind in FROM_SOURCE else (name, letter.sender))

    # money

    def escrow(self, passport: Passport) -> int:
        """Row of the treasury in which coins of accounts in transit lie."""
        return self.protocol.treasury.holder(f"passport:{passport.source}>{passport.target}")

    def _settle(self, letter: Letter) -> None:
        """Pay what a statement shows to be owed, unless an account is on its way there."""
        known = letter.sender in self.links.accounts
        if not known or not self.links.is_news(letter) or self._under_way(letter.sender):
            return
        owed = self.links.owed(letter)
        sent = self.post.pay(self.protocol.name, letter.sender, owed) if owed > 0.0 else 0.0
        if sent > 0.0:
            self.links.send(letter.sender, sent)

    def _under_way(self, peer: str) -> bool:
        return any(i.final is not None and i.passport.target == peer for i in self.source.pending.values())

    # time

    def work(self, now: float) -> None:
        """What is due in a block."""
        if now < self.down_until:
            return
        self.source.work(now)
        if self.links.accounts and now - self._stated >= STATEMENTS:
            self._stated = now
            for peer in sorted(self.links.accounts):
                self.say(self.links.statement(peer))

    # looking

    def log(
        self, passport: Passport | None, step: str, reason: str = "", *, holdings: Holdings | None = None
    ) -> None:  # fmt: skip
        """A row of `passports`: a step, and what the account is worth here at that moment, if it is known here."""
        p = self.protocol
        equity, im = None, None
        if holdings is not None and passport is not None:
            view = assess(p, holdings, passport.mode)
            equity, im = float(view.equity[0]), float(view.im[0])
        named = passport if passport is not None else Passport(
            -1, "", "", -1, -1, 0, 0, "", 0.0, 0, 0.0, Holdings(0.0, (), (), 0.0), ""
        )  # fmt: skip
        p.tape.log.row(
            "passports", *p.tape.place, named.number, named.source, named.target, named.account, named.owner, step,
            p.name, reason, equity, im, named.expiry,
        )  # fmt: skip
