"""How much to liquidate until health is back at zero, with weights that differ by sign."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.restore_health import debt_to_restore_health, quantity_to_restore_health


def weigh(balance: float, asset: float, liability: float) -> float:
    return balance * (liability if balance < 0.0 else asset)


@given(
    balance=st.floats(-1e4, 1e4), others=st.floats(-1e4, 1e4), gain=st.floats(0.01, 10.0), asset=st.floats(0.1, 1.0),
    liability=st.floats(1.0, 2.0), part=st.floats(0.0, 0.999),
)  # fmt: skip
def test_health_is_zero_at_it_and_below_zero_before_it(
    balance: float, others: float, gain: float, asset: float, liability: float, part: float
) -> None:
    health = weigh(balance, asset, liability) + others
    found = float(quantity_to_restore_health(health, balance, asset, liability, gain, math.inf))
    if health >= 0.0:
        assert found == 0.0
        return
    assert weigh(balance + gain * found, asset, liability) + others == pytest.approx(0.0, abs=1e-8)
    assert weigh(balance + gain * found * part, asset, liability) + others < 1e-8


@pytest.mark.parametrize(
    ("health", "balance", "asset", "gain", "found"),
    [
        (-10.0, 5.0, 0.5, 1.0, 7.0),
        (-10.0, 5.0, 0.5, 4.0, 5.0),
        (-10.0, 5.0, 0.0, 1.0, 7.0),
        (-10.0, 5.0, 0.5, 0.0, 7.0),
        (-10.0, 5.0, 0.5, -1.0, 7.0),
        (0.0, 5.0, 0.5, -1.0, 0.0),
        (-1.2, -1.0, 0.0, 0.5, 2.0),
    ],
)
def test_no_more_than_there_is_and_all_where_it_brings_nothing(
    health: float, balance: float, asset: float, gain: float, found: float
) -> None:
    assert float(quantity_to_restore_health(health, balance, asset, 1.2, gain, 7.0)) == pytest.approx(found)


@given(
    debt=st.floats(0.1, 1e3), held=st.floats(0.1, 1e3), others=st.floats(-1e3, 1e3), weights=st.floats(0.01, 0.3),
    prices=st.tuples(st.floats(0.1, 100.0), st.floats(0.1, 100.0)), fee=st.floats(1.0, 1.02), part=st.floats(0.0, 0.999),
)  # fmt: skip
def test_repaying_a_debt_out_of_another_token(
    debt: float, held: float, others: float, weights: float, prices: tuple[float, float], fee: float, part: float
) -> None:
    """Health rises to zero, or the debt is repaid, or the other token is used up; less of it would not do."""
    (owed_price, held_price), liability, asset = prices, 1.0 + weights, 1.0 - weights

    def health(x: float) -> float:
        left = held - x * owed_price * fee / held_price
        return left * held_price * asset - (debt - x) * owed_price * liability + others

    found = float(debt_to_restore_health(health(0.0), debt, held, (owed_price, liability), (held_price, asset), fee))
    most = min(debt, held * held_price / (owed_price * fee))
    assert 0.0 <= found <= most
    if health(0.0) >= 0.0:
        assert found == 0.0
    elif liability > asset * fee:
        assert health(found) == pytest.approx(0.0, abs=1e-7) if found < most else health(found) < 1e-7
        assert health(found * part) < 1e-7


def test_a_fee_beyond_the_weights_restores_nothing_so_all_is_taken() -> None:
    assert float(debt_to_restore_health(-1.0, 5.0, 2.0, (1.0, 1.0), (1.0, 1.0), 1.0)) == 2.0
