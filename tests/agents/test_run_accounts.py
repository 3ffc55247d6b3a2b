"""The accounts of a run, and the same scenario begun with them."""

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from abm.errors import ScenarioError
from abm.record import Record
from abm.scenario import Scenario
from agents.run_accounts import to_snapshot
from experiments.simulate import simulate, with_accounts
from tests.abm.worlds import cohort, stressed_scenario
from tests.agents.worlds import small_world

ELSEWHERE = cohort(
    "bridged",
    accounts=60,
    wallet_chain="beta",
    coins=[{"asset": "USDC", "chain": "beta", "accounts": 1.0, "part": 0.7}],
)
DESKS = {"kind": "trader", "name": "desks", "count": 2, "params": {"protocol": "harbor", "capital": 1e5}}
LATE = {
    "kind": "late_topper", "name": "late",
    "params": {"protocol": "harbor", "market": "ETH", "capital": 1e4, "wallet": 1e4, "leverage": 8.0},
}  # fmt: skip


def scenario(**replace: Any) -> Scenario:
    return stressed_scenario(agents=(ELSEWHERE, DESKS, LATE), **replace)


@cache
def ran() -> Record:
    return simulate(scenario())


def crowd(record: Record, table: str, time: float, *columns: str) -> pl.DataFrame:
    """Rows of the cohorts' accounts at a time."""
    accounts = record["accounts"].filter(pl.col("cohort").is_in(["retail", "bridged"]))["account"].unique()
    found = record[table].filter(pl.col("time") == time, pl.col("account").is_in(accounts.implode()))
    return found.select("account", *columns)


def again(folder: Path, when: Any = "start", at: Scenario | None = None) -> Record:
    path = folder / "accounts.parquet"
    to_snapshot(ran(), when).write_parquet(path)
    return simulate(at or scenario(), accounts=path)


class TestSameScenario:
    """Strategic agents and all: nobody's id clashes, and what happens is what happened."""

    def test_coins_positions_cash_and_wallets_are_kept(self, tmp_path: Path) -> None:
        other = again(tmp_path)
        for table, columns in {
            "accounts": ("owner", "cohort", "mode", "positions", "equity", "margin_equity", "mm", "wallet"),
            "positions": ("market", "size", "entry", "profit"),
            "collateral": ("asset", "chain", "amount", "price", "haircut"),
        }.items():
            one, two = (crowd(record, table, 0.0, *columns) for record in (ran(), other))
            assert len(one) > 60
            assert_frame_equal(one, two, check_exact=False, rel_tol=1e-9, abs_tol=1e-6)

    def test_the_protocol_has_the_same_money(self, tmp_path: Path) -> None:
        one, two = (r["protocols"].filter(time=0.0).drop("time", "protocol") for r in (ran(), again(tmp_path)))
        assert_frame_equal(one, two, check_exact=False, rel_tol=1e-6)

    def test_the_run_is_the_same_to_rounding(self, tmp_path: Path) -> None:
        one, two = ran().summary, again(tmp_path).summary
        assert one["breaches"] > 50
        for key in ("breaches", "liquidations", "liquidated_notional", "deficit", "voluntary_notional"):
            assert two[key] == pytest.approx(one[key], rel=1e-2), key  # rounding moves single executions across a block

    def test_the_last_accounts_begin_another_world_at_the_prices_of_then(self, tmp_path: Path) -> None:
        end = ran()["markets"].filter(time=120.0, protocol="harbor")
        prices = {f"assets.{m.removesuffix('-PERP')}.price": p for m, p in end.select("market", "mark").rows()}
        calm = scenario(prices={}, clock={"duration": 5.0}).override(prices)
        other = again(tmp_path, "end", calm)
        amounts = [
            crowd(r, "collateral", t, "asset", "amount", "pending").with_columns(
                held=pl.col("amount") + pl.col("pending")
            )
            for r, t in ((ran(), 120.0), (other, 0.0))
        ]
        kept = amounts[1]["account"].implode()
        assert len(amounts[1]) > 20
        assert_frame_equal(
            amounts[0].filter(pl.col("account").is_in(kept)).select("account", "asset", "held"),
            amounts[1].select("account", "asset", "held"),
        )  # fmt: skip

    def test_the_shipped_crash_begins_with_its_own_accounts(self, tmp_path: Path) -> None:
        few = {f"agents.{name}.params.accounts": 40 for name in ("retail", "bridged", "quayside")}
        crash = Scenario.load("crash").override(few | {"clock.duration": 30.0})
        first = simulate(crash)
        path = tmp_path / "accounts.parquet"
        to_snapshot(first, "start").write_parquet(path)
        second = simulate(crash, accounts=path)
        names = {"retail", "bridged", "quayside"}
        for record in (first, second):
            assert names <= set(record["accounts"]["cohort"])
        counts = [
            r["accounts"].group_by("protocol", "cohort").len().sort("protocol", "cohort") for r in (first, second)
        ]
        assert counts[0].equals(counts[1])


class TestWhoIsLeftOut:
    def test_strategic_agents_are_the_rest_of_the_market_with_their_positions_alone(self) -> None:
        frame = to_snapshot(ran(), "start")
        late = ran()["accounts"].filter(cohort="late")["account"][0]
        (row,) = frame.filter(account=late).to_dicts()
        held = ran()["positions"].filter(time=0.0, account=late)
        assert (row["mode"], row["cohort"], row["cash"], row["wallet"]) == ("system", "", 0.0, 0.0)
        assert (row["size"], row["entry"]) == (held["size"][0], held["price"][0])
        assert frame.filter(pl.col("account").is_in(ran()["accounts"].filter(cohort="keepers-1")["account"])).is_empty()

    def test_accounts_that_are_worth_less_than_nothing_are_too(self) -> None:
        record = ran()
        worst = record["accounts"].filter(time=0.0, cohort="retail")["account"][0]
        broke = record["accounts"].with_columns(
            equity=pl.when(pl.col("account") == worst).then(-5.0).otherwise("equity")
        )
        frame = to_snapshot(Record(record.scenario, record.tables | {"accounts": broke}), "start")
        assert frame.filter(account=worst)["mode"].unique().to_list() == ["system"]

    def test_deposits_on_their_way_are_coins_and_no_cash(self) -> None:
        record = ran()
        coming = record["collateral"].with_columns(pending=pl.when(pl.col("chain") == "beta").then(2.0).otherwise(0.0))
        one = to_snapshot(record, "start")
        two = to_snapshot(Record(record.scenario, record.tables | {"collateral": coming}), "start")
        name = "coin:USDC@beta"
        more = pl.when((pl.col(name) > 0.0) & (pl.col("mode") != "system")).then(2.0).otherwise(0.0)
        assert_frame_equal(one.with_columns(pl.col(name) + more), two)

    def test_an_owners_wallet_is_there_once(self) -> None:
        frame = to_snapshot(ran(), "start")
        once = frame.unique("account").filter(pl.col("mode") != "system")
        accounts = crowd(ran(), "accounts", 0.0, "owner", "wallet").unique("owner")
        assert once["wallet"].sum() == pytest.approx(accounts["wallet"].sum())
        assert once["wallet"].sum() > 0.0


class TestCohorts:
    def file(self, folder: Path, **columns: Any) -> Path:
        path = folder / "accounts.parquet"
        to_snapshot(ran(), "start").with_columns(**columns).write_parquet(path)
        return path

    def test_each_behaves_as_its_own(self, tmp_path: Path) -> None:
        made = {a.name: a for a in with_accounts(scenario(), self.file(tmp_path)).agents if a.kind == "snapshot"}
        assert sorted(made) == ["bridged", "retail"]
        assert made["bridged"].params["wallet_chain"] == "beta"
        assert sorted(a.params["rest"] for a in made.values()) == [False, True]

    def test_without_the_column_all_behave_as_the_first(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, cohort=pl.lit(""))
        (made,) = (a for a in with_accounts(scenario(), path).agents if a.kind == "snapshot")
        assert (made.name, made.params["cohort"], made.params["rest"]) == ("snapshot", "", True)

    def test_one_that_the_scenario_has_not_is_named(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, cohort=pl.col("cohort").replace("retail", "retial"))
        with pytest.raises(
            ScenarioError, match=r"no cohort 'retial' in the scenario; did you mean 'retail'\?, or leave"
        ):
            with_accounts(scenario(), path)

    def test_some_without_a_name_are_told(self, tmp_path: Path) -> None:
        path = self.file(tmp_path, cohort=pl.col("cohort").replace("retail", ""))
        with pytest.raises(ScenarioError, match="some accounts name a cohort, and others none"):
            with_accounts(scenario(), path)


def test_only_the_start_and_the_end_have_positions() -> None:
    model = small_world(clock={"duration": 10.0})
    model.run()
    with pytest.raises(ValueError, match="holds positions at 'start' and 'end', not at 'middle'"):
        to_snapshot(model.record(), "middle")  # type: ignore[arg-type]
