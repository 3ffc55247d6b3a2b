"""The page on moving sub-accounts prints what it says, and names every step, point and reason."""

import re

import pytest

from abm.protocol.passport.office import POINTS
from abm.protocol.passport.source import RESEND
from tests.docs.pages import ROOT, run_page

pytestmark = pytest.mark.xdist_group("docs")

PAGE = ROOT / "docs" / "passport.md"


def test_every_block_prints_what_the_page_says() -> None:
    _, printed = run_page(PAGE)
    assert len(printed) == 2
    for out, said in printed:
        assert out == said


def test_every_step_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"\*\*(\w+)\*\*", text.split("## Who stands")[0]))
    assert told == {"issued", "reserved", "refused", "committed", "void", "opened", "released", "closed"}
    assert {point.split()[0] for point in POINTS} == {
        "issue",
        "reserve",
        "commit",
        "open",
        "void",
        "release",
        "close",
        "told",
    }


def test_what_is_not_answered_is_said_again_as_often_as_the_page_says() -> None:
    assert "every four minutes" in PAGE.read_text(encoding="utf-8")
    assert RESEND == 4 * 60.0
