"""Aave's close factor: how much may be repaid, and what must be left."""

import numpy as np
import pytest

from abm.margin.rules.close_factor import CloseFactor, leaves_dust, repayable

LIMITS = CloseFactor()

# Of aave-dao/aave-v3-origin, tests/protocol/pool/Pool.Liquidations.CloseFactor.t.sol: all at or below a health factor of 0.95,
# or where collateral or debt is below 2,000; half of the total otherwise.
CASES = [
    # debt, total debt, collateral, health factor, repayable
    (164_680.85, 164_680.85, 180_000.0, 0.94, 164_680.85),
    (164_680.85, 164_680.85, 180_000.0, 0.95, 164_680.85),
    (797.94, 797.94, 900.0, 0.97, 797.94),
    (3_471.8, 3_471.8, 1_999.0, 0.97, 3_471.8),
    (1_999.0, 10_000.0, 50_000.0, 0.97, 1_999.0),
    (160_000.0, 160_000.0, 180_000.0, 0.97, 80_000.0),
    (60_000.0, 160_000.0, 180_000.0, 0.97, 60_000.0),
    (2_000.0, 2_000.0, 2_000.0, 0.97, 1_000.0),
]


@pytest.mark.parametrize(("debt", "total", "collateral", "health", "most"), CASES)
def test_the_most_that_can_be_repaid(debt: float, total: float, collateral: float, health: float, most: float) -> None:
    assert float(repayable(debt, total, collateral, health, LIMITS)) == pytest.approx(most)


def test_many_at_once() -> None:
    debt, total, collateral, health, most = np.array(CASES).T
    np.testing.assert_allclose(repayable(debt, total, collateral, health, LIMITS), most)


@pytest.mark.parametrize(
    ("debt", "collateral", "dust"),
    [(0.0, 10.0, False), (10.0, 0.0, False), (1_000.0, 1_000.0, False), (999.0, 5_000.0, True), (5_000.0, 999.0, True)],
)
def test_a_liquidation_clears_one_side_or_leaves_enough_of_both(debt: float, collateral: float, dust: bool) -> None:
    assert bool(leaves_dust(debt, collateral, LIMITS)) is dust
