"""What scenarios do to forwards, volatilities and values."""

from math import exp, inf, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.portfolio.shocks import (
    DAY,
    SkewNumbers,
    StaticNumbers,
    VolNumbers,
    moving_share,
    moving_share_python,
    skew_multiplier,
    skew_multiplier_python,
    skew_slope,
    skew_slope_python,
    static_discounts,
    static_discounts_python,
    vol_multipliers,
    vol_multipliers_python,
)

VOL = VolNumbers(0.5, 0.275, 0.3, 0.13, 1.0, 0.45)
SKEW = SkewNumbers(0.15, -0.05, 0.15, -0.05, 0.01, 4.0, 0.6, -0.1)
STATIC = StaticNumbers(0.95, 1.0, 0.08, 1.04, 0.5, 0.08)


class TestForward:
    @pytest.mark.parametrize(
        ("seconds", "share"), [(1e6, 1.0), (1_800.0, 1.0), (900.0, 0.5), (1.0, 1 / 1_800), (0.0, 0.0), (-5.0, 0.0)]
    )
    def test_it_is_fixed_bit_by_bit_in_the_last_half_hour(self, seconds: float, share: float) -> None:
        assert moving_share(seconds) == moving_share_python(seconds) == pytest.approx(share)


class TestVolatility:
    @pytest.mark.parametrize(
        ("days", "up", "down"),
        [
            (30.0, 1.5, 0.725),
            (7.5, 1.0 + 0.5 * 4.0**0.3, 1.0 - 0.275 * 4.0**0.3),
            (120.0, 1.0 + 0.5 * 0.25**0.13, 1.0 - 0.275 * 0.25**0.13),
            (0.2, 1.0 + 0.5 * 30.0**0.3, 1.0 - 0.275 * 30.0**0.3),  # no less than a day counts
        ],
    )
    def test_shocks_are_larger_near_expiry(self, days: float, up: float, down: float) -> None:
        assert vol_multipliers(days * DAY, VOL) == pytest.approx((up, down), rel=1e-14)

    def test_a_fall_is_to_nothing_at_most(self) -> None:
        assert vol_multipliers(DAY, VOL._replace(range_down=5.0))[1] == 0.0

    def test_the_power_is_that_of_the_time_left_not_of_the_floor(self) -> None:
        long_floor = VOL._replace(dte_floor_days=60.0)
        assert vol_multipliers(DAY, long_floor)[0] == pytest.approx(1.0 + 0.5 * 0.5**0.3)

    def test_without_a_floor_and_at_expiry_there_is_no_shock(self) -> None:
        assert vol_multipliers(0.0, VOL._replace(dte_floor_days=0.0)) == (1.0, 1.0)


class TestSkew:
    def test_linear_is_capped_on_both_sides(self) -> None:
        root = sqrt(0.25)
        cap, width = 0.15 - 0.05 * root, root * 4.0 * (0.6 - 0.1 * root)
        assert skew_multiplier(width / 2, 0.25, False, SKEW) == pytest.approx(1.0 + cap / 2)
        assert skew_multiplier(-width / 2, 0.25, False, SKEW) == pytest.approx(1.0 - cap / 2)
        assert skew_multiplier(3.0 * width, 0.25, False, SKEW) == pytest.approx(1.0 + cap)
        assert skew_multiplier(-3.0 * width, 0.25, False, SKEW) == pytest.approx(1.0 - cap)

    def test_absolute_raises_both_wings(self) -> None:
        both = [skew_multiplier(k, 0.25, True, SKEW) for k in (-0.4, 0.4)]
        assert both[0] == both[1] > 1.0

    def test_a_cap_below_zero_bounds_on_one_side_only(self) -> None:
        # min(cap, k cap / k*) with cap = -0.35: beyond k* it goes on falling, as in the contract
        wide = SKEW._replace(linear_cap=0.15, linear_cbase=-1.0, width_scale=1.0, vol_scale=0.0)
        root = 0.5
        cap, width = 0.15 - root, root * 0.6
        assert skew_multiplier(width / 2, 0.25, False, wide) == pytest.approx(1.0 + cap)
        assert skew_multiplier(2 * width, 0.25, False, wide) == pytest.approx(1.0 + 2 * cap)
        assert skew_multiplier(-2 * width, 0.25, False, wide) == pytest.approx(1.0 - 2 * cap)

    def test_no_volatility_is_below_zero(self) -> None:
        assert skew_multiplier(-1.0, 0.0, False, SKEW._replace(linear_cap=9.5)) == 0.0

    def test_a_width_of_nothing_caps_at_once(self) -> None:
        none = SKEW._replace(min_k_star=0.0)
        assert skew_multiplier(0.01, 0.0, False, none) == pytest.approx(1.15)
        assert skew_multiplier(0.0, 0.0, False, none) == 1.0

    @given(
        k=st.floats(-2.0, 2.0), years=st.floats(0.0, 2.0), absolute=st.booleans(),
        cap=st.sampled_from([0.15, 9.5, 0.0]), cbase=st.sampled_from([-0.05, -3.0, 1.0]),
    )  # fmt: skip
    def test_the_slope_is_the_derivative(
        self, k: float, years: float, absolute: bool, cap: float, cbase: float
    ) -> None:
        skew = SKEW._replace(linear_cap=cap, linear_cbase=cbase, abs_cap=cap, abs_cbase=cbase)
        step = 1e-6
        ends = [skew_multiplier(k + d, years, absolute, skew) for d in (-step, 0.0, step)]
        left, right = (ends[1] - ends[0]) / step, (ends[2] - ends[1]) / step
        if abs(left - right) < 1e-6 * max(1.0, abs(left)):
            assert skew_slope(k, years, absolute, skew) == pytest.approx(left, rel=1e-5, abs=1e-5)


class TestStatic:
    def test_discounts_of_both_signs(self) -> None:
        long, short = static_discounts(0.5, 0.2, STATIC)
        assert long == pytest.approx(0.95 * exp(-0.5 * 0.28))
        assert short == pytest.approx(min(exp(0.1), 1.04 * exp(0.5 * 0.18)))

    def test_a_short_is_never_worth_less_than_its_undiscounted_value(self) -> None:
        assert static_discounts(0.5, 0.2, STATIC._replace(short_static_discount=3.0))[1] == pytest.approx(exp(0.1))

    def test_rates_below_zero_are_nought(self) -> None:
        assert static_discounts(0.5, -1.2, STATIC) == static_discounts(0.5, 0.0, STATIC)
        assert static_discounts(0.5, -1.2, STATIC)[1] == 1.0

    def test_a_huge_rate_is_still_finite(self) -> None:
        assert all(x < inf for x in static_discounts(100.0, 10.0, STATIC))


@given(
    k=st.floats(-2.0, 2.0), seconds=st.floats(0.0, 4e7), rate=st.floats(-0.5, 1.0), absolute=st.booleans(),
)  # fmt: skip
def test_compiled_and_plain_shocks_are_equal(k: float, seconds: float, rate: float, absolute: bool) -> None:
    years = seconds / (365 * DAY)
    assert vol_multipliers(seconds, VOL) == pytest.approx(vol_multipliers_python(seconds, VOL), rel=1e-14)
    assert static_discounts(years, rate, STATIC) == pytest.approx(
        static_discounts_python(years, rate, STATIC), rel=1e-14
    )
    for one, other in ((skew_multiplier, skew_multiplier_python), (skew_slope, skew_slope_python)):
        assert one(k, years, absolute, SKEW) == pytest.approx(other(k, years, absolute, SKEW), rel=1e-14, abs=1e-14)
