import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venues import depth
from abm.venues.depth import FLOOR, averaged, consumed, relaxed, wanted

USD = st.floats(1.0, 1e9)


def test_calm_markets_have_the_calm_depth_and_what_makers_add() -> None:
    assert wanted(1e6, 0.0, 0.5, 1e-8, 1e-4) == 1e6
    assert wanted(1e6, 2e5, 0.5, 0.25e-8, 1e-4) == 1.2e6


def test_twice_the_usual_volatility_takes_the_response_off_the_logarithm() -> None:
    assert math.isclose(wanted(1e6, 0.0, 0.5, 4e-8, 1e-4), 1e6 * math.exp(-0.5))


def test_volatility_leaves_a_floor_and_the_makers() -> None:
    assert wanted(1e6, 5.0, 0.5, 1.0, 1e-4) == FLOOR * 1e6 + 5.0


def test_without_a_usual_volatility_depth_does_not_respond() -> None:
    assert wanted(1e6, 0.0, 0.5, 1.0, 0.0) == 1e6


def test_the_gap_to_the_wanted_depth_falls_to_one_over_e_from_either_side() -> None:
    assert math.isclose(relaxed(0.0, 100.0, 60.0, 60.0), 100.0 * (1.0 - math.exp(-1.0)))
    assert math.isclose(relaxed(200.0, 100.0, 60.0, 60.0), 100.0 * (1.0 + math.exp(-1.0)))


def test_a_small_volume_takes_its_part_of_the_depth() -> None:
    assert math.isclose(1e6 - consumed(1e6, 0.5, 100.0), 50.0, rel_tol=1e-4)


@given(before=USD, part=st.floats(0.0, 1.0), traded=st.floats(0.0, 1e10))
@settings(max_examples=50, deadline=None)
def test_depth_never_grows_by_trading_nor_turns_negative(before: float, part: float, traded: float) -> None:
    assert 0.0 <= consumed(before, part, traded) <= before


def test_variance_falls_to_half_over_a_half_life_without_moves() -> None:
    variance, alpha = 1.0, 1.0 - 0.5 ** (1.0 / 300.0)
    for _ in range(300):
        variance = averaged(variance, 0.0, 1.0, alpha)
    assert math.isclose(variance, 0.5, rel_tol=1e-9)


def test_steady_moves_give_their_variance_per_second() -> None:
    assert averaged(0.0, 0.002, 4.0, 1.0) == pytest.approx(1e-6)


@given(a=USD, b=st.floats(0.0, 1e6), part=st.floats(0.0, 1.0), variance=st.floats(0.0, 1e-4))
@settings(max_examples=30, deadline=None)
def test_compiled_and_interpreted_agree(a: float, b: float, part: float, variance: float) -> None:
    for name, arguments in {
        "averaged": (variance, part, 1.0, 0.01),
        "wanted": (a, b, part, variance, 1e-4),
        "relaxed": (a, b, part, 60.0),
        "consumed": (a, part, b),
    }.items():
        compiled, interpreted = getattr(depth, name), getattr(depth, f"{name}_python")
        assert compiled(*arguments) == pytest.approx(interpreted(*arguments), rel=1e-14)
