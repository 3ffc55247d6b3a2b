"""The pages on margin: their code runs, and prints what they say."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, run_page

PAGES = sorted((ROOT / "docs" / "margin").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_prints_what_it_says(page: Path) -> None:
    printed = run_page(page)[1]
    assert any(said is not None for _, said in printed)
    for out, said in printed:
        assert out == (said or "")
