"""What two protocols owe each other, told and paid."""

import numpy as np
import pytest

from abm.ledger import SYSTEM
from abm.protocol.passport.document import Letter
from tests.abm.protocol.passport.border import Border


def moved(**change: object) -> Border:
    """An account of 10,000 USD has gone to reef, and its money has followed."""
    border = Border(change)
    ann = border.account(held=[("BTC", 1.0)])
    border.until(5.0)
    border.issued(ann)
    border.until(300.0)
    border.enter(border.harbor)
    return border


def test_a_link_is_an_account_of_the_protocols_own_with_the_opposite_of_its_other_half() -> None:
    border = moved()
    sizes = {}
    for p, peer in ((border.harbor, "reef"), (border.reef, "harbor")):
        row = border.office(p.name).links.row(peer)
        assert p.ledger.mode[row] == SYSTEM
        assert p.cohorts[p.ledger.cohort[row]] == f"link:{p.name}:{peer}"
        sizes[p.name] = p.ledger.held(row, p.assets.index("BTC"))
    assert sizes == {"harbor": 1.0, "reef": -1.0}


def statement(border: Border, amount: float, at: float = 1e6, paid: float = 0.0, got: float = 10_000.0) -> Letter:
    """What reef says of its side."""
    return Letter("statement", "reef", "harbor", amount=amount, paid=paid, got=got, at=at)


def better_off(by: float) -> Border:
    """Harbor's link is worth something."""
    border = moved()
    p = border.harbor
    p.ledger.quote[border.office("harbor").links.row("reef")] += by
    p.fund -= by
    return border


def test_half_of_the_difference_is_owed() -> None:
    border = better_off(500.0)
    links = border.office("harbor").links
    assert links.owed(statement(border, -300.0)) == 400.0
    assert links.owed(statement(border, 100.0)) == 200.0
    assert links.owed(statement(border, 600.0)) == 0.0
    assert links.owed(statement(border, 498.0)) == 0.0


def test_whatever_the_other_says_no_more_is_paid_than_ones_own_link_is_worth() -> None:
    assert better_off(500.0).office("harbor").links.owed(statement(better_off(500.0), -1e9)) == 500.0
    border = moved()
    assert border.office("harbor").links.owed(statement(border, -1e9)) == 0.0


def test_what_is_under_way_counts_as_arrived() -> None:
    border = better_off(500.0)
    links = border.office("harbor").links
    assert links.owed(statement(border, -300.0, got=9_800.0)) == 300.0
    assert links.owed(statement(border, -300.0, paid=100.0)) == 450.0


def test_what_the_protocol_has_in_cash_is_the_most_and_withdrawals_come_first() -> None:
    border = better_off(1e9)
    p, links = border.harbor, border.office("harbor").links
    cash = float(p.treasury.balance[p.holder, p.cash_token])
    assert 0.0 < cash < 1e8
    assert links.owed(statement(border, -1e9)) == cash
    p.queue.append((1, 5.0))
    assert links.owed(statement(border, -1e9)) == 0.0


def test_an_old_statement_is_no_news() -> None:
    links = moved().office("harbor").links
    border = moved()
    assert links.is_news(statement(border, 0.0, at=1e6))
    assert not links.is_news(statement(border, 0.0, at=1e6))
    assert not links.is_news(statement(border, 0.0, at=1e6 - 1.0))
    assert links.is_news(statement(border, 0.0, at=1e6 + 1.0))


def test_while_the_bridge_is_halted_nothing_is_paid_and_the_target_bears_it_in_its_cash() -> None:
    """The account can be paid out of what others have deposited; what is missing waits in the queue."""
    border = Border({"bridges.span.halts": [[97.0, 1000.0]]})
    ann = border.account(deposit=50_000.0, held=[("BTC", 1.0)])
    border.until(5.0)
    border.issued(ann)
    border.until(200.0)
    assert border.where(ann) == ["reef"]
    p = border.reef
    spare = float(p.treasury.balance[p.holder, p.cash_token]) - 20_000.0
    p.treasury.move(p.holder, p.treasury.outside, p.cash_token, spare)  # leave 20,000
    p.fund -= spare
    border.enter(p)
    assert p.withdraw(border.row(p, ann), 30_000.0) == pytest.approx(20_000.0)
    assert p.queue == [(ann, pytest.approx(10_000.0))]
    border.until(1500.0)
    assert p.queue == []
    border.audit()


def test_a_burn_is_never_of_more_than_was_minted() -> None:
    border = Border()
    ann = border.account(deposit=50_000.0)
    border.until(5.0)
    bridge = border.world.bridges["span"]
    held, bridge.minted = bridge.minted, 30_000.0
    border.issued(ann)
    border.until(150.0)
    assert border.office("harbor").links.paid == {"reef": 30_000.0}
    bridge.minted = held - 30_000.0
    border.until(300.0)
    assert border.office("harbor").links.paid == {"reef": 50_000.0}


def test_a_forged_or_repeated_payment_does_not_exist_money_is_what_the_bridge_brings() -> None:
    border = moved()
    reef, before = border.office("reef"), border.reef.ledger.quote.copy()
    for letter in [x for x in border.letters if x.kind == "statement"]:
        border.office(letter.to).receive(letter)
    assert np.array_equal(border.reef.ledger.quote, before)
    assert reef.links.got == {"harbor": 10_000.0}


def test_nothing_is_paid_while_an_account_is_on_its_way() -> None:
    """Reef does not know yet that it owes for the second one."""
    border = Border()
    bob, ann = border.account("bob"), border.account()
    border.until(5.0)
    border.issued(bob)
    border.until(200.0)
    border.lose.append("commit")
    border.issued(ann)
    border.until(450.0)
    assert border.where(ann) == ["transit"]
    assert any(letter.sender == "reef" and letter.at > 300.0 for letter in border.letters)
    assert border.office("harbor").links.paid == {"reef": 10_000.0}
    border.until(900.0)
    assert border.office("harbor").links.paid == {"reef": 20_000.0}
