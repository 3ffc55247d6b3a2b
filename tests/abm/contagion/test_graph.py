"""Graphs of the cascade."""

from pathlib import Path

import networkx as nx
import polars as pl
import pytest

from abm.contagion.attribution import breach_weights
from abm.contagion.graph import (
    breach_graph,
    cause_graph,
    edge_table,
    forest,
    largest_tree,
    node_table,
    trees,
    write_graph,
)
from abm.errors import RunFolderError
from abm.record import Record
from tests.abm.contagion.worlds import Seen, World, random_world, scenario


def family() -> World:
    """0 makes 1 and 2, 2 makes 3 (of an account that breached before); 4 is alone."""
    world = World()
    book = world.book([1.0], [float("inf")])
    world.source(0, book)
    world.breach(1.0, [], own_fall=11.0)
    world.liquidation(0, 1.0, world.move(1.0, book, -6.0, "liquidation"))
    for time in (2.0, 3.0):
        world.breach(time, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, time, 1))], own_fall=1.0)
    world.liquidation(2, 3.0, world.move(3.0, book, -9.0, "liquidation"))
    world.breach(7.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 7.0, 2))], account=1, notional=50.0)
    world.breach(8.0, [], own_fall=11.0)
    world.move(9.0, book, -1.0)
    return world


def test_the_forest_keeps_the_largest_parent_of_what_liquidations_had_most_of() -> None:
    assert forest(family().record()) == {0: None, 1: 0, 2: 0, 3: 2, 4: None}


def test_trees_have_their_size_parents_share_depth_duration_accounts_and_notional() -> None:
    """Parents have 6/7, 6/7 and 9/15 of the children."""
    assert trees(family().record()).rows() == [
        (0, 4, pytest.approx(6 / 7), 2, 6.0, 3, 350.0),
        (4, 1, None, 0, 0.0, 1, 100.0),
    ]


def test_the_largest_tree_has_its_breaches_and_weights() -> None:
    tree = largest_tree(family().record())
    assert sorted(tree.edges) == [(0, 1), (0, 2), (2, 3)]
    assert tree.edges[2, 3]["weight"] == pytest.approx(0.6)
    assert nx.is_arborescence(tree)


def test_the_cause_graph_has_shares_into_breaches_and_moves_that_sum_to_one() -> None:
    graph = cause_graph(random_world(3, happenings=40).record())
    for node, data in graph.nodes(data=True):
        if data["kind"] in ("breach", "price_move"):
            assert sum(share for _, _, share in graph.in_edges(node, data="share")) == pytest.approx(1.0, abs=1e-9)
    assert nx.is_directed_acyclic_graph(graph)


def test_the_cause_graph_names_its_nodes_and_leaves_out_moves_that_nobody_can_be_named_for() -> None:
    graph = cause_graph(family().record())
    assert {"breach:0", "liquidation:1", "price_move:1", "rest:own"} <= set(graph)
    assert "price_move:2" not in graph
    assert "rest:trades" not in graph
    assert graph.nodes["breach:3"]["account"] == 1
    assert graph.edges["price_move:0", "breach:1"]["channel"] == "impact"


def test_the_breach_graph_has_the_weights_above_its_threshold() -> None:
    record = random_world(3, happenings=40).record()
    graph, weights = breach_graph(record, 0.05), breach_weights(record, 0.0)
    expected = {(p, c): w for p, c, w in weights.iter_rows() if abs(w) >= 0.05}
    assert expected
    assert {(p, c): w for p, c, w in graph.edges(data="weight")} == expected
    assert graph.number_of_nodes() == len(record["breaches"])


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    record = family().record()
    folder = write_graph(record, tmp_path / "graph")
    graph = nx.read_graphml(folder / "cascade.graphml")
    expected = cause_graph(record)
    assert (dict(graph.nodes), dict(graph.edges)) == (dict(expected.nodes), dict(expected.edges))
    assert pl.read_parquet(folder / "nodes.parquet").equals(node_table(record))
    assert pl.read_parquet(folder / "edges.parquet").equals(edge_table(record))
    assert pl.read_parquet(folder / "trees.parquet").equals(trees(record))
    assert pl.read_parquet(folder / "influence.parquet")["total"].sum() == pytest.approx(5.0)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match="not empty"):
        write_graph(family().record(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes"]


def test_a_record_without_breaches_has_empty_graphs() -> None:
    record = Record(scenario())
    assert len(cause_graph(record)) == len(breach_graph(record)) == len(largest_tree(record)) == 0
    assert forest(record) == {}
    assert trees(record).height == 0
