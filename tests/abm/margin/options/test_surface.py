from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.options.black76 import price
from abm.margin.options.smile import YEAR, Smile
from abm.margin.options.surface import Surface, vols_kernel, vols_kernel_python
from tests.abm.margin.options.smiles import BITCOIN, DAY, smiles

SECONDS = np.array([1.0, 60.0, 3600.0, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY, 730 * DAY])
LEVELS = st.floats(0.15, 3.0)


def total_variance(smile: Smile, level: float, k: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """float64[seconds, k]: implied variance up to each expiry."""
    rows, columns = np.meshgrid(seconds, k, indexing="ij")
    n = rows.size
    vols = Surface((smile,)).vols(
        np.array([level**2]), np.zeros(n, np.int64), np.ones(n), np.exp(columns.ravel()), rows.ravel()
    )
    return vols.reshape(rows.shape) ** 2 * rows / YEAR


class TestNoArbitrage:
    """Over all smiles that can be made, and levels that their state can have."""

    @settings(deadline=None)
    @given(smiles(), LEVELS)
    def test_a_longer_option_never_has_less_variance(self, smile: Smile, level: float) -> None:
        seconds = np.sort(np.append(SECONDS, [smile.shortest, smile.shortest * 1.001]))
        w = total_variance(smile, level, np.linspace(-3.0, 3.0, 61), seconds)
        assert (np.diff(w, axis=0) >= -1e-13 * w[1:]).all()

    @settings(deadline=None)
    @given(smiles(), LEVELS)
    def test_no_butterfly_costs_less_than_nothing(self, smile: Smile, level: float) -> None:
        """Durrleman's condition g >= 0, which is that the density is (Gatheral and Jacquier, lemma 2.2)."""
        k, step = np.linspace(-3.0, 3.0, 241), 1e-3
        for seconds in SECONDS[2:]:
            scale = np.sqrt(total_variance(smile, level, np.zeros(1), np.array([seconds])).item())
            at = k * max(scale, 0.01) * 3.0
            h = step * max(scale, 0.01)
            down, w, up = (total_variance(smile, level, at + d, np.array([seconds]))[0] for d in (-h, 0.0, h))
            first, second = (up - down) / (2 * h), (up - 2 * w + down) / h**2
            g = (1 - at * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2
            assert g.min() > -1e-6, (seconds, at[g.argmin()])

    @settings(deadline=None)
    @given(smiles(), LEVELS)
    def test_calls_fall_and_bend_upwards_along_the_strikes(self, smile: Smile, level: float) -> None:
        strike = np.linspace(0.2, 5.0, 200)
        for seconds in SECONDS[2:]:
            n = len(strike)
            vols = Surface((smile,)).vols(
                np.array([level**2]), np.zeros(n, np.int64), np.ones(n), strike, np.full(n, seconds)
            )
            slope = np.diff(price(1.0, strike, seconds / YEAR, vols, 1.0, True)) / np.diff(strike)
            assert (slope <= 1e-12).all()
            assert (slope >= -1.0 - 1e-12).all()
            assert (np.diff(slope) >= -1e-11).all()


class TestMoving:
    """The state after returns and time."""

    SURFACE = Surface((BITCOIN, replace(BITCOIN, spot_beta=0.0, long_vol=0.8, half_life=5 * DAY)))

    def test_volatility_jumps_by_beta_in_a_fall(self) -> None:
        state = self.SURFACE.advance(self.SURFACE.at_rest(), np.array([-0.2, -0.2]), 0.0)
        assert np.sqrt(state) == pytest.approx([0.55 * np.exp(0.2), 0.8])

    def test_half_of_a_deviation_is_gone_in_a_half_life(self) -> None:
        state = self.SURFACE.advance(np.array([1.0, 1.0]), np.zeros(2), 20 * DAY)
        assert state == pytest.approx([(1.0 + 0.55**2) / 2, 0.64 + 0.36 / 16])

    def test_at_rest_it_stays(self) -> None:
        state = self.SURFACE.at_rest()
        assert self.SURFACE.advance(state, np.zeros(2), 1e6) == pytest.approx(state, rel=1e-14)

    @settings(deadline=None)
    @given(LEVELS, st.floats(0.0, 1e7), st.floats(0.0, 1e7))
    def test_two_steps_without_returns_are_one(self, level: float, first: float, second: float) -> None:
        state, still = np.full(2, level**2), np.zeros(2)
        both = self.SURFACE.advance(self.SURFACE.advance(state, still, first), still, second)
        assert both == pytest.approx(self.SURFACE.advance(state, still, first + second), rel=1e-12)

    @settings(deadline=None)
    @given(LEVELS, st.floats(-3.0, 3.0), st.floats(0.0, 1e7))
    def test_it_stays_within_its_limits(self, level: float, log_return: float, seconds: float) -> None:
        vol = np.sqrt(self.SURFACE.advance(np.full(2, level**2), np.full(2, log_return), seconds))
        assert (vol >= 0.15 * (1 - 1e-12)).all()
        assert (vol <= 3.0 * (1 + 1e-12)).all()

    def test_it_leaves_the_state_that_it_was_given(self) -> None:
        state = np.array([1.0, 1.0])
        self.SURFACE.advance(state, np.array([-0.5, 0.5]), DAY)
        assert list(state) == [1.0, 1.0]

    def test_time_does_not_run_backwards(self) -> None:
        with pytest.raises(ValueError, match=r"seconds must be >= 0, got -1.0"):
            self.SURFACE.advance(np.ones(2), np.zeros(2), -1.0)


class TestStickiness:
    """Bergomi's ratio, against the move of at-the-money volatility over the slope of the smile."""

    def test_it_is_the_move_of_the_volatility_over_the_skew(self) -> None:
        surface, state, seconds, d = Surface((BITCOIN,)), np.array([0.5]), 30 * DAY, 1e-5

        def vol(of: np.ndarray, k: float) -> float:
            return surface.vols(of, np.array([0]), np.ones(1), np.exp([k]), np.array([seconds])).item()

        up, down = (vol(surface.advance(state, np.array([x]), 0.0), 0.0) for x in (d, -d))
        skew = (vol(state, d) - vol(state, -d)) / (2 * d)
        assert surface.skew_stickiness(state, 0, seconds) == pytest.approx((up - down) / (2 * d) / skew, rel=1e-6)

    def test_without_beta_the_smile_moves_with_the_spot(self) -> None:
        surface = Surface((replace(BITCOIN, spot_beta=0.0),))
        assert surface.skew_stickiness(surface.at_rest(), 0, DAY) == 0.0

    def test_without_skew_there_is_none(self) -> None:
        surface = Surface((replace(BITCOIN, rho=0.0),))
        assert np.isnan(surface.skew_stickiness(surface.at_rest(), 0, DAY))


class TestColumns:
    """Many options of several underlyings at once."""

    SURFACE = Surface((BITCOIN, replace(BITCOIN, rho=0.1, long_vol=0.9)))

    def test_each_is_that_of_its_own_underlying(self) -> None:
        state = np.array([0.3, 0.9])
        underlying, seconds = np.array([1, 0, 1]), np.array([DAY, 30 * DAY, 400 * DAY])
        forward, strike = np.array([3e3, 6e4, 3e3]), np.array([2.5e3, 8e4, 3e3])
        together = self.SURFACE.vols(state, underlying, forward, strike, seconds)
        for i in range(3):
            alone = Surface((self.SURFACE.smiles[underlying[i]],))
            one = alone.vols(state[underlying[[i]]], np.array([0]), forward[[i]], strike[[i]], seconds[[i]])
            assert together[i] == one[0]

    def test_below_the_shortest_expiry_the_vol_no_longer_changes(self) -> None:
        seconds = np.array([-5.0, 0.0, 60.0, DAY / 4])
        vols = self.SURFACE.vols(self.SURFACE.at_rest(), np.zeros(4, np.int64), np.ones(4), np.full(4, 1.1), seconds)
        assert len(set(vols.tolist())) == 1
        assert vols[0] > 0

    def test_puts_are_dearer_where_rho_is_below_zero(self) -> None:
        vols = self.SURFACE.vols(
            self.SURFACE.at_rest(), np.zeros(2, np.int64), np.ones(2), np.array([0.9, 1 / 0.9]), np.full(2, 30 * DAY)
        )
        assert vols[0] > vols[1]

    def test_what_does_not_exist_is_refused(self) -> None:
        one = np.ones(1)
        with pytest.raises(ValueError, match="underlying must be from 0 to 1, got 2"):
            self.SURFACE.vols(np.ones(2), np.array([2]), one, one, one)
        with pytest.raises(ValueError, match=r"strike must be > 0, got 0.0"):
            self.SURFACE.vols(np.ones(2), np.array([0]), one, 0 * one, one)
        with pytest.raises(ValueError, match=r"forward must be > 0, got nan"):
            self.SURFACE.vols(np.ones(2), np.array([0]), np.nan * one, one, one)

    def test_a_state_of_another_length_is_refused(self) -> None:
        with pytest.raises(ValueError, match="variance must be given for each of 2 underlyings, got 1"):
            self.SURFACE.vols(np.ones(1), np.array([0]), np.ones(1), np.ones(1), np.ones(1))


def test_compiled_equals_plain() -> None:
    rng = np.random.default_rng(12)
    parameters = np.array([[-0.3, 1.2, 0.45, 0.3, 12.0, 1e4], [0.2, 0.8, 0.5, 0.8, 3.0, 1e5]])
    columns = (rng.integers(0, 2, 50), rng.normal(0, 0.3, 50), rng.uniform(0, 1e7, 50), np.array([0.4, 0.6]))
    assert vols_kernel(*columns, parameters) == pytest.approx(vols_kernel_python(*columns, parameters), rel=1e-13)
