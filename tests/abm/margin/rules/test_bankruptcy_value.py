"""What must be received for closing part of a position: figures of dYdX v4, and what holds for any account."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.bankruptcy_value import bankruptcy_value

# dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations_test.go: BTC at 50,000 and ETH at 3,000, both at 10 %.
RECEIVED = [
    # net collateral, maintenance of the account, size, trade, price, quote to be received
    (499.0, 500.0, 0.1, -0.1, 50_000.0, 4_501.0),
    (499.0, 500.0, -0.1, 0.1, 50_000.0, -5_499.0),
    (0.0, 500.0, 0.1, -0.05, 50_000.0, 2_500.0),
    (0.0, 500.0, -0.1, 0.05, 50_000.0, -2_500.0),
    (-100.0, 500.0, 0.1, -0.1, 50_000.0, 5_100.0),
    (-100.0, 500.0, -0.1, 0.1, 50_000.0, -4_900.0),
    (10.0, 50.0, 0.1, -0.1, 3_000.0, 294.0),
    (10.0, 50.0, -0.1, 0.1, 3_000.0, -306.0),
]


@pytest.mark.parametrize(("net", "maintenance", "size", "delta", "price", "received"), RECEIVED)
def test_known_answers(
    net: float, maintenance: float, size: float, delta: float, price: float, received: float
) -> None:
    found = bankruptcy_value(net, maintenance, size, delta, price, 0.1)
    assert float(found) == pytest.approx(received, abs=1e-6)


@given(
    net=st.floats(-1e5, 1e5), size=st.floats(0.1, 10.0), part=st.floats(0.0, 1.0), side=st.sampled_from([1.0, -1.0]),
    others=st.floats(0.0, 1e4),
)  # fmt: skip
def test_two_trades_are_worth_what_one_of_both_is(
    net: float, size: float, part: float, side: float, others: float
) -> None:
    """Each takes its share of the collateral, so a position closed at its bankruptcy value in parts, or all positions, use
    up just what there is."""
    size, price, fraction = side * size, 100.0, 0.05
    maintenance = abs(size) * price * fraction + others
    one = float(bankruptcy_value(net, maintenance, size, -part * size, price, fraction))
    left = net + one + part * size * -price
    rest = float(
        bankruptcy_value(left, maintenance - part * abs(size) * price * fraction, (1 - part) * size, -(1 - part) * size,
                         price, fraction)
    )  # fmt: skip
    whole = float(bankruptcy_value(net, maintenance, size, -size, price, fraction))
    assert one + rest == pytest.approx(whole, rel=1e-9, abs=1e-6)


def test_an_account_without_a_requirement_is_closed_at_the_price() -> None:
    assert float(bankruptcy_value(10.0, 0.0, 1.0, -1.0, 100.0, 0.0)) == 100.0


def test_it_takes_arrays() -> None:
    found = bankruptcy_value([499.0, 0.0], [500.0, 500.0], 0.1, np.array([-0.1, -0.05]), 50_000.0, 0.1)
    assert found.tolist() == pytest.approx([4_501.0, 2_500.0])
