import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venues.impact import (
    displacement,
    displacement_python,
    take,
    take_python,
    volume_for,
    volume_for_python,
)

COINS = st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-6)
EXPONENT = st.floats(0.3, 1.0)


def test_net_volume_equal_to_the_depth_moves_by_the_coefficient() -> None:
    assert displacement(1e4, 100.0, 1e6, 0.01, 0.5) == 0.01
    assert displacement(-1e4, 100.0, 1e6, 0.01, 0.5) == -0.01


def test_four_times_the_volume_moves_twice_as_far() -> None:
    assert math.isclose(displacement(4e4, 100.0, 1e6, 0.01, 0.5), 0.02)


@given(volume=COINS, exponent=EXPONENT)
@settings(max_examples=50, deadline=None)
def test_volume_for_undoes_displacement(volume: float, exponent: float) -> None:
    move = displacement(volume, 100.0, 1e6, 0.01, exponent)
    assert math.isclose(volume_for(move, 100.0, 1e6, 0.01, exponent), volume, rel_tol=1e-9)


@given(volumes=st.lists(COINS, min_size=1, max_size=6), exponent=EXPONENT)
@settings(max_examples=50, deadline=None)
def test_moves_of_a_block_add_up_to_that_of_its_net_volume(volumes: list[float], exponent: float) -> None:
    net = moved = gross = 0.0
    for volume in volumes:
        filled, move = take(volume, net, 1e6, moved, 1e6, 1e12, 0.01, exponent, 0.9)
        assert filled == volume
        net, moved, gross = net + filled, moved + move, gross + abs(move)
    assert math.isclose(moved, 1e6 * displacement(net, 1e6, 1e12, 0.01, exponent), abs_tol=1e-9 * gross)


@given(volume=COINS, net=COINS, alive=st.floats(-60.0, 60.0), exponent=EXPONENT, collar=st.floats(0.01, 0.5))
@settings(max_examples=100, deadline=None)
def test_nothing_is_filled_beyond_the_collar(
    volume: float, net: float, alive: float, exponent: float, collar: float
) -> None:
    filled, move = take(volume, net, 100.0, alive, 100.0, 1e6, 0.01, exponent, collar)
    assert 0.0 <= filled / volume <= 1.0
    assert math.copysign(1.0, volume) * (alive + move) <= max(100.0 * collar, alive * math.copysign(1.0, volume)) + 1e-9
    if filled not in (0.0, volume):
        assert math.isclose(abs(alive + move), 100.0 * collar, rel_tol=1e-12)
        whole = displacement(net + filled, 100.0, 1e6, 0.01, exponent) - displacement(net, 100.0, 1e6, 0.01, exponent)
        assert math.isclose(100.0 * whole, move, rel_tol=1e-6, abs_tol=1e-9)


def test_beyond_the_collar_only_trades_that_lead_back_are_filled() -> None:
    assert take(1.0, 0.0, 100.0, 60.0, 100.0, 1e6, 0.01, 0.5, 0.5) == (0.0, 0.0)
    assert take(-1.0, 0.0, 100.0, 60.0, 100.0, 1e6, 0.01, 0.5, 0.5)[0] == -1.0


def test_without_a_coefficient_everything_is_filled_where_it_is() -> None:
    assert take(1e9, 0.0, 100.0, 0.0, 100.0, 1e6, 0.0, 0.5, 0.5) == (1e9, 0.0)


@given(volume=COINS, net=COINS, alive=st.floats(-60.0, 60.0), exponent=EXPONENT)
@settings(max_examples=50, deadline=None)
def test_compiled_and_interpreted_agree(volume: float, net: float, alive: float, exponent: float) -> None:
    shape = (100.0, 1e6, 0.01, exponent)
    assert displacement(volume, *shape) == pytest.approx(displacement_python(volume, *shape), rel=1e-14)
    assert volume_for(alive, *shape) == pytest.approx(volume_for_python(alive, *shape), rel=1e-14)
    arguments = (volume, net, 101.0, alive, *shape, 0.4)
    assert take(*arguments) == pytest.approx(take_python(*arguments), rel=1e-9, abs=1e-9)
