"""The slow price: the behaviour that Mango v4's tests pin, and its bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.rules.stable_price import DELAYS, StablePrice, StablePriceRule


def run(model: StablePrice, start: int, step: int, steps: int, price: float) -> tuple[StablePrice, int]:
    for i in range(steps):
        model = model.after(start + step * (i + 1), np.array([price]))
    return model, start + step * steps


class TestMango:
    """blockworks-foundation/mango-v4, programs/mango-v4/src/state/stable_price.rs, tests."""

    def test_after_a_tenfold_rise(self) -> None:
        """test_stable_price_10x."""
        model, now = run(StablePrice.at(np.array([1.0]), 0), 0, 60, 60, 10.0)
        assert model.price[0] == pytest.approx(1.8, abs=0.1)
        assert model.delay[0, 0] == pytest.approx(1.06, abs=0.01)
        assert np.all(model.delay[1:, 0] == 1.0)
        assert (model.place, model.seconds, model.total[0]) == (1, 0, 0.0)

        model, now = run(model, now, 10, 6 * 60, 10.0)
        assert model.price[0] == pytest.approx(2.3, abs=0.1)
        assert model.delay[:2, 0] == pytest.approx([1.06, 1.06 * 1.06], abs=0.01)
        assert np.all(model.delay[2:, 0] == 1.0)
        assert (model.place, model.seconds, model.total[0]) == (2, 0, 0.0)

        model, now = run(model, now, 300, 12 * 23, 10.0)
        assert now == 25 * 3600
        assert model.price[0] == pytest.approx(7.4, abs=0.1)
        delay = model.delay[:, 0]
        assert delay[0] > delay[23] > delay[22]
        assert delay[1] < min(delay[0], delay[2])
        assert model.place == 1

    def test_the_delay_price_is_the_mean_of_its_interval(self) -> None:
        """test_stable_price_average: 1 for half an hour, 2 for the other."""
        model = StablePrice.at(np.array([1.0]), 0, StablePriceRule(delay_growth=10.0))
        model, now = run(model, 0, 60, 30, 1.0)
        model, _ = run(model, now, 60, 30, 2.0)
        assert model.delay[0, 0] == pytest.approx(1.5, abs=0.01)


class TestBounds:
    @given(
        oracle=st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.01, 100.0)), min_size=1, max_size=60),
        start=st.floats(0.1, 10.0),
    )
    @settings(max_examples=60, deadline=None)
    def test_it_never_moves_faster_than_it_may(self, oracle: list[tuple[int, float]], start: float) -> None:
        model, now = StablePrice.at(np.array([start]), 0), 0
        for seconds, price in oracle:
            now += seconds
            after = model.after(now, np.array([price]))
            step = min(now - model.updated, 600) if now - model.updated >= 10 else 0
            assert abs(after.price[0] / model.price[0] - 1.0) <= 0.0003 * step + 1e-12
            low, high = sorted((model.price[0], price))
            assert low - 1e-12 <= after.price[0] <= high + 1e-12
            newest, before = after.delay[after.place - 1, 0], model.delay[model.place - 1, 0]
            assert abs(newest / before - 1.0) <= 0.06 + 1e-12
            model = after

    def test_updates_within_ten_seconds_of_the_last_are_left_out(self) -> None:
        model = StablePrice.at(np.array([1.0, 2.0]), 100)
        assert model.after(109, np.array([9.0, 9.0])) is model
        assert model.after(110, np.array([9.0, 9.0])).price == pytest.approx([1.003, 2.006])

    def test_an_oracle_that_was_silent_for_days_leaves_one_delay_price(self) -> None:
        model = StablePrice.at(np.array([1.0]), 0).after(60, np.array([1.0])).after(3 * 86_400 + 60, np.array([2.0]))
        assert model.delay.shape == (DELAYS, 1)
        assert np.ptp(model.delay) == 0.0

    def test_a_fall_is_followed_as_a_rise_is(self) -> None:
        model, _ = run(StablePrice.at(np.array([100.0]), 0), 0, 60, 60, 50.0)
        assert 50.0 < model.price[0] < 100.0 * (1.0 - 0.0003 * 600)

    @pytest.mark.parametrize("price", [0.0, -1.0, np.nan])
    def test_a_price_is_above_zero(self, price: float) -> None:
        with pytest.raises(ValueError, match="price must be > 0"):
            StablePrice.at(np.array([1.0, price]), 0)

    def test_growth_and_lengths_are_above_zero(self) -> None:
        with pytest.raises(ValueError, match="stable_growth must be > 0, got 0"):
            StablePriceRule(stable_growth=0.0)
