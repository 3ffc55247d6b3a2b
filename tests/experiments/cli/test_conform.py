"""`crossfire conform`: exit codes, the list of verdicts, and the shipped vectors where they are there."""

import json
from pathlib import Path

import pytest

from tests.experiments.cli.command_line import crossfire, refused

pytestmark = pytest.mark.xdist_group("cli")

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"

CASES = {
    "family": "dydx_v4",
    "cases": [
        {
            "name": "half way", "kind": "open_interest_margin_fraction", "base_imf": 0.2, "lower_cap": 1e6,
            "upper_cap": 2e6, "open_notional": 1.5e6, "expected": {"imf": 0.6}, "tolerance": 1e-6,
        }
    ],
}  # fmt: skip


def written(**changes: object) -> Path:
    path = Path("cases.json")
    path.write_text(json.dumps(CASES | changes))
    return path


def test_cases_that_agree_are_counted() -> None:
    answer = crossfire("conform", written())
    assert (answer.code, answer.err) == (0, "")
    assert "1 of 1 values of 1 cases agree" in answer.out


def test_a_case_that_disagrees_is_shown_and_the_code_is_one() -> None:
    wrong = [CASES["cases"][0] | {"expected": {"imf": 0.7}}]  # type: ignore[index,operator]
    answer = crossfire("conform", written(cases=wrong))
    assert answer.code == 1
    for word in ("half way", "open_interest_margin_fraction", "imf", "0.7", "0.6", "NO", "1 of 1 cases disagree"):
        assert word in answer.out


def test_json_is_one_object_a_case_and_key() -> None:
    answer = crossfire("conform", written(), "--json")
    (verdict,) = json.loads(answer.out)
    assert set(verdict) == {"file", "name", "kind", "key", "expected", "got", "agrees"}
    assert verdict["agrees"] is True
    assert verdict["got"] == pytest.approx(0.6)


def test_a_family_without_an_engine_is_skipped_and_said_so() -> None:
    answer = crossfire("conform", written(family="networks"), "--json")
    assert (answer.code, json.loads(answer.out)) == (0, [])
    assert "no engine for family 'networks'; 1 cases skipped" in answer.err


def test_mistakes() -> None:
    refused(crossfire("conform"), "FILES")
    refused(crossfire("conform", "nowhere.json"), "nowhere.json", "cannot be read")
    Path("broken.json").write_text("{")
    refused(crossfire("conform", "broken.json"), "broken.json", "is no JSON")
    refused(crossfire("conform", written(cases=[{}])), "cases.0.name")


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda p: p.stem)
def test_every_known_answer_agrees(path: Path) -> None:
    answer = crossfire("conform", path)
    assert answer.code == 0, answer.out


def test_the_vectors_are_there() -> None:
    if not VECTORS.is_dir():
        pytest.skip("../shared/vectors is not there: known answers of whole suites are not checked")
    assert len(list(VECTORS.glob("*.json"))) > 5
