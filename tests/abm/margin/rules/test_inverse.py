"""Formulas of inverse contracts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.inverse import bankruptcy_price, closing_fee, liquidation_price, profit, scenario_profit

SIDES = st.sampled_from([1.0, -1.0])


def test_profit_of_a_long() -> None:
    """10,000 USD from 8,000 to 10,000: 1.25 - 1 BTC."""
    assert float(profit(10_000.0, 8_000.0, 10_000.0)) == pytest.approx(0.25)


def test_the_grid_of_deribit_s_page() -> None:
    """docs.deribit.com, private/pme/simulate: 0.31335083 BTC under moves down to -16 %."""
    found = scenario_profit(0.31335083, np.array([-0.16, -0.12, -0.08, -0.04, 0.0]))
    expected = [-0.05968587238095239, -0.04272965863636364, -0.02724789826086957, -0.013056284583333334, 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(side=SIDES, balance=st.floats(0.0, 1.2), fee=st.floats(0.0, 0.01))
def test_at_the_bankruptcy_price_what_is_left_pays_the_fee(side: float, balance: float, fee: float) -> None:
    price = float(bankruptcy_price(side * 10_000.0, 8_000.0, balance, fee))
    left = balance + float(profit(side * 10_000.0, 8_000.0, price))
    assert left == pytest.approx(fee * 10_000.0 / price, abs=1e-9)


@given(side=SIDES, balance=st.floats(0.0, 1.2), fee=st.floats(0.0, 0.01), rate=st.floats(0.0, 0.05))
def test_at_the_liquidation_price_what_is_left_is_maintenance_and_fee(
    side: float, balance: float, fee: float, rate: float
) -> None:
    price = float(liquidation_price(side * 10_000.0, 8_000.0, balance, rate, fee))
    left = balance + float(profit(side * 10_000.0, 8_000.0, price))
    need = 1.25 * rate + float(closing_fee(side * 10_000.0, 8_000.0, balance, fee))
    assert left == pytest.approx(need, abs=1e-9)


def test_a_short_with_its_whole_value_in_coins_is_never_bankrupt() -> None:
    assert float(bankruptcy_price(-10_000.0, 8_000.0, 1.25)) == np.inf
    assert float(bankruptcy_price(-10_000.0, 8_000.0, 2.0, 0.001)) == np.inf
    assert float(closing_fee(-10_000.0, 8_000.0, 2.0, 0.001)) == 0.0
    assert float(liquidation_price(-10_000.0, 8_000.0, 2.0, 0.005, 0.001)) == np.inf


def test_without_contracts_there_is_no_price() -> None:
    assert np.isnan(bankruptcy_price(0.0, 8_000.0, 1.0))
    assert np.isnan(liquidation_price(0.0, 8_000.0, 1.0, 0.005))
    assert float(closing_fee(0.0, 8_000.0, 1.0, 0.001)) == 0.0
