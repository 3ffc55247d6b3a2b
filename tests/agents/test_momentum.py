"""A momentum trader in a small world, and the scale of its signal."""

import math
from typing import Any

import numpy as np
import pytest

from abm.draws import Draws
from abm.errors import ScenarioError
from agents.momentum import MomentumTrader, spread_of_means
from tests.agents.worlds import description, fall, small_world


def momentum(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "market": "BTC", "capital": 1e4, "fast": 10.0, "slow": 60.0}
    return {"kind": "momentum", "name": "mo", "cadence": 5.0, "params": keys | params}


def leverage(agent: MomentumTrader) -> float:
    p, account = agent.target, agent.accounts[0][1]
    return agent.size(p, account, 0) * float(p.terms.price[0]) / agent.equity(p, account)


def volatile() -> list[dict[str, Any]]:
    """The coins of the small world with a usual volatility."""
    return [a if a.get("stable") else a | {"volatility": 0.5} for a in description()["assets"]]


class TestTrading:
    @pytest.mark.parametrize(("move", "sign"), [(-0.05, -1.0), (0.05, 1.0)])
    def test_it_follows_a_trend_up_to_its_cap(self, move: float, sign: float) -> None:
        model = small_world([momentum(cap=2.0)], prices=fall(move, over=200.0), clock={"duration": 200.0})
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, MomentumTrader)
        assert sign * leverage(agent) == pytest.approx(2.0, abs=0.3)

    def test_when_prices_stand_still_it_stays_out(self) -> None:
        model = small_world([momentum()])
        (agent,) = model.inhabitants
        model.run()
        assert agent.actions == 0

    def test_it_is_out_again_when_the_trend_is_over(self) -> None:
        model = small_world([momentum(memory=1e6)], prices=fall(-0.05), assets=volatile(), clock={"duration": 1500.0})
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, MomentumTrader)
        trades = model.world.log.frame("events").filter(kind="trade", account=agent.accounts[0][1])
        assert (trades["amount"] < 0.0).any()
        assert abs(leverage(agent)) <= 3.0 + 0.25


class TestSignal:
    def test_the_signal_of_a_random_walk_has_unit_variance(self) -> None:
        steps = 0.001 * Draws(1).normal("walk", np.arange(400)[:, None], np.arange(400))
        walks = np.cumsum(steps, axis=1)
        means = {}
        for seconds in (10.0, 60.0):
            weight, mean = -math.expm1(-1.0 / seconds), np.zeros(len(walks))
            for t in range(walks.shape[1]):
                mean += weight * (walks[:, t] - mean)
            means[seconds] = mean
        signal = (means[10.0] - means[60.0]) / spread_of_means(0.001, 10.0, 60.0)
        assert float(np.std(signal)) == pytest.approx(1.0, abs=0.1)
        assert float(np.mean(signal)) == pytest.approx(0.0, abs=0.15)

    def test_its_volatility_begins_at_the_usual_one(self) -> None:
        model = small_world([momentum()], assets=volatile())
        (agent,) = model.inhabitants
        assert isinstance(agent, MomentumTrader)
        assert agent._variance == pytest.approx(0.5**2 / (365.0 * 86400.0))


class TestErrors:
    def test_a_slow_mean_that_is_not_slower_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.mo.params: slow 5.0 s is not longer than fast \d+.0 s"):
            small_world([momentum(slow=5.0)])
        keys = {"protocol": "harbor", "market": "ETH", "capital": 1e5, "fast": 1e4}  # slower than the usual slow one
        with pytest.raises(ScenarioError, match=r"slow 1800.0 s is not longer than fast 10000.0 s"):
            small_world([{"kind": "momentum", "name": "mo", "params": keys}])

    def test_an_unknown_coin_is_named(self) -> None:
        with pytest.raises(ScenarioError, match="harbor has no market of 'EHT'; did you mean 'ETH'"):
            small_world([momentum(market="EHT")])
