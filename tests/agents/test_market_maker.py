"""A market maker in a small world."""

from typing import Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.market_maker import MarketMaker
from tests.agents.worlds import fall, small_world

LIVELY = {"assets.BTC.volatility": 0.5, "assets.ETH.volatility": 0.5}


def maker(**params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "capital": 1e6, "depth": {"BTC": 2e6, "ETH": 1e6}}
    return {"kind": "market_maker", "name": "mia", "cadence": 2.0, "params": keys | params}


def trader(long_share: float = 1.0, capital: float = 1e5) -> dict[str, Any]:
    keys = {"protocol": "harbor", "markets": ["BTC"], "capital": capital, "leverage": 10.0, "long_share": long_share}
    return {"kind": "trader", "name": "ann", "cadence": 1000.0, "params": keys}


def the_maker(model: CrossMarginModel) -> MarketMaker:
    (agent,) = (a for a in model.inhabitants if isinstance(a, MarketMaker))
    return agent


def quoted(agent: MarketMaker) -> list[float]:
    """What it quotes, USD by market: it is the only maker."""
    return [float(d) for d in agent.world.books.maker_depth[agent.target.books]]


def held(agent: MarketMaker, market: int = 0) -> float:
    return agent.size(agent.target, agent.account, market)


def give(agent: MarketMaker, size: float) -> None:
    """A position in BTC before the clock starts."""
    agent.hold(agent.target, agent.account, 0, size)


class TestQuotes:
    def test_it_opens_with_its_base_depth(self) -> None:
        agent = the_maker(small_world([maker()]))
        assert quoted(agent) == [2e6, 1e6]

    def test_its_depth_stands_behind_the_book_once_it_has_filled(self) -> None:
        model = small_world([maker()])
        model.run()
        books = model.world.books
        assert books.depth[the_maker(model).target.books[0]] == pytest.approx(2e7 + 2e6, rel=0.01)

    def test_depth_falls_exponentially_with_volatility_and_loss(self) -> None:
        agent = the_maker(small_world([maker(volatility_response=0.5, loss_response=3.0)], LIVELY))
        books, at = agent.world.books, agent.target.books[0]
        books.variance[at] = (3.0 * books.usual[at]) ** 2
        agent.target.ledger.quote[agent.target.ledger.row(agent.account)] -= 1e5
        assert agent.wanted() == pytest.approx([2e6 * np.exp(-0.5 * 2.0 - 0.3), 1e6 * np.exp(-0.3)])

    def test_a_crash_takes_depth_away(self) -> None:
        model = small_world([maker()], LIVELY, prices=fall(-0.05))
        model.run()
        agent = the_maker(model)
        assert 0.0 < quoted(agent)[0] < 0.5 * 2e6
        assert quoted(agent) == pytest.approx(agent.wanted(), abs=0.05 * 2e6)

    def test_calm_makes_no_transactions(self) -> None:
        model = small_world([maker()])
        model.run()
        assert the_maker(model).actions == 0


class TestFills:
    def test_it_takes_its_share_of_others_trades(self) -> None:
        model = small_world([maker(), trader()])
        agent, p = the_maker(model), the_maker(model).target
        ann = np.array([p.ledger.row(model.inhabitants[0].accounts[0][1])])  # type: ignore[attr-defined]
        before, depth = held(agent), float(model.world.books.depth[p.books[0]])
        (got,) = p.trade(ann, np.array([0]), np.array([-2.0]))
        assert got == -2.0
        assert held(agent) - before == pytest.approx(2.0 * 2e6 / depth)

    def test_it_earns_the_spread(self) -> None:
        model = small_world([maker(), trader()])
        agent, p = the_maker(model), the_maker(model).target
        ann = np.array([p.ledger.row(model.inhabitants[0].accounts[0][1])])  # type: ignore[attr-defined]
        for size in (1.0, -1.0):
            p.trade(ann, np.array([0]), np.array([size]))
        assert held(agent) == pytest.approx(0.0, abs=1e-12)
        assert agent.wealth() > 1e6 + 100.0

    def test_money_is_conserved_through_a_crash(self) -> None:
        crowd = {
            "kind": "cohort", "name": "retail", "cadence": 10.0,
            "params": {"protocol": "harbor", "accounts": 200, "leverage": 8.0, "trades": 500.0},
        }  # fmt: skip
        model = small_world([maker(capital=2e5), crowd], LIVELY, prices=fall(-0.15))
        model.run()
        assert model.world.log.counts["liquidations"] > 0
        assert the_maker(model).actions > 0
        assert max(model.audits.values()) < 1e-9


class TestInventory:
    def test_what_is_beyond_the_limit_is_traded_away_and_no_more(self) -> None:
        model = small_world([maker(limit=0.5)])
        agent = the_maker(model)
        give(agent, 60.0)
        model.run()
        limit = 0.5 * 2e6 / float(agent.target.terms.price[0])
        assert held(agent) == pytest.approx(limit, rel=0.02)
        assert held(agent) <= limit * 1.001

    def test_it_does_not_trade_more_than_the_depth_bears(self) -> None:
        model = small_world([maker(reduce=0.01)])
        agent = the_maker(model)
        give(agent, 60.0)
        model.run()
        trades = model.world.log.frame("price_moves").filter(market="BTC-PERP")
        assert len(trades) > 1
        assert (trades["volume"].abs() * 50_000.0 <= 0.0101 * trades["depth"]).all()

    def test_thin_margin_withdraws_its_quotes_until_it_has_traded_down(self) -> None:
        model = small_world([maker(capital=3e5)])
        agent = the_maker(model)
        give(agent, 100.0)
        seen = []

        def look() -> None:
            seen.append((agent.present, quoted(agent), held(agent)))

        model.schedule_event(look, at=4.5)
        model.run()
        assert seen[0][:2] == (False, [0.0, 0.0])
        assert 60.0 < seen[0][2] < 100.0
        assert agent.present
        assert quoted(agent) == pytest.approx(agent.wanted(), rel=0.05)
        assert 0.0 < held(agent) < 50.0

    def test_a_maker_in_breach_quotes_nothing(self) -> None:
        model = small_world([maker(capital=3e5, reduce=1e-4)], prices=fall(-0.06, at=5.0, over=1.0))
        agent = the_maker(model)
        give(agent, 100.0)
        model.run()
        assert model.world.log.frame("breaches")["account"].to_list()[0] == agent.account
        assert quoted(agent) == [0.0, 0.0]
        assert agent.wealth() >= 0.0

    def test_auto_deleveraging_takes_its_capital_and_its_hedge(self) -> None:
        rule = {"waterfall": ["adl"], "adl": {"trigger": "account_negative"}, "backstop_after": 5.0}
        model = small_world(
            [maker(limit=2.0), trader(capital=2e5)],
            {"protocols.harbor.liquidation": rule},
            prices=fall(-0.15, over=0.0),
        )
        agent = the_maker(model)
        give(agent, -40.0)
        model.run()
        taken = model.world.log.frame("events").filter(kind="adl", account=agent.account)["amount"].sum()
        given_up = model.world.log.frame("losses").filter(layer="adl", account=agent.account)["amount"].sum()
        assert taken > 30.0
        assert given_up > 1000.0 * taken
        assert held(agent) == pytest.approx(-40.0 + taken)
        price = float(agent.target.terms.price[0])
        whole = 1e6 + 40.0 * (50_000.0 - price)
        assert agent.equity(agent.target, agent.account) == pytest.approx(whole - given_up, abs=1000.0)


class TestErrors:
    def test_an_asset_without_a_market_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.mia.params: harbor has no market of 'BTX'; did you mean 'BTC'"
        ):
            small_world([maker(depth={"BTX": 1e6})])

    def test_a_maker_without_a_market_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.mia.params.depth: is empty; give at least one"):
            small_world([maker(depth={})])

    def test_it_cannot_return_below_where_it_withdraws(self) -> None:
        with pytest.raises(ScenarioError, match=r"return_above 1.0 lies under withdraw_below 1.5"):
            small_world([maker(return_above=1.0)])

    def test_an_unknown_protocol_is_named(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.mia.params.protocol: unknown protocol 'habor'; did you mean"):
            small_world([maker(protocol="habor")])
