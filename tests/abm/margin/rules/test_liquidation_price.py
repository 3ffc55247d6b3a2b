"""Liquidation prices from margin, size, entry and rate."""

import numpy as np
import pytest

from abm.margin.rules.liquidation_price import entry_liquidation_price, liquidation_price


@pytest.mark.parametrize(
    ("margin", "size", "entry", "rate", "amount", "price"),
    # freqtrade/freqtrade, tests/exchange/test_exchange.py and test_binance.py
    [
        (1.2, -0.6, 10.0, 0.01, 0.01, 11.897689768976898),
        (1.6, 1.0, 8.0, 0.01, 0.01, 6.454545454545454),
        (1_535_443.01 - 71_200.81144 - 56_354.57, 3_683.979, 1_456.84, 0.1, 135_365.0, 1_153.26),
    ],
)
def test_against_the_notional_at_the_price(
    margin: float, size: float, entry: float, rate: float, amount: float, price: float
) -> None:
    assert float(liquidation_price(margin, size, entry, rate, amount)) == pytest.approx(price, abs=5e-3, rel=0.0)


def test_against_the_notional_at_entry() -> None:
    assert float(entry_liquidation_price(10.0 / 3.0, 1.0, 10.0, 0.1)) == pytest.approx(6.766666666666667)
    assert float(entry_liquidation_price(1.0, -1.0, 10.0, 0.1)) == pytest.approx(10.9)


def test_without_a_position_there_is_none() -> None:
    found = liquidation_price(np.array([1.0, 1.6]), np.array([0.0, 1.0]), 8.0, 0.01, 0.01)
    assert np.isnan(found).tolist() == [True, False]
    assert np.isnan(entry_liquidation_price(1.0, 0.0, 10.0, 0.0))


def test_a_long_that_is_paid_for_has_one_below_zero() -> None:
    assert float(liquidation_price(9.0, 1.0, 8.0, 0.01)) < 0.0
