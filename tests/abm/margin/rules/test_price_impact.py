"""Price impact and execution prices: figures of gmx-io/gmx-synthetics, test/pricing and test/exchange/PositionPriceImpact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.execution_price import decrease_price, increase_price
from abm.margin.rules.price_impact import (
    capped_cost,
    impact_curve,
    impact_curve_python,
    price_impact,
    price_impact_python,
    worse_impact,
)

POSITIVE, NEGATIVE = 5e-9, 1e-8


@pytest.mark.parametrize(
    ("imbalance", "exponent", "factor", "usd"),
    [(1e6, 3.0, 1e-12, 1e6), (1e4, 1.0, 1e-4, 1.0), (1e7, 1.75, 1e-7, 177_827.94100389228), (1e-13, 1.5, 1e-6, 0.0),
     (0.5, 1.0, 1.0, 0.5), (0.999, 2.0, 1.0, 0.0), (1.0, 2.0, 1.0, 1.0), (1e9, 3.0, 1.0, 1e27)],
)  # fmt: skip
def test_the_curve(imbalance: float, exponent: float, factor: float, usd: float) -> None:
    for function in (impact_curve, impact_curve_python):
        assert float(function(imbalance, factor, exponent)) == pytest.approx(usd, rel=1e-12)


# longs - shorts before and after, USD; impact
ORDERS = [
    (0.0, -100_000.0, -100.0),
    (400_000.0, -100_000.0, 700.0),
    (390_000.0, 400_000.0, -79.0),
    (300_000.0, 150_000.0, 337.5),
    (0.0, 200_000.0, -400.0),
    (300_000.0, 0.0, 450.0),
    (-200_000.0, 0.0, 200.0),
]


@pytest.mark.parametrize(("before", "after", "usd"), ORDERS)
def test_impacts(before: float, after: float, usd: float) -> None:
    for function in (price_impact, price_impact_python):
        assert float(function(before, after, POSITIVE, NEGATIVE, 2.0)) == pytest.approx(usd, rel=1e-12)
        assert float(function(-before, -after, POSITIVE, NEGATIVE, 2.0)) == pytest.approx(usd, rel=1e-12)


def test_of_many_orders_at_once() -> None:
    before, after, usd = np.array(ORDERS).T
    np.testing.assert_allclose(price_impact(before, after, POSITIVE, NEGATIVE, 2.0), usd)


@given(before=st.floats(-1e6, 1e6), after=st.floats(-1e6, 1e6), exponent=st.sampled_from([1.0, 1.7, 2.0, 2.2]))
def test_there_and_back_never_pays(before: float, after: float, exponent: float) -> None:
    there, back = (float(price_impact(a, b, 2e-8, 1e-8, exponent)) for a, b in ((before, after), (after, before)))
    assert there + back <= 1e-9 * (1.0 + abs(there))


def test_of_a_negative_impact_the_worse_counts() -> None:
    assert worse_impact([-400.0, -400.0, 300.0], [200.0, -1_200.0, -900.0]).tolist() == [-400.0, -1_200.0, 300.0]


def test_a_liquidation_counts_no_gain_and_a_capped_loss() -> None:
    assert capped_cost([50.0, -50.0, -5_000.0], 100_000.0, 0.01).tolist() == [0.0, 50.0, 1_000.0]


@pytest.mark.parametrize(
    ("side", "size", "price", "impact", "executed"),
    [(1.0, 100_000.0, 5_000.0, -100.0, 5_005.005005005005), (-1.0, 500_000.0, 5_000.0, 700.0, 5_007.009813739234),
     (1.0, 200_000.0, 50.0, -400.0, 50.100200400801604)],
)  # fmt: skip
def test_prices_of_opening(side: float, size: float, price: float, impact: float, executed: float) -> None:
    assert float(increase_price(size, price, impact, side)) == pytest.approx(executed, rel=1e-14)


@pytest.mark.parametrize(
    ("side", "size", "impact", "executed"),
    [(1.0, 100_000.0, -100.0, 4_995.0), (-1.0, 10_000.0, -79.0, 5_039.5), (1.0, 150_000.0, 337.5, 5_011.25)],
)
def test_prices_of_closing(side: float, size: float, impact: float, executed: float) -> None:
    assert float(decrease_price(size, 5_000.0, 5_000.0, impact, side)) == pytest.approx(executed, rel=1e-14)
