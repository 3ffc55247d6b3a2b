"""Tiers: their amounts as exchanges publish them, which tier a notional is in, and tables that are wrong."""

import numpy as np
import pytest

from abm.margin.tiers import Schedule, amounts, check_tiers, next_amount, tier_at, tier_at_python, tier_of

# Figures of freqtrade/freqtrade, tests/exchange/test_binance.py and tests/conftest.py: floor, rate, amount.
BNB = [
    (0, 0.0065, 0.0),
    (10_000, 0.01, 35.0),
    (50_000, 0.02, 535.0),
    (250_000, 0.05, 8_035.0),
    (1_000_000, 0.1, 58_035.0),
    (2_000_000, 0.125, 108_035.0),
    (5_000_000, 0.15, 233_035.0),
    (10_000_000, 0.25, 1_233_035.0),
    (20_000_000, 0.5, 6_233_035.0),
]
FLOOR, RATE, AMOUNT = (np.array(column, dtype=np.float64) for column in zip(*BNB, strict=True))


class TestAmounts:
    def test_they_are_those_that_binance_shows(self) -> None:
        np.testing.assert_allclose(amounts(FLOOR, RATE), AMOUNT, rtol=1e-12)

    def test_one_follows_from_the_one_below(self) -> None:
        """Flipster's page (support 7352962731663): 1 % from 250,000 on, over 0.5 % and an amount of 50."""
        assert next_amount(50.0, 250_000.0, 0.01, 0.005) == pytest.approx(1_300.0)

    def test_the_requirement_does_not_jump_at_a_floor(self) -> None:
        below = FLOOR[1:] * RATE[:-1] - AMOUNT[:-1]
        np.testing.assert_allclose(FLOOR[1:] * RATE[1:] - AMOUNT[1:], below, rtol=1e-12)


class TestTierOf:
    @pytest.mark.parametrize(
        ("notional", "tier"), [(0.0, 0), (9_999.99, 0), (10_000.0, 1), (5_000_000.0, 6), (1e12, 8)]
    )
    def test_a_notional_on_a_floor_is_in_the_upper_tier(self, notional: float, tier: int) -> None:
        assert int(tier_of(FLOOR, notional)) == tier
        floor = np.append(FLOOR, np.inf)[None, :]
        assert tier_at(floor, 0, notional) == tier_at_python(floor, 0, notional) == tier


class TestSchedule:
    def test_markets_with_fewer_tiers_are_filled_up_with_ones_that_nothing_reaches(self) -> None:
        made = Schedule.of([[(0.0, 0.01, 0.02)], [(0.0, 0.01, 0.02), (100.0, 0.05, 0.1)]])
        assert made.floor.tolist() == [[0.0, np.inf], [0.0, 100.0]]
        assert made.amount.tolist() == [[0.0, 0.0], [0.0, 4.0]]
        assert made.initial.tolist() == [[0.02, 0.02], [0.02, 0.1]]

    def test_no_markets_at_all(self) -> None:
        assert Schedule.of([]).floor.shape == (0, 1)


class TestCheckTiers:
    @pytest.mark.parametrize(
        ("floors", "rates", "initial", "message"),
        [
            ([10.0], [0.01], [0.02], "does not start at 0"),
            ([0.0, 5.0, 5.0], [0.01] * 3, [0.02] * 3, "a tier from 5 follows one from 5"),
            ([0.0, 5.0], [0.02, 0.01], [0.02, 0.02], "the maintenance rate falls from 0.02 to 0.01"),
            ([0.0, 5.0], [0.01, 0.01], [0.02, 0.015], "the initial rate falls from 0.02 to 0.015"),
            ([0.0], [0.03], [0.02], "an initial rate of 0.02 is below maintenance of 0.03"),
        ],
    )
    def test_a_wrong_table_is_told_of(
        self, floors: list[float], rates: list[float], initial: list[float], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            check_tiers(floors, rates, initial)
