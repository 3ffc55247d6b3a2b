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
    """A minimal world: `scenario(assets, prices, clock)`, with one venue "harbour" that trades the first asset."""

    def make(
        assets: list[dict[str, Any]], prices: dict[str, Any], venues: list[dict[str, Any]] | None = None, **clock: float
    ) -> Scenario:
        traded = [{"name": "harbour", "markets": [{"asset": assets[0]["name"], "depth": 1e6}]}]
        return Scenario.from_dict(
            {
                "name": "test",
                "clock": clock,
                "assets": [{"price": 100.0} | asset for asset in assets],
                "prices": prices,
                "chains": [{"name": "main"}],
                "venues": venues or traded,
                "oracles": [{"name": "feed", "chain": "main", "sources": [(venues or traded)[0]["name"]]}],
                "protocols": [],
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
