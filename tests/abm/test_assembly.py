"""From a running world to a record."""

import json
from functools import cache

import numpy as np
import polars as pl
import pytest

from abm.assembly import NOT_SUMMARISED, PACKAGES
from abm.model import CrossMarginModel
from abm.record import SCHEMA_VERSION, Record
from abm.tables import CHANNELS, ROUTES
from tests.abm.worlds import Levers, stressed


@cache
def ran() -> tuple[CrossMarginModel, Record]:
    model = stressed(Levers(fund=500.0, vault=0.0, waterfall=("fund", "adl"), breach_price="oracle"))
    model.run()
    return model, model.record()


def at(time: float, name: str) -> pl.DataFrame:
    return ran()[1][name].filter(time=time)


class TestSamples:
    def test_markets_are_sampled_at_the_start_at_the_interval_and_once_at_the_end(self) -> None:
        markets = ran()[1]["markets"]
        assert markets["time"].unique().sort().to_list() == [0.0, 60.0, 120.0]
        assert markets.select("time", "protocol", "market", "venue").is_unique().all()
        assert at(0.0, "markets").select("protocol", "market", "venue").rows() == [
            ("harbor", "BTC-PERP", "harbor-book"),
            ("harbor", "ETH-PERP", "harbor-book"),
            ("", "BTC", "bourse"),
            ("", "ETH", "bourse"),
        ]

    def test_a_spot_market_shows_its_last_price_in_all_columns(self) -> None:
        spot = ran()[1]["markets"].filter(protocol="")
        assert spot.filter((pl.col("last") != pl.col("mark")) | (pl.col("open_interest") != 0.0)).is_empty()

    def test_open_interest_is_long_notional_at_mark(self) -> None:
        model, _ = ran()
        harbor = model.world.protocols["harbor"]
        shown = at(120.0, "markets").filter(protocol="harbor")["open_interest"].to_list()
        long = [float(np.maximum(harbor.ledger.size(np.arange(len(harbor.ledger)), m), 0.0).sum()) for m in (0, 1)]
        assert shown == pytest.approx(np.array(long) * harbor.marks.mark)

    def test_accounts_are_in_order_of_id_and_healths_are_ratios(self) -> None:
        for time in (0.0, 120.0):
            accounts = at(time, "accounts")
            assert accounts["account"].is_sorted()
            ratio = accounts.filter(pl.col("mm") > 0)
            np.testing.assert_allclose(ratio["health"], ratio["margin_equity"] / ratio["mm"])
            assert accounts.filter(pl.col("mm") <= 0)["health"].is_null().all()
            np.testing.assert_allclose(
                accounts["free_margin"], accounts["margin_equity"] - accounts["mm"], atol=1e-6
            )  # fmt: skip

    def test_positions_show_what_the_ledger_holds(self) -> None:
        positions = at(120.0, "positions")
        model, _ = ran()
        ledger = model.world.protocols["harbor"].ledger
        assert len(positions) == np.count_nonzero(ledger.slot_market >= 0)
        np.testing.assert_allclose(
            positions["profit"], positions["size"] * (positions["price"] - positions["entry"]), atol=1e-6
        )  # fmt: skip
        opened = at(0.0, "positions")
        for market in opened["market"].unique():
            sizes = opened.filter(market=market)["size"]
            assert abs(sizes.sum()) < 1e-9 * sizes.abs().sum()

    def test_collateral_is_what_the_ledger_and_the_bridge_hold(self) -> None:
        model, record = ran()
        harbor = model.world.protocols["harbor"]
        shown = at(120.0, "collateral")
        for h, (asset, chain) in enumerate(harbor.collaterals):
            coin = shown.filter(asset=asset, chain=chain)
            assert coin["amount"].sum() == pytest.approx(harbor.ledger.coins[:, h].sum())
            assert coin["pending"].sum() == pytest.approx(harbor.remote.pending(h))
            assert coin["haircut"].unique().to_list() == [harbor.spec.collateral[h].haircut]
        assert shown.select("account", "asset", "chain").is_unique().all()
        assert at(0.0, "collateral")["amount"].min() > 0.0
        assert record["collateral"]["time"].unique().sort().to_list() == [0.0, 120.0]

    def test_equity_is_quote_number_positions_and_collateral(self) -> None:
        coins = at(120.0, "collateral").group_by("account").agg(worth=(pl.col("amount") * pl.col("price")).sum())
        model, _ = ran()
        p = model.world.protocols["harbor"]
        value = np.append(p.terms.price - p.terms.funding, 0.0)[p.ledger.slot_market]
        own = dict(zip(p.ledger.id.tolist(), p.ledger.quote + (p.ledger.slot_size * value).sum(axis=1), strict=True))
        joined = at(120.0, "accounts").join(coins, on="account", how="left").fill_null(0.0)
        assert joined["equity"].to_list() == pytest.approx(
            [own[a] + worth for a, worth in joined.select("account", "worth").rows()], abs=1e-6
        )

    def test_a_protocols_own_money_is_sampled_with_the_markets(self) -> None:
        model, record = ran()
        p, table = model.world.protocols["harbor"], record["protocols"]
        assert table["time"].to_list() == [0.0, 60.0, 120.0]
        last = table.row(-1, named=True)
        cash = float(p.treasury.balance[p.holder, p.cash_token])
        assert last == {
            "time": 120.0, "protocol": "harbor", "fund": p.fund, "vault": 0.0, "fees": p.fees, "bad_debt": -p.bad_debt,
            "cash": cash, "queued": 0.0, "in_transit": p.remote.in_transit,
        }  # fmt: skip
        assert table["fund"][0] == 500.0
        assert last["fees"] > 0.0
        assert last["bad_debt"] > 0.0

    def test_an_owners_wallet_is_shown(self) -> None:
        model, _ = ran()
        treasury = model.world.treasury
        for owner, wallet in at(120.0, "accounts").filter(cohort="retail").select("owner", "wallet").head(20).rows():
            row = treasury.owner(owner)
            held = sum(treasury.balance[row, treasury.token("USDC", place)] for place in ("alpha", "beta", "bourse"))
            assert wallet == pytest.approx(held)

    def test_agents_are_in_order_of_name_and_begin_without_profit(self) -> None:
        assert at(0.0, "agents")["name"].to_list() == ["keepers-1", "keepers-2", "retail"]
        assert at(0.0, "agents")["profit"].to_list() == [0.0, 0.0, 0.0]
        end = at(120.0, "agents").filter(name="keepers-1").row(0, named=True)
        assert end["profit"] == pytest.approx(end["wealth"] - 1e5)


class TestDescriptions:
    def test_every_price_of_an_exposure_is_described(self) -> None:
        record = ran()[1]
        described = set(record["price_sources"].select("price", "code").rows())
        for end in ("start", "end"):
            assert set(record["exposures"].select("price", f"code_{end}").rows()) <= described

    def test_weights_of_a_source_sum_to_one_at_the_price_itself(self) -> None:
        plain = ran()[1]["price_sources"].group_by("price", "code").agg(pl.col("weight").sum())
        np.testing.assert_allclose(plain["weight"], 1.0)

    def test_books_have_their_kernels(self) -> None:
        books = ran()[1]["books"]
        assert books["book"].to_list() == list(range(4))
        assert books["tick"].unique().to_list() == [1.0]
        for weights, times in books.select("kernel_weights", "kernel_times").rows():
            assert sum(weights) == pytest.approx(1.0)
            assert len(weights) == len(times)

    def test_words_are_those_of_the_schema(self) -> None:
        record = ran()[1]
        assert set(record["liquidations"]["route"]) <= set(ROUTES)
        assert set(record["cascade_edges"]["channel"]) <= set(CHANNELS)

    def test_ids_count_from_zero_in_order_of_happening(self) -> None:
        record = ran()[1]
        for table, key in (("breaches", "breach"), ("liquidations", "liquidation"), ("price_moves", "move")):
            assert record[table][key].to_list() == list(range(len(record[table]))), table
            assert record[table]["time"].is_sorted(), table


class TestSummary:
    def test_it_adds_up_the_tables(self) -> None:
        _, record = ran()
        summary, liquidations = record.summary, record["liquidations"]
        notional = (liquidations["quantity"].abs() * liquidations["price"]).sum()
        assert summary["liquidated_notional"] == pytest.approx(notional)
        assert sum(summary[f"{route}_notional"] for route in ROUTES) == pytest.approx(notional)
        assert summary["breaches"] == len(record["breaches"])
        assert summary["accounts_breached"] == record["breaches"].select("protocol", "account").n_unique()
        assert summary["owners_breached"] == record["breaches"]["owner"].n_unique()
        assert summary["liquidated_share"] == pytest.approx(notional / summary["open_interest_start"])
        assert summary["liquidations"] == len(liquidations)
        assert summary["unserved_breaches"] == summary["breaches"] - liquidations["breach"].n_unique()
        assert summary["deficit"] == pytest.approx(record["breaches"]["deficit"].sum())
        assert summary["fund_paid"] == pytest.approx(record["losses"].filter(layer="fund")["amount"].sum())
        assert summary["penalties"] == pytest.approx(liquidations["penalty"].sum())
        assert summary["bad_debt"] == pytest.approx(record["losses"].filter(layer="bad_debt")["amount"].sum())
        assert summary["deficit"] > 0.0
        assert 0.0 <= summary["audit_worst"] < 1e-9

    def test_open_interest_is_that_of_one_sample_at_either_end(self) -> None:
        summary = ran()[1].summary
        assert summary["open_interest_start"] == pytest.approx(at(0.0, "markets")["open_interest"].sum())
        assert summary["open_interest_end"] == pytest.approx(at(120.0, "markets")["open_interest"].sum())
        assert summary["open_interest_end"] < summary["open_interest_start"]

    def test_withdrawals_that_waited_are_those_of_all_protocols(self) -> None:
        model = stressed(Levers(move=-0.01))
        model.run()
        assert model.summary()["withdrawals_queued"] == 0.0
        harbor = model.world.protocols["harbor"]
        harbor.queued, harbor.struck_off = 0.1 + 0.2, 0.1 + 0.2
        assert model.summary()["withdrawals_queued"] == 0.0
        harbor.queued += 90.0
        assert model.summary()["withdrawals_queued"] == pytest.approx(90.0)

    def test_without_a_table_that_it_needs_there_is_none(self) -> None:
        model = stressed(Levers(move=-0.01))
        model.world.log.drop("losses", "events")
        model.run()
        with pytest.raises(RuntimeError, match="dropped tables that a summary needs: losses"):
            model.summary()

    def test_alone_it_is_that_of_the_record_though_tables_were_dropped(self) -> None:
        model = stressed(Levers(fund=500.0, vault=0.0, waterfall=("fund", "adl"), breach_price="oracle"))
        model.world.log.drop(*NOT_SUMMARISED)
        model.run()
        assert model.summary() == ran()[1].summary
        assert model.world.log.counts == ran()[0].world.log.counts
        with pytest.raises(RuntimeError, match="it has a summary and no record"):
            model.record()

    def test_voluntary_deleveraging_is_counted_apart(self) -> None:
        model, record = ran()
        assert record.summary["voluntary_notional"] == pytest.approx(model.world.voluntary["retail"])
        assert model.world.voluntary["retail"] > 0.0

    def test_it_is_plain_json(self) -> None:
        assert json.loads(json.dumps(ran()[1].summary, allow_nan=False)) == ran()[1].summary


def test_the_manifest_says_what_made_the_run() -> None:
    manifest = ran()[1].manifest
    assert (manifest["schema"], manifest["seed"], manifest["scenario"]) == (SCHEMA_VERSION, 1, "small")
    assert set(manifest["versions"]) == set(PACKAGES)
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["prices_file"] is None


def test_a_record_can_be_asked_for_twice() -> None:
    model, first = ran()
    again = model.record()
    for name, table in first.tables.items():
        assert again[name].equals(table), name
