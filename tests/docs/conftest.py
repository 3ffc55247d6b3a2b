"""The first page's code, run once: its second world has a cascade."""

from typing import Any

import pytest

from tests.docs.pages import ROOT, run_page


@pytest.fixture(scope="session")
def first_page() -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
    """Names that docs/index.md leaves, and what its blocks printed and should have."""
    return run_page(ROOT / "docs" / "index.md")
