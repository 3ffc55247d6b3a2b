"""Requirements netted against isolated ones."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.netting import netting
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.portfolio.portfolios import COINS, MARKETS, book, form, gross, statements, terms

ENGINE = ScenarioGrid.build(form(), MARKETS, COINS)
JOINT = ScenarioGrid.build(form(0.8), MARKETS, COINS)
HEDGED = Statement(0.0, {"WETH": 1.0}, [Position("ETH", -1.0, 2_000.0), Position("BTC", 0.1, 60_000.0)])


class TestNetting:
    def test_a_hedge_is_netted_and_a_lone_position_is_not(self) -> None:
        table = netting(ENGINE, book([HEDGED]), terms(ENGINE), np.array([0]))
        rows = {row["underlying"]: row for row in table.iter_rows(named=True)}
        assert set(rows) == {"ETH", "BTC", "all"}
        # A short perpetual is worst in the tail, 200 % up of which 1.8 % counts ... or at +18 %; moving collateral at -18 %.
        assert rows["ETH"]["isolated"] == pytest.approx(0.8 * 0.18 * (2_001.0 + 2_005.0) + 0.015 * 2_000.0)
        assert rows["ETH"]["netted"] == pytest.approx(0.8 * 0.18 * (2_005.0 - 2_001.0) + 0.015 * 2_000.0)
        assert rows["BTC"]["saving"] == pytest.approx(0.0, abs=1e-9)
        assert rows["all"]["netted"] == pytest.approx(rows["ETH"]["netted"] + rows["BTC"]["netted"])

    def test_an_offset_saves_on_the_whole_only(self) -> None:
        spread = Statement(0.0, {}, [Position("ETH", -10.0, 2_000.0), Position("BTC", 0.3, 60_000.0)])
        none, some = (netting(e, book([spread]), terms(e), np.array([0])) for e in (ENGINE, JOINT))
        whole = pl.col("underlying") == "all"
        assert some.filter(~whole)["netted"].to_list() == pytest.approx(
            [r["netted"] - 0.8 * (r["netted"] - q) for r, q in _joint_alone(none, spread)], rel=1e-12
        )
        assert some.filter(whole)["netted"][0] < none.filter(whole)["netted"][0]

    @given(account=statements())
    @settings(max_examples=40, deadline=None)
    def test_the_whole_is_the_accounts_requirement(self, account: Statement) -> None:
        ledger, at = book([Statement(1.0), account]), terms(ENGINE)
        table = netting(ENGINE, ledger, at, np.array([0, 1]))
        assert 1 not in table["account"].to_list()
        mm = ENGINE.assess(ledger, at, np.array([1])).mm[0]
        whole = table.filter(underlying="all")
        assert (whole["netted"][0] if whole.height else 0.0) == pytest.approx(mm, rel=1e-12, abs=1e-12 * gross(account))
        parts = table.filter(pl.col("underlying") != "all")["netted"].sum()
        assert parts == pytest.approx(mm, rel=1e-12, abs=1e-12 * gross(account))

    def test_options_alone(self) -> None:
        spread = Statement(legs=[Leg(1, 1.0), Leg(0, -1.0)])
        table = netting(ENGINE, book([spread]), terms(ENGINE), np.array([0]))
        assert table.filter(underlying="ETH")["saving"][0] > 0.0


def _joint_alone(none: pl.DataFrame, spread: Statement) -> list[tuple[dict[str, float], float]]:
    """Rows of underlyings without an offset, and what each would need in joint scenarios alone."""
    whole = ScenarioGrid.build(form(1.0), MARKETS, COINS)
    rows = none.filter(pl.col("underlying") != "all").iter_rows(named=True)
    kept = {"ETH": spread.positions[:1], "BTC": spread.positions[1:]}
    result = []
    for row in rows:
        alone = book([Statement(positions=kept[row["underlying"]])])
        result.append((row, float(whole.assess(alone, terms(whole), np.array([0])).mm[0])))
    return result
