"""docs/thresholds.md: its code prints what it says, its tables name what there is."""

import re

import pytest

from abm.margin.forecasts.models import MODELS
from agents.governor import GovernorParams
from experiments.design import Design
from tests.docs.pages import ROOT, run_page

pytestmark = pytest.mark.xdist_group("docs")

PATH = ROOT / "docs" / "thresholds.md"
PAGE = PATH.read_text(encoding="utf-8")


def first_cells(title: str) -> list[str]:
    section = next(part for part in PAGE.split("\n## ") if part.startswith(title))
    return re.findall(r"^\| `([a-z-]+)`", section, flags=re.MULTILINE)


def test_the_code_prints_what_the_page_says() -> None:
    _, printed = run_page(PATH)
    assert len(printed) == 2
    for out, said in printed:
        assert out == said


def test_every_model_is_told() -> None:
    told = first_cells("Forecasts\n")
    assert [name for name in told if name in MODELS] == list(MODELS)


def test_every_tool_against_pro_cyclicality_is_told() -> None:
    annotation = GovernorParams.model_fields["procyclicality"].annotation
    tools = set(annotation.__args__) - {"none"}  # type: ignore[union-attr]
    assert set(first_cells("The rules\n")) == tools


def test_the_tables_of_the_study_are_those_of_the_designs_and_their_seeds() -> None:
    tables = PAGE.split("\n    crossfire sweep ")[1:]
    assert len(tables) == 3
    for table in tables:
        design = Design.load(table.split()[0])
        assert re.findall(r"^\| `([a-z-]+)`", table, flags=re.MULTILINE) == [case.name for case in design.cases]
        assert f"seeds {design.seeds[0]} to {design.seeds[-1]}:" in table.split("\n")[0]
