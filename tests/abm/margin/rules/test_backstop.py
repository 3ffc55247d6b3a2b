"""Stages and orders of Hyperliquid's liquidation."""

import numpy as np
import pytest

from abm.margin.rules.backstop import STAGES, first_order, order, stage


@pytest.mark.parametrize(
    ("margin_equity", "mm", "expected"),
    [
        (100.0, 90.0, "none"),
        (90.0, 90.0, "none"),
        (89.99, 90.0, "book"),
        (60.0, 90.0, "book"),
        (59.99, 90.0, "vault"),
        (-5.0, 90.0, "vault"),
        (0.0, 0.0, "none"),
        (-1.0, 0.0, "vault"),
    ],
)
def test_an_account_goes_to_the_book_and_then_to_the_vault(margin_equity: float, mm: float, expected: str) -> None:
    assert STAGES[int(stage(margin_equity, mm))] == expected


def test_many_accounts_at_once() -> None:
    assert stage(np.array([10.0, 8.0, 1.0]), np.array([9.0, 9.0, 9.0])).tolist() == [0, 1, 2]


def test_a_fifth_of_a_large_position_is_sent_at_first() -> None:
    assert first_order(np.array([99_999.0, 100_000.0, 100_001.0, 5e6])).tolist() == [99_999.0, 100_000.0, 20_000.2, 1e6]


def test_and_the_whole_of_it_within_half_a_minute() -> None:
    sent = order(np.array([5e6, 5e6, 5e6, 5e6]), np.array([np.inf, 0.0, 29.9, 30.0]))
    assert sent.tolist() == [1e6, 5e6, 5e6, 1e6]
