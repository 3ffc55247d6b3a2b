"""Why accounts need what they need, by name: parts that add up, and the scenarios of portfolio margin."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from abm.errors import StatementError, nearest
from abm.margin.engine import Part
from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.explain import scenario_table
from abm.margin.portfolio.netting import netting
from experiments.figures.margin_parts import parts_bars
from experiments.figures.worst_scenario import worst_scenario
from experiments.picture import save_picture_to
from experiments.valuing import Valued

__all__ = ["chosen_accounts", "draw_parts", "netting_of", "parts_table", "scenarios_of", "worst_rows"]


def chosen_accounts(valued: Valued, place: str, name: str | None) -> list[int]:
    """Rows of the account of a name, or of all.

    Raises
    ------
    StatementError
        There is none of that name.
    """
    names = valued.document.names
    if name is None:
        return list(range(len(names)))
    if name not in names:
        raise StatementError(f"{place}: accounts", f"has none named '{name}'", nearest(name, names))
    return [names.index(name)]


def parts_table(valued: Valued, row: int) -> pl.DataFrame:
    """`kind, name, equity, margin_equity, im, mm` of each thing in an account, and a last row `sum`, in the settlement
    asset."""
    valuation = valued.valuation
    parts = valuation.engine.explain(valuation.ledger, valuation.terms, row)
    rows = [(p.kind, _name(valued, p), p.equity, p.margin_equity, p.im, p.mm) for p in parts]
    columns = ["kind", "name", "equity", "margin_equity", "im", "mm"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    total = frame.select(pl.lit("sum").alias("kind"), pl.lit("").alias("name"), pl.col(columns[2:]).sum())
    return pl.concat([frame, total])


def _name(valued: Valued, part: Part) -> str:
    """What a part is of."""
    if part.kind == "position":
        return valued.valuation.markets[part.index]
    if part.kind == "option":
        return valued.document.series_names[part.index]
    if part.kind == "contingency" or part.index < 0:
        return part.note or valued.unit
    return valued.valuation.coins[part.index]


def scenarios_of(valued: Valued, row: int) -> pl.DataFrame | None:
    """Profit of every line in every scenario, names as the document has them; None for families without scenarios."""
    valuation = valued.valuation
    if not isinstance(valuation.engine, ScenarioGrid):
        return None
    names = pl.DataFrame({"index": range(len(valued.document.series_names)), "told": valued.document.series_names})
    names = names.cast({"index": pl.Int64, "told": pl.String}).with_columns(kind=pl.lit("option"))
    table = scenario_table(valuation.engine, valuation.ledger, valuation.terms, row)
    joined = table.join(names, on=["kind", "index"], how="left", maintain_order="left")
    return joined.with_columns(line=pl.coalesce("told", "line")).drop("told")


def netting_of(valued: Valued, rows: Sequence[int]) -> pl.DataFrame | None:
    """Maintenance margin of all together against the sum of each thing alone, as `abm.margin.portfolio.netting` says, accounts
    by name; None for families without scenarios."""
    valuation = valued.valuation
    if not isinstance(valuation.engine, ScenarioGrid):
        return None
    found = netting(valuation.engine, valuation.ledger, valuation.terms, np.asarray(rows, np.int64))
    names = dict(zip(valuation.ledger.id.tolist(), valued.document.names, strict=True))
    return found.with_columns(pl.col("account").replace_strict(names, return_dtype=pl.String))


def worst_rows(scenarios: pl.DataFrame) -> Sequence[Sequence[Any]]:
    """Cells of the worst scenario of each underlying: its moves, and each line's profit in it."""
    return [
        (
            r["underlying"], f"{r['set']} {r['scenario']}", "-" if r["spot"] is None else f"{r['spot']:.4g}", r["vol"],
            r["line"], f"{r['size']:g}", f"{r['profit']:,.2f}",
        )
        for r in scenarios.filter("worst").iter_rows(named=True)
    ]  # fmt: skip


def draw_parts(valued: Valued, row: int, picture: Path) -> Path:
    """Draw an account's parts, or what its lines do in each scenario where the family has them, as PNG."""
    scenarios = scenarios_of(valued, row)
    drawn = worst_scenario(scenarios) if scenarios is not None and scenarios.height else None
    title = f"{valued.document.names[row]} under {valued.preset.title}"
    return save_picture_to(picture, drawn or parts_bars(parts_table(valued, row), title, valued.unit))
