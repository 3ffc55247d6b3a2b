"""The limit price of a liquidation order: figures of dYdX v4, and its bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.fillable_price import bankruptcy_rating, fillable_price

# dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations_test.go: 0.1 BTC at 50,000 and a fraction of 10 %.
PRICES = [
    # net collateral, size, bankruptcy adjustment, spread, price
    (499.0, 0.1, 1.0, 0.1, 49_999.0),
    (499.0, 0.1, 2.0, 0.1, 49_998.0),
    (499.0, -0.1, 1.0, 0.1, 50_001.0),
    (499.0, -0.1, 1.0, 0.2, 50_002.0),
    (0.0, 0.1, 1.0, 0.1, 49_500.0),
    (-500.0, 0.1, 1.0, 0.1, 49_500.0),
    (-500.0, -0.1, 1.0, 0.1, 50_500.0),
    (499.0, 0.1, 4_294.967295, 0.1, 49_500.0),
    (499.0, 0.1, 1.0, 1e-6, 49_999.99999),
    (600.0, 0.1, 1.0, 0.1, 50_000.0),
]


@pytest.mark.parametrize(("net", "size", "adjustment", "spread", "price"), PRICES)
def test_known_answers(net: float, size: float, adjustment: float, spread: float, price: float) -> None:
    rating = bankruptcy_rating(net, 500.0, adjustment)
    assert float(fillable_price(size, 50_000.0, 0.1, rating, spread)) == pytest.approx(price, abs=1e-6)


@pytest.mark.parametrize(
    ("net", "maintenance", "rating"),
    [
        (501.0, 500.0, 0.0),
        (500.0, 500.0, 0.0),
        (250.0, 500.0, 0.5),
        (-1.0, 500.0, 1.0),
        (0.0, 0.0, 0.0),
        (-1.0, 0.0, 1.0),
    ],
)
def test_the_rating_is_between_none_and_bankruptcy(net: float, maintenance: float, rating: float) -> None:
    assert float(bankruptcy_rating(net, maintenance, 1.0)) == rating


@given(net=st.floats(-1e4, 1e4), size=st.floats(-5.0, 5.0), adjustment=st.floats(0.0, 10.0), spread=st.floats(0.0, 1.5))
def test_it_is_never_further_from_the_price_than_the_spread(
    net: float, size: float, adjustment: float, spread: float
) -> None:
    found = float(fillable_price(size, 100.0, 0.05, bankruptcy_rating(net, 500.0, adjustment), spread))
    if size == 0.0:
        assert math.isnan(found)
    else:
        worse = (100.0 - found) * math.copysign(1.0, size)
        assert -1e-9 <= worse <= 100.0 * 0.05 * spread + 1e-9
