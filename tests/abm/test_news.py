"""What attribution calls news is what the exogenous path did, whatever grids blocks, ticks and oracles are on."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.contagion.measures import exogenous_check
from abm.model import CrossMarginModel
from abm.record import Record
from tests.abm.worlds import Levers, stressed, stressed_scenario


def exogenous(model: CrossMarginModel, asset: str, seen: float) -> float:
    """The path's price at the last tick before a reading; venues do not stray in this test."""
    path = model.world.path
    return float(path.values[int(seen / path.interval + 1e-7), path.column(asset, "")])


def told_by_the_path(model: CrossMarginModel, record: Record) -> np.ndarray:
    """Share of the exogenous path in each breach's fall; nan where hardly anything fell."""
    assets = record["price_sources"].join(record["books"], on="book").select("price", "asset").unique()
    exposures = record["exposures"].join(assets, on="price")
    moves = [
        row["sensitivity"]
        * (exogenous(model, row["asset"], row["seen_start"]) - exogenous(model, row["asset"], row["seen_end"]))
        for row in exposures.iter_rows(named=True)
    ]
    moved = exposures.select("breach", moved=pl.Series(moves)).group_by("breach").agg(pl.col("moved").sum())
    fall = pl.col("free_margin_start") - pl.col("free_margin")
    shares = record["breaches"].join(moved, on="breach", how="left", maintain_order="left")
    return shares.select(
        pl.when(fall > 1e-6 * pl.col("notional")).then(pl.col("moved") / fall).otherwise(float("nan"))
    ).to_series().to_numpy()  # fmt: skip


def off_the_grid(at: Levers) -> dict[str, Any]:
    """Blocks, an exchange and readings at times that are no ticks."""
    data = stressed_scenario(at).to_dict()
    data["chains"][0]["interval"], data["venues"][1]["interval"], data["oracles"][0]["sampling"] = 0.7, 0.6, 0.3
    return {key: data[key] for key in ("chains", "venues", "oracles")}


@pytest.mark.parametrize("fine", [False, True], ids=["on ticks", "between ticks"])
@pytest.mark.parametrize("breach_price", ["last", "index", "oracle", "mark"])
def test_news_is_what_the_path_did(breach_price: str, fine: bool) -> None:
    at = Levers(breach_price=breach_price)
    still = {"prices": {"shocks": [{"name": "crash", "at": 20.0, "over": 30.0, "move": -0.25}]}}
    model = stressed(at, **still, **(off_the_grid(at) if fine else {}))
    model.run()
    record = model.record()
    expected, found = told_by_the_path(model, record), exogenous_check(record)
    assert np.sum(~np.isnan(expected)) > 20
    np.testing.assert_allclose(found[~np.isnan(expected)], expected[~np.isnan(expected)], rtol=0.0, atol=1e-9)
    assert np.nanmax(np.abs(1.0 - expected)) > 0.01, "not all of it is news"
