"""A carry trader in a small world."""

from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.carry import YEAR, CarryTrader
from tests.agents.worlds import fall, small_world


def carry(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "market": "BTC", "venue": "bourse", "capital": 3e5}
    return {"kind": "carry", "name": "cai", "cadence": 10.0, "params": keys | params}


def pays(model: CrossMarginModel, annual: float, at: float) -> None:
    """The latest funding rate of all markets, a year, from a time on."""

    def set_rate() -> None:
        funding = model.world.funding["harbor"]
        funding.rates[:] = annual * funding.interval / YEAR

    model._test_events = [*getattr(model, "_test_events", []), set_rate]
    model.schedule_event(set_rate, at=at)


def legs(agent: CarryTrader) -> tuple[float, float]:
    return agent.coins(), agent.size(agent.target, agent.accounts[0][1], 0)


def run(model: CrossMarginModel) -> CarryTrader:
    (agent,) = model.inhabitants
    assert isinstance(agent, CarryTrader)
    model.run()
    return agent


class TestSize:
    @pytest.mark.parametrize(("annual", "part"), [(0.04, 0.0), (0.175, 0.5), (0.30, 1.0), (0.9, 1.0)])
    def test_both_legs_grow_in_proportion_to_funding_above_the_threshold(self, annual: float, part: float) -> None:
        model = small_world([carry()])
        pays(model, annual, at=5.0)
        coins, short = legs(run(model))
        assert coins == pytest.approx(part * 2e5 / 50_000.0, rel=0.03)
        assert short == pytest.approx(-coins)

    def test_it_reads_the_rate_that_the_protocol_paid(self) -> None:
        model = small_world([carry()])
        agent = run(model)
        assert agent.annual_funding() == pytest.approx(0.0001 * 3 * 365)  # what no premium would give, until the first
        venues = model.description.to_dict()["venues"]
        venues[0]["funding"] |= {"interval": 60.0, "interest": 0.0003}
        model = small_world([carry()], venues=venues)
        agent = run(model)
        assert agent.annual_funding() == pytest.approx(0.0003 * 3 * 365, rel=0.01)
        assert legs(agent)[0] > 3.9


class TestClosing:
    def test_it_closes_when_funding_turns(self) -> None:
        model = small_world([carry()])
        pays(model, 0.3, at=5.0)
        pays(model, -0.01, at=150.0)
        agent = run(model)
        assert legs(agent) == pytest.approx((0.0, 0.0))
        assert agent.actions >= 4

    def test_it_keeps_what_it_has_while_funding_is_low_but_positive(self) -> None:
        model = small_world([carry()])
        pays(model, 0.3, at=5.0)
        pays(model, 0.01, at=150.0)
        coins, short = legs(run(model))
        assert coins == pytest.approx(4.0, rel=0.03)
        assert short == pytest.approx(-coins)

    def test_it_sheds_both_legs_when_its_margin_runs_short(self) -> None:
        model = small_world([carry()], prices=fall(0.35, at=100.0, over=100.0))
        pays(model, 0.3, at=5.0)
        agent = run(model)
        coins, short = legs(agent)
        assert coins == pytest.approx(6.0 * 3e4 / 67_500.0, rel=0.1)
        assert short == pytest.approx(-coins, rel=0.05)
        assert len(model.world.log.frame("breaches")) == 0

    def test_whatever_prices_do_its_wealth_hardly_moves(self) -> None:
        model = small_world([carry()], prices=fall(-0.1, at=100.0))
        pays(model, 0.3, at=5.0)
        agent = run(model)
        assert agent.wealth() == pytest.approx(3e5 + 100.0, rel=0.005)


class TestErrors:
    def test_a_full_size_below_the_threshold_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.cai.params: full 0.1 is not above threshold 0.2"):
            small_world([carry(threshold=0.2, full=0.1)])

    def test_an_opening_below_the_closing_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.cai.params: threshold -0.1 is not above close 0.0"):
            small_world([carry(threshold=-0.1)])

    def test_a_close_above_the_usual_threshold_is_refused(self) -> None:
        keys = {"protocol": "harbor", "market": "ETH", "venue": "bourse", "capital": 1e5, "close": 0.2}
        with pytest.raises(ScenarioError, match=r"threshold 0.05 is not above close 0.2"):
            small_world([{"kind": "carry", "name": "cai", "params": keys}])

    def test_shedding_at_its_own_leverage_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"shed 2.0 is not above leverage 2.0"):
            small_world([carry(leverage=2.0, shed=2.0)])
