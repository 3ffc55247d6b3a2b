"""An arbitrageur in a small world with a second exchange and a pool."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.arbitrageur import Arbitrageur
from agents.legs import RESERVE
from agents.stores import Stores
from tests.agents.worlds import description, fall, small_world

SECOND: dict[str, Any] = {
    "name": "market", "transfer_delay": 20.0,
    "markets": [{"asset": "BTC", "depth": 1e7}, {"asset": "ETH", "depth": 5e6}],
}  # fmt: skip
POOL: dict[str, Any] = {"name": "pool", "kind": "amm", "chain": "alpha", "markets": [{"asset": "ETH", "depth": 2e5}]}
NOISE: dict[str, Any] = {"venue_noise": 0.003, "venue_noise_persistence": 600.0}
SPOTS = [("bourse/BTC", "market/BTC")]


def arbitrageur(name: str = "abe", **params: Any) -> dict[str, Any]:
    return {"kind": "arbitrageur", "name": name, "cadence": 1.0, "params": {"capital": 4e6} | params}


def world(*agents: dict[str, Any], change: dict[str, Any] | None = None, **tables: Any) -> CrossMarginModel:
    """The small world with a second exchange, whose transfers take 20 s, and a pool of ETH."""
    return small_world(agents, change, venues=[*description()["venues"], SECOND, POOL], **tables)


def the_arbitrageur(model: CrossMarginModel) -> Arbitrageur:
    (agent,) = (a for a in model.inhabitants if isinstance(a, Arbitrageur))
    return agent


def moves(model: CrossMarginModel, venue: str = "") -> pl.DataFrame:
    """Price moves that arbitrage made."""
    found = model.world.log.frame("price_moves").filter(cause="arbitrage")
    return found.filter(venue=venue) if venue else found


def gap(model: CrossMarginModel, one: str, other: str) -> float:
    """Mean absolute relative gap of BTC between two venues after the first minute."""
    markets = model.world.log.frame("markets").filter(pl.col("time") >= 60.0)
    prices = [
        markets.filter(pl.col("market").is_in(["BTC", "BTC-PERP"]), venue=venue)["last"].to_numpy()
        for venue in (one, other)
    ]
    return float(np.mean(np.abs(prices[0] / prices[1] - 1.0)))


class TestPool:
    def test_it_pulls_the_pool_to_the_market_within_fees(self) -> None:
        model = world(arbitrageur(assets=["ETH"], capital=4e7), prices=fall(-0.05, over=0.0))
        model.run()
        books = model.world.books
        pool, spot = books.find("pool", "ETH"), books.find("bourse", "ETH")
        costs = 0.003 + 0.0003 + 0.5 * float(books.spread[spot])
        assert abs(float(books.last[pool] / books.last[spot]) - 1.0) < costs + 1e-4

    def test_alone_the_pool_stays_where_it_was(self) -> None:
        model = world(prices=fall(-0.05))
        model.run()
        books = model.world.books
        assert books.last[books.find("pool", "ETH")] == pytest.approx(2000.0)

    def test_it_earns_on_it(self) -> None:
        model = world(
            arbitrageur(assets=["ETH"], inventory=0.2), prices=fall(-0.05, over=0.0),
            change={"protocols.harbor.mark.index": ["bourse", "market"]},
        )  # fmt: skip
        agent = the_arbitrageur(model)
        model.run()
        price = model.world.price("ETH")
        alone = 4e6 - 0.2 * 3.0 * 1e6 * (1.0 - price / 2000.0)
        assert agent.wealth() > alone + 1000.0


class TestBasis:
    @pytest.mark.parametrize(("one", "other"), [("bourse", "market"), ("harbor-book", "bourse")])
    def test_it_narrows_the_gap_between_venues(self, one: str, other: str) -> None:
        record = {"record.markets": 1.0}
        gaps = []
        for agents in ((), (arbitrageur(assets=["BTC"], capital=4e7),)):
            model = world(*agents, prices=NOISE, change=record)
            model.run()
            gaps.append(gap(model, one, other))
        assert gaps[1] < 0.3 * gaps[0]

    def test_more_capital_closes_it_faster(self) -> None:
        gaps = []
        for capital in (1e6, 4e6, 1.6e7):
            model = world(arbitrageur(capital=capital, pairs=SPOTS), prices=NOISE, change={"record.markets": 1.0})
            model.run()
            gaps.append(gap(model, "bourse", "market"))
        assert gaps[0] > 1.1 * gaps[1] > 1.5 * gaps[2]

    def test_each_trade_is_at_most_its_part_of_the_free_capital(self) -> None:
        model = world(arbitrageur(trade=0.01, pairs=SPOTS), prices=NOISE)
        model.run()
        assert len(moves(model)) > 10
        assert (moves(model)["volume"].abs() * 50_000.0).max() < 1.1 * 0.01 * 4e6

    def test_prices_that_agree_are_left_alone(self) -> None:
        model = world(arbitrageur())
        model.run()
        assert len(moves(model)) == 0
        assert the_arbitrageur(model).actions == 0

    def test_it_buys_what_it_sells_and_stays_neutral(self) -> None:
        model = world(arbitrageur(), prices=NOISE | fall(-0.05))
        agent = the_arbitrageur(model)
        before = {asset: agent.exposure(asset) for asset in ("BTC", "ETH")}
        model.run()
        assert len(moves(model)) > 50
        for asset, coins in before.items():
            assert (agent.exposure(asset) - coins) * model.world.price(asset) == pytest.approx(0.0, abs=5e4)

    def test_several_do_not_close_the_same_gap_twice(self) -> None:
        change = {"record.markets": 1.0, "agents.abe.count": 5}
        model = world(arbitrageur(capital=2e7, assets=["BTC"]), prices=NOISE, change=change)
        model.run()
        alone = world(prices=NOISE, change={"record.markets": 1.0})
        alone.run()
        assert gap(model, "bourse", "market") < 0.3 * gap(alone, "bourse", "market")
        assert max(model.audits.values()) < 1e-9

    def test_only_the_pairs_that_are_named_are_traded(self) -> None:
        model = world(arbitrageur(pairs=SPOTS), prices=NOISE)
        model.run()
        assert set(moves(model)["venue"]) == {"bourse", "market"}
        assert set(moves(model)["market"]) == {"BTC"}

    def test_another_order_of_inhabitants_changes_nothing(self) -> None:
        crowd = {
            "kind": "cohort", "name": "retail", "cadence": 10.0,
            "params": {"protocol": "harbor", "accounts": 50, "leverage": 5.0, "trades": 500.0},
        }  # fmt: skip
        seen = []
        for agents in ((arbitrageur(), crowd), (crowd, arbitrageur())):
            model = world(*agents, prices=NOISE)
            model.run()
            seen.append(model.world.log.frame("price_moves"))
        assert seen[0].equals(seen[1])
        assert len(seen[0]) > 50


class TestLegs:
    def test_a_leg_that_fails_is_squared(self) -> None:
        change = {"chains.alpha.outages": [[60.0, 150.0]], "chains.alpha.expiry": 20.0}
        model = world(
            arbitrageur(pairs=[("harbor-book/BTC-PERP", "bourse/BTC")], capital=4e7), prices=NOISE | fall(-0.02), change=change
        )  # fmt: skip
        agent = the_arbitrageur(model)
        neutral = agent.exposure("BTC")
        open_ = []

        def look() -> None:
            open_.append(abs(agent.exposure("BTC") - neutral) * 50_000.0)

        for k in range(60, 80):
            model.schedule_event(look, at=k + 0.5)
        model.run()
        assert max(open_) > 1e4
        assert abs(agent.exposure("BTC") - neutral) * 50_000.0 < 5e3

    def test_a_liquidated_leg_is_made_good(self) -> None:
        model = world(arbitrageur(assets=["BTC"], refill_every=5.0))
        agent, p = the_arbitrageur(model), model.world.protocols["harbor"]
        neutral = agent.exposure("BTC")
        (account,) = (a for q, a in agent.accounts if q is p)

        def take() -> None:
            rows, markets = np.array([p.ledger.row(account), p.street]), np.array([0, 0])
            p.ledger.trade(rows, markets, np.array([-2.0, 2.0]), p.terms.price[markets], p.funding, p.tape.time)

        model.schedule_event(take, at=60.5)
        model.run()
        assert agent.exposure("BTC") == pytest.approx(neutral, abs=0.01)
        assert agent.actions > 0


class TestMeans:
    def test_capital_lies_at_every_place_alike(self) -> None:
        agent = the_arbitrageur(world(arbitrageur(capital=6e6)))
        places = [("USDC", "bourse", 1e6), ("USDC", "market", 1e6), ("BTC", "bourse", 10.0), ("ETH", "market", 250.0)]
        for asset, place, amount in places:
            assert agent.holds(asset, place) == pytest.approx(amount)
        assert agent.equity(*agent.accounts[0]) == pytest.approx(0.9e6)
        assert agent.wealth() == pytest.approx(6e6)
        assert agent.free_capital() == pytest.approx(6e6)

    def test_who_has_no_coins_left_sells_no_more(self) -> None:
        lasting = {"venue_noise": 0.02, "venue_noise_persistence": 1e6}
        model = world(arbitrageur(capital=1e5, trade=1.0, pairs=SPOTS, refill_every=1e4), prices=lasting)
        model.run()
        agent = the_arbitrageur(model)
        assert min(agent.holds("BTC", place) for place in ("bourse", "market")) == pytest.approx(0.0, abs=1e-9)
        assert moves(model)["time"].max() < 60.0

    def test_transfers_bring_coins_and_cash_back(self) -> None:
        lasting = {"venue_noise": 0.02, "venue_noise_persistence": 1e6}
        model = world(arbitrageur(capital=1e5, trade=1.0, pairs=SPOTS, refill_every=10.0), prices=lasting)
        model.run()
        assert moves(model)["time"].max() > 200.0
        assert max(model.audits.values()) < 1e-9

    def test_a_suspended_exchange_stops_them(self) -> None:
        lasting = {"venue_noise": 0.02, "venue_noise_persistence": 1e6}
        suspended = {"venues.bourse.suspended": [[0.0, 1e4]]}
        model = world(
            arbitrageur(capital=1e5, trade=1.0, pairs=SPOTS, refill_every=10.0), prices=lasting, change=suspended
        )
        model.run()
        assert moves(model)["time"].max() < 60.0
        assert model.world.transfers == []

    def test_an_account_that_has_lost_is_topped_up_and_keeps_fees_back(self) -> None:
        model = world(arbitrageur(capital=6e6, refill_every=10.0))
        agent, p = the_arbitrageur(model), model.world.protocols["harbor"]
        (account,) = (a for q, a in agent.accounts if q is p)
        p.ledger.quote[p.ledger.row(account)] -= 8e5
        p.ledger.quote[p.street] += 8e5
        model.run()
        assert agent.equity(p, account) > 0.6e6
        assert agent.holds("USDC", "alpha") >= 0.9 * RESERVE
        assert max(model.audits.values()) < 1e-9

    def test_an_account_that_has_won_is_drawn_down(self) -> None:
        model = world(arbitrageur(capital=6e6, refill_every=10.0))
        agent, p = the_arbitrageur(model), model.world.protocols["harbor"]
        (account,) = (a for q, a in agent.accounts if q is p)
        p.ledger.quote[p.ledger.row(account)] += 8e5
        p.ledger.quote[p.street] -= 8e5
        before = agent.holds("USDC", "alpha")
        model.run()
        assert agent.equity(p, account) == pytest.approx(0.9e6, rel=0.01)
        assert agent.holds("USDC", "alpha") == pytest.approx(before + 8e5, rel=0.01)

    def test_between_chains_a_bridge_carries_it(self) -> None:
        model = world(arbitrageur(capital=6e6))
        agent, bridge = the_arbitrageur(model), model.world.bridges["span"]
        stores = Stores(agent, 0.5, 100.0, 3.0)
        stores.bring("USDC", "beta", 1e5)
        stores.shares["USDC", "alpha"] = 8e5
        wealth = agent.wealth()
        seen: list[float] = []

        def send(chain: str, kind: str, run: Any) -> None:
            assert (chain, kind) == ("alpha", "transfer")
            run()
            seen.append(agent.holds("USDC", "alpha") + stores.everywhere("USDC"))

        def drain() -> None:
            stores.owner.world.treasury.inject(agent.holder, agent.world.treasury.token("USDC", "beta"), -9e4)
            stores.owner.world.treasury.inject(agent.holder, agent.world.treasury.token("USDC", "alpha"), 1e6)
            stores.shares = {("USDC", "alpha"): 8e5, ("USDC", "beta"): 1e5}
            stores.refill(send)

        model.schedule_event(drain, at=30.5)
        model.run()
        assert len(seen) == 1
        assert [m.amount for m in bridge.messages if m.kind == "transfer"] == [pytest.approx(9e4)]
        assert agent.holds("USDC", "beta") == pytest.approx(1e5)
        assert stores.bridged_value() == pytest.approx(0.0)
        assert agent.wealth() == pytest.approx(wealth + 9.1e5, rel=1e-3)


class TestErrors:
    def test_an_asset_that_trades_nowhere_is_named(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.abe.params.assets: 'ETC' trades nowhere; did you mean 'ETH'"):
            world(arbitrageur(assets=["ETC"]))

    def test_a_book_that_is_not_there_is_named(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.abe.params.pairs: 'burse/BTC' is no book .*did you mean 'bourse/BTC'"
        ):
            world(arbitrageur(pairs=[("burse/BTC", "market/BTC")]))

    @pytest.mark.parametrize("pair", [("bourse/BTC", "market/ETH"), ("bourse/BTC", "bourse/BTC")])
    def test_a_pair_is_two_books_of_one_coin(self, pair: tuple[str, str]) -> None:
        with pytest.raises(ScenarioError, match=r"a pair is two different books of one coin; name two, or add a venue"):
            world(arbitrageur(pairs=[pair]))

    def test_the_part_of_a_trade_is_at_most_one(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.abe.params.trade: .*less than or equal to 1, got 1.5"):
            world(arbitrageur(trade=1.5))
