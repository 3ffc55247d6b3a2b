"""A leveraged trader in a small world."""

from typing import Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from agents.trader import LeveragedTrader
from tests.agents.worlds import fall, small_world


def trader(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "capital": 3e4, "leverage": 3.0, "long_share": 1.0, "view": 1e7}
    return {"kind": "trader", "name": "ann", "cadence": 10.0, "params": keys | params}


def leverage(agent: LeveragedTrader) -> float:
    p = agent.target
    rows = p.ledger.rows(np.array([a for _, a in agent.accounts]))
    view = p.engine.assess(p.ledger, p.terms, rows)
    return float(np.sum(view.notional) / np.sum(view.equity))


class TestPosition:
    def test_it_opens_at_its_target_leverage_with_equal_weights(self) -> None:
        model = small_world([trader()])
        (agent,) = model.inhabitants
        assert isinstance(agent, LeveragedTrader)
        p = agent.target
        notional = [agent.size(p, agent.accounts[0][1], m) * float(p.terms.price[m]) for m in (0, 1)]
        assert notional == pytest.approx([45_000.0, 45_000.0])

    def test_under_isolated_margin_each_market_has_its_own_account(self) -> None:
        model = small_world([trader()], {"protocols.harbor.mode": "isolated"})
        (agent,) = model.inhabitants
        assert isinstance(agent, LeveragedTrader)
        assert len(agent.accounts) == 2
        assert leverage(agent) == pytest.approx(3.0)
        assert agent.total() == pytest.approx(3e4)

    def test_a_short_view_sells(self) -> None:
        model = small_world([trader(long_share=0.0, markets=["ETH"])])
        (agent,) = model.inhabitants
        assert isinstance(agent, LeveragedTrader)
        assert agent.size(agent.target, agent.accounts[0][1], 1) == pytest.approx(-45.0)

    def test_leverage_beyond_the_initial_margin_is_refused(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.ann.params: .* need more initial margin .*; lower the leverage"
        ):
            small_world([trader(leverage=25.0)])


class TestLeverage:
    def test_after_a_fall_it_sells_back_to_its_target(self) -> None:
        model = small_world([trader(cut=0.9)], prices=fall(-0.1))
        (agent,) = model.inhabitants
        assert isinstance(agent, LeveragedTrader)
        before = agent.size(agent.target, agent.accounts[0][1], 0)
        model.run()
        assert agent.size(agent.target, agent.accounts[0][1], 0) < before
        assert leverage(agent) == pytest.approx(3.0, rel=0.2)

    def test_inside_the_band_it_does_nothing(self) -> None:
        model = small_world([trader(band=1.0, cut=0.9)], prices=fall(-0.1))
        (agent,) = model.inhabitants
        model.run()
        assert agent.actions == 0

    @pytest.mark.parametrize(("move", "keys"), [(-0.12, {"cut": 0.2}), (0.2, {"take": 0.3})])
    def test_after_a_drawdown_or_a_gain_it_closes_and_stays_out(self, move: float, keys: dict[str, float]) -> None:
        model = small_world([trader(**keys)], prices=fall(move))
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, LeveragedTrader)
        assert leverage(agent) == 0.0
        assert agent.total() != pytest.approx(3e4, rel=0.1)


class TestViews:
    def test_views_are_redrawn_at_keyed_times(self) -> None:
        model = small_world([trader(view=40.0, long_share=0.5)], clock={"duration": 900.0})
        (agent,) = model.inhabitants
        model.run()
        assert isinstance(agent, LeveragedTrader)
        trades = model.world.log.frame("events").filter(kind="trade", account=agent.accounts[0][1])
        assert (trades["amount"] > 0).any()
        assert (trades["amount"] < 0).any()

    def test_another_trader_changes_none_of_its_views(self) -> None:
        alone = small_world([trader(view=40.0, long_share=0.5, capital=100.0)], clock={"duration": 600.0})
        other = trader(long_share=0.5, capital=100.0) | {"name": "bob"}
        both = small_world([other, trader(view=40.0, long_share=0.5, capital=100.0)], clock={"duration": 600.0})
        sides = []
        for model in (alone, both):
            model.run()
            agent = next(a for a in model.inhabitants if a.name == "ann")
            assert isinstance(agent, LeveragedTrader)
            sides.append([np.sign(agent.size(agent.target, agent.accounts[0][1], m)) for m in (0, 1)])
        assert sides[0] == sides[1]


class TestErrors:
    def test_an_unknown_market_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.ann.params: harbor has no market of 'BCT'; did you mean 'BTC'"
        ):
            small_world([trader(markets=["BCT"])])

    def test_an_unknown_protocol_is_named(self) -> None:
        with pytest.raises(ScenarioError, match="unknown protocol 'harbour'; did you mean 'harbor'"):
            small_world([trader(protocol="harbour")])

    def test_a_cut_of_all_or_more_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.ann.params.cut: .*less than 1.* got 1.5"):
            small_world([trader(cut=1.5)])


class TestThinBooks:
    def test_an_order_is_filled_only_as_far_as_its_price_allows(self) -> None:
        change = {"venues.harbor-book.markets.BTC.depth": 1000.0, "venues.harbor-book.markets.ETH.depth": 1000.0}
        sold, price = [], []
        for slippage in (0.02, 0.9):
            model = small_world([trader(cut=0.05, slippage=slippage, band=1.0)], change, prices=fall(-0.05))
            (agent,) = model.inhabitants
            assert isinstance(agent, LeveragedTrader)
            model.run()
            sold.append(0.9 - agent.size(agent.target, agent.accounts[0][1], 0))
            moves = model.world.log.frame("price_moves").filter(market="BTC-PERP", cause="trades")
            price.append((moves["amount"] / 47_500.0).to_list())
        assert sold[0] < sold[1] == pytest.approx(0.9)
        assert all(abs(move) <= 0.03 for move in price[0])
        assert min(price[1]) < -0.03
