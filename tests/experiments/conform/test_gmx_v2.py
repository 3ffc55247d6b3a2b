"""GMX v2's known answers: the cases beside the checkout, and what they leave out."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.check import check_file
from experiments.conform.gmx_v2 import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "gmx_v2.json"
ORDER = {"index_price": 5_000.0, "positive_factor": 5e-9, "negative_factor": 1e-8, "exponent": 2,
         "long_open_interest": 0, "short_open_interest": 0, "size_usd": 200_000}  # fmt: skip


@pytest.mark.skipif(not CASES.is_file(), reason=f"{CASES.name} is not in ../shared/vectors beside the checkout")
def test_every_case_agrees() -> None:
    checked = check_file(CASES)
    assert checked.verdicts
    assert [v for v in checked.verdicts if not v.agrees] == []


def ask(kind: str, **case: Any) -> dict[str, Any]:
    """The answers to a case."""
    return RULES[kind](case, {})


@pytest.mark.parametrize(("virtual", "impact"), [(None, -400.0), (200_000, -1_200.0), (-200_000, -400.0)])
def test_the_worse_of_own_and_virtual_imbalance(virtual: float | None, impact: float) -> None:
    got = ask("price_impact", side="long", action="increase", virtual_imbalance=virtual, **ORDER)
    assert got["impact_usd"] == pytest.approx(impact)


def test_a_liquidation_counts_a_capped_impact_and_fees() -> None:
    case = {"side": "long", "entry_price": 5_000, "size_usd": 200_000, "price": 5_000, "collateral_coins": 1,
            "collateral_price": 5_000, "min_collateral_factor": 0.01, "min_collateral_usd": 1}  # fmt: skip
    assert ask("liquidation", **case)["liquidatable"] is False
    got = ask("liquidation", impact_usd=-4_000, max_impact_factor=0.01, fees_usd=1_001, **case)
    assert (got["remaining_usd"], got["liquidatable"]) == (pytest.approx(1_999.0), True)
    assert got["returned_coins"] == pytest.approx(0.3998)
    worked = ask("liquidation", negative_factor=1e-7, max_impact_factor=0.01, **case)
    assert worked["remaining_usd"] == pytest.approx(3_000.0)


def test_nothing_remaining_is_liquidated_whatever_the_least() -> None:
    case = {"side": "short", "entry_price": 10, "size_usd": 100, "price": 11, "collateral_coins": 10,
            "collateral_price": 1, "min_collateral_factor": 0.0, "min_collateral_usd": 0}  # fmt: skip
    got = ask("liquidation", **case)
    assert (got["liquidatable"], got["returned_coins"], got["pool_gain_coins"]) == (True, 0.0, 10.0)


def test_the_trigger_is_strict_and_knows_the_side() -> None:
    case = {"entry_price": 20, "size_usd": 2e6, "pool_usd": 5e6, "max_pnl_factor_adl": 0.1}
    assert ask("adl", price=25, **case) == {"enabled": False, "pnl_factor": 0.1, "pnl": 5e5}
    assert ask("adl", price=14, side="short", **case)["enabled"] is True
