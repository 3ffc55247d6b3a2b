"""What a liquidator of a loan gets: bonus, protocol's fee, balance, rounding."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.seizure import deficit, seize, seize_units


def test_figures_of_aave() -> None:
    """Of aave-v3-origin, Pool.Liquidations.t.sol: 106 USD of debt, WBTC 25 % below 27,000, 5 % bonus, 10 % of it a fee."""
    got = seize(106.0, 1.0, 1.0 / 20_250.0, 1.05, 0.1)
    assert float(got.liquidator) == pytest.approx(0.005470123456790124, abs=1e-16)
    assert float(got.fee) == pytest.approx(2.6172839506172843e-05, abs=1e-16)
    assert float(got.repaid) == 106.0


def test_a_worked_example_with_a_bonus_of_15_percent() -> None:
    """docs.cavus.finance/liquidations: repaying 2.5 of a debt of 5 takes 2.5 + 0.375."""
    assert float(seize(2.5, 4.0, 1.0, 1.15, 0.0).taken) == pytest.approx(2.875)


def test_no_more_than_the_balance_is_taken_and_then_less_is_repaid() -> None:
    got = seize([100.0, 10.0], 50.0, 1.0, 1.25, 0.2)
    assert got.repaid.tolist() == pytest.approx([40.0, 10.0])
    assert got.taken.tolist() == pytest.approx([50.0, 12.5])
    assert got.fee.tolist() == pytest.approx([2.0, 0.5])


@given(
    repay=st.integers(1, 10**12), balance=st.integers(1, 10**12), price=st.fractions("1/1000", 1_000),
    bonus=st.integers(10_000, 12_000), share=st.integers(0, 5_000),
)  # fmt: skip
def test_in_smallest_units_it_is_the_same_but_for_rounding(
    repay: int, balance: int, price: Fraction, bonus: int, share: int
) -> None:
    liquidator, fee, repaid = seize_units(repay, balance, price, bonus / 10_000, share / 10_000)
    real = seize(float(repay), float(balance), float(price), bonus / 10_000, share / 10_000)
    assert liquidator + fee <= balance
    assert abs(liquidator - float(real.liquidator)) <= 4.0 + 1e-9 * balance
    assert abs(fee - float(real.fee)) <= 3.0 + 1e-9 * balance
    assert abs(repaid - float(real.repaid)) <= 2.0 + 2.0 / float(price) + 1e-9 * repay


def test_a_deficit_is_what_is_left_when_no_collateral_is() -> None:
    assert deficit([10.0, 10.0, 0.0], [0.0, 1e-9, 0.0]).tolist() == [10.0, 0.0, 0.0]
