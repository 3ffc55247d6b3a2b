"""The check of known answers: what agrees, what a file may be, and that a wrong answer is found."""

import json
from pathlib import Path
from typing import Any

import pytest

from abm.errors import ConformError
from experiments.conform import check
from experiments.conform.check import agrees, check_file

CASE = {"name": "one", "kind": "open_interest_margin_fraction", "expected": {"imf": 0.6}, "tolerance": 1e-6}
CASE |= {"base_imf": 0.2, "lower_cap": 1e6, "upper_cap": 2e6, "open_notional": 1.5e6}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "cases.json"
    path.write_text(json.dumps({"family": "dydx_v4", "cases": [CASE]} | changes))
    return path


class TestAgreement:
    @pytest.mark.parametrize(
        ("expected", "got", "tolerance", "same"),
        [
            (1.0, 1.05, 0.1, True),
            (1.0, 1.15, 0.1, False),
            (1e12, 1e12 + 900, 0.0, True),
            (1e12, 1e12 + 1_100, 0.0, False),
            (0.0, 1e-12, 0.0, False),
            (2, 2.0, 0.0, True),
            (1.0, float("nan"), 9.0, False),
            (1.0, None, 9.0, False),
            (True, True, 0.0, True),
            (True, 1, 9.0, False),
            (1, True, 9.0, False),
            ("long", "long", 0.0, True),
            ("long", "short", 9.0, False),
            ([1.0, [2.0]], [1.0, [2.05]], 0.1, True),
            ([1.0, 2.0], [1.0], 0.1, False),
            ({"a": 1.0}, {"a": 1.0}, 0.0, True),
            ({"a": 1.0}, {"b": 1.0}, 0.0, False),
            (None, None, 0.0, True),
            (None, 0.0, 9.0, False),
        ],
    )
    def test_values(self, expected: Any, got: Any, tolerance: float, same: bool) -> None:
        assert agrees(expected, got, tolerance) is same


class TestFiles:
    def test_an_answer_that_is_right_agrees(self, tmp_path: Path) -> None:
        (verdict,) = check_file(written(tmp_path)).verdicts
        assert verdict.agrees
        assert verdict.got == pytest.approx(0.6)

    def test_an_answer_that_is_wrong_disagrees(self, tmp_path: Path) -> None:
        (verdict,) = check_file(written(tmp_path, cases=[CASE | {"expected": {"imf": 0.61}}])).verdicts
        assert not verdict.agrees
        assert verdict.got == pytest.approx(0.6)

    def test_an_override_replaces_single_parameters(self) -> None:
        got = check._overridden({"margin": {"a": 1, "b": 2}, "grid": [1]}, {"margin": {"a": 3}, "grid": [2, 3]})
        assert got == {"margin": {"a": 3, "b": 2}, "grid": [2, 3]}

    def test_tolerances_may_be_one_a_key(self, tmp_path: Path) -> None:
        case = CASE | {"expected": {"imf": 0.6001}}
        (fine,) = check_file(written(tmp_path, cases=[case | {"tolerance": {"imf": 1e-3}}])).verdicts
        (narrow,) = check_file(written(tmp_path, cases=[case | {"tolerance": {"other": 1e-3}}])).verdicts
        assert (fine.agrees, narrow.agrees) == (True, False)

    def test_a_family_without_an_engine_is_skipped(self, tmp_path: Path) -> None:
        checked = check_file(written(tmp_path, family="networks"))
        assert checked.verdicts == ()
        assert "no engine for family 'networks'" in checked.skipped

    def test_a_kind_without_a_rule_disagrees_and_says_so(self, tmp_path: Path) -> None:
        (verdict,) = check_file(written(tmp_path, cases=[CASE | {"kind": "open_intrest_margin_fraction"}])).verdicts
        assert (verdict.agrees, verdict.got) == (False, None)
        assert "did you mean 'open_interest_margin_fraction'" in verdict.why

    def test_a_case_that_lacks_what_the_rule_needs_disagrees_and_says_so(self, tmp_path: Path) -> None:
        (verdict,) = check_file(written(tmp_path, cases=[{k: v for k, v in CASE.items() if k != "base_imf"}])).verdicts
        assert not verdict.agrees
        assert "base_imf" in verdict.why

    def test_a_key_that_no_rule_gives_disagrees_and_says_so(self, tmp_path: Path) -> None:
        (verdict,) = check_file(written(tmp_path, cases=[CASE | {"expected": {"mmf": 0.1}}])).verdicts
        assert not verdict.agrees
        assert "gives no 'mmf'" in verdict.why

    @pytest.mark.parametrize("family", check.FAMILIES)
    def test_every_family_has_rules(self, family: str) -> None:
        module = check.importlib.import_module(f"experiments.conform.{check.FAMILIES[family]}")
        assert module.RULES
        assert all(callable(rule) for rule in module.RULES.values())

    FAULTS = (
        ({"cases": {}}, "cases: "),
        ({"family": 3}, "family: "),
        ({"parameters": []}, "parameters: "),
        ({"cases": [3]}, "cases.0: "),
        ({"cases": [{"name": "x", "kind": "y"}]}, "cases.0.expected: "),
        ({"cases": [CASE | {"tolerance": -1.0}]}, "cases.0.tolerance: "),
        ({"cases": [CASE | {"tolerance": "wide"}]}, "cases.0.tolerance: "),
        ({"cases": [CASE | {"override": 3}]}, "cases.0.override: "),
    )

    @pytest.mark.parametrize(("changes", "told"), FAULTS)
    def test_a_file_of_another_shape_is_told(self, changes: dict[str, Any], told: str, tmp_path: Path) -> None:
        with pytest.raises(ConformError) as caught:
            check_file(written(tmp_path, **changes))
        assert told in str(caught.value)

    def test_what_is_no_json_or_no_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text("{")
        with pytest.raises(ConformError, match="is no JSON"):
            check_file(tmp_path / "x.json")
        with pytest.raises(ConformError, match="cannot be read"):
            check_file(tmp_path / "y.json")
