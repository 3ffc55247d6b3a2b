"""A skew-priced pool's fills, fees, funding and debt: figures of Synthetixio/synthetix-v3, markets/perps-market/test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.fill_price import fill_price
from abm.margin.rules.market_debt import market_debt
from abm.margin.rules.order_fee import order_fee
from abm.margin.rules.skew_funding import funding_paid, funding_rate_after


@pytest.mark.parametrize(
    ("skew", "size", "scale", "price", "filled"),
    # Orders/OffchainAsyncOrder.price.test.ts; the last is the example in contracts/storage/AsyncOrder.sol.
    [(10.0, -11.0, 1e4, 1_010.0, 1_010.4545), (10.0, -1.0, 1e4, 1_010.0, 1_010.9595),
     (-10.0, -1.0, 1e4, 1_010.0, 1_008.9395), (0.0, 1.0, 1e5, 1_000.0, 1_000.005), (5.0, 1.0, 0.0, 7.0, 7.0)],
)  # fmt: skip
def test_fill_prices(skew: float, size: float, scale: float, price: float, filled: float) -> None:
    assert float(fill_price(price, skew, size, scale)) == pytest.approx(filled, rel=1e-14)


@pytest.mark.parametrize(
    ("skew", "size", "fee"),
    # Orders/OffchainAsyncOrder.fees.test.ts: maker 3 and taker 8 basis points at 1,000.
    [(0.0, 2.0, 1.6), (2.0, -3.0, 1.4), (2.0, -2.0, 0.6), (2.0, 1.0, 0.8), (-2.0, 3.0, 1.4), (2.0, 0.0, 0.0)],
)
def test_order_fees(skew: float, size: float, fee: float) -> None:
    assert float(order_fee(skew, size, 1_000.0, 0.0003, 0.0008)) == pytest.approx(fee)


@given(skew=st.floats(-50.0, 50.0), first=st.floats(0.0, 1.0), size=st.floats(-50.0, 50.0))
def test_an_order_in_two_parts_pays_the_same_fee(skew: float, first: float, size: float) -> None:
    parts = order_fee([skew, skew + first * size], [first * size, size - first * size], 1.0, 0.0003, 0.0008)
    assert parts.sum() == pytest.approx(float(order_fee(skew, size, 1.0, 0.0003, 0.0008)), abs=1e-12)


# Position/Funding.test.ts: skew scale 10,000, velocity 3, price 2,000, a position of 20.
STEPS = [
    # rate before, skew, days, rate after, paid
    (0.0, 20.0, 1.0, 0.006, 120.0),
    (-0.007875, 12.0, 2.0, -0.000675, -342.0),
    (-0.000675, -5.0, 0.2, -0.000975, -6.6),
    (0.0, 20_000.0, 1.0, 3.0, 60_000.0),
]


@pytest.mark.parametrize(("before", "skew", "days", "after", "paid"), STEPS)
def test_funding_drifts_with_the_skew(before: float, skew: float, days: float, after: float, paid: float) -> None:
    rate = float(funding_rate_after(before, skew, 10_000.0, 3.0, days))
    assert rate == pytest.approx(after, abs=1e-15)
    assert float(funding_paid(before, rate, 20.0, 2_000.0, days)) == pytest.approx(paid, abs=1e-9)


def test_without_a_scale_funding_holds() -> None:
    assert funding_rate_after(0.01, np.array([5.0]), 0.0, 3.0, 1.0).tolist() == [0.01]


def test_debt_of_a_market() -> None:
    """Of Market/MarketDebt.test.ts, at 1,100: deposits of 5,500, a long of 10 from 1,000, shorts of 5 from 1,200 and of 10."""
    assert (
        market_debt([1_000.0, 1_200.0, 3_300.0], [10.0, -5.0, -10.0], [1_000.0, 1_200.0, 1_100.0], 1_100.0) == 7_000.0
    )
