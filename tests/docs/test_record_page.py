"""docs/record.md names everything that a run leaves."""

import re
from pathlib import Path
from typing import Any

import pytest

from abm.tables import TABLES
from tests.docs.pages import ROOT

pytestmark = pytest.mark.xdist_group("docs")

PAGE = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")

KIND = re.compile(r"""(?:\.event\(|log_rows\(|Booking\(|\._note\()\s*(f?)"([a-z_]+)""")
"""Where the code books an event: the kind, or with an f-string its beginning."""


def rows(title: str) -> list[str]:
    """First cells of the table under a title."""
    section = next(part for part in PAGE.split("\n## ") if part.startswith(title))
    return re.findall(r"^\| `([a-z_]+)`", section, flags=re.MULTILINE)


def test_every_key_of_the_summary_has_unit_and_meaning(first_page: tuple[dict[str, Any], Any]) -> None:
    assert rows("The summary") == list(first_page[0]["record"].summary)


def test_every_table_is_there() -> None:
    assert sorted(rows("The tables")) == sorted(TABLES)


def booked(path: Path, told: list[str]) -> set[str]:
    """Kinds of events that a module books; one that is put together stands for all that are told of it."""
    found: set[str] = set()
    for match in KIND.finditer(path.read_text(encoding="utf-8")):
        form, word = match.groups()
        if match[0].startswith("._note"):
            found |= (
                {f"relayer_{word}"} if path.name == "relayer.py" else set()
            )  # others keep a diary, and book nothing
        elif form and word.endswith("_"):
            found |= {kind for kind in told if kind.startswith(word)}
        else:
            found.add(word)
    return found


def test_every_kind_of_event_that_the_code_books_is_there() -> None:
    told = rows("The events")
    assert len(told) == len(set(told))
    found: set[str] = set()
    for package in ("abm", "agents"):
        for path in (ROOT / package).rglob("*.py"):
            found |= booked(path, told)
    assert found == set(told)


def test_the_events_of_a_run_are_there(first_page: tuple[dict[str, Any], Any]) -> None:
    kinds = set(first_page[0]["record"]["events"]["kind"])
    assert {"trade", "penalty", "deposit"} <= kinds <= set(rows("The events"))
