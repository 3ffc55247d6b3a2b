"""Shares by hand, and against prices simulated without the move."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion.attribution import MAJORITY, attribute, breach_weights, complete
from abm.contagion.exposure import read_exposure
from abm.contagion.measures import exogenous_check
from abm.contagion.response import single_steps
from abm.contagion.trace import SPAN, Rows, blocks, sweep, trace_kernel, trace_kernel_python
from abm.errors import AuditError
from abm.record import Record
from abm.tables import CHANNELS
from tests.abm.contagion.worlds import Seen, World, random_world, scenario

WORLD = st.integers(0, 10**6)


def into(record: Record, breach: int) -> dict[str, float]:
    """Shares into a breach by channel; single moves as impact:ID."""
    edges = record["cascade_edges"].filter((pl.col("child_kind") == "breach") & (pl.col("child") == breach))
    names = [f"impact:{p}" if c == "impact" else c for p, c in edges.select("parent", "channel").iter_rows()]
    return dict(zip(names, edges["share"].to_list(), strict=True))


def two_accounts(amount: float = -4.0, *, news: float = -6.0, time: float = math.inf, ema: float = 0.0) -> World:
    """Account 0 breaches on news at 10 s, its liquidation moves the price at 10 s, account 1 breaches at 11 s."""
    world = World()
    book = world.book([1.0], [time], lambda t: 100.0 + (news if t >= 10.0 else 0.0))
    world.source(0, book, ema=ema)
    start = Seen(0, 0, 0.0, 0)
    world.breach(10.0, [(1.0, start, Seen(0, 0, 10.0, 0))], start=5.0)
    world.liquidation(0, 10.0, world.move(10.0, book, amount, "liquidation"))
    world.breach(11.0, [(1.0, start, Seen(0, 0, 11.0, 1))], start=9.0)
    return world


def test_a_fall_by_a_move_and_by_news_is_split_in_proportion() -> None:
    record = two_accounts().record()
    assert into(record, 0) == {"news": 1.0}
    assert into(record, 1) == pytest.approx({"impact:0": 0.4, "news": 0.6})
    assert attribute(record).endogenous.tolist() == pytest.approx([0.0, 0.4])


@pytest.mark.parametrize(("amount", "generation", "parent", "share"), [(-5.9, 0, -1, 0.0), (-6.0, 1, 0, MAJORITY)])
def test_a_breach_is_a_child_from_the_majority_of_its_fall_on(
    amount: float, generation: int, parent: int, share: float
) -> None:
    """A parent with 49.6 % of a breach leaves it a root; with one half it is a child, and the parent's share is told."""
    record = two_accounts(amount).record()
    assert record["breaches"]["generation"].to_list() == [0, generation]
    done = attribute(record)
    assert (done.parent[1], done.parent_share[1]) == (parent, pytest.approx(share))


def test_support_counts_against_being_a_child() -> None:
    """One liquidation had 60 % of the fall, another held the account up by 30 %: earlier liquidations had 30 %."""
    world = two_accounts(-6.0, news=-7.0)
    world.liquidation(0, 10.0, world.move(10.0, 0, 3.0, "liquidation"))
    world.breach(12.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 12.0, 2))], start=9.0)
    done = attribute(world.record())
    assert done.endogenous[2] == pytest.approx(0.3)
    assert done.parent[2] == -1


def test_the_edges_lead_from_breach_to_liquidation_to_move_to_breach() -> None:
    edges = two_accounts().record()["cascade_edges"]
    rows = edges.filter(pl.col("parent") >= 0).select(
        "parent", "parent_kind", "child", "child_kind", "channel", "share"
    )
    assert rows.rows() == [
        (0, "breach", 0, "liquidation", "service", 1.0),
        (0, "liquidation", 0, "price_move", "execution", 1.0),
        (0, "price_move", 1, "breach", "impact", pytest.approx(0.4)),
    ]
    assert set(edges["channel"]) <= set(CHANNELS)


def test_a_decaying_move_has_what_is_left_of_it() -> None:
    record = two_accounts(time=2.0).record()
    left = 4.0 * math.exp(-0.5)
    assert into(record, 1)["impact:0"] == pytest.approx(left / (6.0 + left))


def test_a_mean_mark_has_the_part_that_the_mean_has_taken_up() -> None:
    record = two_accounts(ema=5.0).record()
    gain = 1.0 - math.exp(-0.2)  # one tick after the move, at 11 s; news has had two
    news = 6.0 * (1.0 - (1.0 - gain) ** 2)
    assert into(record, 1)["impact:0"] == pytest.approx(4.0 * gain / (4.0 * gain + news))


def test_a_move_after_the_oracle_was_read_has_no_share() -> None:
    world = two_accounts()
    world.breach(12.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 10.0, 0))], start=5.0)
    world.breach(12.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 10.0, 1))], start=5.0)
    record = world.record()
    assert into(record, 2) == {"news": 1.0}
    assert into(record, 3)["impact:0"] == pytest.approx(0.4)


def test_impact_that_decays_after_the_start_is_support() -> None:
    world = two_accounts(time=2.0)
    world.breach(13.0, [(1.0, Seen(0, 0, 11.0, 1), Seen(0, 0, 13.0, 1))], since=11.0, margin_fall=3.0)
    shares = into(world.record(), 2)
    rise = 4.0 * (math.exp(-0.5) - math.exp(-1.5))
    assert shares["impact:0"] == pytest.approx(-rise / (3.0 - rise))
    assert shares["margin"] == pytest.approx(3.0 / (3.0 - rise))
    assert world.record()["breaches"]["generation"][2] == 0


@pytest.mark.parametrize("channel", ["margin", "haircut", "staleness", "funding", "own"])
def test_a_fall_without_any_price_has_one_channel_and_no_parent(channel: str) -> None:
    world = two_accounts()
    world.breach(12.0, [(1.0, Seen(0, 0, 12.0, 1), Seen(0, 0, 12.0, 1))], since=12.0, **{f"{channel}_fall": 3.0})
    assert into(world.record(), 2) == {channel: 1.0}


def test_free_margin_that_did_not_fall_is_the_owners_own_doing() -> None:
    world = two_accounts()
    for rise in (0.0, -2.0):
        world.breach(12.0, [], since=12.0, start=-1.0, funding_fall=rise)
    assert into(world.record(), 2) == into(world.record(), 3) == {"own": 1.0}


def test_trades_are_split_into_calm_depth_and_its_withdrawal() -> None:
    world = World()
    book = world.book([1.0], [math.inf])
    world.source(0, book)
    world.move(1.0, book, -5.0, "trades", -2.0)
    world.move(1.0, book, -3.0, "arbitrage")
    world.breach(2.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 2.0, 2))], start=7.0, own_fall=2.0)
    record = world.record()
    assert into(record, 0) == pytest.approx({"trades": 0.2, "depth": 0.3, "arbitrage": 0.3, "own": 0.2})
    moves = record["cascade_edges"].filter(pl.col("child_kind") == "price_move").select("parent", "channel", "share")
    assert moves.rows() == [(-1, "trades", 1.0), (-1, "arbitrage", 1.0)]


def test_moves_below_a_thousandth_are_one_parent_but_make_a_child_together() -> None:
    world = two_accounts()
    for k in range(1200):
        world.liquidation(k % 3 // 2, 11.0, world.move(11.0, 0, -0.005, "liquidation"))
    world.breach(12.0, [(1.0, Seen(0, 0, 11.0, 1), Seen(0, 0, 12.0, world.moves))], since=11.0, own_fall=4.0)
    record = world.record()
    assert into(record, 2) == pytest.approx({"small": 0.6, "own": 0.4})
    assert record["breaches"]["generation"].to_list() == [0, 0, 1]
    done = attribute(record)
    assert done.parent.tolist() == [-1, -1, 0]
    assert done.parent_share.tolist() == [0.0, 0.0, pytest.approx(0.4)]


def test_weights_of_breaches_are_those_from_the_floor_on_whoever_owns_them() -> None:
    world = two_accounts()
    world.rows["breaches"][1]["owner"] = 0
    record = world.record()
    assert breach_weights(record, 0.4).rows() == [(0, 1, pytest.approx(0.4))]
    assert breach_weights(record, 0.41).rows() == []


def test_an_execution_that_moved_no_price_serves_but_has_no_effect() -> None:
    world = two_accounts()
    world.liquidation(1, 11.0)
    edges = world.record()["cascade_edges"].filter(pl.col("parent_kind").is_in(["breach", "liquidation"]))
    assert edges["channel"].to_list() == ["service", "service", "execution"]


def test_the_episode_of_a_move_is_the_first_of_those_it_serves() -> None:
    world = two_accounts()
    world.rows["breaches"][1]["episode"] = 4
    world.liquidation(1, 12.0, world.move(12.0, 0, -1.0, "liquidation"))
    world.move(12.0, 0, -1.0)
    edges = world.record()["cascade_edges"]
    moves = edges.filter(pl.col("child_kind") == "price_move")
    assert dict(moves.select("child", "episode").iter_rows()) == {0: 0, 1: 4, 2: -1}


@given(seed=WORLD)
@settings(max_examples=25, deadline=None)
def test_shares_into_every_breach_and_every_move_sum_to_one(seed: int) -> None:
    record = random_world(seed).record()
    edges = record["cascade_edges"]
    sums = (
        edges.filter(pl.col("child_kind") != "liquidation").group_by("child_kind", "child").agg(pl.col("share").sum())
    )
    assert len(sums) == len(record["breaches"]) + len(record["price_moves"])
    np.testing.assert_allclose(sums["share"].to_numpy(), 1.0, atol=1e-9)


@given(seed=WORLD)
@settings(max_examples=25, deadline=None)
def test_every_share_is_what_is_missing_in_the_world_without_the_move(seed: int) -> None:
    world = random_world(seed)
    record = world.record()
    impact = record["cascade_edges"].filter(pl.col("channel") == "impact")
    for b in record["breaches"].iter_rows(named=True):
        fall = b["free_margin_start"] - b["free_margin"]
        if fall <= 1e-9:
            continue
        found = dict(impact.filter(pl.col("child") == b["breach"]).select("parent", "share").iter_rows())
        all_of_it = world.fall_without(b["breach"], ())
        for move in record["price_moves"].filter(pl.col("cause") == "liquidation")["move"]:
            expected = (all_of_it - world.fall_without(b["breach"], (move,))) / fall
            assert found.get(move, 0.0) == pytest.approx(expected, abs=1e-9 if abs(expected) > 1.001e-3 else 1.001e-3)


@given(seed=WORLD)
@settings(max_examples=15, deadline=None)
def test_news_is_what_prices_did_beyond_all_moves(seed: int) -> None:
    world = random_world(seed)
    record = world.record()
    check = exogenous_check(record)
    everything = range(world.moves)
    for b, row in enumerate(record["breaches"].iter_rows(named=True)):
        fall = row["free_margin_start"] - row["free_margin"]
        if fall <= 1e-9:
            continue
        news = into(record, b).get("news", 0.0)
        scale = 1.0 + 1e3 / fall
        assert check[b] == pytest.approx(news, abs=1e-9 * scale)
        assert news == pytest.approx(world.fall_without(b, everything) / fall, abs=1e-9 * scale)


def test_generations_and_parents_follow_the_largest_weight() -> None:
    record = random_world(2, happenings=40).record()
    done, weights = attribute(record), breach_weights(record, 0.0)
    assert done.generation.max() >= 2
    for b in range(len(record["breaches"])):
        best = weights.filter((pl.col("child") == b) & (pl.col("weight") > 0)).sort("weight", descending=True)
        total = weights.filter(pl.col("child") == b)["weight"].sum()
        assert done.endogenous[b] == pytest.approx(total, abs=1e-9)
        if total < MAJORITY:
            assert (done.parent[b], done.generation[b]) == (-1, 0)
        else:
            assert (done.parent[b], done.parent_share[b]) == (best["parent"][0], pytest.approx(best["weight"][0]))
            assert done.generation[b] == done.generation[best["parent"][0]] + 1


def test_blocks_of_moves_at_once_give_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(2)
    world = World()
    for kernel in (([0.6, 0.4], [0.5, 30.0]), ([1.0], [math.inf])):
        world.book(*kernel)
    world.source(0, 0)
    world.source(0, 0, -0.5, ema=20.0)
    world.source(0, 1, 0.5, ema=3.0)
    world.breach(0.0, [], own_fall=11.0)
    for k in range(5 * SPAN):
        world.liquidation(
            0, 0.25 * k, world.move(0.25 * k, int(rng.integers(2)), float(rng.normal(-2, 1)), "liquidation")
        )
    for seen in (5.0, 17.25, 40.0):
        moves = sum(m["time"] < seen for m in world.rows["price_moves"])
        world.breach(40.0, [(1.0, Seen(0, 0, 2.5, 10), Seen(0, 0, seen, moves))], own_fall=200.0)
    exposure = read_exposure(world.record())
    kernels, lane = exposure.kernels, exposure.lanes["impact"]
    single, whole = single_steps(kernels, lane), blocks(kernels, lane)
    assert (whole.of >= 0).sum() >= 4
    for seen in (9.0, 38.0):
        rows = Rows(*(np.array(x) for x in ([0, 2], [0, 0], [0, 1], [70, 41], [1.0, -0.7], [seen + 9.0, seen])))
        found = np.zeros((2, len(lane.move)))
        sweep(kernels, lane, single, whole, rows, 0, 2, found[0])
        sweep(kernels, lane, single, whole._replace(of=np.full_like(whole.of, -1)), rows, 0, 2, found[1])
        np.testing.assert_allclose(found[0], found[1], rtol=1e-12, atol=1e-16)


def test_compiled_and_readable_traces_agree() -> None:
    exposure = read_exposure(random_world(4, happenings=40).record())
    kernels, lane = exposure.kernels, exposure.lanes["impact"]
    single, whole = single_steps(kernels, lane), blocks(kernels, lane)
    count, last = len(exposure.row), len(lane.move) - 1
    book = int(lane.book[last])
    first = np.minimum(np.arange(count + 1), 1) * 0
    first[-1] = 2
    rows = Rows(first, *(np.array(x) for x in ([book, book], [1, 0], [last, last], [0.01, -0.1], [30.0, 31.0])))
    for floor, owner in ((0.0, np.arange(count)), (np.inf, np.arange(count) % 3)):
        given_ = (kernels, lane, single, whole, rows, exposure.served, owner, 1e-3, floor)
        for a, b in zip(trace_kernel(*given_), trace_kernel_python(*given_), strict=True):
            assert len(a)
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_order_of_rows_and_of_ids_in_the_tables_does_not_matter() -> None:
    record = random_world(8, happenings=40).record()
    shuffled = {n: t.sample(fraction=1.0, shuffle=True, seed=3) for n, t in record.tables.items()}
    shuffled["cascade_edges"] = record["cascade_edges"].clear()
    again = complete(Record(record.scenario, shuffled))
    by = ["child_kind", "child", "channel", "parent"]
    a, b = (r["cascade_edges"].sort(by) for r in (record, again))
    assert a.drop("share").equals(b.drop("share"))
    np.testing.assert_allclose(a["share"].to_numpy(), b["share"].to_numpy(), rtol=1e-9, atol=1e-12)
    assert again["breaches"].sort("breach")["generation"].equals(record["breaches"]["generation"])


def test_a_record_without_breaches_has_only_its_moves() -> None:
    world = World()
    world.move(1.0, world.book([1.0], [5.0]), -1.0)
    empty = Record(scenario())
    assert attribute(empty).edges.height == 0
    assert attribute(world.record()).edges["channel"].to_list() == ["trades"]


def test_a_liquidation_before_its_breach_is_refused() -> None:
    world = two_accounts()
    world.rows["liquidations"][0]["breach"] = 1
    with pytest.raises(AuditError, match="breach 1 had a liquidation in a price move before it"):
        world.record()


def test_a_breach_that_saw_the_future_is_refused() -> None:
    world = two_accounts()
    world.rows["exposures"][0]["moves_end"] = 1
    with pytest.raises(AuditError, match="breach 0 had seen a price move after it"):
        world.record()


def test_shares_of_a_move_that_are_not_whole_are_refused() -> None:
    world = two_accounts()
    world.rows["liquidations"][0]["share"] = 0.5
    with pytest.raises(AuditError, match=r"shares of price move 0 add up to 0\.5"):
        world.record()


def test_an_exposure_of_an_unknown_breach_is_refused() -> None:
    world = two_accounts()
    world.rows["exposures"][0]["breach"] = 7
    with pytest.raises(AuditError, match="table exposures names breach 7"):
        world.record()
