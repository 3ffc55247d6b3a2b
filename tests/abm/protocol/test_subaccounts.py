"""Sub-accounts of one owner."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.identity import owner_ids
from abm.ledger import ISOLATED, NAMED
from abm.protocol.subaccounts import Parcel, carry_over, open_account, transfer
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench


def two() -> tuple[Bench, int, int]:
    bench = Bench()
    first = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
    return bench, first, bench.account("ann", 50.0, number=1, mode=NAMED)


def test_money_moves_between_them_as_the_sources_initial_margin_allows() -> None:
    """15,000 USD of BTC need 750."""
    bench, first, second = two()
    assert transfer(bench.protocol, first, second, 1e9) == pytest.approx(250.0)
    assert (bench.equity(first), bench.equity(second)) == (pytest.approx(750.0), pytest.approx(300.0))
    assert transfer(bench.protocol, first, second, 1.0) == 0.0
    deposited = bench.protocol.ledger.deposited[bench.rows(first, second)]
    assert deposited.tolist() == [pytest.approx(750.0), pytest.approx(300.0)]
    assert [e["amount"] for e in bench.table("events", kind="transfer")] == [
        pytest.approx(-250.0),
        pytest.approx(250.0),
    ]
    bench.audit()


def test_nothing_moves_the_other_way_by_a_negative_amount() -> None:
    bench, first, second = two()
    assert transfer(bench.protocol, first, second, -40.0) == 0.0
    assert (bench.equity(first), bench.equity(second)) == (1000.0, 50.0)


def test_other_owners_accounts_are_out_of_reach() -> None:
    bench, first, _ = two()
    other = bench.account("bob", 10.0)
    with pytest.raises(ValueError, match="sub-accounts of different owners"):
        transfer(bench.protocol, first, other, 10.0)


def test_a_transfer_out_of_a_partition_leaves_its_positions_to_fend_for_themselves() -> None:
    """A named partition is margined by itself: the owner's other money does not keep it."""
    bench, first, second = two()
    transfer(bench.protocol, first, second, 250.0)
    bench.block(BTC=48_900.0)
    assert bench.in_breach(first)
    assert not bench.in_breach(second)


def test_an_owner_without_a_wallet_has_no_account() -> None:
    bench = Bench()
    with pytest.raises(KeyError):
        open_account(bench.protocol, 123, 124, mode=NAMED, cohort=0)
    owner = int(owner_ids("ann")[0])
    bench.world.treasury.add_owners(np.array([owner]))
    row = open_account(bench.protocol, owner, owner + 1, mode=NAMED, cohort=0)
    assert bench.protocol.ledger.owner[row] == owner


class TestParcels:
    """Cash, coins and positions between two sub-accounts, all of it or nothing."""

    def test_a_position_goes_with_entry_and_funding_and_nothing_is_realised(self) -> None:
        bench, first, second = two()
        p = bench.protocol
        p.funding[BTC] = 64.0
        bench.move(BTC=51_000.0)
        before = p.ledger.quote.sum()
        assert carry_over(p, first, second, Parcel(cash=700.0, positions=((BTC, 0.25),))) == ""
        assert (bench.size(first), bench.size(second)) == (pytest.approx(0.05), 0.25)
        row = bench.row(second)
        assert (p.ledger.slot_entry[row, 0], p.ledger.slot_funding[row, 0]) == (50_000.0, 0.0)
        assert bench.equity(second) == 50.0 + 700.0 + 0.25 * (1_000.0 - 64.0)
        assert bench.equity(first) == pytest.approx(1000.0 - 700.0 + 0.05 * (1_000.0 - 64.0))
        assert p.ledger.quote.sum() == before
        assert not bench.table("price_moves")
        bench.audit()

    def test_it_meets_what_is_there_and_opposite_sides_cancel(self) -> None:
        bench = Bench()
        first = bench.account("ann", 4000.0, held=[(BTC, 0.5)])
        second = bench.account("ann", 4000.0, number=1, held=[(BTC, -0.25)])
        third = bench.account("ann", 4000.0, number=2)
        bench.move(BTC=52_000.0)
        bench.hold(third, BTC, 0.5)
        assert carry_over(bench.protocol, first, second, Parcel(positions=((BTC, 0.25),))) == ""
        assert (bench.size(first), bench.size(second)) == (0.25, 0.0)
        assert not bench.protocol.ledger.holds(bench.rows(second))[0]
        assert (bench.equity(first), bench.equity(second)) == (4500.0, 4000.0)
        assert carry_over(bench.protocol, first, third, Parcel(positions=((BTC, 0.25),))) == ""
        assert bench.protocol.ledger.slot_entry[bench.row(third), 0] == pytest.approx(
            (50_000.0 * 0.25 + 52_000.0 * 0.5) / 0.75
        )
        bench.audit()

    def test_coins_go_too(self) -> None:
        bench, _, second = two()
        third = bench.account("ann", number=2, coins={HOME: 2.0, AWAY: 100.0})
        assert carry_over(bench.protocol, third, second, Parcel(coins=((HOME, 1.5), (AWAY, 100.0)))) == ""
        assert bench.protocol.ledger.coins[bench.rows(third, second)].tolist() == [[0.5, 0.0], [1.5, 100.0]]
        moved = {(e["account"], e["asset"]): e["amount"] for e in bench.table("events", kind="transfer")}
        assert moved[second, "ETH@alpha"] == -moved[third, "ETH@alpha"] == 1.5
        assert bench.protocol.ledger.deposited[bench.row(second)] == 50.0 + 1.5 * 2000.0 + 100.0
        bench.audit()

    @pytest.mark.parametrize(
        ("parcel", "reason"),
        [
            (Parcel(), "nothing"),
            (Parcel(cash=-1.0), "nothing"),
            (Parcel(cash=float("nan")), "nothing"),
            (Parcel(coins=((HOME, -1.0),)), "nothing"),
            (Parcel(positions=((BTC, 0.0),)), "nothing"),
            (Parcel(coins=((HOME, 1.0),)), "holding"),
            (Parcel(positions=((BTC, 0.4),)), "holding"),
            (Parcel(positions=((BTC, -0.1),)), "holding"),
            (Parcel(positions=((ETH, 1.0),)), "holding"),
            (Parcel(positions=((BTC, 0.2), (BTC, 0.2))), "holding"),
            (Parcel(cash=251.0), "margin"),
            (Parcel(positions=((BTC, 0.1),)), "margin"),
        ],
    )  # fmt: skip
    def test_what_does_not_go_as_a_whole_does_not_go(self, parcel: Parcel, reason: str) -> None:
        """The first account has 250 to spare; a tenth of a bitcoin needs 250 on the second, which has 50."""
        bench, first, second = two()
        ledger = bench.protocol.ledger
        before = ledger.quote.tolist(), ledger.slot_size.tolist(), ledger.coins.tolist()
        assert carry_over(bench.protocol, first, second, parcel) == reason
        assert (ledger.quote.tolist(), ledger.slot_size.tolist(), ledger.coins.tolist()) == before
        assert not bench.table("events", kind="moved")

    def test_the_least_that_is_too_much(self) -> None:
        bench, first, second = two()
        assert carry_over(bench.protocol, first, second, Parcel(cash=200.0, positions=((BTC, 0.1),))) == ""
        assert carry_over(bench.protocol, first, second, Parcel(cash=300.01)) == "margin"
        assert carry_over(bench.protocol, first, second, Parcel(cash=300.0)) == ""

    def test_what_waits_for_cash_is_spoken_for(self) -> None:
        bench, first, second = two()
        bench.protocol.queue.append((first, 100.0))
        assert carry_over(bench.protocol, first, second, Parcel(cash=151.0)) == "margin"
        assert carry_over(bench.protocol, first, second, Parcel(cash=150.0)) == ""

    def test_an_isolated_account_takes_one_position(self) -> None:
        bench = Bench()
        first = bench.account("ann", 9000.0, held=[(BTC, 0.1), (ETH, 1.0)])
        alone = bench.account("ann", 9000.0, number=1, mode=ISOLATED)
        assert carry_over(bench.protocol, first, alone, Parcel(positions=((BTC, 0.1), (ETH, 1.0)))) == "slots"
        assert carry_over(bench.protocol, first, alone, Parcel(positions=((BTC, 0.1),))) == ""
        assert carry_over(bench.protocol, first, alone, Parcel(positions=((ETH, 1.0),))) == "slots"

    def test_strangers_and_oneself_are_mistakes(self) -> None:
        bench, first, _ = two()
        other = bench.account("bob", 10.0)
        with pytest.raises(ValueError, match="different owners"):
            carry_over(bench.protocol, first, other, Parcel(cash=1.0))
        with pytest.raises(ValueError, match="a sub-account and itself"):
            carry_over(bench.protocol, first, first, Parcel(cash=1.0))
        with pytest.raises(ValueError, match="a sub-account and itself"):
            transfer(bench.protocol, first, first, 1.0)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        sizes=st.lists(st.integers(-8, 8), min_size=2, max_size=2), other=st.lists(st.integers(-8, 8), min_size=2, max_size=2),
        part=st.integers(1, 8), cash=st.integers(0, 4096), funding=st.integers(-64, 64), price=st.integers(48_000, 52_000),
    )  # fmt: skip
    def test_to_the_last_unit(
        self, sizes: list[int], other: list[int], part: int, cash: int, funding: int, price: int
    ) -> None:
        """Whole numbers of dollars, coins in 64ths: what the one has lost the other has, bit for bit."""
        bench = Bench()
        p = bench.protocol
        first = bench.account("ann", 100_000.0, held=[(m, s / 8.0) for m, s in enumerate(sizes) if s])
        second = bench.account("ann", 100_000.0, number=1, held=[(m, s / 8.0) for m, s in enumerate(other) if s])
        p.funding[:] = funding
        bench.move(BTC=float(price))
        parts = tuple((m, s / 64.0 * part) for m, s in enumerate(sizes) if s)
        rows = bench.rows(first, second)
        before = float(p.ledger.quote[rows].sum()), [float(p.ledger.size(rows, m).sum()) for m in (BTC, ETH)]
        worth = bench.equity(first) + bench.equity(second)
        done = carry_over(p, first, second, Parcel(cash=float(cash), positions=parts))
        assert done == ("" if cash or parts else "nothing")
        assert (float(p.ledger.quote[rows].sum()), [float(p.ledger.size(rows, m).sum()) for m in (BTC, ETH)]) == before
        assert bench.equity(first) + bench.equity(second) == pytest.approx(worth, rel=1e-15)
        assert [e == 0.0 for e in p.ledger.errors()] == [True, True]
        bench.audit()
