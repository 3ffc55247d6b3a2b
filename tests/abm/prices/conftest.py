"""Scenarios and files of bars for the tests of prices."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.scenario import Scenario

START = datetime(2025, 10, 10, 19)


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    """A minimal world: `scenario(assets, prices, clock)`, with one venue "harbour" that trades all assets."""

    def make(
        assets: list[dict[str, Any]], prices: dict[str, Any], venues: list[dict[str, Any]] | None = None, **clock: float
    ) -> Scenario:
        spots = [{"asset": asset["name"], "depth": 1e6} for asset in assets]
        first, *others = venues or [{"name": "harbour", "markets": spots}]
        coin = first["markets"][0]["asset"]
        perp = {"asset": coin, "kind": "perp", "depth": 1e6}
        first = first | {"markets": [*(m for m in first["markets"] if m != perp), perp]}
        protocol = {"name": "p", "chain": "main", "venue": first["name"], "oracle": "feed", "settlement": coin}
        return Scenario.from_dict(
            {
                "name": "test",
                "clock": clock,
                "assets": [{"price": 100.0} | asset for asset in assets],
                "prices": prices,
                "chains": [{"name": "main"}],
                "venues": [first, *others],
                "oracles": [{"name": "feed", "chain": "main", "sources": [first["name"]]}],
                "protocols": [protocol | {"markets": [{"asset": coin}]}],
            }
        )

    return make


@pytest.fixture
def bars(tmp_path: Path) -> Callable[..., Path]:
    """Write bars given as {(venue, symbol): {second: close}} and return the file's path."""

    def write(series: dict[tuple[str, str], dict[float, float]], name: str = "bars.parquet") -> Path:
        rows = [
            {"time": START + timedelta(seconds=second), "venue": venue, "symbol": symbol, "close": float(close)}
            for (venue, symbol), closes in series.items()
            for second, close in closes.items()
        ]
        path = tmp_path / name
        frame = pl.DataFrame(rows)
        if path.suffix == ".csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)
        return path

    return write
