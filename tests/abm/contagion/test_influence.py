"""Influence against a dense solve of the same linear graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion.attribution import breach_weights
from abm.contagion.exposure import read_exposure
from abm.contagion.influence import backward_kernel, backward_kernel_python, influence
from abm.contagion.response import last_moves, single_steps
from abm.record import Record
from tests.abm.contagion.worlds import Seen, World, random_world, scenario


def dense(record: Record) -> np.ndarray:
    """W by rows of the table of breaches, whose ids are their numbers."""
    weights = np.zeros((len(record["breaches"]),) * 2)
    for parent, child, weight in breach_weights(record, 0.0).iter_rows():
        weights[parent, child] = weight
    return weights


def chain() -> World:
    """0 breaches on news; it makes half the fall of 1; 0 and 1 make a quarter and a half of the fall of 2."""
    world = World()
    book = world.book([1.0], [float("inf")])
    world.source(0, book)
    world.breach(1.0, [], own_fall=11.0)
    world.liquidation(0, 1.0, world.move(1.0, book, -1.0, "liquidation"))
    world.breach(2.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 2.0, 1))], own_fall=1.0)
    world.liquidation(1, 2.0, world.move(2.0, book, -2.0, "liquidation"))
    world.breach(3.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 3.0, 2))], own_fall=1.0)
    return world


def test_a_chain_of_three_by_hand() -> None:
    found = influence(chain().record())
    assert found["exogenous"].to_list() == pytest.approx([1.0, 0.5, 0.25])
    assert found["direct"].to_list() == pytest.approx([0.75, 0.5, 0.0])
    assert found["but_for"].to_list() == pytest.approx([1.0 + 0.5 * 1.5 + 0.25, 1.5, 1.0])
    assert found["total"].to_list() == pytest.approx([2.0, 0.75, 0.25])


def test_what_stays_with_the_owner_is_told_apart() -> None:
    """0 and 1 are one owner's: of the two breaches that entered at 0, one and a half stay with it."""
    world = chain()
    world.rows["breaches"][1]["owner"] = 0
    found = influence(world.record())
    assert found["owner"].to_list() == [0, 0, 2]
    assert found["total"].to_list() == pytest.approx([2.0, 0.75, 0.25])
    assert found["others"].to_list() == pytest.approx([0.5, 0.25, 0.0])
    assert found["direct_others"].to_list() == pytest.approx([0.25, 0.5, 0.0])


@given(seed=st.integers(0, 10**6), owners=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_what_stays_with_owners_equals_the_dense_solve_of_their_own_shares(seed: int, owners: int) -> None:
    world = random_world(seed, happenings=30)
    for row in world.rows["breaches"]:
        row["owner"] = row["breach"] * 7 % owners
    record = world.record()
    weights, found = dense(record), influence(record)
    own = found["owner"].to_numpy()
    within = np.where(own[:, None] == own[None, :], weights, 0.0)
    stays = np.linalg.solve(np.eye(len(own)) - within, np.ones(len(own)))
    exogenous = found["exogenous"].to_numpy()
    scale = 1.0 + np.abs(weights).max() * np.abs(found["but_for"].to_numpy()).max() * (1.0 + np.abs(exogenous).max())
    expected = found["total"].to_numpy() - exogenous * stays
    np.testing.assert_allclose(found["others"].to_numpy(), expected, atol=1e-9 * scale)
    others = (weights - within).sum(axis=1)
    np.testing.assert_allclose(found["direct_others"].to_numpy(), others, atol=1e-9 * scale)
    if owners == 1:
        assert np.abs(found["others"].to_numpy()).max() <= 1e-9 * scale


def test_shares_of_a_move_are_passed_on_to_all_whom_it_served() -> None:
    world = chain()
    world.liquidation(0, 3.0, world.move(3.0, 0, -4.0, "liquidation"), 0.75)
    world.liquidation(2, 3.0, 2, 0.25)
    world.breach(4.0, [(1.0, Seen(0, 0, 3.0, 2), Seen(0, 0, 4.0, 3))], since=3.0, margin_fall=4.0)
    weights = dense(world.record())
    assert weights[:, 3].tolist() == pytest.approx([0.375, 0.0, 0.125, 0.0])


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_all_three_equal_the_dense_solve_and_total_sums_to_the_breaches(seed: int) -> None:
    record = random_world(seed, happenings=30).record()
    weights, found = dense(record), influence(record)
    count = len(weights)
    assert not np.tril(weights).any()
    x = np.linalg.solve(np.eye(count) - weights, np.ones(count))
    exogenous = 1.0 - weights.sum(axis=0)
    scale = 1.0 + np.abs(weights).max() * np.abs(x).max()
    np.testing.assert_allclose(found["exogenous"].to_numpy(), exogenous, atol=1e-9 * scale)
    np.testing.assert_allclose(found["direct"].to_numpy(), weights.sum(axis=1), atol=1e-9 * scale)
    np.testing.assert_allclose(found["but_for"].to_numpy(), x, atol=1e-9 * scale)
    gross = np.abs(exogenous * x).sum()
    np.testing.assert_allclose(found["total"].to_numpy(), exogenous * x, atol=1e-9 * gross)
    assert abs(found["total"].sum() - count) <= 1e-9 * gross


def test_without_liquidation_moves_everything_is_exogenous() -> None:
    record = chain()
    for move in record.rows["price_moves"]:
        move["cause"] = "trades"
    for liquidation in record.rows["liquidations"]:
        liquidation["move"] = -1
    found = influence(record.record())
    assert found["exogenous"].to_list() == found["total"].to_list() == found["but_for"].to_list() == [1.0, 1.0, 1.0]
    assert found["direct"].to_list() == [0.0, 0.0, 0.0]


def test_ids_need_not_be_in_order_of_happening() -> None:
    world = chain()
    for table in ("breaches", "liquidations", "exposures"):
        for row in world.rows[table]:
            row["breach"] = 5 - row["breach"]
    found = influence(world.record())
    assert found["breach"].to_list() == [5, 4, 3]
    assert found["total"].to_list() == pytest.approx([2.0, 0.75, 0.25])


def test_compiled_and_readable_passes_agree() -> None:
    exposure = read_exposure(random_world(6, happenings=40).record())
    kernels, lane, r = exposure.kernels, exposure.lanes["impact"], exposure.readings
    target = last_moves(lane, r.book, r.moves)
    row = np.argsort(target, kind="stable")
    first = np.searchsorted(target[row], np.arange(len(lane.move) + 1))
    order = np.argsort(lane.move)[::-1].copy()
    given_ = (kernels, lane, single_steps(kernels, lane), r, order, first, row, exposure.served)
    for a, b in zip(backward_kernel(*given_), backward_kernel_python(*given_), strict=True):
        assert a.any()
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_record_without_breaches_has_no_influence() -> None:
    assert influence(Record(scenario())).height == 0
