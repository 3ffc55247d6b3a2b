"""Coins and their holders."""

import numpy as np
import pytest

from abm.treasury import OUTSIDE, Treasury


@pytest.fixture
def treasury() -> Treasury:
    return Treasury([("USDC", "alpha"), ("ETH", "alpha"), ("USDC", "beta")])


def test_a_token_is_an_asset_at_a_place(treasury: Treasury) -> None:
    assert [treasury.token(a, p) for a, p in treasury.tokens] == [0, 1, 2]
    with pytest.raises(KeyError):
        treasury.token("ETH", "beta")


def test_holders_are_made_when_they_are_new(treasury: Treasury) -> None:
    assert treasury.outside == treasury.holder(OUTSIDE) == 0
    assert treasury.holder("fund") == treasury.holder("fund") == 1
    assert treasury.holder("vault") == 2
    assert treasury.balance.shape == (3, 3)


def test_owners_keep_their_rows(treasury: Treasury) -> None:
    treasury.holder("fund")
    assert treasury.add_owners(np.array([7, 5])).tolist() == [2, 3]
    assert treasury.add_owners(np.array([5, 9, 7])).tolist() == [3, 4, 2]
    assert treasury.owner(9) == 4


def test_growing_keeps_balances(treasury: Treasury) -> None:
    treasury.inject(treasury.holder("fund"), 0, 5.0)
    treasury.add_owners(np.arange(100))
    assert treasury.balance[treasury.holder("fund"), 0] == 5.0
    assert treasury.supply.tolist() == [5.0, 0.0, 0.0]


def test_moves_keep_the_supply_and_injections_change_it(treasury: Treasury) -> None:
    a, b = treasury.holder("a"), treasury.holder("b")
    treasury.inject(a, 1, 10.0)
    treasury.move(a, b, 1, 4.0)
    treasury.inject_many(np.array([a, b]), 1, np.array([1.0, 2.0]))
    treasury.inject(b, 1, -3.0)
    assert treasury.balance[[a, b], 1].tolist() == [7.0, 3.0]
    assert treasury.supply[1] == 10.0
    assert not treasury.errors().any()


def test_many_pay_one_and_one_pays_many(treasury: Treasury) -> None:
    pot, owner, other = treasury.holder("pot"), treasury.holder("owner"), treasury.holder("other")
    treasury.inject_many(np.array([owner, other]), 0, np.array([10.0, 2.0]))
    treasury.collect(np.array([owner, other, owner]), pot, 0, np.array([1.0, 2.0, 3.0]))
    assert treasury.balance[[pot, owner, other], 0].tolist() == [6.0, 6.0, 0.0]
    treasury.distribute(pot, np.array([other, owner, other]), 0, np.array([2.0, 1.0, 3.0]))
    assert treasury.balance[[pot, owner, other], 0].tolist() == [0.0, 7.0, 5.0]
    assert not treasury.errors().any()


class TestOverdrafts:
    """Nobody pays what it has not, but outside."""

    @pytest.fixture
    def rows(self, treasury: Treasury) -> tuple[int, int]:
        a, b = treasury.holder("a"), treasury.holder("b")
        treasury.inject(a, 0, 10.0)
        return a, b

    @pytest.mark.parametrize("how", ["move", "leave", "leave many", "collect", "distribute"])
    def test_they_are_refused_by_name_and_nothing_moves(
        self, treasury: Treasury, rows: tuple[int, int], how: str
    ) -> None:
        a, b = rows
        both, before = np.array([a, b]), treasury.balance.copy()
        acts = {
            "move": lambda: treasury.move(a, b, 0, 10.01),
            "leave": lambda: treasury.inject(a, 0, -10.01),
            "leave many": lambda: treasury.inject_many(both, 0, np.array([-10.01, 5.0])),
            "collect": lambda: treasury.collect(np.array([a, a]), b, 0, np.array([6.0, 4.01])),
            "distribute": lambda: treasury.distribute(a, both, 0, np.array([5.0, 5.01])),
        }
        with pytest.raises(ValueError, match=r"a has 10.0 USDC@alpha, not "):
            acts[how]()
        np.testing.assert_array_equal(treasury.balance, before)
        assert treasury.supply[0] == 10.0

    def test_all_may_go_and_rounding_is_forgiven(self, treasury: Treasury, rows: tuple[int, int]) -> None:
        treasury.move(*rows, 0, 10.0 * (1.0 + 1e-15))
        assert treasury.balance[rows[0], 0] == pytest.approx(0.0, abs=1e-13)
        assert np.all(treasury.overdrafts() > -1e-13)

    def test_outside_owes_what_it_likes_and_that_is_no_overdraft(
        self, treasury: Treasury, rows: tuple[int, int]
    ) -> None:
        treasury.move(treasury.outside, rows[0], 1, 1e6)
        assert treasury.balance[treasury.outside, 1] == -1e6
        assert not treasury.overdrafts().any()
        assert not treasury.errors().any()

    def test_the_worst_negative_balance_is_seen_over_the_gross(self, treasury: Treasury, rows: tuple[int, int]) -> None:
        treasury.balance[rows[1], 0] -= 10.0
        assert treasury.overdrafts().tolist() == [pytest.approx(-0.5), 0.0, 0.0]

    def test_of_several_payments_out_of_one_wallet_those_fit_that_fit_together(
        self, treasury: Treasury, rows: tuple[int, int]
    ) -> None:
        a, b = rows
        treasury.inject(b, 0, 1.0)
        who, amounts = np.array([a, b, a, b, a]), np.array([7.0, 1.0, 3.0, 0.5, 0.1])
        assert treasury.covers(who, 0, amounts).tolist() == [True, True, True, False, False]


def test_a_coin_out_of_nowhere_is_an_error_of_its_token(treasury: Treasury) -> None:
    treasury.inject(treasury.holder("a"), 2, 99.0)
    treasury.balance[0, 2] += 1.0
    assert treasury.errors().tolist() == [0.0, 0.0, pytest.approx(0.01)]
