"""Every line of an account in every scenario."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.explain import scenario_table
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.portfolio.portfolios import COINS, MARKETS, book, form, forms, gross, statements, terms

ENGINE = ScenarioGrid.build(form(), MARKETS, COINS)
ACCOUNT = Statement(0.0, {"WETH": 2.0, "USDT": 5.0}, [Position("ETH", 1.0, 2_000.0)], [Leg(3, -5.0), Leg(9, 0.1)])


def loss(table: pl.DataFrame) -> float:
    """What the profits of the worst scenarios sum to, without a sign."""
    return -float(table.filter(pl.col("worst"))["profit"].sum())


class TestTable:
    def test_it_has_all_scenarios_of_each_line_and_the_basis(self) -> None:
        table = scenario_table(ENGINE, book([ACCOUNT]), terms(ENGINE), 0)
        assert table.columns == [
            "underlying", "set", "scenario", "spot", "vol", "dampening", "worst", "kind", "index", "line", "size", "profit",
        ]  # fmt: skip
        count = {"ETH": 14, "BTC": 12}  # 13 and 11 scenarios, and the basis contingency
        for (line, underlying), rows in table.group_by("line", "underlying"):
            assert rows.height == count[str(underlying)], line
        assert table["line"].unique(maintain_order=True).to_list() == [
            "ETH", "ETH 2400 call, 40 d", "BTC 55000 put, 7 d", "WETH",
        ]  # fmt: skip
        assert table.filter(vol="basis")["spot"].null_count() == 4

    def test_collateral_that_does_not_move_is_not_in_it(self) -> None:
        assert "USDT" not in scenario_table(ENGINE, book([ACCOUNT]), terms(ENGINE), 0)["line"].to_list()

    def test_one_scenario_of_each_underlying_is_the_worst(self) -> None:
        table = scenario_table(ENGINE, book([ACCOUNT]), terms(ENGINE), 0)
        worst = table.filter(pl.col("worst")).select("underlying", "scenario").unique()
        assert sorted(worst["underlying"].to_list()) == ["BTC", "ETH"]
        total = table.group_by("underlying", "scenario").agg(pl.col("profit").sum())
        least = total.group_by("underlying").agg(pl.col("profit").min())
        found = total.join(worst, on=["underlying", "scenario"])
        assert found.sort("underlying")["profit"].to_list() == pytest.approx(
            least.sort("underlying")["profit"].to_list()
        )

    @given(account=statements(), rules=forms())
    @settings(max_examples=50, deadline=None)
    def test_profits_in_the_worst_scenarios_are_the_loss(
        self, account: Statement, rules: ScenarioGridParameters
    ) -> None:
        engine, ledger = ScenarioGrid.build(rules, MARKETS, COINS), book([account])
        table = scenario_table(engine, ledger, terms(engine), 0)
        factor, offset = rules.grids["eth"].margin.mm_factor, rules.joint.offset
        sides = {n: rules.grids[rules.underlyings[n].grid].margin.mm_factor for n in ("ETH", "BTC")}
        total = 0.0
        for name, weight in (("own", 1.0 - offset), ("joint", offset)):
            for underlying, rate in sides.items():
                total += weight * rate * loss(table.filter(pl.col("set") == name, pl.col("underlying") == underlying))
        parts = [p.mm for p in engine.explain(ledger, terms(engine), 0) if p.kind != "contingency"]
        assert factor > 0.0
        assert sum(parts) == pytest.approx(total, rel=1e-11, abs=1e-12 * gross(account))

    def test_joint_scenarios_are_at_each_underlyings_beta(self) -> None:
        engine = ScenarioGrid.build(form(0.5), MARKETS, COINS)
        table = scenario_table(engine, book([ACCOUNT]), terms(engine), 0).filter(set="joint", scenario=0)
        spots = dict(table.select("underlying", "spot").iter_rows())
        assert spots == {"ETH": pytest.approx(1.18), "BTC": pytest.approx(1.15)}

    def test_an_account_without_anything_has_no_rows(self) -> None:
        assert scenario_table(ENGINE, book([Statement(1.0)]), terms(ENGINE), 0).height == 0


def test_contingencies_are_told_apart() -> None:
    notes = {p.note: p.mm for p in ENGINE.explain(book([ACCOUNT]), terms(ENGINE), 0) if p.kind == "contingency"}
    assert notes == {
        "size of ETH positions": pytest.approx(0.015 * 2_000.0),
        "naked short ETH options": pytest.approx(0.003 * 5.0 * 2_000.0),
    }
    assert np.isfinite(list(notes.values())).all()
