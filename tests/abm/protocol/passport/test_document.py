"""What a signature vouches for."""

from dataclasses import fields, replace
from typing import Any

import pytest

from abm.protocol.passport.document import Holdings, Letter, Passport, Position, genuine, sign

KEY = b"the key of harbor"

PASSPORT = Passport(
    1, "harbor", "reef", 17, 16, 0, 3, "USDC", 10.0, 10, 610.0,
    Holdings(100.0, (Position("BTC", 0.5, 50_000.0, 1.0),), (("ETH", "alpha", 2.0),), 100.0), "ab",
)  # fmt: skip
LETTER = sign(Letter("commit", "harbor", "reef", PASSPORT, PASSPORT.holdings, 1.0, 2.0, 3.0, 4.0, "why"), KEY)

OTHERS: dict[str, Any] = {
    "kind": "void", "sender": "reef", "to": "harbor", "passport": replace(PASSPORT, account=18),
    "holdings": replace(PASSPORT.holdings, cash=100.00000000000001), "amount": 1.5, "paid": 2.5, "got": 3.5, "at": 4.5,
    "reason": "because",
}  # fmt: skip


def test_the_owner_of_the_key_has_signed_it() -> None:
    assert genuine(LETTER, KEY)
    assert not genuine(LETTER, b"another key")
    assert not genuine(replace(LETTER, signature=""), KEY)


@pytest.mark.parametrize("field", sorted(f.name for f in fields(Letter) if f.name != "signature"))
def test_whatever_is_changed_in_a_letter_breaks_its_signature(field: str) -> None:
    assert not genuine(replace(LETTER, **{field: OTHERS[field]}), KEY)


@pytest.mark.parametrize("field", sorted(f.name for f in fields(Passport)))
def test_whatever_is_changed_in_its_passport_too(field: str) -> None:
    old = getattr(PASSPORT, field)
    new = OTHERS["holdings"] if field == "holdings" else old + "x" if isinstance(old, str) else old + 1
    assert not genuine(replace(LETTER, passport=replace(PASSPORT, **{field: new})), KEY)


@pytest.mark.parametrize("field", ["cash", "coins", "deposited", "size", "entry", "asset"])
def test_holdings_are_later_ones_of_the_same_if_only_funding_was_paid(field: str) -> None:
    held = PASSPORT.holdings
    (position,) = held.positions
    assert replace(held, positions=(replace(position, accrued=7.0),)).is_later(held)
    if field in ("size", "entry", "asset"):
        old = getattr(position, field)
        changed = replace(held, positions=(replace(position, **{field: "ETH" if field == "asset" else old + 1e-9}),))
    else:
        changed = replace(held, **{field: () if field == "coins" else getattr(held, field) + 1e-9})
    assert not changed.is_later(held)
