"""A late topper in a small world."""

from typing import Any

import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.late_topper import LateTopper
from tests.agents.worlds import fall, small_world

BOOK = {"protocols.harbor.liquidation.route": "book"}


def topper(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "protocol": "harbor", "market": "BTC", "capital": 1e4, "leverage": 10.0, "wallet": 1e4,
        "reaction": 30.0, "reaction_sigma": 0.0, "restore": 3.0,
    }  # fmt: skip
    return {"kind": "late_topper", "name": "lee", "cadence": 5.0, "params": keys | params}


def run(model: CrossMarginModel) -> tuple[LateTopper, pl.DataFrame]:
    """The agent after the run, and its deposits after the opening."""
    (agent,) = model.inhabitants
    assert isinstance(agent, LateTopper)
    model.run()
    events = model.world.log.frame("events")
    return agent, events.filter(pl.col("time") > 0, kind="deposit", account=agent.accounts[0][1])


def held(agent: LateTopper) -> float:
    return agent.size(agent.target, agent.accounts[0][1], 0)


class TestHome:
    def test_the_deposit_arrives_after_the_reaction_time_and_saves_the_position(self) -> None:
        agent, deposits = run(small_world([topper()], BOOK, prices=fall(-0.06, over=1.0)))
        assert len(deposits) == 1
        assert 61.0 + 30.0 < deposits["time"][0] < 61.0 + 5.0 + 30.0 + 3.0
        assert held(agent) == pytest.approx(2.0)
        assert agent.paid == deposits["amount"].sum() > 1000.0

    def test_a_deeper_fall_does_not_wait_for_it(self) -> None:
        whole = BOOK | {"protocols.harbor.liquidation.policy": "whole"}
        agent, deposits = run(small_world([topper() | {"cadence": 1.0}], whole, prices=fall(-0.11, over=20.0)))
        assert held(agent) == 0.0
        assert agent.too_late == 1
        assert len(deposits) == 0

    def test_it_looks_only_on_its_cadence(self) -> None:
        slow = topper() | {"cadence": 1000.0}
        agent, deposits = run(small_world([slow], BOOK, prices=fall(-0.06, over=1.0)))
        assert len(deposits) == 0
        assert agent.actions == 0

    def test_the_reaction_time_is_keyed_to_its_name(self) -> None:
        times = []
        for name in ("lee", "lee", "kim"):
            agent = topper(reaction_sigma=1.0, reaction=20.0) | {"name": name, "cadence": 1.0}
            times.append(run(small_world([agent], BOOK, prices=fall(-0.06, over=1.0)))[1]["time"].to_list()[:1])
        assert times[0] == times[1] != times[2]

    def test_below_its_level_it_gives_up(self) -> None:
        agent, deposits = run(small_world([topper(give_up=0.5)], BOOK, prices=fall(-0.06, over=1.0)))
        assert len(deposits) == 0
        assert agent.paid == 0.0


class TestBridge:
    def test_money_over_a_bridge_takes_its_finality_and_delay_too(self) -> None:
        agent, deposits = run(small_world([topper(chain="beta", bridge="span")], BOOK, prices=fall(-0.06, over=1.0)))
        assert deposits["time"][0] > 61.0 + 30.0 + 10.0 + 20.0
        assert held(agent) == pytest.approx(2.0)

    def test_it_may_come_too_late(self) -> None:
        prices = fall(-0.06, over=1.0)
        prices["shocks"].append({"name": "second", "at": 105.0, "over": 1.0, "move": -0.06})
        whole = BOOK | {"protocols.harbor.liquidation.policy": "whole"}
        agent, deposits = run(small_world([topper(chain="beta", bridge="span")], whole, prices=prices))
        assert held(agent) == 0.0
        assert agent.too_late == 1
        assert len(deposits) == 0
        assert agent.holds("USDC", "alpha") > 1000.0

    def test_a_halted_bridge_is_tried_again(self) -> None:
        halts = {"bridges.span.halts": [[0.0, 150.0]]}
        model = small_world([topper(chain="beta", bridge="span")], BOOK | halts, prices=fall(-0.06, over=1.0))
        agent, deposits = run(model)
        assert deposits["time"][0] > 150.0 + 30.0
        assert agent.actions >= 3

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"bridge": "spam"}, r"agents.lee.params.bridge: unknown bridge 'spam'; did you mean 'span'"),
            ({"bridge": ""}, "unknown bridge ''; allowed: span"),
            (
                {"chain": "bourse", "bridge": "span"},
                "'span' carries USDC between beta and alpha, not USDC between bourse",
            ),
        ],
    )
    def test_a_bridge_that_does_not_lead_home_is_refused(self, keys: dict[str, str], message: str) -> None:
        with pytest.raises(ScenarioError, match=message):
            small_world([topper(**({"chain": "beta"} | keys))])


class TestErrors:
    def test_a_part_above_one_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.lee.params.give_up: .*less than or equal to 1, got 2"):
            small_world([topper(give_up=2.0)])


def test_a_top_up_that_would_restore_less_than_worries_is_refused() -> None:
    keys = {"protocol": "harbor", "market": "BTC", "capital": 1e3, "wallet": 1e3, "worry": 3.0, "restore": 2.0}
    with pytest.raises(ScenarioError, match=r"agents.lou.params: restore 2.0 lies under worry 3.0"):
        small_world([{"kind": "late_topper", "name": "lou", "params": keys}])
