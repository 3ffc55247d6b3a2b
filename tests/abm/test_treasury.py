"""Coins and their holders."""

import numpy as np
import pytest

from abm.treasury import Treasury


@pytest.fixture
def treasury() -> Treasury:
    return Treasury([("USDC", "alpha"), ("ETH", "alpha"), ("USDC", "beta")])


def test_a_token_is_an_asset_at_a_place(treasury: Treasury) -> None:
    assert [treasury.token(a, p) for a, p in treasury.tokens] == [0, 1, 2]
    with pytest.raises(KeyError):
        treasury.token("ETH", "beta")


def test_holders_are_made_when_they_are_new(treasury: Treasury) -> None:
    assert treasury.holder("fund") == treasury.holder("fund") == 0
    assert treasury.holder("vault") == 1
    assert treasury.balance.shape == (2, 3)


def test_owners_keep_their_rows(treasury: Treasury) -> None:
    treasury.holder("fund")
    assert treasury.add_owners(np.array([7, 5])).tolist() == [1, 2]
    assert treasury.add_owners(np.array([5, 9, 7])).tolist() == [2, 3, 1]
    assert treasury.owner(9) == 3


def test_growing_keeps_balances(treasury: Treasury) -> None:
    treasury.inject(treasury.holder("fund"), 0, 5.0)
    treasury.add_owners(np.arange(100))
    assert treasury.balance[0, 0] == 5.0
    assert treasury.supply.tolist() == [5.0, 0.0, 0.0]


def test_moves_keep_the_supply_and_injections_change_it(treasury: Treasury) -> None:
    a, b = treasury.holder("a"), treasury.holder("b")
    treasury.inject(a, 1, 10.0)
    treasury.move(a, b, 1, 4.0)
    treasury.inject_many(np.array([a, b]), 1, np.array([1.0, 2.0]))
    treasury.inject(b, 1, -3.0)
    assert treasury.balance[:, 1].tolist() == [7.0, 3.0]
    assert treasury.supply[1] == 10.0
    assert not treasury.errors().any()


def test_collecting_from_a_holder_twice_takes_both(treasury: Treasury) -> None:
    pot, owner, other = treasury.holder("pot"), treasury.holder("owner"), treasury.holder("other")
    treasury.inject(owner, 0, 10.0)
    treasury.collect(np.array([owner, other, owner]), pot, 0, np.array([1.0, 2.0, 3.0]))
    assert treasury.balance[:, 0].tolist() == [6.0, 6.0, -2.0]
    treasury.collect(np.array([other]), pot, 0, np.array([-2.0]))
    assert treasury.balance[:, 0].tolist() == [4.0, 6.0, 0.0]


def test_a_coin_out_of_nowhere_is_an_error_of_its_token(treasury: Treasury) -> None:
    treasury.inject(treasury.holder("a"), 2, 99.0)
    treasury.balance[0, 2] += 1.0
    assert treasury.errors().tolist() == [0.0, 0.0, pytest.approx(0.01)]
