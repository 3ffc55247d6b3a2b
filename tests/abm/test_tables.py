"""What a run leaves, described."""

import polars as pl
import pytest

from abm.tables import CHANNELS, ROUTES, TABLES, describe

IN_ISSUE = {
    "markets": "time protocol market venue last mark index oracle depth open_interest funding",
    "accounts": "time protocol account owner mode equity margin_equity im mm free_margin health",
    "events": "time chain block kind protocol account market asset amount ref",
    "breaches": "breach time chain block round protocol account episode free_margin_start free_margin generation deficit",
    "liquidations": "liquidation breach time chain block round protocol account market quantity price penalty keeper route",
    "cascade_edges": "parent parent_kind child child_kind channel share episode",
    "agents": "time agent kind name wealth profit actions",
}


@pytest.mark.parametrize("table", IN_ISSUE)
def test_a_table_has_at_least_the_columns_that_were_asked_for(table: str) -> None:
    assert set(IN_ISSUE[table].split()) <= {c.name for c in TABLES[table].columns}


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_named_once_and_explained(table: str) -> None:
    columns = TABLES[table].columns
    assert len({c.name for c in columns}) == len(columns)
    assert all(c.meaning for c in columns)
    assert all(c.dtype in (pl.Int64(), pl.Float64(), pl.String(), pl.List(pl.Float64())) for c in columns)


def test_the_page_has_every_column_of_every_table() -> None:
    page = describe()
    for table in TABLES.values():
        _, _, section = page.partition(f"## {table.name}\n")
        section = section.partition("\n## ")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == [
            c.name for c in table.columns
        ]


def test_routes_and_channels_are_short_words() -> None:
    assert len(set(ROUTES)) == 4
    assert len(set(CHANNELS)) == len(CHANNELS)
    assert all(word.islower() for word in (*ROUTES, *CHANNELS))
