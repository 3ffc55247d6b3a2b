"""First breaches, and the endogenous share over them and over all."""

import pytest

from abm.contagion.attribution import attribute
from abm.contagion.endogenous import VIEWS, endogenous_share, first_breaches, view_weights
from abm.contagion.summary import cascade_summary
from abm.record import Record
from tests.abm.contagion.worlds import Seen, World, scenario


def relapse() -> World:
    """0 breaches on its own; its liquidation does half of the breach of 1, and four fifths of its relapse."""
    world = World()
    book = world.book([1.0], [float("inf")])
    world.source(0, book)
    start = Seen(0, 0, 0.0, 0)
    world.breach(1.0, [], own_fall=11.0, notional=100.0)
    world.liquidation(0, 1.0, world.move(1.0, book, -4.0, "liquidation"))
    world.breach(2.0, [(1.0, start, Seen(0, 0, 2.0, 1))], own_fall=4.0, notional=300.0)
    world.breach(3.0, [(1.0, start, Seen(0, 0, 3.0, 1))], own_fall=1.0, account=1, notional=600.0)
    return world


def test_the_first_breach_of_an_account_in_an_episode_counts() -> None:
    world = relapse()
    world.breach(9.0, [], own_fall=11.0, account=1, episode=1)
    world.breach(9.0, [], own_fall=11.0, account=1, protocol="quay")
    world.breach(9.5, [], own_fall=11.0, account=1, episode=1)
    assert first_breaches(world.record()["breaches"]).tolist() == [True, True, False, True, True, False]


def test_the_order_of_rows_does_not_make_a_breach_the_first() -> None:
    assert first_breaches(relapse().record()["breaches"].reverse()).tolist() == [False, True, True]


def test_the_four_views_by_hand() -> None:
    record = relapse().record()
    share = endogenous_share(record, attribute(record).endogenous)
    assert share == {
        "first_usd": pytest.approx(0.5 * 300 / 400),
        "first": pytest.approx(0.25),
        "all_usd": pytest.approx((0.5 * 300 + 0.8 * 600) / 1000),
        "all": pytest.approx((0.5 + 0.8) / 3),
    }


def test_withdrawn_depth_trades_and_arbitrage_are_not_in_it() -> None:
    """The definition: the liquidations' own moves, small ones too, and nothing that others did in answer."""
    world = relapse()
    world.move(4.0, 0, -5.0, "trades", -2.0)
    world.move(4.0, 0, -3.0, "arbitrage")
    world.breach(5.0, [(1.0, Seen(0, 0, 0.0, 0), Seen(0, 0, 5.0, 3))], account=5, start=11.0)
    assert attribute(world.record()).endogenous[3] == pytest.approx(4.0 / 12.0)


def test_the_summary_leads_with_first_breaches_by_dollar() -> None:
    record = relapse().record()
    assert cascade_summary(record, attribute(record)) == {
        "first_breaches": 2,
        "episodes": 1,
        "roots": 1,
        "largest_tree": 3,
        "largest_depth": 1,
        "endogenous_share": pytest.approx(0.375),
        "endogenous_share_unweighted": pytest.approx(0.25),
        "endogenous_share_all": pytest.approx(0.63),
        "endogenous_share_all_unweighted": pytest.approx(1.3 / 3),
    }


def test_without_a_breach_all_is_zero() -> None:
    empty = Record(scenario())
    assert set(cascade_summary(empty, attribute(empty)).values()) == {0}
    assert [len(view_weights(empty)[view]) for view in VIEWS] == [0] * 4
