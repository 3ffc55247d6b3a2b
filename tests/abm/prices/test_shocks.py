"""Scripted moves are exact, at the times that are written."""

import math

import numpy as np
import pytest

from abm.prices.shocks import scripted_moves
from abm.spec import AssetSpec, ShockSpec

TIMES = np.arange(201.0)
BTC = AssetSpec(name="BTC", price=100.0)
DOG = AssetSpec(name="DOG", price=1.0, beta=1.5)
USDC = AssetSpec(name="USDC", price=1.0, stable=True)


def moves(asset, times=TIMES, **shock):
    return scripted_moves((ShockSpec(**({"name": "s", "at": 50.0, "move": -0.2} | shock)),), asset, times)


def test_move_is_spread_evenly_in_log_price():
    path = moves(BTC, over=100.0)
    assert path[:51].tolist() == [0.0] * 51
    assert path[100] == pytest.approx(math.log(0.8) / 2)
    assert np.exp(path[150:]) == pytest.approx(0.8)


def test_move_over_no_time_takes_one_tick():
    assert np.exp(moves(BTC)[[50, 51, 200]]) == pytest.approx([1.0, 0.8, 0.8])
    assert np.exp(moves(BTC, at=50.5)[[50, 51]]) == pytest.approx([1.0, 0.8])


def test_rounded_times_do_not_shift_the_tick():
    times = np.arange(2001) * 0.1
    assert times[3] > 0.3
    path = moves(BTC, times, at=0.3)
    assert (path[3], np.exp(path[4])) == (0.0, pytest.approx(0.8))


def test_beta_scales_the_log_move():
    assert np.exp(moves(DOG)[200]) == pytest.approx(0.8**1.5)


def test_part_reverts_evenly_after_the_move_is_done():
    path = moves(BTC, over=20.0, reverts=0.5, revert_over=40.0)
    assert path[[70, 90, 110, 200]] / math.log(0.8) == pytest.approx([1.0, 0.75, 0.5, 0.5])


def test_an_instant_move_is_seen_whole_before_it_reverts():
    path = moves(BTC, reverts=1.0, revert_over=0.0)
    assert path[[50, 51, 52]] / math.log(0.8) == pytest.approx([0.0, 1.0, 0.0])


def test_unnamed_shock_spares_stable_coins_and_a_named_one_hits_only_those():
    assert not moves(USDC).any()
    assert np.exp(moves(USDC, assets=("USDC",))[200]) == pytest.approx(0.8)
    assert not moves(BTC, assets=("USDC",)).any()


def test_shocks_add_up():
    two = (ShockSpec(name="a", at=10.0, move=-0.2), ShockSpec(name="b", at=20.0, move=0.1))
    assert np.exp(scripted_moves(two, BTC, TIMES)[[15, 30]]) == pytest.approx([0.8, 0.88])


def test_a_shock_after_the_end_does_nothing():
    assert not moves(BTC, at=1000.0, reverts=0.5).any()
