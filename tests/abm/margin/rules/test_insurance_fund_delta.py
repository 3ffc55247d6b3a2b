"""What a liquidation pays into the fund or takes out of it: figures of dYdX v4."""

import pytest

from abm.margin.rules.insurance_fund_delta import insurance_fund_delta

# dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations_test.go.
DELTAS = [
    # trade, price, bankruptcy value, largest fee, into the fund
    (-0.1, 56_100.0, 5_100.0, 0.005, 28.05),
    (-0.1, 56_100.0, 5_100.0, 1.0, 510.0),
    (0.1, 44_100.0, -4_900.0, 0.005, 22.05),
    (0.1, 44_100.0, -4_900.0, 0.025, 110.25),
    (-0.1, 51_051.0, 5_100.0, 0.005, 5.1),
    (0.1, 48_951.0, -4_900.0, 0.005, 4.9),
    (-0.1, 51_000.0, 5_100.0, 0.005, 0.0),
    (-0.1, 50_490.0, 5_100.0, 0.005, -51.0),
    (0.1, 49_490.0, -4_900.0, 0.005, -49.0),
]


@pytest.mark.parametrize(("delta", "price", "bankruptcy", "fee", "paid"), DELTAS)
def test_known_answers(delta: float, price: float, bankruptcy: float, fee: float, paid: float) -> None:
    assert float(insurance_fund_delta(delta, price, bankruptcy, fee)) == pytest.approx(paid, abs=1e-6)


def test_a_fund_pays_whatever_the_fee_is() -> None:
    assert insurance_fund_delta([-0.1, -0.1], 50_490.0, 5_100.0, [0.0, 1.0]).tolist() == pytest.approx([-51.0, -51.0])
