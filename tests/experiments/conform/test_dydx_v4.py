"""dYdX v4's known answers: all that are shown, and edges that no shown case has."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.check import check_file
from experiments.conform.dydx_v4 import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "dydx_v4.json"

PARAMETERS = {
    "markets": {"BTC": {"price": 50_000.0, "imf": 0.2, "mmf": 0.1}, "ETH": {"price": 3_000.0, "imf": 0.2, "mmf": 0.1}}
}


@pytest.mark.skipif(not CASES.is_file(), reason="dydx_v4.json is not in ../shared/vectors beside the checkout")
def test_every_shown_case_agrees() -> None:
    found = check_file(CASES)
    assert found.verdicts
    assert [v for v in found.verdicts if not v.agrees] == []


def ask(kind: str, quote: float, positions: dict[str, float], market: str, **case: Any) -> dict[str, Any]:
    account = {"quote": quote, "positions": positions}
    return RULES[kind]({"kind": kind, "account": account, "market": market, **case}, PARAMETERS)


FILL = {"bankruptcy_adjustment": 1.0, "spread_to_maintenance": 0.1}


def test_an_account_above_its_requirement_is_offered_at_the_price() -> None:
    assert ask("fillable_price", -4_000.0, {"BTC": 0.1}, "BTC", **FILL) == {"price": 50_000.0}


def test_a_short_beside_a_long_takes_its_share() -> None:
    """Net collateral 110 + 200 - 300 = 10, requirement 20 + 30: half of the ETH gives up 3 of it."""
    found = ask("bankruptcy_price", 110.0, {"BTC": 0.004, "ETH": -0.1}, "ETH", close_size=0.05)
    assert found == {"quote": pytest.approx(-153.0)}


def test_the_fund_pays_for_part_of_a_position() -> None:
    found = ask(
        "insurance_fund_delta", -5_100.0, {"BTC": 0.1}, "BTC", fill_size=-0.05, fill_price=50_490.0,
        max_liquidation_fee=0.005,
    )  # fmt: skip
    assert found == {"delta": pytest.approx(-25.5)}
