import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.options.expiry import (
    WINDOW,
    fixed_share,
    marked_forward,
    payoff,
    payoff_in_coin,
    settlement_price,
    shocked_forward,
)

EXPIRY = 10_000.0


def test_payoff_is_what_the_option_is_in_the_money() -> None:
    assert list(payoff([90.0, 100.0, 110.0], 100.0, True)) == [0.0, 0.0, 10.0]
    assert list(payoff([90.0, 100.0, 110.0], 100.0, False)) == [10.0, 0.0, 0.0]
    assert list(payoff(90.0, [100.0, 80.0], [False, True])) == [10.0, 10.0]


def test_an_inverse_option_pays_in_the_coin() -> None:
    assert payoff_in_coin(80_000.0, 60_000.0, True) == 0.25
    assert payoff_in_coin(50_000.0, 60_000.0, False) == pytest.approx(0.2)
    with pytest.raises(ValueError, match=r"settlement must be > 0, got 0.0"):
        payoff_in_coin(0.0, 60_000.0, False)


def test_the_forward_is_fixed_by_and_by_in_the_last_half_hour() -> None:
    assert list(fixed_share([3600.0, 1800.0, 900.0, 0.0, -5.0])) == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert list(shocked_forward(100.0, 1.2, [3600.0, 900.0, 0.0])) == pytest.approx([120.0, 110.0, 100.0])


def test_marked_forward_is_that_of_derives_example() -> None:
    """help.derive.xyz, Expiration settlement: 20 minutes to go, average so far 1950, forward 1975."""
    assert float(marked_forward(1950.0, 1975.0, 1200.0)) == pytest.approx(1966.67, abs=5e-3)
    assert float(marked_forward(np.float64(1950.0), 1975.0, 7200.0)) == 1975.0


class TestSettlementPrice:
    """The average of the last half hour, by time."""

    def test_each_price_counts_for_as_long_as_it_holds(self) -> None:
        times, index = np.array([0.0, 8_200.0, 9_100.0, 9_700.0]), np.array([1.0, 100.0, 130.0, 160.0])
        assert settlement_price(times, index, EXPIRY) == pytest.approx((900 * 100 + 600 * 130 + 300 * 160) / 1800)

    def test_what_is_before_and_after_the_window_does_not_count(self) -> None:
        times = np.array([0.0, 5_000.0, 9_100.0, EXPIRY, 12_000.0])
        got = settlement_price(times, np.array([1e9, 100.0, 200.0, 1e9, 1e9]), EXPIRY)
        assert got == pytest.approx(150.0)

    def test_a_price_that_stood_still_is_the_settlement(self) -> None:
        assert settlement_price(np.array([EXPIRY - WINDOW]), np.array([123.0]), EXPIRY) == 123.0

    @settings(deadline=None)
    @given(st.lists(st.floats(1.0, 1e5), min_size=1, max_size=40))
    def test_equal_steps_give_the_plain_mean(self, index: list[float]) -> None:
        """As Deribit takes it, of an index every few seconds."""
        times = EXPIRY - WINDOW + np.arange(len(index)) * WINDOW / len(index)
        assert settlement_price(times, np.array(index), EXPIRY) == pytest.approx(np.mean(index), rel=1e-9)

    @pytest.mark.parametrize(
        ("times", "index", "message"),
        [
            ([0.0], [1.0, 2.0], "index must have as many prices as there are times, 1, got 2"),
            ([], [], "the first time must be <= 8200.0, the begin of the window, got none"),
            ([8_300.0], [1.0], "the first time must be <= 8200.0, the begin of the window, got 8300.0"),
            ([0.0, 0.0], [1.0, 2.0], "seconds must rise"),
        ],
    )
    def test_prices_that_do_not_cover_the_window_are_refused(self, times, index, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            settlement_price(np.array(times), np.array(index), EXPIRY)
