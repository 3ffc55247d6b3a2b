"""Pages that name things of the code name all of them, and name them right."""

import re

import pytest

from abm.model import Turn
from abm.prices.files import KLINE_COLUMNS, TIME_COLUMNS
from abm.prices.symbols import asset_of
from abm.scenario import Scenario, shipped_scenarios
from agents.population import KINDS
from tests.docs.pages import ROOT

pytestmark = pytest.mark.xdist_group("docs")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_has_a_section_that_begins_with_its_purpose(name: str) -> None:
    section = next(part for part in page("scenarios.md").split("\n## ") if part.startswith(f"`{name}`\n"))
    told = " ".join(section.split("\n\n")[1].replace("`", "").split()).rstrip(".").lower()
    assert told == Scenario.load(name).purpose.lower()


def test_the_page_on_scenarios_has_no_section_of_another() -> None:
    assert set(re.findall(r"^## `([^`]+)`$", page("scenarios.md"), flags=re.MULTILINE)) == set(shipped_scenarios())


def test_symbols_mean_what_the_page_on_prices_says() -> None:
    section = next(part for part in page("prices.md").split("\n## ") if part.startswith("Symbols"))
    shown = re.findall(r"^\| (`.*) \| (\w+) \|$", section, flags=re.MULTILINE)
    assert len(shown) == 3
    for symbols, asset in shown:
        for symbol in re.findall(r"`([^`]+)`", symbols):
            assert str(asset_of(symbol, ("BTC", "ETH", "PEPE", "USDC"))).lower() == asset.lower(), symbol


def test_columns_of_price_files_are_those_of_the_code() -> None:
    text = " ".join(page("prices.md").split())
    assert ", ".join(KLINE_COLUMNS).replace("_", " ").replace("time, open,", "open time, open,", 1) in text
    assert "`" + "` (or `".join(TIME_COLUMNS[:2]) + "`, `" + "`, `".join(TIME_COLUMNS[2:]) + "`)" in text


def test_the_plan_of_the_house_names_rooms_that_are_there_and_all_of_abm() -> None:
    text = page("architecture.md")
    rooms = text.split("## Rooms")[1].split("## Who may know whom")[0]
    for package, table in zip(("abm", "agents", "experiments"), rooms.split("\n| in `")[1:], strict=True):
        assert table.startswith(f"{package}/`")
        named = {
            name.rstrip("/")
            for cells in re.findall(r"^\| (`[^|]*) \|", table, flags=re.MULTILINE)
            for name in re.findall(r"`([^`]+)`", cells)
        }
        for name in named:
            assert (ROOT / package / name).exists(), name
        if package == "abm":
            parts = (p.name for p in (ROOT / package).iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())
            assert named == set(parts) - {"__init__.py"}


def test_the_order_of_the_clock_is_that_of_the_model() -> None:
    told = re.findall(r"^\d\. \*\*(\w+)\*\*", page("architecture.md").split("## The clock")[1], flags=re.MULTILINE)
    assert told[:6] == ["price", "oracles", "blocks", "inhabitants", "housekeeping", "samples"]
    assert Turn.WORLD < Turn.AGENT < Turn.REST


def test_every_kind_lives_in_the_crash_but_the_users_own_snapshot_and_the_migrant_of_the_passport() -> None:
    kinds = {name: {agent.kind for agent in Scenario.load(name).agents} for name in ("crash", "passport")}
    assert kinds["crash"] == set(KINDS) - {"snapshot", "migrant"}
    assert "migrant" in kinds["passport"]
