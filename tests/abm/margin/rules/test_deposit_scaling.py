"""Initial weights of tokens that there is much of: figures of Mango v4 and Drift v2."""

import numpy as np
import pytest

from abm.margin.rules.deposit_scaling import scaled_asset_weight, scaled_liability_weight


@pytest.mark.parametrize(
    ("weight", "deposits", "start", "scaled"),
    [
        # mango-v4, health/cache.rs, test_health1, case 10: 1,500 tokens at 5 USD, 10,000 at 10 USD
        (0.8, 100.0, 1_000.0, 0.8),
        (0.5, 7_500.0, 5_000.0, 0.5 / 1.5),
        (0.5, 100_000.0, 10_000.0, 0.05),
        # drift protocol-v2, math/margin/tests.rs, spot_market_scale_initial_asset_weight: SOL at 25 USD
        (0.9, 25.0, 500_000.0, 0.9),
        (0.9, 500_000.0, 500_000.0, 0.9),
        (0.9, 1_000_000.0, 500_000.0, 0.45),
        (0.9, 1_500_000.0, 500_000.0, 0.3),
        (0.9, 1e12, np.inf, 0.9),
    ],
)
def test_an_asset_weight_falls_so_that_what_all_deposits_count_stays(
    weight: float, deposits: float, start: float, scaled: float
) -> None:
    found = float(scaled_asset_weight(weight, deposits, start))
    assert found == pytest.approx(scaled)
    assert found * deposits <= weight * start or deposits <= start


@pytest.mark.parametrize(
    ("weight", "borrows", "start", "scaled"),
    # mango-v4, the same test, case 11
    [
        (1.2, 100.0, 1_000.0, 1.2),
        (1.5, 7_500.0, 5_000.0, 2.25),
        (1.5, 100_000.0, 10_000.0, 15.0),
        (1.5, 1e12, np.inf, 1.5),
    ],
)
def test_a_liability_weight_rises_with_borrows(weight: float, borrows: float, start: float, scaled: float) -> None:
    assert float(scaled_liability_weight(weight, borrows, start)) == pytest.approx(scaled)


def test_they_take_arrays() -> None:
    assert scaled_asset_weight([0.8, 0.5], np.array([0.0, 20.0]), [10.0, 10.0]).tolist() == [0.8, 0.25]
    assert scaled_liability_weight(1.5, np.array([0.0, 20.0]), 10.0).tolist() == [1.5, 3.0]
