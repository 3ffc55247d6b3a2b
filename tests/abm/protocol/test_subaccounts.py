"""Sub-accounts of one owner."""

import numpy as np
import pytest

from abm.identity import owner_ids
from abm.ledger import NAMED
from abm.protocol.subaccounts import open_account, transfer
from tests.abm.protocol.bench import BTC, Bench


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
