"""Funding of a pool: figures of gmx-io/gmx-synthetics, test/exchange/FundingFees."""

import numpy as np
import pytest

from abm.margin.rules.pool_funding import (
    AdaptiveFunding,
    funding_imbalance,
    next_saved_factor,
    paid_factor,
    static_funding_paid,
)

RULE = AdaptiveFunding(increase=1e-6, decrease=2e-8, stable=0.05, falling=0.03)


# AdaptiveFunding.ts: ten minutes each.
@pytest.mark.parametrize(
    ("saved", "longs", "shorts", "after"),
    [
        (0.0, 106_000.0, 94_000.0, 3.6e-05),
        (7.2637888432138635e-05, 104_000.0, 96_001.0, 7.2637888432138635e-05),
        (7.2618803095782552e-05, 102_000.0, 98_001.0, 6.0618803095782552e-05),
        (6.047544936324991e-05, 94_000.0, 106_001.0, 2.4451790944216677e-05),
        (2.4451790944216678e-05, 94_000.0, 106_001.0, -1.150052929673261e-05),
        (-1.150052929673261e-05, 94_000.0, 106_001.0, -4.7533010594450305e-05),
    ],
)
def test_the_saved_factor_moves_holds_and_falls(saved: float, longs: float, shorts: float, after: float) -> None:
    assert float(next_saved_factor(saved, longs, shorts, 600.0, RULE)) == pytest.approx(after, abs=1e-7)


def test_it_falls_to_no_less_than_a_sign_and_rises_to_no_more_than_the_most() -> None:
    down = next_saved_factor([1e-6, -1e-6, 0.0], 1_010.0, 1_000.0, 600.0, RULE)
    assert 0.0 < down[0] < 1e-20
    assert down[1] > -1e-6  # the skew is against it: it moves towards longs paying
    assert down[2] == pytest.approx(10.0 / 2_010.0 * 6e-4)
    capped = AdaptiveFunding(increase=1.0, decrease=0.0, stable=0.0, falling=0.0, least=1e-5, most=1e-3)
    assert next_saved_factor(0.0, [1.0, 0.0], [0.0, 1.0], 600.0, capped).tolist() == [1e-3, -1e-3]
    assert paid_factor([1e-6, -2e-4, 5.0], capped).tolist() == [1e-5, 2e-4, 1e-3]


def test_an_empty_market_has_no_imbalance() -> None:
    assert funding_imbalance([0.0, 3.0], [0.0, 1.0], 2.0).tolist() == [0.0, 1.0]


def test_the_larger_side_pays_at_a_static_rate() -> None:
    """PairMarket.ts: 200,000 long and 100,000 short for two weeks, a factor of 1e-10."""
    paid = static_funding_paid([2e5, 1e5, 2e5], [1e5, 2e5, 0.0], 1_209_600.0, 1e-10, 1.0, 1e-7)
    np.testing.assert_allclose(paid, [8.064, 8.064, 0.0], rtol=1e-12)
    assert float(static_funding_paid(2e5, 1e5, 10.0, 1.0, 1.0, 1e-7)) == pytest.approx(2e5 * 1e-6)
