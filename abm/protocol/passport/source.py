"""The side that an account leaves: it issues the passport, and it alone decides whether the account goes.

A passport is *locked* until its target accepts it in time and the account is still what it was; then it is *committed*:
the account is written off in one step, and whatever happens afterwards the target will open it.  A refusal, the expiry, or
any change of the account makes it *void*.  The decision is told again and again until the target says that it knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.ledger import SYSTEM
from abm.protocol.passport.document import Holdings, Letter, Passport, Refusal
from abm.protocol.passport.holdings import fingerprint, read, write_off

if TYPE_CHECKING:
    from abm.protocol.passport.office import Office

__all__ = ["RESEND", "Issue", "Source"]

RESEND = 240.0
"""Seconds after which what has not been answered is said again."""


@dataclass(slots=True)
class Issue:
    """A passport that was issued here: where it stands, and what was written off (`final`)."""

    passport: Passport
    phase: Literal["locked", "committed", "void"] = "locked"
    final: Holdings | None = None
    reason: str = ""
    told: float = field(default=-np.inf)


class Source:
    """Passports that one protocol has issued.

    Attributes
    ----------
    issues
        All of them, by number.
    pending
        Those of which the target has not said yet that it knows the end.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._protocol = office.protocol
        self.issues: dict[int, Issue] = {}
        self.pending: dict[int, Issue] = {}

    # issuing

    def issue(self, owner: int, account: int, target: str, validity: float) -> Passport | Refusal:
        """Lock an account of an owner and offer it to another protocol; the passport, or why there is none."""
        if not self._office.reaches("issue"):
            return Refusal("down")
        p, now = self._protocol, self._protocol.tape.time
        p.refresh(now)
        reason = self._objection(owner, account, target)
        if reason:
            return Refusal(reason)
        row = p.ledger.row(account)
        passport = Passport(
            number=len(self.issues) + 1, source=p.name, target=target, account=account, owner=owner,
            mode=int(p.ledger.mode[row]), cohort=int(p.ledger.cohort[row]), settlement=p.spec.settlement, issued=now,
            block=p.tape.block, expiry=now + validity, holdings=read(p, row), state=fingerprint(p.ledger, row),
        )  # fmt: skip
        issue = self.issues[passport.number] = self.pending[passport.number] = Issue(passport)
        p.locks.add(account)
        self._office.log(passport, "issued", holdings=passport.holdings)
        self._tell(issue, "issue told")
        return passport

    def _objection(self, owner: int, account: int, target: str) -> str:
        """Why an account may not leave; empty where it may ask to."""
        p, ledger, post = self._protocol, self._protocol.ledger, self._office.post
        if post.protocol(target) is None or target == p.name or not post.joined(p.name, target):
            return "no way"
        row = ledger.row(account)
        if ledger.owner[row] != owner or ledger.mode[row] == SYSTEM:
            return "owner"
        if account in p.locks:
            return "locked"
        if any(who == account for who, _ in p.queue):
            return "waits for a withdrawal"
        if any(account in ids for ids, _, _ in p.remote.announced()):
            return "waits for a deposit"
        if p.counterparty.quotes(account):
            return "quotes"
        if (ledger.leg_series[row] >= 0).any() or (ledger.coins[row] < 0.0).any():
            return "options or debts"
        if not (ledger.holds(np.array([row]))[0] or ledger.quote[row] or ledger.coins[row].any()):
            return "empty"
        return self._unfit(row)

    def _unfit(self, row: int) -> str:
        """Why an account cannot be written off now, locked or not: liquidators have it, or its coins are not there."""
        p, ledger = self._protocol, self._protocol.ledger
        view = p.engine.assess(ledger, p.terms, np.array([row]))
        if ledger.breach[row] >= 0 or not view.free_margin[0] >= 0.0:
            return "breach"
        for h, amount in enumerate(ledger.coins[row].tolist()):
            if amount > float(p.treasury.balance[p.holder, p.coin_tokens[h]]):
                return "coins"
        return ""

    # deciding

    def accepted(self, letter: Letter) -> None:
        """The target would take the account: commit, or else say why not."""
        issue = self._named(letter)
        if issue is None or not self._office.reaches("commit"):
            return
        if issue.phase != "locked":
            self._tell(issue, "commit told")
            return
        reason = self._hindrance(issue, letter.amount)
        if reason:
            self._void(issue, reason)
        else:
            self._commit(issue)

    def _hindrance(self, issue: Issue, required: float) -> str:
        """Why a passport may not be committed now; `required` is the initial margin that the target asks for, USD."""
        p, passport = self._protocol, issue.passport
        p.refresh(p.tape.time)
        row = p.ledger.row(passport.account)
        if p.tape.time >= passport.expiry:
            return "expired"
        if fingerprint(p.ledger, row) != passport.state:
            return "changed"
        equity = float(p.engine.assess(p.ledger, p.terms, np.array([row])).equity[0])
        return "margin" if equity < required else self._unfit(row)

    def _commit(self, issue: Issue) -> None:
        """Write the account off: the one step at which it leaves."""
        p, passport, office = self._protocol, issue.passport, self._office
        row, link = p.ledger.row(passport.account), office.links.row(passport.target)
        issue.final, issue.phase = read(p, row), "committed"
        office.log(passport, "committed", holdings=issue.final)
        write_off(p, row, link, passport.number)
        for asset, chain, amount in issue.final.coins:
            p.treasury.move(p.holder, office.escrow(passport), p.treasury.token(asset, chain), amount)
        p.locks.discard(passport.account)
        self._tell(issue, "commit told")

    def refused(self, letter: Letter) -> None:
        """The target does not take the account."""
        issue = self._named(letter)
        if issue is not None and issue.phase == "locked" and self._office.reaches("void"):
            self._void(issue, letter.reason)

    def _void(self, issue: Issue, reason: str) -> None:
        """The account stays, and is free again."""
        issue.phase, issue.reason = "void", reason
        self._protocol.locks.discard(issue.passport.account)
        self._office.log(issue.passport, "void", reason)
        self._tell(issue, "void told")

    def done(self, letter: Letter) -> None:
        """The target knows the end."""
        issue = self._named(letter)
        if issue is None or issue.phase == "locked" or issue.passport.number not in self.pending:
            return
        if self._office.reaches("close"):
            del self.pending[issue.passport.number]
            self._office.log(issue.passport, "closed")

    def _named(self, letter: Letter) -> Issue | None:
        """The issue that a letter is about, if it is about just what was issued."""
        passport = letter.passport
        issue = self.issues.get(passport.number) if passport is not None else None
        return issue if issue is not None and issue.passport == passport else None

    def _tell(self, issue: Issue, point: str) -> None:
        """Offer, or tell the decision; what is not sent now is sent later."""
        if not self._office.reaches(point):
            return
        p = issue.passport
        kind: Literal["offer", "commit", "void"] = "void"
        if issue.phase != "void":
            kind = "offer" if issue.phase == "locked" else "commit"
        if not self._office.say(Letter(kind, p.source, p.target, p, issue.final, reason=issue.reason)):
            issue.told = self._protocol.tape.time

    # time

    def work(self, now: float) -> None:
        """Void what has expired, or is no longer what it was; say again what has not been answered."""
        for issue in list(self.pending.values()):
            if issue.phase == "locked":
                row = self._protocol.ledger.row(issue.passport.account)
                changed = fingerprint(self._protocol.ledger, row) != issue.passport.state
                if (changed or now >= issue.passport.expiry) and self._office.reaches("void"):
                    self._void(issue, "changed" if changed else "expired")
                    continue
            if now - issue.told >= RESEND:
                self._tell(issue, "told again")
