"""Measures of a cascade by hand."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.contagion.influence import influence
from abm.contagion.measures import (
    assets,
    bridges,
    channel_shares,
    endogenous_share,
    first_generation,
    oracles,
    overlap,
    roots,
    systemic_accounts,
)
from abm.record import Record
from tests.abm.contagion.worlds import Seen, World, random_world, scenario


def crash() -> World:
    """Perp book 0 marks, spot books 1 and 2 feed an oracle; account 0's perp and collateral are both sold."""
    world = World()
    for venue, market in (("exchange", "BTC-PERP"), ("east", "BTC"), ("west", "BTC")):
        world.book([1.0], [math.inf], venue=venue, market=market)
    world.source(0, 0)
    world.source(1, 1, 0.5, feed="oracle")
    world.source(1, 2, 0.5, feed="oracle")
    world.breach(1.0, [], staleness_fall=10.5, own_fall=0.5, cohort="whales")
    world.liquidation(0, 1.0, world.move(1.0, 0, -3.0, "liquidation"))
    world.liquidation(0, 1.0, world.move(1.0, 1, -8.0, "liquidation"))
    pair = [(1.0, Seen(p, 0, 0.0, 0), Seen(p, 0, 2.0, 2)) for p in (0, 1)]
    world.breach(2.0, pair, start=9.0, own_fall=3.0)
    return world


def test_channels_have_their_shares_by_breach_and_by_dollar() -> None:
    found = channel_shares(crash().record())
    assert found["channel"].to_list() == ["staleness", "impact", "own"]
    assert found["share"].to_list() == pytest.approx([10.5 / 22.0, 0.35, 0.5 / 22.0 + 0.15])
    assert found["weighted"].to_list() == pytest.approx([0.5, 1.0 / 3.0, 3.5 / 21.0])


def test_channels_sum_to_one_in_any_world() -> None:
    found = channel_shares(random_world(9, happenings=40).record())
    assert found.select("share", "weighted").sum().row(0) == pytest.approx((1.0, 1.0))


def test_accounts_are_ranked_by_total_influence() -> None:
    record = crash().record()
    found = systemic_accounts(record)
    assert found.select("account", "cohort", "breaches").rows() == [(0, "whales", 1), (1, "retail", 1)]
    assert found["total"].to_list() == pytest.approx([1.7, 0.3])
    assert systemic_accounts(record, 1).height == 1


def test_the_breaches_of_an_account_are_added_up() -> None:
    record = random_world(9, happenings=40).record()
    same = record["breaches"].with_columns(pl.lit(7).alias("account"))
    found = systemic_accounts(Record(record.scenario, record.tables | {"breaches": same}))
    assert found["total"].to_list() == pytest.approx([len(same)])
    assert found["but_for"][0] == pytest.approx(influence(record)["but_for"].max())


def test_books_have_the_impact_and_the_influence_that_ran_through_them() -> None:
    found = assets(crash().record())
    assert found["market"].to_list() == ["BTC", "BTC-PERP", "BTC"]
    assert found["venue"].to_list() == ["east", "exchange", "west"]
    assert found["impact"].to_list() == pytest.approx([0.2, 0.15, 0.0])
    assert found["influence"].to_list() == pytest.approx([0.4, 0.3, 0.0])


def test_impact_and_influence_of_all_books_are_those_of_the_world() -> None:
    record = random_world(12, happenings=40).record()
    found, totals = assets(record), influence(record)
    assert found["impact"].sum() == pytest.approx(endogenous_share(record))
    assert found["influence"].sum() == pytest.approx((totals["total"] - totals["exogenous"]).sum())


def test_feeds_have_the_impact_that_came_through_their_sources() -> None:
    found = oracles(crash().record())
    assert found.select("feed", "venue").rows() == [("oracle", "east"), ("mark", "exchange"), ("oracle", "west")]
    assert found["impact"].to_list() == pytest.approx([0.2, 0.15, 0.0])
    assert found["share"].to_list() == pytest.approx([4 / 7, 3 / 7, 0.0])


def test_bridges_have_the_staleness_of_their_protocol() -> None:
    assert bridges(crash().record()).rows() == [("harbor", "span", 2, pytest.approx(10.5 / 22.0))]


def test_roots_say_what_they_are_due_to() -> None:
    assert roots(crash().record()).rows() == [(0, 1.0, "harbor", 0, "staleness", pytest.approx(10.5 / 11.0), 2)]


def test_the_endogenous_share_is_the_mean_share_of_liquidations() -> None:
    assert endogenous_share(crash().record()) == pytest.approx(0.35)
    assert math.isnan(endogenous_share(Record(scenario())))


def test_without_impact_all_is_news_and_nothing_endogenous() -> None:
    world = World()
    world.book([1.0], [math.inf], lambda t: 100.0 - t)
    world.source(0, 0)
    for k in range(1, 4):
        world.breach(float(k), [(2.0, Seen(0, 0, 0.0, 0), Seen(0, 0, float(k), 0))], start=k)
        world.liquidation(k - 1, float(k))
    record = world.record()
    assert endogenous_share(record) == 0.0
    assert channel_shares(record).rows() == [("news", 1.0, 1.0)]


@pytest.mark.parametrize(("window", "expected"), [(0.5, 0.0), (1.0, 1.0), (2.0, 2.0)])
def test_the_first_generation_counts_children_within_the_window(window: float, expected: float) -> None:
    world = crash()
    pair = (1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 3.0, 2))
    world.breach(3.0, [pair], start=2.0)
    world.breach(3.0, [pair], start=2.0, account=1)  # has breached in this episode before
    assert first_generation(world.record(), window) == expected


def test_roots_that_were_not_watched_long_enough_do_not_count() -> None:
    world = crash()
    world.breach(3599.0, [], own_fall=11.0)
    assert first_generation(world.record(), 10.0) == 1.0
    assert math.isnan(first_generation(world.record(), 3600.0))


def test_overlap_is_signed_and_weighted_by_depth() -> None:
    accounts: list[dict[str, Any]] = [
        {"account": 1, "cohort": "longs", "mode": "cross"},
        {"account": 2, "cohort": "shorts", "mode": "cross"},
        {"account": 3, "cohort": "maker", "mode": "system"},
    ]
    positions = [(1, "A", 2.0), (1, "B", 1.0), (2, "A", -1.0), (3, "A", -5.0)]
    depths = {"A": 1000.0, "B": 50.0}
    record = Record(scenario())
    tables = dict(record.tables)
    rows = {
        "accounts": [{"time": t, "protocol": "p"} | a for a in accounts for t in (0.0, 9.0)],
        "positions": [
            {"time": t, "protocol": "p", "account": a, "market": m, "size": s, "price": 10.0}
            for a, m, s in positions
            for t in (0.0, 9.0)
        ],
        "markets": [
            {"time": t, "protocol": "p", "market": m, "depth": d * (1 + t)}
            for m, d in depths.items()
            for t in (0.0, 9.0)
        ],
    }
    for name, table in rows.items():
        tables[name] = pl.DataFrame(table, schema=record[name].schema)
    found = {(a, b): o for a, b, o in overlap(Record(record.scenario, tables)).iter_rows()}
    assert found == {
        ("longs", "longs"): pytest.approx(20.0**2 / 1000.0 + 10.0**2 / 50.0),
        ("longs", "shorts"): pytest.approx(-20.0 * 10.0 / 1000.0),
        ("shorts", "longs"): pytest.approx(-20.0 * 10.0 / 1000.0),
        ("shorts", "shorts"): pytest.approx(10.0**2 / 1000.0),
    }
    assert np.linalg.eigvalsh([[found[a, b] for a in ("longs", "shorts")] for b in ("longs", "shorts")]).min() >= 0.0
