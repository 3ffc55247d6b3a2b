"""Drift v2's known answers: all that are shown, and edges that no shown case has."""

from pathlib import Path

import pytest

from experiments.conform.check import check_file
from experiments.conform.drift_v2 import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "drift_v2.json"


@pytest.mark.skipif(not CASES.is_file(), reason="drift_v2.json is not in ../shared/vectors beside the checkout")
def test_every_shown_case_agrees() -> None:
    found = check_file(CASES)
    assert found.verdicts
    assert [v for v in found.verdicts if not v.agrees] == []


@pytest.mark.parametrize("start", [0, None])
def test_a_start_of_zero_never_scales(start: float | None) -> None:
    case = {"weight": 0.9, "scale_start": start, "price": 25.0, "deposits": 1e9}
    assert RULES["scaled_initial_asset_weight"](case, {}) == {"value": 0.9}


def test_a_balance_of_nothing_has_the_weight_itself() -> None:
    case = {"size": 0, "imf_factor": 0.1, "weight": 1.1}
    assert RULES["liability_weight"](case, {}) == {"value": 1.1}
    assert RULES["asset_weight"](case | {"weight": 0.9}, {}) == {"value": 0.9}


def test_fees_are_none_unless_told() -> None:
    case = {"shortage": 10, "margin_ratio": 0.1, "price": 100}
    assert RULES["base_size_to_cover_shortage"](case, {}) == {"size": pytest.approx(1.0)}
    case = {"shortage": 10, "asset_weight": 0.8, "liability_weight": 1.2, "liability_price": 100}
    assert RULES["liability_transfer_to_cover_shortage"](case, {}) == {"transfer": pytest.approx(0.25)}
