"""`crossfire presets`, and presets of one's own."""

import json
import re
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from abm.margin.preset import load_preset, shipped_presets
from tests.experiments.cli.books import BOOKS, LINEAR, written
from tests.experiments.cli.command_line import crossfire, example, refused
from tests.experiments.cli.test_json import shape

pytestmark = pytest.mark.xdist_group("cli")


def shipped(name: str) -> str:
    """The text of a preset that is shipped."""
    return (resources.files("abm.margin") / "presets" / f"{name}.toml").read_text("utf-8")


def test_the_list_has_all_eleven() -> None:
    rows = json.loads(crossfire("presets", "--json").out)
    assert shape(rows[:1]) == shape(example("presets"))
    names = [row["preset"] for row in rows]
    assert names == shipped_presets()
    assert len(names) == 11
    table = crossfire("presets").out
    assert all(name in table for name in names)


@pytest.mark.parametrize("name", shipped_presets())
class TestEachPreset:
    def test_every_parameter_has_a_source_and_a_date(self, name: str) -> None:
        told = json.loads(crossfire("presets", name, "--json").out)
        keys = [p["key"] for p in told["parameters"]]
        assert keys == [key for key, _, _ in load_preset(name).entries()]
        assert keys
        for p in told["parameters"]:
            assert p["source"]
            assert date(2020, 1, 1) < date.fromisoformat(p["date"]) < date(2027, 1, 1)

    def test_the_table_numbers_the_sources_and_tells_their_dates(self, name: str) -> None:
        out = crossfire("presets", name).out
        told = json.loads(crossfire("presets", name, "--json").out)
        for page, day in {(p["source"], p["date"]) for p in told["parameters"]}:
            assert re.search(rf"^\[\d+\] {re.escape(page)}, {day}", out, flags=re.MULTILINE)

    def test_a_copy_in_a_file_does_the_same_in_every_command(self, name: str) -> None:
        Path("mine.toml").write_text(shipped(name), encoding="utf-8")
        book = written(BOOKS[name])
        for words in (
            ("margin", book, "--json", "--protocol"), ("margin", "explain", book, "--json", "--protocol"),
            ("margin", "stress", book, "--price=-0.2,0", "--json", "--protocol"),
        ):  # fmt: skip
            own = crossfire(*words, "mine.toml")
            assert own == crossfire(*words, name)
            assert own.code == 0
        compared = json.loads(crossfire("margin", "compare", name, "mine.toml", book, "--json").out)
        assert {r["worse_off"] for r in compared["accounts"]} == {"equal"}
        assert crossfire("margin", "compare", "mine.toml", "mine.toml:isolated", book).code == 0
        assert crossfire("presets", "mine.toml").code == 0


def test_a_parameter_of_ones_own_counts() -> None:
    text = shipped("dydx_v4")
    assert text.count("[parameters.markets.BTC]") == 1
    head, tail = text.split("[parameters.markets.BTC]")
    Path("mine.toml").write_text(head + "[parameters.markets.BTC]" + tail.replace("imf = 0.02", "imf = 0.1", 1))
    row = json.loads(crossfire("margin", written(LINEAR), "--protocol", "mine.toml", "--json").out)[1]
    assert row["im"] == pytest.approx(6_000.0)


OWN = """family = "weighted"
title = "mine"

[parameters.markets.BTC]
imf = 0.05
mmf = 0.03

[parameters.markets.ETH]
imf = 0.05
mmf = 0.03

[[sources]]
keys = ["markets.*"]
page = "a page"
date = 2026-01-01
"""

FAULTS = {
    "no TOML": ("mmf = 0.03", "mmf = ", ["is no TOML"]),
    "a family that is none": ('"weighted"', '"weigthed"', ["family", "did you mean 'weighted'?"]),
    "an unknown key": ("mmf = 0.03", "mmff = 0.03", ["parameters.markets.BTC.mmff", "did you mean 'mmf'?"]),
    "a key missing": ("imf = 0.05\n", "", ["parameters.markets.BTC.imf", "missing"]),
    "a number in words": ("imf = 0.05", 'imf = "much"', ["parameters.markets.BTC.imf", "'much'"]),
    "a number out of range": ("imf = 0.05", "imf = -0.05", ["parameters.markets.BTC.imf", "-0.05"]),
    "nan": ("imf = 0.05", "imf = nan", ["parameters.markets.BTC.imf"]),
    "a key without source": ('keys = ["markets.*"]', 'keys = ["markets.BTC"]', ["parameters.markets.ETH.imf", "no source"]),
    "a date that is none": ("date = 2026-01-01", 'date = "lately"', ["sources.0.date"]),
    "an unknown key at the top": ("title =", "tittle =", ["tittle", "did you mean 'title'?"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mistake_in_a_preset_is_one_line_with_its_key(fault: str) -> None:
    old, new, told = FAULTS[fault]
    assert old in OWN
    Path("mine.toml").write_text(OWN)
    book = written(LINEAR)
    assert crossfire("margin", book, "--protocol", "mine.toml").code == 0
    Path("mine.toml").write_text(OWN.replace(old, new, 1))
    for words in (
        ("presets", "mine.toml"), ("margin", book, "--protocol", "mine.toml"),
        ("margin", "explain", book, "--protocol", "mine.toml"), ("margin", "stress", book, "--protocol", "mine.toml"),
        ("margin", "compare", "dydx_v4", "mine.toml", book),
    ):  # fmt: skip
        refused(crossfire(*words), "mine.toml", *told)


def test_what_is_no_preset_is_told() -> None:
    Path("folder").mkdir()
    Path("bytes.toml").write_bytes(b"\xff")
    refused(crossfire("presets", "dydx"), "dydx", "did you mean 'dydx_v4'?")
    refused(crossfire("presets", "folder"), "folder", "no file")
    refused(crossfire("presets", "bytes.toml"), "bytes.toml", "cannot be read")
