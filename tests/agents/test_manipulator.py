"""A manipulator in a small world whose ETH trades thinly on a second exchange."""

from typing import Any

import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.manipulator import Manipulator
from tests.agents.worlds import description, small_world

THIN = {"name": "corner", "markets": [{"asset": "ETH", "depth": 2e4}, {"asset": "BTC", "depth": 2e7}]}
CROWD = {
    "kind": "cohort", "name": "retail", "cadence": 30.0,
    "params": {"protocol": "harbor", "accounts": 200, "leverage": 5.0, "markets": {"ETH": 1.0}},
}  # fmt: skip


def manipulator(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "protocol": "harbor", "asset": "ETH", "venues": ["corner"], "margin": 5e5, "spot": 5e5, "start": 20.0,
        "opening": 20.0, "push": 60.0, "hold": 40.0, "unwind": 100.0, "leverage": 10.0,
    }  # fmt: skip
    return {"kind": "manipulator", "name": "max", "cadence": 2.0, "params": keys | params}


def attacked(index: list[str], *, thin: float = 2e4, **params: Any) -> tuple[CrossMarginModel, Manipulator]:
    """A world that has run, whose marks follow the venues of an index, and its manipulator."""
    change = {"protocols.harbor.mark.index": index, "venues.corner.markets.ETH.depth": thin, "record.markets": 5.0}
    model = small_world([manipulator(**params), CROWD], change, venues=[*description()["venues"], THIN])
    agent = next(a for a in model.inhabitants if isinstance(a, Manipulator))
    model.run()
    return model, agent


def total(agent: Manipulator, what: str) -> float:
    return sum(usd for _, entry, usd in agent.diary if entry == what)


def span(agent: Manipulator, what: str) -> tuple[float, float]:
    """First and last time of an entry."""
    times = [time for time, entry, _ in agent.diary if entry == what]
    return min(times), max(times)


def marks(model: CrossMarginModel, column: str = "mark") -> pl.Series:
    return model.world.log.frame("markets").filter(market="ETH-PERP")[column]


class TestStory:
    def test_it_opens_pushes_takes_out_and_unwinds_in_that_order(self) -> None:
        _, agent = attacked(["corner"])
        opened, pushed, out, back = (span(agent, what) for what in ("open", "push", "withdraw", "unwind"))
        assert 20.0 <= opened[0] < opened[1] <= 45.0
        assert 40.0 <= pushed[0] < pushed[1] <= 145.0
        assert out[0] >= 100.0
        assert 140.0 <= back[0] < back[1] <= 250.0

    def test_it_spends_its_plan(self) -> None:
        _, agent = attacked(["corner"])
        assert total(agent, "open") == pytest.approx(10.0 * 5e5, rel=0.05)
        assert total(agent, "push") == pytest.approx(5e5, rel=0.01)
        held_back = sum(usd for time, what, usd in agent.diary if what == "push" and time > 103.0)
        assert held_back == pytest.approx(0.3 * 5e5, rel=0.1)
        assert total(agent, "unwind") < 0.0

    def test_it_ends_without_coins(self) -> None:
        _, agent = attacked(["corner"])
        assert agent.holds("ETH", "corner") == pytest.approx(0.0, abs=1e-6)

    def test_the_push_moves_the_mark_of_a_protocol_that_follows_the_thin_venue(self) -> None:
        model, _ = attacked(["corner"])
        assert marks(model).max() > 1.1 * 2000.0

    def test_money_is_conserved(self) -> None:
        model, _ = attacked(["corner"])
        assert max(model.audits.values()) < 1e-9


class TestProfit:
    def test_a_mark_that_follows_a_thin_venue_pays_it_more_than_it_put_in(self) -> None:
        model, agent = attacked(["corner"])
        assert total(agent, "withdraw") > 5e5
        assert model.record()["agents"].filter(name="max")["profit"][-1] > 1e5

    def test_it_leaves_behind_what_is_under_water_and_the_protocol_pays(self) -> None:
        model, agent = attacked(["corner"])
        assert (
            total(agent, "abandon") < 0.0 or model.world.log.frame("breaches")["account"].is_in([agent.account]).any()
        )
        assert agent.wealth() > agent.equity(agent.target, agent.account)
        assert model.record().summary["deficit"] > 0.0

    def test_against_a_broad_index_it_pays_its_impact_and_loses(self) -> None:
        _, agent = attacked(["bourse"])
        assert agent.wealth() < 5e5 + 5e5 + 1000.0 - 1e4

    def test_a_deep_venue_is_not_worth_pushing(self) -> None:
        thin, deep = attacked(["corner"])[1], attacked(["corner"], thin=5e7)[1]
        assert deep.wealth() < 5e5 + 5e5 + 1000.0
        assert thin.wealth() > deep.wealth() + 1e5

    def test_a_pump_breaches_those_on_the_other_side(self) -> None:
        model, agent = attacked(["corner"])
        breaches = model.world.log.frame("breaches").filter(pl.col("account") != agent.account)
        assert len(breaches.filter(pl.col("time") < 150.0)) > 5

    def test_closing_instead_reduces_the_position_over_the_hold(self) -> None:
        _, agent = attacked(["corner"], exit="close")
        first, last = span(agent, "close")
        assert 100.0 <= first < 106.0
        assert last <= 150.0
        assert agent.size(agent.target, agent.account, agent.perp) == pytest.approx(0.0, abs=1e-9)
        assert total(agent, "withdraw") > 0.0


class TestDump:
    def test_it_sells_coins_of_its_own_and_buys_them_back(self) -> None:
        model, agent = attacked(["corner"], side=-1)
        assert total(agent, "open") < 0.0
        assert total(agent, "push") < 0.0 < total(agent, "unwind")
        assert marks(model).min() < 0.9 * 2000.0
        sold = -total(agent, "push")
        assert total(agent, "unwind") == pytest.approx(sold, rel=0.02)
        assert 200.0 < agent.holds("ETH", "corner") <= 250.0

    def test_several_venues_share_the_budget_by_depth(self) -> None:
        model = small_world(
            [manipulator(venues=["corner", "bourse"], side=-1)], venues=[*description()["venues"], THIN]
        )
        (agent,) = model.inhabitants
        assert isinstance(agent, Manipulator)
        assert agent.budget * 2000.0 == pytest.approx([5e5 * 2e4 / 1.002e7, 5e5 * 1e7 / 1.002e7])
        assert agent.holds("ETH", "bourse") == pytest.approx(agent.budget[1])


class TestErrors:
    def test_a_venue_without_the_coin_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.max.params.venue: no spot market 'cormer ETH'; did you mean 'corner ETH'"
        ):
            small_world([manipulator(venues=["cormer"])], venues=[*description()["venues"], THIN])

    def test_a_market_that_the_protocol_lacks_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.max.params: harbor has no market of 'ETC'; did you mean 'ETH'"
        ):
            small_world([manipulator(asset="ETC")])

    def test_the_side_is_one_way_or_the_other(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.max.params.side: input should be -1 or 1, got 2"):
            small_world([manipulator(side=2)])

    def test_without_a_venue_there_is_nothing_to_push(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.max.params.venues: is empty; give at least one"):
            small_world([manipulator(venues=[])])
