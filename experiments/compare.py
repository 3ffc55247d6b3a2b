"""What differs between two records, key by key and table by table."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from abm.record import Record
from abm.tables import TABLES

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """Rows of what differs: scenario keys, figures of the summary, tables (with the first row that differs)."""

    scenario: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    tables: list[dict[str, Any]]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.scenario or self.summary or self.tables)


def compare(first: Record, second: Record) -> Difference:
    """Compare two records: scenarios as resolved, summaries, and tables to the bit."""
    return Difference(
        _keys(_flat(first.scenario.to_dict()), _flat(second.scenario.to_dict())),
        _keys(first.summary, second.summary),
        [row for name in TABLES if (row := _table(name, first[name], second[name])) is not None],
    )


def _flat(node: Any, key: str = "") -> dict[str, Any]:
    """A nested dictionary with dotted keys; members of lists by their name, or position."""
    if isinstance(node, dict):
        return {k: v for name, part in node.items() for k, v in _flat(part, f"{key}.{name}".lstrip(".")).items()}
    if isinstance(node, list) and node and isinstance(node[0], dict):
        parts = {str(part.get("name", part.get("asset", i))): part for i, part in enumerate(node)}
        return {k: v for name, part in parts.items() for k, v in _flat(part, f"{key}.{name}").items()}
    return {key: node}


def _keys(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    names = [*first, *(k for k in second if k not in first)]
    rows = [{"key": k, "first": first.get(k), "second": second.get(k)} for k in names]
    return [row for row in rows if row["first"] != row["second"]]


def _table(name: str, first: pl.DataFrame, second: pl.DataFrame) -> dict[str, Any] | None:
    """A row that says how a table differs, or None."""
    if first.equals(second, null_equal=True):
        return None
    row, column = _first_difference(first, second)
    return {"table": name, "rows_first": len(first), "rows_second": len(second), "row": row, "column": column}


def _first_difference(first: pl.DataFrame, second: pl.DataFrame) -> tuple[int, str]:
    """Row number and column of the first value that differs (one frame may go on where the other ends)."""
    shared = min(len(first), len(second))
    found = (shared, "")
    for column in first.columns:
        a, b = first[column].head(shared), second[column].head(shared)
        at = a.ne_missing(b).arg_true()
        if len(at) and at[0] < found[0]:
            found = (int(at[0]), column)
    return found
