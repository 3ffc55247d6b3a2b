"""A migrant between the two protocols of a small world."""

from typing import Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel, Turn
from abm.scenario import Scenario
from abm.timetable import on_grid
from agents.migrant import Migrant
from agents.population import populate
from tests.abm.protocol.passport.border import two_protocols


def migrant(name: str = "mia", **params: Any) -> dict[str, Any]:
    """100,000 USD of BTC on 10,000: 5,000 of initial margin at harbor, 2,000 at reef; 3,000 are worth 16.44 USD in ten days."""
    keys = {
        "protocol": "harbor",
        "others": ["reef"],
        "market": "BTC",
        "capital": 1e4,
        "leverage": 10.0,
        "horizon": 864_000.0,
    }
    return {"kind": "migrant", "name": name, "cadence": 10.0, "params": keys | params}


def world(*agents: dict[str, Any], change: dict[str, Any] | None = None, **replace: Any) -> CrossMarginModel:
    data = two_protocols(agents=list(agents or [migrant()]), clock={"duration": 400.0}, **replace)
    return populate(CrossMarginModel(Scenario.from_dict(data).override(change or {})))


def the_migrant(model: CrossMarginModel) -> Migrant:
    (agent,) = (a for a in model.inhabitants if isinstance(a, Migrant))
    return agent


def ran(*agents: dict[str, Any], change: dict[str, Any] | None = None) -> Migrant:
    model = world(*agents, change=change)
    model.run()
    return the_migrant(model)


class TestDecides:
    def test_it_goes_where_margin_is_lower_with_all_that_it_has(self) -> None:
        agent = ran()
        assert (agent.home.name, agent.moves, agent.refusals) == ("reef", 1, [])
        assert agent.size(agent.home, agent.account, 1) == 2.0
        assert agent.equity(agent.home, agent.account) == pytest.approx(10_000.0, abs=2.0)
        assert agent.accounts == [(agent.home, agent.account)]

    def test_it_stays_where_it_is_lower_already(self) -> None:
        agent = ran(migrant(protocol="reef", others=["harbor"]))
        assert (agent.home.name, agent.actions) == ("reef", 0)

    @pytest.mark.parametrize(("cost", "moves"), [(16.0, 1), (17.0, 0)])
    def test_a_move_costs_less_than_it_is_worth(self, cost: float, moves: int) -> None:
        """0.2 * 3,000 * 10 / 365 = 16.44 USD; funding is the same on both."""
        assert ran(migrant(cost=cost)).moves == moves

    def test_funding_that_is_higher_there_keeps_it(self) -> None:
        """2e-4 more in eight hours, of 100,000: 600 USD in ten days against 16."""
        model = world(change={"venues.reef-book.funding.interest": 3e-4})
        model.run()
        assert the_migrant(model).moves == 0

    @pytest.mark.parametrize(("long_share", "home"), [(1.0, "harbor"), (0.0, "reef")])
    def test_a_short_goes_where_longs_pay_more(self, long_share: float, home: str) -> None:
        agent = ran(migrant(long_share=long_share, worth=0.0), change={"venues.reef-book.funding.interest": 3e-4})
        assert agent.home.name == home

    @pytest.mark.parametrize(("buffer", "moves"), [(4.9, 1), (5.1, 0)])
    def test_it_wants_room_there(self, buffer: float, moves: int) -> None:
        """10,000 are five times what reef asks for."""
        assert ran(migrant(buffer=buffer)).moves == moves

    def test_of_several_it_takes_the_best(self) -> None:
        data = two_protocols()
        data["venues"].append(data["venues"][-1] | {"name": "cove-book"})
        data["protocols"].append(data["protocols"][-1] | {"name": "cove", "venue": "cove-book"})
        data["protocols"][-1]["markets"] = [{"asset": "BTC", "imf": 0.015, "mmf": 0.01}]
        model = world(migrant(others=["reef", "cove"]), venues=data["venues"], protocols=data["protocols"])
        model.run()
        assert the_migrant(model).home.name == "cove"

    def test_a_protocol_without_its_market_is_none_for_it(self) -> None:
        agent = ran(change={"protocols.reef.markets": [{"asset": "ETH", "imf": 0.01, "mmf": 0.01}]})
        assert (agent.home.name, agent.actions) == ("harbor", 0)


class Turncoat:
    """Turns margins round at a moment."""

    def __init__(self, model: CrossMarginModel, at: float) -> None:
        self.model = model
        self.event = model.schedule_recurring(self.turn, on_grid(at, 1e9), priority=Turn.REST)

    def turn(self) -> None:
        self.model.world.protocols["reef"].margin_scale[:] = 4.0


class TestComesBack:
    @pytest.mark.parametrize(("rest", "moves"), [(50.0, 2), (600.0, 1)])
    def test_after_a_rest(self, rest: float, moves: int) -> None:
        model = world(migrant(rest=rest))
        turncoat = Turncoat(model, 150.0)
        model.run()
        agent = the_migrant(turncoat.model)
        assert agent.moves == moves
        assert agent.home.name == ("harbor" if moves == 2 else "reef")

    def test_a_passport_that_comes_to_nothing_is_remembered_and_asked_for_again_after_the_rest(self) -> None:
        """Its passports are good for 20 s, and a letter takes thirty."""
        agent = ran(migrant(validity=20.0, rest=100.0))
        assert (agent.home.name, agent.moves) == ("harbor", 0)
        assert [reason for _, reason in agent.refusals] == ["expired"] * len(agent.refusals)
        assert 2 <= len(agent.refusals) <= 4

    def test_a_liquidated_migrant_has_nothing_to_move(self) -> None:
        fall = {"shocks": [{"name": "fall", "at": 1.0, "over": 1.0, "move": -0.2}]}
        model = world(prices=fall, change={"protocols.harbor.liquidation.route": "book"})
        model.run()
        agent = the_migrant(model)
        assert not agent.home.ledger.holds(np.array([agent.home.ledger.row(agent.account)]))[0]
        assert agent.moves == 0


def test_its_wealth_is_the_same_before_on_the_way_and_after() -> None:
    model = world(
        change={f"venues.{name}.markets.*.spread": 0.0 for name in ("harbor-book", "reef-book", "bourse")},
        record={"agents": 1.0},
    )
    model.run()
    wealth = model.record()["agents"].filter(name="mia")["wealth"]
    assert the_migrant(model).moves == 1
    assert wealth.max() == 10_200.0
    assert wealth.min() == pytest.approx(10_200.0, abs=0.1)  # the fee of one transaction


class TestMistakes:
    def test_an_unknown_protocol_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.mia.params.others: unknown protocol 'reff'; did you mean 'reef'"
        ):
            world(migrant(others=["reff"]))

    def test_it_goes_elsewhere(self) -> None:
        with pytest.raises(ScenarioError, match=r"its account is on 'harbor' already; name others only"):
            world(migrant(others=["harbor"]))

    def test_a_bridge_leads_there(self) -> None:
        data = two_protocols()
        data["protocols"][0]["collateral"] = []
        with pytest.raises(ScenarioError, match=r"no bridge carries USDC between harbor and reef"):
            world(protocols=data["protocols"], bridges=[])

    def test_it_names_where_it_may_go(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.mia.params.others"):
            world(migrant(others=[]))


def test_where_nobody_may_move_a_migrant_without_gain_changes_nobody_else() -> None:
    """It holds a position, so prices know it; its passports' office is not even opened."""
    model = world(migrant(worth=0.0))
    model.run()
    assert model.world.post.offices == {}
    assert model.record()["passports"].is_empty()
