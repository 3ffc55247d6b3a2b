"""The pages on exchanges' margin print what they say."""

import pytest

from tests.docs.pages import ROOT, run_page

pytestmark = pytest.mark.xdist_group("docs")

NAMES = ["backstop", "exchange_tiers", "inverse", "isolated"]


@pytest.mark.parametrize("name", NAMES)
def test_every_block_prints_what_the_page_says(name: str) -> None:
    _, printed = run_page(ROOT / "docs" / "margin" / f"{name}.md")
    shown = [(out, said) for out, said in printed if out or said is not None]
    assert len(shown) >= 1
    for out, said in shown:
        assert out == said
