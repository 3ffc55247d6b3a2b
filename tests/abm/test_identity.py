"""Ids by name."""

import numpy as np
import pytest

from abm.identity import OWNER_STRIDE, account_id, owner_ids


def test_ids_depend_on_the_name_alone() -> None:
    np.testing.assert_array_equal(owner_ids("retail", 3), owner_ids("retail", 5)[:3])
    assert owner_ids("retail")[0] != owner_ids("whales")[0]


def test_known_ids_stay_what_they_are() -> None:
    """Every draw of an account is keyed by its id, so another rule would be another world for every seed."""
    assert owner_ids("retail", 2).tolist() == [688895500000000, 688895500000016]


def test_sub_accounts_lie_between_their_owner_and_the_next() -> None:
    first, second = owner_ids("retail", 2)
    inside = [account_id(int(first), k) for k in range(OWNER_STRIDE - 1)]
    assert inside == sorted(set(inside))
    assert first < inside[0] <= inside[-1] < second


def test_no_owner_has_more_than_fifteen() -> None:
    for number in (-1, 15):
        with pytest.raises(ValueError, match=f"sub-account {number}: an owner has 15 at most"):
            account_id(1000, number)


def test_large_cohorts_of_different_names_do_not_meet() -> None:
    a, b = owner_ids("retail", 1_000_000), owner_ids("whales", 1_000_000)
    assert a[-1] < b[0] or b[-1] < a[0]
