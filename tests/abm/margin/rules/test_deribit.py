"""Deribit's small rules: size margin, volatility shocks, contingencies (support 25944738177565; pages/docs/portfoliomargin)."""

import numpy as np
import pytest

from abm.margin.rules.contingency import short_options, spread
from abm.margin.rules.size_margin import size_margin, size_rate
from abm.margin.rules.vol_shock import vol_shock


@pytest.mark.parametrize(
    ("size", "price", "base", "slope", "margin"),
    [
        (0.0, 100_000.0, 0.02, 5e-5, 0.0),
        (25.0, 100_000.0, 0.02, 5e-5, 53_125.0),
        (-350.0, 100_000.0, 0.02, 5e-5, 1_312_500.0),
        (25.0, 100_000.0, 0.01, 5e-5, 28_125.0),
        (25.0, 200.0, 0.04, 5e-6, 200.625),
        (6_000.0, 200.0, 0.04, 5e-6, 84_000.0),
        (25.0, 200.0, 0.02, 5e-6, 100.625),
    ],
)
def test_the_table_of_linear_perpetuals(size: float, price: float, base: float, slope: float, margin: float) -> None:
    assert float(size_margin(size, price, base, slope)) == pytest.approx(margin)
    assert float(size_rate(size, base, slope)) * abs(size) * price == pytest.approx(margin)


def test_volatility_moves_more_near_expiry() -> None:
    """40 % at 30 days is 56.6 % at 15 with a power of one half; with 0.3 and 38 % it is (30/15)^0.3 * 38 %."""
    found = vol_shock(np.array([30.0, 15.0]), 0.4, 0.5)
    assert found == pytest.approx([0.4, 0.566], abs=5e-4)
    assert float(vol_shock(15.0, 0.38, 0.3)) == pytest.approx(0.38 * 2.0**0.3)


def test_net_short_options_of_a_strike() -> None:
    assert short_options(np.array([10.0, 10.0, -3.0]), np.array([-20.0, -5.0, -4.0]), 0.01) == pytest.approx(
        [0.1, 0, 0.07]
    )


def test_offsetting_futures() -> None:
    found = spread(np.array([100.0, 100.0, 0.0, 50.0]), np.array([-100.0, -60.0, -60.0, 10.0]), 0.01)
    assert found == pytest.approx([1.0, 0.6, 0.0, 0.0])
