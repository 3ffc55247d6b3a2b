"""The code that the documentation shows runs, and prints what it says."""

import re
from typing import Any

import networkx as nx
import polars as pl
import pytest

from abm.tables import TABLES
from tests.docs.pages import BLOCK, PAGES, ROOT

pytestmark = pytest.mark.xdist_group("docs")

FirstPage = tuple[dict[str, Any], list[tuple[str, str | None]]]


def test_the_first_page_prints_what_it_says(first_page: FirstPage) -> None:
    _, printed = first_page
    shown = [(out, said) for out, said in printed if out or said is not None]
    assert len(shown) == 3
    for out, said in shown:
        assert out == said


def test_the_first_page_leaves_frames_and_a_graph(first_page: FirstPage) -> None:
    names, _ = first_page
    assert set(names["record"].tables) == set(TABLES)
    assert all(isinstance(frame, pl.DataFrame) for frame in names["record"].tables.values())
    assert isinstance(names["graph"], nx.DiGraph)
    assert len(names["record"]["breaches"]) > 0


def test_the_readme_shows_the_four_lines_of_the_first_page() -> None:
    first = BLOCK.search((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    readme = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert first is not None
    assert readme is not None
    assert readme["code"] == first["code"]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "ROADMAP.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Any) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_page_is_linked_from_the_first() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert page.name == "index.md" or f"({page.name})" in text, page.name
