"""A margin passport and the letters about it: numbered, signed, and of a stated account at a stated moment.

The signature is a keyed hash over everything that a letter says, which stands for a public-key signature: whoever holds a
protocol's key can sign as it, and nobody else, not even all verifiers of a bridge together.
"""

import hashlib
import hmac
from dataclasses import astuple, dataclass, replace
from typing import Literal

__all__ = ["Holdings", "Kind", "Letter", "Passport", "Position", "Refusal", "genuine", "sign"]

Kind = Literal["offer", "accept", "refuse", "commit", "void", "done", "statement"]


@dataclass(frozen=True, slots=True)
class Position:
    """Signed size in coins, mean entry in USD, and the funding that one coin long has paid since, USD."""

    asset: str
    size: float
    entry: float
    accrued: float


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a sub-account has: `cash` of the settlement asset, apart from what its positions have gained; coins as
    asset, chain, amount; `deposited` USD as the ledger counts it."""

    cash: float
    positions: tuple[Position, ...]
    coins: tuple[tuple[str, str, float], ...]
    deposited: float

    def is_later(self, other: "Holdings") -> bool:
        """Whether these are the same to the last bit, but for funding that has been paid meanwhile."""
        ours, theirs = (
            replace(h, positions=tuple(replace(x, accrued=0.0) for x in h.positions)) for h in (self, other)
        )
        return ours == theirs


@dataclass(frozen=True, slots=True)
class Passport:
    """Issued by the protocol `source` to be used once, by `target`, before `expiry`.

    `number` counts the source's passports from 1; `mode` and `cohort` are those of the account; `issued` is the time,
    `block` the height at the source; `state` is the hash of the account's row in the source's ledger then, which funding
    payments leave as it is and everything else changes.
    """

    number: int
    source: str
    target: str
    account: int
    owner: int
    mode: int
    cohort: int
    settlement: str
    issued: float
    block: int
    expiry: float
    holdings: Holdings
    state: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What one protocol tells another of a passport.

    `holdings` with a commit: what is moved, as of then; `amount` with an accept: the initial margin there, USD; `reason`
    with a refusal or a void one.  A statement has no passport: `amount` is the equity of the sender's side of the link,
    `paid` and `got` all that it has sent and received over it, USD, and `at` when it was written.
    """

    kind: Kind
    sender: str
    to: str
    passport: Passport | None = None
    holdings: Holdings | None = None
    amount: float = 0.0
    paid: float = 0.0
    got: float = 0.0
    at: float = 0.0
    reason: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no passport was issued."""

    reason: str


def _digest(letter: Letter, key: bytes) -> str:
    said = repr(astuple(replace(letter, signature="")))
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def sign(letter: Letter, key: bytes) -> Letter:
    """The letter with its sender's signature."""
    return replace(letter, signature=_digest(letter, key))


def genuine(letter: Letter, key: bytes) -> bool:
    """Whether the owner of the key has signed just this."""
    return hmac.compare_digest(letter.signature, _digest(letter, key))
