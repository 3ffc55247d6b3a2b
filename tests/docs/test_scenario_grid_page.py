"""The worked example of portfolio margin prints what its page says."""

import pytest

from tests.docs.pages import ROOT, run_page

pytestmark = pytest.mark.xdist_group("docs")


def test_the_worked_example() -> None:
    _, printed = run_page(ROOT / "docs" / "margin" / "scenario_grid.md")
    assert len(printed) == 2
    for out, said in printed:
        assert out == said
