"""What waits in the queue is spoken for, and who loses its margin loses its claim, with an event."""

import numpy as np
import pytest

from abm.protocol.subaccounts import transfer
from tests.abm.protocol.bench import AWAY, BTC, Bench


def run_on() -> tuple[Bench, int]:
    """Bob, short against Ann's remote collateral, is worth 8,000 at 45,000; 5,750 are free, and 3,000 are here."""
    bench = Bench({"fund": 0.0, "vault": 0.0})
    ann = bench.account("ann", coins={AWAY: 20_000.0})
    bob = bench.account("bob", 3_000.0)
    bench.against(ann, bob, BTC, 1.0)
    bench.block(BTC=45_000.0)
    assert bench.protocol.withdraw(bench.row(bob), 1e9) == pytest.approx(3_000.0)
    return bench, bob


def amounts(bench: Bench, kind: str) -> list[float]:
    return [pytest.approx(e["amount"]) for e in bench.table("events", kind=kind)]


def test_what_waits_cannot_be_asked_for_again() -> None:
    bench, bob = run_on()
    assert bench.protocol.withdrawable(bench.row(bob)) == pytest.approx(0.0, abs=1e-9)
    for _ in range(3):
        assert bench.protocol.withdraw(bench.row(bob), 1e9) == 0.0
    assert bench.protocol.queue == [(bob, pytest.approx(2_750.0))]
    assert amounts(bench, "queued") == [2_750.0]


def test_more_that_becomes_free_can_be_asked_for_beside_it() -> None:
    bench, bob = run_on()
    bench.move(BTC=44_000.0)  # 1,000 of profit, 50 less of initial margin
    assert bench.protocol.queued == pytest.approx(2_750.0)
    assert bench.protocol.withdrawable(bench.row(bob)) == pytest.approx(1_050.0)
    bench.protocol.withdraw(bench.row(bob), 1e9)
    assert amounts(bench, "queued") == [2_750.0, 1_050.0]
    bench.block()
    bench.block(60.0)
    assert bench.protocol.queue == []
    assert sum(e["amount"] for e in bench.table("events", kind="withdraw")) == pytest.approx(-6_800.0)
    assert bench.table("events", kind="unqueued") == []


def test_what_waits_cannot_be_moved_to_another_account_of_the_owner() -> None:
    bench, bob = run_on()
    other = bench.account("bob", number=1)
    assert transfer(bench.protocol, bob, other, 1e9) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("price", "left"), [(46_000.0, 1_700.0), (48_000.0, 0.0)])
def test_a_claim_that_the_margin_no_longer_allows_is_cut_with_an_event(price: float, left: float) -> None:
    """At 46,000 Bob is worth 4,000 and needs 2,300; at 48,000 he is worth 2,000 and needs 2,400."""
    bench, bob = run_on()
    bench.block()
    bench.block(60.0, BTC=price)
    assert bench.protocol.queue == []
    paid = -sum(e["amount"] for e in bench.table("events", kind="withdraw"))
    assert paid == pytest.approx(3_000.0 + left)
    (cut,) = bench.table("events", kind="unqueued")
    assert (cut["account"], cut["amount"]) == (bob, pytest.approx(2_750.0 - left))
    assert (bench.protocol.queued, bench.protocol.struck_off) == (pytest.approx(2_750.0), pytest.approx(2_750.0 - left))
    bench.audit()


def test_a_claim_is_not_cut_before_its_turn_has_come() -> None:
    """Prices may come back while there is no cash."""
    bench, bob = run_on()
    bench.block(BTC=48_000.0)
    bench.block(BTC=45_000.0)
    assert bench.protocol.queue == [(bob, pytest.approx(2_750.0))]
    assert bench.table("events", kind="unqueued") == []


def test_a_claim_that_is_paid_in_part_waits_with_the_rest() -> None:
    """2,750 wait; somebody's 1,000 pay a part, and 5,000 more all of the rest, but nothing twice."""
    bench, bob = run_on()
    bench.account("cat", 1_000.0)
    bench.block()
    assert bench.protocol.queue == [(bob, pytest.approx(1_750.0))]
    bench.account("dan", 5_000.0)
    bench.block()
    assert bench.protocol.queue == []
    assert amounts(bench, "withdraw") == [-3_000.0, -1_000.0, -1_750.0]


class TestDeposits:
    """A deposit that the wallet does not cover is refused."""

    def test_nothing_moves_and_the_caller_learns_it(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 100.0)
        p, holder = bench.protocol, int(bench.protocol.ledger.holder[bench.row(ann)])
        bench.give(holder, p.cash_token, 50.0)
        booked = bench.world.log.counts["events"]
        assert p.deposit(bench.rows(ann), np.array([50.1])).tolist() == [0.0]
        assert (bench.equity(ann), bench.world.log.counts["events"]) == (100.0, booked)
        assert p.deposit(bench.rows(ann), np.array([50.0])).tolist() == [50.0]
        assert bench.equity(ann) == 150.0
        bench.audit()

    def test_those_that_are_covered_are_taken(self) -> None:
        bench = Bench()
        ann, bob = bench.account("ann"), bench.account("bob")
        p = bench.protocol
        for account in (ann, bob):
            bench.give(int(p.ledger.holder[bench.row(account)]), p.cash_token, 10.0)
        taken = p.deposit(bench.rows(ann, bob, ann, bob), np.array([6.0, 11.0, 4.0, 1.0]))
        assert taken.tolist() == [6.0, 0.0, 4.0, 0.0]
        assert (bench.equity(ann), bench.equity(bob)) == (10.0, 0.0)
        bench.audit()

    def test_a_negative_deposit_is_none(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 100.0)
        assert bench.protocol.deposit(bench.rows(ann), np.array([-5.0])).tolist() == [0.0]
        assert bench.equity(ann) == 100.0
