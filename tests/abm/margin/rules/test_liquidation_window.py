"""Windows of liquidation: Synthetixio/synthetix-v3, perps-market/test/integration/Liquidation.maxLiquidationAmount*.test.ts."""

import pytest

from abm.margin.rules.liquidation_window import LiquidationWindow, WindowLimits, window_capacity


def window(**limits: float) -> LiquidationWindow:
    """A market's windows of 100 coins in 10 seconds."""
    return LiquidationWindow(WindowLimits(**{"capacity": 100.0, "seconds": 10.0, "scale": 1_000.0, **limits}))


def test_a_capacity_is_fees_times_scale_multiplier_and_seconds() -> None:
    assert window_capacity(0.007, 0.003, 1_000.0, 0.25, 10.0) == pytest.approx(25.0)


def test_what_was_liquidated_inside_the_window_is_taken_off() -> None:
    made = window()
    asked = [(0.0, 150.0), (1.0, 50.0), (6.0, 50.0), (11.0, 50.0), (12.0, 150.0), (23.0, 100.0)]
    assert [made.liquidate(t, x, 300.0) for t, x in asked] == [100.0, 0.0, 0.0, 50.0, 50.0, 100.0]


def test_what_is_exactly_a_window_old_is_out_of_it() -> None:
    made = window()
    made.liquidate(0.0, 100.0, 0.0)
    assert (made.left(9.999), made.left(10.0)) == (0.0, 100.0)


@pytest.mark.parametrize(("skew", "more"), [(59.0, 100.0), (-59.0, 100.0), (60.0, 0.0), (200.0, 0.0)])
def test_near_balance_one_more_window_is_let_through(skew: float, more: float) -> None:
    made = window(max_premium=0.06)
    made.liquidate(0.0, 100.0, 0.0)
    assert made.liquidate(1.0, 500.0, skew) == more


def test_but_only_once_in_a_block() -> None:
    made = window(max_premium=0.06)
    assert [made.liquidate(t, 500.0, 0.0) for t in (0.0, 0.0, 1.0, 1.0, 2.0)] == [100.0, 0.0, 100.0, 0.0, 100.0]


def test_without_a_capacity_all_is_liquidated() -> None:
    assert window(capacity=0.0).liquidate(0.0, 7.0, 0.0) == 7.0
