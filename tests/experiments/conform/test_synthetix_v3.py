"""Synthetix v3 perps' known answers: the cases beside the checkout, and what they leave out."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.check import check_file
from experiments.conform.synthetix_v3 import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "synthetix_v3.json"
RNDR = {"skew_scale": 7_500_000.0, "im": 0.01, "min_im": 0.03, "mm": 0.5, "flag": 0.01}


@pytest.mark.skipif(not CASES.is_file(), reason=f"{CASES.name} is not in ../shared/vectors beside the checkout")
def test_every_case_agrees() -> None:
    checked = check_file(CASES)
    assert checked.verdicts
    assert [v for v in checked.verdicts if not v.agrees] == []


def ask(kind: str, **case: Any) -> dict[str, Any]:
    """The answers to a case."""
    return RULES[kind](case, {})


def test_an_order_in_a_skewed_market_is_required_margin_at_its_fill_price() -> None:
    """Of Order.marginWithPd.test.ts: 240,000 at 2.85 with a skew of 250,000 fill at 2.9906."""
    got = ask("required_margin", markets={"RNDR": RNDR}, positions=[{"market": "RNDR", "size": 240_000, "skew": 250_000}],
              prices={"RNDR": 2.85}, collateral=49_250,
              guards={"min_reward": 1, "min_profit": 0.01, "max_reward": 110, "max_scaling": 10})  # fmt: skip
    fill = 2.85 * (1.0 + 370_000.0 / 7_500_000.0)
    assert got["required"] == pytest.approx(240_000.0 * fill * (0.01 * 240_000.0 / 7_500_000.0 + 0.03) + 110.0)


def test_an_account_that_is_liquidatable_says_so() -> None:
    """Of Liquidation.margin.test.ts, cut to one market: 250 of margin left of 20,000."""
    market = {"skew_scale": 1_000, "im": 2, "min_im": 0.01, "mm": 0.5, "flag": 0.05, "min_margin": 0}
    case = {"collateral": 4_250.0, "markets": {"ETH": market}, "prices": {"ETH": 1_820.0},
            "positions": [{"market": "ETH", "size": 20, "open_price": 2_000.0, "skew_at_open": 0}]}  # fmt: skip
    got = ask("account", **case)
    assert (got["pnl"], got["available_margin"]) == (pytest.approx([-4_000.0]), pytest.approx(250.0))
    assert got["liquidatable"] is True
    assert got["withdrawable"] == pytest.approx(250.0 - 20 * 1_820 * 0.05)


def test_a_used_up_window_lets_one_more_through_in_each_new_block_near_balance() -> None:
    """Of Liquidation.maxLiquidationAmount.maxPd.test.ts: 90 of a long market, then 25 arrive on the other side."""
    events = [{"t": 0, "requested": 90, "skew": 90}, {"t": 1, "requested": 65, "skew": 65},
              {"t": 2, "requested": 65, "skew": 40}, {"t": 3, "requested": 40, "skew": 15},
              {"t": 3, "requested": 15, "skew": -10}, {"t": 4, "requested": 15, "skew": -10}]  # fmt: skip
    got = ask("liquidation_window", maker_fee=0.007, taker_fee=0.003, skew_scale=1_000, multiplier=0.25,
              window_seconds=10, max_pd=0.06, events=events)  # fmt: skip
    assert got["liquidated"] == pytest.approx([25.0, 0.0, 25.0, 25.0, 0.0, 15.0])
    assert got["capacity"] == pytest.approx(25.0)


def test_debt_follows_fills_and_fees_where_a_market_has_them() -> None:
    steps = [{"account": 2, "deposit": 1_000, "size": 0, "price": 1_000},
             {"account": 2, "deposit": 0, "size": 10, "price": 1_000}]  # fmt: skip
    assert ask("market_debt", steps=steps)["debt"] == pytest.approx(1_000.0)
    skewed = ask("market_debt", steps=steps, skew_scale=10_000, taker_fee=0.001)
    assert skewed["debt"] == pytest.approx(1_000.0 - 10.0 * 0.5 - 10.0 * 1_000.5 * 0.001)
