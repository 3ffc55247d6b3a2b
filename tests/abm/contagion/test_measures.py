"""Measures of a cascade by hand."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.contagion.attribution import attribute
from abm.contagion.endogenous import VIEWS, endogenous_share
from abm.contagion.influence import influence
from abm.contagion.measures import (
    assets,
    bridges,
    channel_shares,
    first_generation,
    oracles,
    origins,
    overlap,
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


def again() -> World:
    """As `crash`, account 1 three times as large, and it breaches again by its own doing."""
    world = crash()
    world.rows["breaches"][1]["notional"] = 300.0
    world.breach(3.0, [], own_fall=11.0, start=9.0, account=1, notional=600.0)
    return world


def test_channels_have_their_shares_by_first_breach_by_breach_and_by_dollar() -> None:
    found = {row["channel"]: row for row in channel_shares(again().record()).iter_rows(named=True)}
    assert list(found) == ["impact", "staleness", "own"]
    stale, own = 10.5 / 11.0, 0.5 / 11.0
    for view, (whales, first, second) in {
        "first_usd": (0.25, 0.75, 0.0),
        "first": (0.5, 0.5, 0.0),
        "all_usd": (0.1, 0.3, 0.6),
        "all": (1 / 3, 1 / 3, 1 / 3),
        "fallen": (11 / 32, 10 / 32, 11 / 32),
    }.items():
        assert found["impact"][view] == pytest.approx(0.7 * first), view
        assert found["staleness"][view] == pytest.approx(stale * whales), view
        assert found["own"][view] == pytest.approx(own * whales + 0.3 * first + second), view


def test_channels_sum_to_one_in_any_world() -> None:
    found = channel_shares(random_world(9, happenings=40).record())
    assert found.drop("channel").sum().row(0) == pytest.approx((1.0,) * 5)


def test_accounts_are_ranked_by_what_falls_on_others() -> None:
    record = crash().record()
    found = systemic_accounts(record)
    assert found.select("account", "cohort", "breaches").rows() == [(0, "whales", 1), (1, "retail", 1)]
    assert found["others"].to_list() == pytest.approx([0.7, 0.0])
    assert found["own"].to_list() == pytest.approx([1.0, 0.3])
    assert found["total"].to_list() == pytest.approx([1.7, 0.3])
    assert systemic_accounts(record, 1).height == 1


def test_an_account_that_falls_on_itself_alone_ranks_last() -> None:
    """Account 0 does 70 % of its own second breach; account 2 does a tenth of the breach of account 3."""
    world = crash()
    world.rows["breaches"][1] |= {"account": 0, "owner": 0}
    world.liquidation(1, 2.0, world.move(2.0, 0, -1e-9, "liquidation"))
    world.breach(4.0, [], own_fall=11.0, account=2)
    world.liquidation(2, 4.0, world.move(4.0, 0, -1.0, "liquidation"))
    world.breach(5.0, [(1.0, Seen(0, 0, 4.0, 3), Seen(0, 0, 5.0, 4))], since=4.0, own_fall=9.0, account=3)
    found = systemic_accounts(world.record())
    assert found["account"].to_list() == [2, 0, 3]
    assert found["others"].to_list() == pytest.approx([0.1, 0.0, 0.0])
    assert found["total"].to_list() == pytest.approx([1.1, 2.0, 0.9])


def test_the_breaches_of_an_account_are_added_up() -> None:
    record = random_world(9, happenings=40).record()
    same = record["breaches"].with_columns(pl.lit(7).alias("account"), pl.lit(7).alias("owner"))
    found = systemic_accounts(Record(record.scenario, record.tables | {"breaches": same}))
    assert found["total"].to_list() == pytest.approx([len(same)])
    assert found["others"].to_list() == pytest.approx([0.0], abs=1e-9)
    assert found["but_for"][0] == pytest.approx(influence(record)["but_for"].max())


def test_books_have_the_impact_and_the_influence_that_ran_through_them() -> None:
    found = assets(again().record())
    assert found["market"].to_list() == ["BTC", "BTC-PERP", "BTC"]
    assert found["venue"].to_list() == ["east", "exchange", "west"]
    assert found["first_usd"].to_list() == pytest.approx([0.75 * 0.4, 0.75 * 0.3, 0.0])
    assert found["all"].to_list() == pytest.approx([0.4 / 3, 0.1, 0.0])
    assert found["influence"].to_list() == pytest.approx([0.4, 0.3, 0.0])


def test_impact_and_influence_of_all_books_and_feeds_are_those_of_the_world() -> None:
    world = random_world(12, happenings=40)
    for row in world.rows["breaches"]:
        row |= {"account": row["breach"] % 5, "notional": 1.0 + row["breach"]}
    record = world.record()
    record = Record(record.scenario, record.tables | {"breaches": record["breaches"].reverse()})
    totals = influence(record)
    share = endogenous_share(record, 1.0 - totals["exogenous"].to_numpy())
    for found in (assets(record), oracles(record)):
        assert found["first_usd"].sum() == pytest.approx(share["first_usd"])
        assert found["all"].sum() == pytest.approx(share["all"])
    assert assets(record)["influence"].sum() == pytest.approx((totals["total"] - totals["exogenous"]).sum())


def test_feeds_have_the_impact_that_came_through_their_sources() -> None:
    found = oracles(again().record())
    assert found.select("feed", "venue").rows() == [("oracle", "east"), ("mark", "exchange"), ("oracle", "west")]
    assert found["first_usd"].to_list() == pytest.approx([0.3, 0.225, 0.0])
    assert found["all"].to_list() == pytest.approx([0.4 / 3, 0.1, 0.0])
    assert found["part"].to_list() == pytest.approx([4 / 7, 3 / 7, 0.0])


def test_bridges_have_the_staleness_of_their_protocol_and_idle_ones_are_listed() -> None:
    ends = {"source": "side", "target": "main"}
    spans = [{"name": "span"} | ends, {"name": "rope", "asset": "BTC"} | ends]
    stale = 10.5 / 11.0
    assert bridges(again().record(bridges=spans)).rows() == [
        ("harbor", "span", 3, 2, pytest.approx(stale / 4), pytest.approx(stale / 3)),
        ("", "rope", 0, 0, 0.0, 0.0),
    ]


def test_origins_are_ranked_by_what_left_their_owner_and_had_little_of_liquidations() -> None:
    """Breach 1 had 70 % of its fall from breach 0: it began nothing."""
    found = origins(again().record())
    assert found.select("breach", "due_to", "endogenous", "total", "others").rows() == [
        (0, "staleness", 0.0, pytest.approx(1.7), pytest.approx(0.7)),
        (2, "own", 0.0, 1.0, 0.0),
    ]
    assert found["share"].to_list() == pytest.approx([10.5 / 11.0, 1.0])


def test_without_impact_all_is_news_and_nothing_endogenous() -> None:
    world = World()
    world.book([1.0], [math.inf], lambda t: 100.0 - t)
    world.source(0, 0)
    for k in range(1, 4):
        world.breach(float(k), [(2.0, Seen(0, 0, 0.0, 0), Seen(0, 0, float(k), 0))], start=k)
        world.liquidation(k - 1, float(k))
    record = world.record()
    assert endogenous_share(record, attribute(record).endogenous) == dict.fromkeys(VIEWS, 0.0)
    assert channel_shares(record).rows() == [("news", 1.0, 1.0, 1.0, 1.0, 1.0)]


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
