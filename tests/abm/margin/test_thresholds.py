"""Moving margins: known figures, and monotone in what they answer to."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.thresholds import (
    buffered,
    floored,
    forecast_scale,
    limited,
    move_quantile,
    quantile_factor,
    reactive_scale,
    stressed,
)

small = st.floats(0.0, 10.0)
margins = st.floats(1e-4, 1.0)
REACTIVE = {"volatility": 0.25, "depth": 0.5, "floor": 1.0, "ceiling": 3.0}


def one(value: float) -> Any:
    return np.array([value])


class TestKnown:
    def test_factors_of_the_tables(self) -> None:
        """Normal 99 %: 2.3263; Student's t of 4 degrees 99 %: 3.7469, times sqrt(2/4)."""
        assert quantile_factor(0.99) == pytest.approx(2.3263479, abs=1e-7)
        assert quantile_factor(0.99, 4.0) == pytest.approx(3.7469474 * math.sqrt(0.5), abs=1e-7)
        assert quantile_factor(0.99, 1e6) == pytest.approx(2.3263479, abs=1e-4)

    def test_a_quantile_grows_with_the_root_of_time(self) -> None:
        assert move_quantile(one(4e-4), 9.0, 2.0)[0] == pytest.approx(2.0 * 0.02 * 3.0)

    def test_a_scale_is_margin_over_the_fraction_within_bounds(self) -> None:
        scale = forecast_scale(np.array([0.01, 0.03, 0.2]), np.full(3, 0.02), 1.0, 3.0)
        assert scale.tolist() == pytest.approx([1.0, 1.5, 3.0])

    def test_reactive_by_hand(self) -> None:
        assert reactive_scale(one(2.0), one(0.4), **REACTIVE)[0] == 1.0 + (0.25 * 2.0 + 0.5 * 0.4)

    def test_stress_has_a_quarter_of_the_weight(self) -> None:
        assert stressed(one(0.02), one(0.10))[0] == pytest.approx(0.04)

    def test_a_floor_holds_a_calm_margin_up_and_leaves_a_high_one(self) -> None:
        assert floored(np.array([0.01, 0.05]), np.array([0.02, 0.02])).tolist() == [0.02, 0.05]

    def test_a_buffer_is_exhausted_in_a_rise_and_rebuilt_in_a_fall(self) -> None:
        in_force, path = one(0.0), []
        for margin in (0.100, 0.110, 0.125, 0.150, 0.120, 0.080):
            in_force = buffered(one(margin), in_force)
            path.append(float(in_force[0]))
        assert path == pytest.approx([0.100, 0.110, 0.125, 0.150, 0.150, 0.100])

    def test_steps_are_limited_and_the_band_lets_be(self) -> None:
        aim = np.array([2.0, 0.5, 1.04, 0.80])
        assert limited(np.ones(4), aim, step=0.25, above=0.05, below=0.25).tolist() == [1.25, 0.75, 1.0, 1.0]


class TestMonotone:
    @given(small, small, small, small)
    def test_reactive_rises_with_volatility_and_missing_depth(self, a: float, b: float, c: float, d: float) -> None:
        low = reactive_scale(one(min(a, b)), one(min(c, d)), **REACTIVE)
        high = reactive_scale(one(max(a, b)), one(max(c, d)), **REACTIVE)
        assert REACTIVE["floor"] <= low[0] <= high[0] <= REACTIVE["ceiling"]

    @given(margins, margins, margins, margins)
    def test_all_against_pro_cyclicality_keep_the_order(self, a: float, b: float, other: float, force: float) -> None:
        low, high = one(min(a, b)), one(max(a, b))
        assert floored(low, one(other))[0] <= floored(high, one(other))[0]
        assert stressed(low, one(other))[0] <= stressed(high, one(other))[0]
        assert buffered(low, one(force))[0] <= buffered(high, one(force))[0]
        assert forecast_scale(low, one(0.02), 1.0, 3.0)[0] <= forecast_scale(high, one(0.02), 1.0, 3.0)[0]

    @given(margins, margins)
    def test_none_but_stress_is_below_the_margin_itself(self, margin: float, other: float) -> None:
        assert floored(one(margin), one(other))[0] >= margin
        assert margin <= buffered(one(margin), one(other))[0] <= 1.25 * margin * (1.0 + 1e-12)

    @given(st.floats(0.5, 4.0), st.floats(0.5, 4.0))
    def test_a_step_never_overshoots(self, decided: float, aim: float) -> None:
        moved = limited(one(decided), one(aim), step=0.25, above=0.05, below=0.25)[0]
        assert min(decided, aim) - 1e-12 <= moved <= max(decided, aim) + 1e-12
        assert abs(moved - decided) <= 0.25 + 1e-12


class TestRefused:
    @pytest.mark.parametrize("confidence", [0.4, 1.0, math.nan])
    def test_a_confidence_that_is_none(self, confidence: float) -> None:
        with pytest.raises(ValueError, match=r"confidence must be in \[0.5, 1\)"):
            quantile_factor(confidence)

    def test_a_tail_without_variance(self) -> None:
        with pytest.raises(ValueError, match=r"tail must be 0 \(normal\) or > 2, got 2.0"):
            quantile_factor(0.99, 2.0)

    def test_less_than_regulation_asks(self) -> None:
        with pytest.raises(ValueError, match=r"weight must be in \[0.25, 1\], got 0.1"):
            stressed(one(0.1), one(0.1), 0.1)
        with pytest.raises(ValueError, match=r"buffer must be >= 0.25, got 0.1"):
            buffered(one(0.1), one(0.1), 0.1)
