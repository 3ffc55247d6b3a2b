"""A hedger in a small world."""

from typing import Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.protocol.adl import deleverage
from agents.hedger import Hedger
from tests.agents.worlds import fall, small_world


def hedger(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "market": "BTC", "venue": "bourse", "coins": 10.0, "wallet": 3e5}
    return {"kind": "hedger", "name": "hal", "cadence": 10.0, "params": keys | params}


def short(agent: Hedger) -> float:
    return agent.size(agent.target, agent.accounts[0][1], 0)


class TestHedge:
    def test_it_is_hedged_at_the_opening(self) -> None:
        (agent,) = small_world([hedger(ratio=0.5)]).inhabitants
        assert isinstance(agent, Hedger)
        assert short(agent) == pytest.approx(-5.0)
        assert agent.net_delta() == pytest.approx(0.0)
        assert agent.wealth() == pytest.approx(10.0 * 50_000.0 + 3e5 + 5.0 * 50_000.0 / 3.0)

    def test_a_fall_costs_it_nothing_but_fees(self) -> None:
        model = small_world([hedger()], prices=fall(-0.3))
        (agent,) = model.inhabitants
        before = agent.wealth()
        model.run()
        assert agent.wealth() == pytest.approx(before, rel=0.002)

    def test_it_meets_margin_calls_when_its_short_loses(self) -> None:
        model = small_world([hedger()], prices=fall(0.3, over=90.0))
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, Hedger)
        paid = model.world.log.frame("events").filter(kind="deposit", account=agent.accounts[0][1], chain="alpha")
        assert paid["amount"].sum() > 10_000.0
        assert short(agent) == pytest.approx(-10.0)
        assert len(model.world.log.frame("breaches")) == 0

    def test_without_a_wallet_its_short_is_liquidated(self) -> None:
        model = small_world(
            [hedger(wallet=1.0)], {"protocols.harbor.liquidation.route": "book"}, prices=fall(0.4, over=60.0)
        )
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, Hedger)
        assert short(agent) > -10.0
        assert agent.net_delta() > 0.0


class TestDeleveraged:
    def test_it_rehedges_when_its_short_was_taken(self) -> None:
        loser = {
            "kind": "trader", "name": "ann", "cadence": 1000.0,
            "params": {"protocol": "harbor", "markets": ["BTC"], "capital": 2e4, "leverage": 10.0, "long_share": 1.0},
        }  # fmt: skip
        model = small_world([hedger(), loser], prices=fall(-0.05))
        ann, agent = model.inhabitants
        assert isinstance(agent, Hedger)
        exposed = []

        def take() -> None:
            p = agent.target
            row = p.ledger.row(ann.accounts[0][1])  # type: ignore[attr-defined]
            slot = int(np.flatnonzero(p.ledger.slot_market[row] == 0)[0])
            deleverage(p, row, slot)
            exposed.append(agent.net_delta())

        model.schedule_event(take, at=101.5)
        model.run()
        assert exposed[0] == pytest.approx(4.0)
        adl = model.world.log.frame("events").filter(kind="adl", account=agent.accounts[0][1])
        assert adl["amount"].to_list() == pytest.approx([4.0])
        assert abs(agent.net_delta()) <= 0.02 * 10.0


class TestErrors:
    def test_a_venue_without_the_coin_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.hal.params.venue: no spot market 'bourze BTC'; did you mean 'bourse BTC'"
        ):
            small_world([hedger(venue="bourze")])

    def test_a_ratio_above_one_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.hal.params.ratio: .*less than or equal to 1, got 1.2"):
            small_world([hedger(ratio=1.2)])


def test_a_top_up_that_would_restore_less_than_it_is_called_at_is_refused() -> None:
    keys = {"protocol": "harbor", "market": "BTC", "venue": "bourse", "coins": 1.0, "call": 3.0, "restore": 2.0}
    with pytest.raises(ScenarioError, match=r"agents.hal.params: restore 2.0 lies under call 3.0"):
        small_world([{"kind": "hedger", "name": "hal", "params": keys}])
