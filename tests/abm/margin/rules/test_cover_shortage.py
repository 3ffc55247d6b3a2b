"""How much a liquidator takes over: figures of Drift v2."""

import math

import pytest

from abm.margin.rules.cover_shortage import base_size_to_cover_shortage, liability_transfer_to_cover_shortage

# drift-labs/protocol-v2, programs/drift/src/math/liquidation/tests.rs: a shortage of 10 USD.
SIZES = [
    # ratio, liquidator fee, insurance fee, price, quote price, size
    (0.1, 0.0, 0.0, 100.0, 1.0, 1.0),
    (0.1, 0.0, 0.0, 100.0, 0.99, 1.01010101),
    (0.1, 0.0, 0.0, 100.0, 1.01, 0.990099009),
    (0.1, 0.01, 0.0, 100.0, 1.0, 1.1111111),
    (0.1, 0.01, 0.01, 100.0, 1.0, 1.25),
    (0.01, 0.01, 0.0, 100.0, 1.0, math.inf),
    (0.01, 0.02, 0.0, 100.0, 1.0, math.inf),
    (0.02, 0.01, 0.01, 100.0, 1.0, math.inf),
    (0.1, 0.01, 0.0, 0.0, 1.0, math.inf),
]
TRANSFERS = [
    # weights and multipliers of asset and liability, insurance fee, transfer at a price of 100
    (0.8, 1.0, 1.2, 1.0, 0.0, 0.25),
    (0.8, 1.1, 1.2, 0.9, 0.0, 0.44998425),
    (0.8, 1.0, 1.2, 1.0, 0.01, 0.257731958),
    (0.8, 1.1, 1.2, 0.9, 0.01, 0.475669504),
    (1.0, 1.0, 1.0, 1.0, 0.0, math.inf),
    (0.9, 1.2, 1.0, 0.9, 0.0, math.inf),
]


@pytest.mark.parametrize(("ratio", "fee", "insurance", "price", "quote", "size"), SIZES)
def test_sizes(ratio: float, fee: float, insurance: float, price: float, quote: float, size: float) -> None:
    found = float(base_size_to_cover_shortage(10.0, ratio, fee, insurance, price, quote))
    assert found == pytest.approx(size, abs=1e-6)


@pytest.mark.parametrize(("asset", "above", "liability", "below", "insurance", "transfer"), TRANSFERS)
def test_transfers(
    asset: float, above: float, liability: float, below: float, insurance: float, transfer: float
) -> None:
    found = float(liability_transfer_to_cover_shortage(10.0, asset, above, liability, below, 100.0, insurance))
    assert found == pytest.approx(transfer, abs=1e-4)


@pytest.mark.parametrize("fee", [0.0, 0.2])
def test_without_a_shortage_nothing_is_taken_over(fee: float) -> None:
    assert float(base_size_to_cover_shortage(0.0, 0.1, fee, 0.0, 100.0)) == 0.0
    assert float(base_size_to_cover_shortage(-5.0, 0.1, fee, 0.0, 100.0)) == 0.0


def test_a_transfer_covers_the_shortage_it_is_for() -> None:
    """x borrowed coins at 100 against a deposit: requirement falls by x p w_l, collateral by x p m_a/m_l w_a and the fee."""
    x = float(liability_transfer_to_cover_shortage(10.0, 0.8, 1.02, 1.2, 0.99, 100.0, 0.01))
    assert x * 100.0 * (1.2 - 0.8 * 1.02 / 0.99 - 0.01 * 1.2) == pytest.approx(10.0)
