"""The side that an account comes to: it says whether it would take it, and opens it when the source has written it off.

An offer that is genuine, new, in time, complete and admitted by the initial margin here is *reserved*: a locked, empty
sub-account waits.  A reservation binds: it ends by the source's decision alone, never by time, as the source may have
written the account off already.  Numbers are remembered for ever, so that nothing is taken twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.ledger import ISOLATED
from abm.protocol.passport.document import Holdings, Letter, Passport
from abm.protocol.passport.holdings import assess, enter, mode_at, unknown

if TYPE_CHECKING:
    from abm.protocol.passport.office import Office

__all__ = ["Receipt", "Target"]


@dataclass(slots=True)
class Receipt:
    """A passport that was shown here, and where it stands; `required` is the initial margin told with the reservation,
    USD."""

    passport: Passport
    phase: Literal["reserved", "refused", "opened", "void"]
    reason: str = ""
    required: float = 0.0


class Target:
    """Passports that have been shown to one protocol, by source and number."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._protocol = office.protocol
        self.receipts: dict[tuple[str, int], Receipt] = {}

    def opened(self, passport: Passport) -> bool:
        """Whether a passport's account has been opened here."""
        receipt = self.receipts.get((passport.source, passport.number))
        return receipt is not None and receipt.phase == "opened" and receipt.passport == passport

    # an offer

    def offered(self, letter: Letter, passport: Passport) -> None:
        """Reserve, or refuse; what has been answered before is answered again."""
        if not self._office.reaches("reserve"):
            return
        receipt = self.receipts.get((passport.source, passport.number))
        if receipt is None:
            receipt = self._judge(passport)
            self.receipts[passport.source, passport.number] = receipt
        if receipt.passport == passport and self._office.reaches("reserve told"):
            self._answer(receipt)

    def _judge(self, passport: Passport) -> Receipt:
        p = self._protocol
        p.refresh(p.tape.time)
        reason = self._objection(passport)
        if reason:
            self._office.log(passport, "refused", reason, holdings=None)
            return Receipt(passport, "refused", reason)
        self._reserve(passport)
        required = float(assess(p, passport.holdings, mode_at(p, passport.mode)).im[0])
        self._office.log(passport, "reserved", holdings=passport.holdings)
        return Receipt(passport, "reserved", required=required)

    def _objection(self, passport: Passport) -> str:
        """Why an account is not taken; empty where it is."""
        p, holdings = self._protocol, passport.holdings
        if p.tape.time >= passport.expiry:
            return "expired"
        if passport.settlement != p.spec.settlement:
            return "settlement"
        missing = unknown(p, holdings)
        if missing:
            return missing
        mode = mode_at(p, passport.mode)
        if len(holdings.positions) > (1 if mode == ISOLATED else p.ledger.slots):
            return "slots"
        if not self._free(passport):
            return "account"
        view = assess(p, holdings, mode)
        return "" if view.margin_equity[0] >= view.im[0] else "margin"

    def _free(self, passport: Passport) -> bool:
        """Whether the account's id is new here, or that of an empty account of the same owner that nothing waits for."""
        ledger, p = self._protocol.ledger, self._protocol
        if passport.account not in ledger.id:
            return True
        row = ledger.row(passport.account)
        waits = passport.account in p.locks or any(passport.account in ids for ids, _, _ in p.remote.announced())
        full = ledger.holds(np.array([row]))[0] or ledger.quote[row] or ledger.coins[row].any()
        return bool(ledger.owner[row] == passport.owner and ledger.breach[row] < 0 and not waits and not full)

    def _reserve(self, passport: Passport) -> None:
        """A locked, empty account under the passport's id."""
        p, ledger = self._protocol, self._protocol.ledger
        mode = mode_at(p, passport.mode)
        if passport.account in ledger.id:
            ledger.mode[ledger.row(passport.account)] = mode
        else:
            ids, owners = np.array([passport.account]), np.array([passport.owner])
            holders = p.treasury.add_owners(owners)
            ledger.add(ids, owners, holders, mode=mode, cohort=passport.cohort, now=p.tape.time)
        p.locks.add(passport.account)

    def _answer(self, receipt: Receipt) -> None:
        passport = receipt.passport
        kind: Literal["accept", "refuse", "done"] = "done"
        if receipt.phase in ("reserved", "refused"):
            kind = "accept" if receipt.phase == "reserved" else "refuse"
        self._office.say(
            Letter(kind, passport.target, passport.source, passport, amount=receipt.required, reason=receipt.reason)
        )

    # the decision

    def committed(self, letter: Letter, passport: Passport) -> None:
        """The source has written the account off: open it, if it is the one that was reserved."""
        receipt = self.receipts.get((passport.source, passport.number))
        if receipt is None or receipt.passport != passport:
            return
        if letter.holdings is None or not letter.holdings.is_later(passport.holdings):
            self._office.log(passport, "forged", letter.kind)
            return
        if receipt.phase == "reserved" and self._office.reaches("open"):
            self._open(receipt, letter.holdings)
        if receipt.phase == "opened" and self._office.reaches("open told"):
            self._answer(receipt)

    def _open(self, receipt: Receipt, holdings: Holdings) -> None:
        p, passport, office = self._protocol, receipt.passport, self._office
        p.refresh(p.tape.time)
        receipt.phase = "opened"
        row, link = p.ledger.row(passport.account), office.links.row(passport.source)
        for asset, chain, amount in holdings.coins:
            p.treasury.move(office.escrow(passport), p.holder, p.treasury.token(asset, chain), amount)
        enter(p, row, link, holdings, passport.number)
        p.locks.discard(passport.account)
        office.log(passport, "opened", holdings=holdings)

    def voided(self, passport: Passport) -> None:
        """The account stays at its source: what was reserved is free again, and the number is used up."""
        receipt = self.receipts.get((passport.source, passport.number))
        if receipt is not None and receipt.passport != passport:
            return
        if not self._office.reaches("release"):
            return
        if receipt is None:
            receipt = self.receipts[passport.source, passport.number] = Receipt(passport, "void")
        elif receipt.phase == "reserved":
            self._protocol.locks.discard(passport.account)
            receipt.phase = "void"
            self._office.log(passport, "released")
        elif receipt.phase == "refused":
            receipt.phase = "void"
        if receipt.phase == "void" and self._office.reaches("release told"):
            self._answer(receipt)
