import numpy as np
import pytest

from abm.margin.options.aggregate import (
    Legs,
    per_account,
    per_protocol,
    sum_groups,
    sum_groups_python,
    sum_legs,
    sum_legs_python,
)
from abm.margin.options.greeks import NAMES, greeks

RNG = np.random.default_rng(7)
UNDERLYING = np.array([0, 0, 1, 1, 1])
TABLE = greeks([60e3, 60e3, 3e3, 3e3, 3e3], [6e4, 7e4, 2e3, 3e3, 4e3], 0.1, 0.6, 0.05, [True, False, True, True, False])


def some_legs(n: int, accounts: int) -> Legs:
    return Legs(RNG.integers(0, accounts, n), RNG.integers(0, 5, n), RNG.normal(0.0, 3.0, n))


def test_an_account_holds_size_times_greek_of_its_legs_by_underlying() -> None:
    legs = Legs(np.array([0, 2, 0, 0]), np.array([0, 1, 1, 4]), np.array([2.0, -1.0, 0.5, -3.0]))
    got = per_account(legs, TABLE, UNDERLYING, accounts=3, underlyings=2)
    assert got.shape == (3, 2, len(NAMES))
    assert got[0, 0] == pytest.approx(2.0 * TABLE[0] + 0.5 * TABLE[1], rel=1e-15)
    assert got[0, 1] == pytest.approx(-3.0 * TABLE[4], rel=1e-15)
    assert got[2, 0] == pytest.approx(-TABLE[1], rel=1e-15)
    assert not got[1].any()


def test_a_protocol_holds_what_its_accounts_do() -> None:
    legs = some_legs(300, 40)
    accounts = per_account(legs, TABLE, UNDERLYING, accounts=40, underlyings=2)
    protocol = RNG.integers(0, 3, 40)
    got = per_protocol(accounts, protocol, protocols=3)
    for p in range(3):
        assert got[p] == pytest.approx(accounts[protocol == p].sum(axis=0), rel=1e-12)


def test_positions_that_sum_to_zero_have_no_greeks_together() -> None:
    legs = some_legs(100, 10)
    mirrored = Legs(
        np.concatenate((legs.account, legs.account[::-1] % 3)), np.concatenate((legs.series, legs.series[::-1])),
        np.concatenate((legs.size, -legs.size[::-1])),
    )  # fmt: skip
    accounts = per_account(mirrored, TABLE, UNDERLYING, accounts=10, underlyings=2)
    assert per_protocol(accounts, np.zeros(10, np.int64), 1)[0] == pytest.approx(
        np.zeros((2, 15)), abs=1e-9 * np.abs(TABLE).max()
    )


def test_compiled_equals_plain() -> None:
    legs = some_legs(200, 20)
    results = []
    for by_leg, by_group in ((sum_legs, sum_groups), (sum_legs_python, sum_groups_python)):
        accounts, groups = np.zeros((20, 2, 15)), np.zeros((4, 2, 15))
        by_leg(legs.account, legs.series, legs.size, UNDERLYING, TABLE, accounts)
        by_group(np.arange(20) % 4, accounts, groups)
        results.append((accounts, groups))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12, abs=1e-9)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-12, abs=1e-9)


class TestMistakes:
    """What does not fit is refused before the kernel would write outside of an array."""

    LEGS = Legs(np.array([0, 1]), np.array([0, 4]), np.array([1.0, -1.0]))

    def test_columns_of_several_lengths(self) -> None:
        with pytest.raises(ValueError, match="account, series and size must be of one length, got 1, 1 and 2"):
            Legs(np.array([0]), np.array([0]), np.array([1.0, 2.0]))

    def test_an_account_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="account must be from 0 to 0, got 1 at 1"):
            per_account(self.LEGS, TABLE, UNDERLYING, accounts=1, underlyings=2)

    def test_a_series_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="series must be from 0 to 3, got 4 at 1"):
            per_account(self.LEGS, TABLE[:4], UNDERLYING[:4], accounts=2, underlyings=2)

    def test_an_underlying_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="underlying must be from 0 to 0, got 1 at 2"):
            per_account(self.LEGS, TABLE, UNDERLYING, accounts=2, underlyings=1)

    def test_a_table_of_another_shape(self) -> None:
        with pytest.raises(ValueError, match=r"table must be of shape \(5, 15\), got \(5, 3\)"):
            per_account(self.LEGS, TABLE[:, :3], UNDERLYING, accounts=2, underlyings=2)

    def test_protocols_of_fewer_accounts_than_there_are(self) -> None:
        accounts = per_account(self.LEGS, TABLE, UNDERLYING, accounts=2, underlyings=2)
        with pytest.raises(ValueError, match="protocol must be given for each of 2 accounts, got 1"):
            per_protocol(accounts, np.array([0]), 1)
        with pytest.raises(ValueError, match="protocol must be from 0 to 0, got -1 at 1"):
            per_protocol(accounts, np.array([0, -1]), 1)
