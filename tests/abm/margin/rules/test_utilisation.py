"""Utilisation and rates of a lender's reserve."""

import pytest

from abm.margin.rules.utilisation import RateCurve, borrow_rate, supply_rate, utilisation, withdrawable

# Of aave-dao/aave-v3-origin, tests/misc/rates/RateStrategy.calculateRates.t.sol, reserve factor 10 %.
CURVE = RateCurve(base=0.01, slope1=0.04, slope2=0.6, optimal=0.8)
CASES = [
    # debt, liquidity, unbacked, borrow rate, supply rate
    (0.8, 0.2, 0.0, 0.05, 0.05 * 0.8 * 0.9),
    (1.0, 0.0, 0.0, 0.65, 0.65 * 0.9),
    (0.8, 0.2, 0.6, 0.05, 0.05 * 0.5 * 0.9),
    (0.8, 0.2, 0.8 * 124 - 0.2, 0.05, 0.05 * 0.008 * 0.9),
    (80.0, 9_920.0, 0.0, 0.01 + 0.04 * 0.01, 0.0104 * 0.008 * 0.9),
    (0.0, 0.0, 0.0, 0.01, 0.0),
    (0.0, 5.0, 0.0, 0.01, 0.0),
    (0.9, 0.1, 0.0, 0.05 + 0.6 * 0.5, 0.35 * 0.9 * 0.9),
]


@pytest.mark.parametrize(("debt", "liquidity", "unbacked", "borrow", "supply"), CASES)
def test_rates(debt: float, liquidity: float, unbacked: float, borrow: float, supply: float) -> None:
    assert float(borrow_rate(utilisation(debt, liquidity), CURVE)) == pytest.approx(borrow, abs=1e-15)
    assert float(supply_rate(debt, liquidity, unbacked, 0.1, CURVE)) == pytest.approx(supply, abs=1e-15)


def test_a_curve_without_one_of_its_legs() -> None:
    assert borrow_rate([0.0, 0.5, 1.0], RateCurve(0.01, 0.1, 9.0, 1.0)).tolist() == pytest.approx([0.01, 0.06, 0.11])
    assert borrow_rate([0.0, 0.5], RateCurve(0.01, 0.1, 2.0, 0.0)).tolist() == pytest.approx([0.11, 1.11])


def test_what_can_be_taken_out_is_what_is_not_lent_out() -> None:
    assert withdrawable([5.0, 50.0, -1.0], [20.0, 20.0, 20.0]).tolist() == [5.0, 20.0, 0.0]
    assert float(withdrawable(5.0, -1.0)) == 0.0
