"""Presets: what is shipped is whole and sourced, and a mistake in one's own is named by key."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from abm.errors import PresetError
from abm.margin.families.table import FAMILIES
from abm.margin.preset import load_preset, shipped_presets

MINE: dict[str, Any] = {
    "family": "weighted",
    "title": "Harbor",
    "parameters": {"markets": {"BTC": {"imf": 0.05, "mmf": 0.03}}, "coins": {"ETH": {"haircut": 0.1}}},
    "sources": [{"keys": ["markets.*", "coins.ETH.haircut"], "page": "the harbor's page", "date": "2025-10-10"}],
}


def written(folder: Path, table: dict[str, Any]) -> Path:
    """A preset's file; dates as TOML has them."""
    path = folder / "mine.toml"
    path.write_text(tomli_w.dumps(table).replace('"2025-10-10"', "2025-10-10"))
    return path


def changed(*keys: str, to: Any = None) -> dict[str, Any]:
    """`MINE` with one key set, or dropped where `to` is None."""
    import copy

    table = copy.deepcopy(MINE)
    inner: Any = table
    for key in keys[:-1]:
        inner = inner[key]
    if to is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = to
    return table


class TestShipped:
    @pytest.mark.parametrize("name", shipped_presets())
    def test_every_parameter_has_a_source_with_a_page_and_a_date(self, name: str) -> None:
        entries = list(load_preset(name).entries())
        assert entries
        for key, _, source in entries:
            assert source is not None, key
            assert len(source.page) > 8

    @pytest.mark.parametrize("name", shipped_presets())
    def test_every_source_names_a_parameter_that_is_there(self, name: str) -> None:
        preset = load_preset(name)
        for source in preset.sources:
            for pattern in source.keys:
                single = source.model_copy(update={"keys": (pattern,)})
                assert any(single.names(key) for key, _, _ in preset.entries()), (name, pattern)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_has_a_preset(self, family: str) -> None:
        assert family in {load_preset(name).family for name in shipped_presets()}


class TestOnesOwn:
    def test_a_file_is_read_with_its_sources(self, tmp_path: Path) -> None:
        preset = load_preset(written(tmp_path, MINE))
        assert (preset.name, preset.title, preset.family) == ("mine", "Harbor", "weighted")
        assert [(k, v) for k, v, _ in preset.entries()] == [
            ("markets.BTC.imf", 0.05), ("markets.BTC.mmf", 0.03), ("coins.ETH.haircut", 0.1)
        ]  # fmt: skip

    FAULTS = (
        (changed("family"), "family: missing"),
        (changed("family", to="wieghted"), "family: unknown family 'wieghted'; did you mean 'weighted'?"),
        (changed("parameters", "markets", "BTC", "mmf"), "parameters.markets.BTC.mmf: missing"),
        (changed("parameters", "markets", "BTC", "imf", to=2.0), "parameters.markets.BTC.imf: "),
        (changed("parameters", "markets", "BTC", "imf", to="x"), "parameters.markets.BTC.imf: "),
        (changed("parameters", "markets", "BTC", "mff", to=0.1), "unknown key 'mff'"),
        (changed("sources"), "parameters.markets.BTC.imf: has no source"),
        (changed("sources", to=[{"keys": ["coins.*"], "page": "p", "date": "2025-10-10"}]), "markets.BTC.imf: has no source"),
        (changed("title"), "title: missing"),
    )  # fmt: skip

    @pytest.mark.parametrize(("table", "told"), FAULTS)
    def test_a_mistake_is_named_by_its_key(self, table: dict[str, Any], told: str, tmp_path: Path) -> None:
        path = written(tmp_path, table)
        with pytest.raises(PresetError) as caught:
            load_preset(path)
        assert str(path) in str(caught.value)
        assert told in str(caught.value)

    def test_broken_toml_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("family = ")
        with pytest.raises(PresetError, match="is no TOML"):
            load_preset(path)

    def test_a_file_that_is_not_there_is_told_with_the_presets(self) -> None:
        with pytest.raises(PresetError, match="is no shipped preset and no file"):
            load_preset("nowhere.toml")
