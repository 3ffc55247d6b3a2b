"""Haircuts by amount and by what a sale would cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.haircuts import Tiers, moving_haircut, sale_cost

TIERS = Tiers(np.array([0.0, 1e6, 5e6]), np.array([0.05, 0.10, 0.40]))
amounts = st.just(0.0) | st.floats(1e-6, 1e8)  # a coin has no smaller unit
parts = st.floats(0.0, 1.0)


def one(value: float) -> np.ndarray:
    return np.array([value])


class TestTiers:
    def test_by_hand(self) -> None:
        """6 M: 1 M at 5 %, 4 M at 10 %, 1 M at 40 %."""
        value = TIERS.value(np.array([0.0, 5e5, 1e6, 6e6]))
        assert value.tolist() == pytest.approx([0.0, 4.75e5, 9.5e5, 0.95e6 + 3.6e6 + 0.6e6])
        assert TIERS.mean_haircut(np.array([0.0, 1e6, 6e6])).tolist() == pytest.approx([0.05, 0.05, 0.85 / 6.0])

    @given(amounts, amounts)
    def test_more_counts_for_more_and_the_haircut_does_not_fall(self, a: float, b: float) -> None:
        low, high = one(min(a, b)), one(max(a, b))
        assert TIERS.value(low)[0] <= TIERS.value(high)[0]
        assert TIERS.mean_haircut(low)[0] <= TIERS.mean_haircut(high)[0] + 1e-12

    @given(amounts, amounts)
    def test_splitting_over_accounts_never_loses_value(self, a: float, b: float) -> None:
        """The value is concave: limits by account can be got round by splitting, so they belong to the owner."""
        together = TIERS.value(one(a + b))[0]
        assert TIERS.value(one(a))[0] + TIERS.value(one(b))[0] >= together * (1.0 - 1e-12) - 1e-300

    @pytest.mark.parametrize(
        ("start", "haircut", "message"),
        [
            ([0.0], [0.1, 0.2], "needs as many starts as haircuts, got 1 and 2"),
            ([], [], "needs as many starts as haircuts, got 0 and 0"),
            ([1.0], [0.1], r"starts must begin at 0 and ascend, got \[1.0\]"),
            ([0.0, 0.0], [0.1, 0.2], "must begin at 0 and ascend"),
            ([0.0, 1.0], [0.2, 0.1], r"haircuts must lie in \[0, 1\] and not fall"),
            ([0.0], [1.1], r"haircuts must lie in \[0, 1\]"),
        ],
    )
    def test_bands_that_cannot_be_are_refused(self, start: list[float], haircut: list[float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Tiers(np.array(start), np.array(haircut))


class TestMoving:
    def test_by_hand(self) -> None:
        """Selling a quarter of the depth: half the coefficient."""
        assert sale_cost(one(2.5e5), one(1e6), 0.01)[0] == pytest.approx(0.005)
        assert moving_haircut(one(0.03), one(0.005), one(0.01), 0.5)[0] == pytest.approx(0.035)

    def test_without_depth_all_is_lost_and_without_amount_nothing(self) -> None:
        assert sale_cost(np.array([1.0, 0.0]), np.zeros(2), 0.01).tolist() == [1.0, 0.0]

    def test_it_lies_within_floor_and_ceiling(self) -> None:
        moves = np.array([0.0, 0.2, 0.9])
        assert moving_haircut(moves, np.zeros(3), np.full(3, 0.1), 0.5).tolist() == [0.1, 0.2, 0.5]
        assert moving_haircut(one(0.0), one(0.0), one(0.6), 0.5)[0] == 0.6

    @given(parts, parts, amounts, amounts, st.floats(1.0, 1e8), st.floats(1.0, 1e8))
    def test_it_rises_with_move_and_amount_and_falls_with_depth(
        self, m1: float, m2: float, a1: float, a2: float, d1: float, d2: float
    ) -> None:
        safe = moving_haircut(one(min(m1, m2)), sale_cost(one(min(a1, a2)), one(max(d1, d2)), 0.01), one(0.05), 0.5)
        risky = moving_haircut(one(max(m1, m2)), sale_cost(one(max(a1, a2)), one(min(d1, d2)), 0.01), one(0.05), 0.5)
        assert 0.05 <= safe[0] <= risky[0] <= 0.5
