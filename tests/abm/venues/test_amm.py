import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venues import amm
from abm.venues.amm import pool_depth, pool_dollars, pool_take, swap_in, swap_out

RESERVE = st.floats(10.0, 1e9)
FEE = st.floats(0.0, 0.05)


@pytest.mark.parametrize(
    ("amount", "reserve_in", "reserve_out", "expected"),
    [
        # Uniswap v2-core, test/UniswapV2Pair.spec.ts, swapTestCases (units of 1e-18)
        (1, 5, 10, 1662497915624478906),
        (1, 10, 5, 453305446940074565),
        (2, 5, 10, 2851015155847869602),
        (2, 10, 5, 831248957812239453),
        (1, 10, 10, 906610893880149131),
        (1, 100, 100, 987158034397061298),
        (1, 1000, 1000, 996006981039903216),
    ],
)
def test_amount_out_is_that_of_uniswap(amount: float, reserve_in: float, reserve_out: float, expected: int) -> None:
    assert swap_out(amount, reserve_in, reserve_out, 0.003) == pytest.approx(expected * 1e-18, rel=1e-14)


def test_amounts_round_to_the_integers_of_uniswap_v2_library() -> None:
    reserve_in, reserve_out = 45851931234.0, 125682033533.0
    assert math.floor(swap_out(10000.0, reserve_in, reserve_out, 0.003)) == 27328
    assert math.floor(swap_in(27328.0, reserve_in, reserve_out, 0.003)) + 1 == 10000


@given(part=st.floats(1e-6, 0.9), x=RESERVE, y=RESERVE, fee=FEE)
@settings(max_examples=50, deadline=None)
def test_amount_in_undoes_amount_out(part: float, x: float, y: float, fee: float) -> None:
    paid = swap_in(part * y, x, y, fee)
    assert swap_out(paid, x, y, fee) == pytest.approx(part * y, rel=1e-9)


def test_the_stated_depth_moves_the_price_by_one_per_cent() -> None:
    dollars = pool_dollars(1e6)
    coins = dollars / 100.0
    bought = coins - coins * dollars / (dollars + 1e6)
    _, x, y = pool_take(bought, coins, dollars, 0.0, 1.0, 1e9)
    assert y - dollars == pytest.approx(1e6)
    assert y / x == pytest.approx(101.0)
    assert pool_depth(dollars) == pytest.approx(1e6)


@given(
    volumes=st.lists(st.floats(-100.0, 100.0).filter(lambda v: abs(v) > 1e-3), min_size=1, max_size=10),
    fee=FEE,
)
@settings(max_examples=50, deadline=None)
def test_the_product_never_falls_and_coins_are_kept(volumes: list[float], fee: float) -> None:
    x, y = 1000.0, 1e5
    for volume in volumes:
        price = y / x
        filled, x2, y2 = pool_take(volume, x, y, fee, 0.5 * price, 1.5 * price)
        assert x2 * y2 >= x * y * (1.0 - 1e-14)
        assert x - x2 == pytest.approx(filled, abs=1e-9)
        assert 0.0 <= filled / volume <= 1.0
        x, y = x2, y2


@given(volume=st.sampled_from([1e9, -1e9]), fee=FEE, collar=st.floats(0.01, 0.6))
@settings(max_examples=50, deadline=None)
def test_a_swap_too_large_stops_at_the_collar(volume: float, fee: float, collar: float) -> None:
    filled, x, y = pool_take(volume, 1000.0, 1e5, fee, 100.0 * (1.0 - collar), 100.0 * (1.0 + collar))
    assert abs(filled) < 1e9
    assert y / x == pytest.approx(100.0 * (1.0 + math.copysign(collar, volume)), rel=1e-9)


@given(volume=st.floats(-500.0, 500.0), fee=FEE)
@settings(max_examples=30, deadline=None)
def test_compiled_and_interpreted_agree(volume: float, fee: float) -> None:
    arguments = (volume, 1000.0, 1e5, fee, 60.0, 150.0)
    assert pool_take(*arguments) == pytest.approx(amm.pool_take_python(*arguments), rel=1e-13)
    amounts = (abs(volume), 1000.0, 2000.0, fee)
    assert swap_out(*amounts) == pytest.approx(amm.swap_out_python(*amounts), rel=1e-14)
    assert swap_in(*amounts) == pytest.approx(amm.swap_in_python(*amounts), rel=1e-14)
    assert pool_depth(abs(volume)) == pytest.approx(amm.pool_depth_python(abs(volume)), rel=1e-14)
