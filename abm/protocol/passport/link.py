"""What two protocols owe each other: the other side of positions that have moved between them.

On each protocol an account of the other, the *link*, of mode `system`: at the source it takes over what the account held,
at the target it holds the opposite, so that the sizes of every market still add up to zero on both and the two links mirror
each other.  It is the mutual offset of clearing houses (CME and SGX since 1984): the client's position is carried by the
one, and the two hold it between each other.

What the links gain and lose is settled in cash.  Each side tells the other the equity of its link and what it has sent and
received; the one that is better off pays half of the difference, and no more than its own link is worth, whatever the
other says.  So what the two markets' marks and fundings differ by is not paid to and fro, and nothing is paid twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from abm.protocol.passport.document import Letter

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["LEAST", "Links", "OpenLink"]

LEAST = 1.0
"""USD below which nothing is paid."""

OpenLink = Callable[["Protocol", str], int]
"""Opens the link of a protocol with another by name; the account's id."""


class Links:
    """The links of one protocol, by the other's name.

    Attributes
    ----------
    accounts
        Ids of the accounts.
    paid, got
        What has been sent and received over each so far, USD.
    """

    def __init__(self, protocol: Protocol, open_link: OpenLink) -> None:
        self._protocol, self._open_link = protocol, open_link
        self.accounts: dict[str, int] = {}
        self.paid: dict[str, float] = {}
        self.got: dict[str, float] = {}
        self._heard: dict[str, float] = {}

    def row(self, peer: str) -> int:
        """Row of the link with another protocol, opened when it is new."""
        if peer not in self.accounts:
            self.accounts[peer] = self._open_link(self._protocol, peer)
            self.paid[peer] = self.got[peer] = 0.0
        return self._protocol.ledger.row(self.accounts[peer])

    def equity(self, peer: str) -> float:
        """Equity of a link, USD."""
        p = self._protocol
        return float(p.engine.assess(p.ledger, p.terms, np.array([self.row(peer)])).equity[0])

    def statement(self, peer: str) -> Letter:
        """What the other is told."""
        return Letter(
            "statement", self._protocol.name, peer, amount=self.equity(peer), paid=self.paid[peer], got=self.got[peer],
            at=self._protocol.tape.time,
        )  # fmt: skip

    def is_news(self, letter: Letter) -> bool:
        """Whether a statement is younger than all that have been read of its sender; from then on it has been read."""
        newest = self._heard.get(letter.sender, -np.inf)
        self._heard[letter.sender] = max(newest, letter.at)
        return letter.at > newest

    def owed(self, letter: Letter) -> float:
        """What this side owes by a statement of the other, with what is under way between them counted as arrived, USD: no
        more than its link is worth and than there is cash, and nothing below `LEAST` or while withdrawals wait here."""
        p, peer = self._protocol, letter.sender
        mine = self.equity(peer) + letter.paid - self.got[peer]
        theirs = letter.amount + self.paid[peer] - letter.got
        cash = max(float(p.treasury.balance[p.holder, p.cash_token]), 0.0)
        owed = min(0.5 * (mine - theirs), mine, cash)
        return owed if owed > LEAST and not p.queue else 0.0

    def send(self, peer: str, amount: float) -> None:
        """Book what has been sent."""
        self._book(peer, -amount)
        self.paid[peer] += amount

    def receive(self, peer: str, amount: float) -> None:
        """Book what has arrived."""
        self._book(peer, amount)
        self.got[peer] += amount

    def _book(self, peer: str, amount: float) -> None:
        p, row = self._protocol, self.row(peer)
        p.ledger.quote[row] += amount
        p.ledger.changed[row] = p.tape.time
        p.log_rows("link_settled", np.array([row]), "", p.spec.settlement, np.array([amount]))
