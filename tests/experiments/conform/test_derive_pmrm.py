"""Derive's known answers through the rules of `crossfire conform`."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.conform.derive_pmrm import RULES

VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "derive_pmrm.json"
FILE: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8")) if VECTORS.is_file() else {"cases": []}

SMALL: dict[str, Any] = {
    "spot": {"price": 2_000.0},
    "cash": 100.0,
    "expiries": [{"seconds": 86_400, "forward": 2_000.0, "options": [[2_100.0, "call", 1.0, 0.6]]}],
}


def merged(case: dict[str, Any]) -> dict[str, Any]:
    """The file's parameters with the case's override."""
    made = dict(FILE["parameters"])
    for key, value in case.get("override", {}).items():
        made[key] = {**made[key], **value} if isinstance(value, dict) else value
    return made


@pytest.mark.skipif(not FILE["cases"], reason="the known answers are not beside the repository")
@pytest.mark.parametrize("case", FILE["cases"], ids=lambda case: str(case["name"]))
def test_known_answers(case: dict[str, Any]) -> None:
    got = RULES[case["kind"]](case, merged(case))
    assert set(got) >= set(case["expected"])
    for key, expected in case["expected"].items():
        assert isinstance(got[key], float)
        assert abs(got[key] - expected) <= max(1e-9 * abs(expected), min(case["tolerance"], 1e-6 * abs(expected)))


@pytest.mark.skipif(not FILE["cases"], reason="the parameters are not beside the repository")
class TestKeys:
    def test_what_a_case_leaves_out_is_nothing_and_sure(self) -> None:
        full = {
            **SMALL, "collateral": [], "stable_price": 1.0,
            "perp": {"size": 0, "price": 0, "confidence": 0.0, "unrealised_pnl": 0.0, "unrealised_funding": 0.0},
        }  # fmt: skip
        full["spot"] = {"price": 2_000.0, "confidence": 1.0}
        rule = RULES["portfolio_margin"]
        assert rule(SMALL, FILE["parameters"]) == rule(full, FILE["parameters"])

    def test_an_option_after_expiry_is_worth_its_payoff_whatever_the_volatility(self) -> None:
        paid = [{"seconds": 0, "forward": 2_300.0, "options": [[2_100.0, "call", 1.0, 0.6]]}]
        rules = {**FILE["parameters"], "vol_shock": {**FILE["parameters"]["vol_shock"], "dte_floor_days": 0.0}}
        got = RULES["portfolio_margin"]({**SMALL, "expiries": paid}, rules)
        # Forward and payoff are fixed: what is lost is the static discount, 5 % of 200.
        assert got["maintenance"] == pytest.approx(100.0 + 200.0 - 0.8 * 0.05 * 200.0)
        assert got["initial"] == pytest.approx(100.0 + 200.0 - 0.05 * 200.0)

    def test_unrealised_funding_counts_as_profit_does(self) -> None:
        perp = {"size": 2.0, "price": 2_010.0, "confidence": 1.0, "unrealised_pnl": 30.0, "unrealised_funding": -10.0}
        other = {**perp, "unrealised_pnl": 20.0, "unrealised_funding": 0.0}
        rule = RULES["portfolio_margin"]
        one, two = (rule({**SMALL, "perp": p}, FILE["parameters"]) for p in (perp, other))
        assert one == pytest.approx(two)
