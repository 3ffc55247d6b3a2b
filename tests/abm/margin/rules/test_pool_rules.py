"""Borrowing, capped profit, deleveraging and liquidation against a pool: figures of gmx-io/gmx-synthetics, test."""

import numpy as np
import pytest

from abm.margin.rules.borrowing_fee import borrowing_factor, borrowing_fee
from abm.margin.rules.capped_profit import adl_enabled, capped_profit, capped_side_profit, pool_value
from abm.margin.rules.pool_liquidation import liquidatable, liquidation_payout


def test_borrowing_by_reserve_and_who_is_let_off() -> None:
    """exchange/BorrowingFees.ts: 150,000 of a pool of a million for two weeks."""
    factor = borrowing_factor(150_000.0, 1e6, 2e-7, 1.0, [False, True])
    np.testing.assert_allclose(borrowing_fee(150_000.0, 1_209_600.0, factor), [5_443.2, 0.0])
    assert borrowing_factor([0.0, 5.0], [1e6, 0.0], 2e-7, 1.0).tolist() == [0.0, 0.0]


def test_winners_are_paid_in_proportion_to_what_their_side_is() -> None:
    """exchange/DecreasePosition/CappedPnl.ts: 250,000 of profit against 7 % of a million, of two."""
    assert capped_profit(125_000.0, [250_000.0, 60_000.0], 1e6, 0.07).tolist() == [35_000.0, 125_000.0]
    assert float(capped_profit(-5.0, 250_000.0, 1e6, 0.07)) == -5.0
    assert capped_side_profit([250_000.0, -9.0], 1e6, 0.07).tolist() == [70_000.0, -9.0]


def test_profit_lowers_the_pool_s_value_up_to_its_cap_and_losses_raise_it() -> None:
    assert float(pool_value(6e6, 967.68, (0.0, 0.0), (5e6, 1e6), 0.3)) == pytest.approx(6_000_967.68)
    assert float(pool_value(6e6, 0.0, (2e6, 5e5), (5e6, 1e6), 0.3)) == pytest.approx(6e6 - 1.5e6 - 3e5)
    assert float(pool_value(6e6, 0.0, (-2e6, 0.0), (5e6, 1e6), 0.3)) == pytest.approx(8e6)


def test_deleveraging_starts_strictly_above_its_part_of_the_pool() -> None:
    """exchange/AdlOrder.ts: 10 % of five million."""
    assert adl_enabled([0.0, 5e5, 6e5], 5e6, 0.1).tolist() == [False, False, True]


def test_a_position_is_liquidated_below_what_must_remain_or_at_nothing() -> None:
    """guardian/testLiquidation.ts: 1 % of 450,000, at least 1 USD."""
    assert liquidatable([4_500.0, 4_499.0], 450_000.0, 1.0, 0.01).tolist() == [False, True]
    assert liquidatable([0.0, -1.0, 0.5], 0.0, [0.0, 0.0, 1.0], 0.0).tolist() == [True, True, True]


def test_the_trader_gets_what_remains_and_the_pool_the_rest() -> None:
    back, gain = liquidation_payout([4_300.0, -7.0], 1.0, 4_000.0)
    assert back.tolist() == pytest.approx([1.075, 0.0])
    assert gain.tolist() == pytest.approx([-0.075, 1.0])
