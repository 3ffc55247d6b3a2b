"""What inhabitants may do to the world: send, trade spot, move coins between exchanges and chains."""

from typing import Any

import numpy as np
import pytest

from abm.chains.chain import Inclusion
from abm.errors import ScenarioError
from abm.world import World
from tests.agents.worlds import description, small_world


def world(**change: Any) -> World:
    return small_world([], change).world


def holder(at: World, **coins: float) -> int:
    """A wallet; coins as USDC_alpha=5.0."""
    row = at.treasury.holder("wallet")
    for name, amount in coins.items():
        at.treasury.inject(row, at.treasury.token(*name.split("_")), amount)
    return row


def holds(at: World, row: int, asset: str, place: str) -> float:
    return float(at.treasury.balance[row, at.treasury.token(asset, place)])


def sound(at: World) -> bool:
    return all(abs(e) < 1e-9 for e in at.audit().values())


class TestOpening:
    def test_vault_and_fund_have_their_capital_and_the_street_has_none(self) -> None:
        at = world()
        harbor = at.protocols["harbor"]
        view = harbor.engine.assess(harbor.ledger, harbor.terms, np.array([harbor.street, harbor.vault]))
        assert view.equity.tolist() == [0.0, 1e6]
        assert harbor.fund == 1e5
        assert not harbor.ordinary().any()
        assert holds(at, harbor.holder, "USDC", "alpha") == 1.1e6
        assert sound(at)

    def test_every_asset_can_lie_on_every_chain_and_exchange(self) -> None:
        assert set(world().treasury.tokens) == {
            (a, p) for a in ("USDC", "BTC", "ETH") for p in ("alpha", "beta", "bourse")
        }

    def test_prices_number_through_all_protocols(self) -> None:
        data = description()
        second = {
            "name": "quay",
            "chain": "alpha",
            "venue": "harbor-book",
            "oracle": "feed",
            "markets": [{"asset": "ETH"}],
        }
        at = small_world(protocols=[*data["protocols"], second]).world
        # two markets and two collaterals on the first
        assert [p.first_price for p in at.protocols.values()] == [0, 4]

    def test_a_market_without_a_spot_book_has_no_index(self) -> None:
        data = description()
        data["venues"][1]["markets"] = [{"asset": "ETH", "depth": 1e7}]
        with pytest.raises(ScenarioError, match=r"protocols.harbor.mark: no spot market of BTC for its index; add one"):
            small_world(venues=data["venues"])

    @pytest.mark.parametrize(("assets", "where"), [(["ETH"], "markets.0: feed has no price of BTC"),
                                                   (["BTC"], "markets.1: feed has no price of ETH")])  # fmt: skip
    def test_an_oracle_prices_the_coins_of_all_markets(self, assets: list[str], where: str) -> None:
        with pytest.raises(ScenarioError, match=f"protocols.harbor.{where}; add a source that trades it, or its asset"):
            world(**{"oracles.feed.assets": assets})

    def test_an_oracle_needs_a_source_for_each_asset(self) -> None:
        with pytest.raises(ScenarioError, match=r"oracles.feed.assets: none of its sources trades USDC; name a venue"):
            world(**{"oracles.feed.assets": ["USDC", "ETH", "BTC"]})


class TestPrices:
    def test_a_coins_price_is_the_mean_of_its_spot_books_and_a_dollar_is_one(self) -> None:
        data = description()
        data["venues"].append({"name": "kiosk", "markets": [{"asset": "ETH", "depth": 1e5}]})
        at = small_world(venues=data["venues"]).world
        at.tape.execute(at.books.find("kiosk", "ETH"), -10.0, "trades")
        prices = [float(at.books.last[b]) for b in at.spots["ETH"]]
        assert prices[1] < prices[0] == 2000.0
        assert at.price("ETH") == pytest.approx(np.mean(prices))
        assert at.price("USDC") == 1.0
        by_token = dict(zip(at.treasury.tokens, at.prices_by_token(), strict=True))
        assert by_token["ETH", "beta"] == at.price("ETH")
        assert by_token["BTC", "alpha"] == 50_000.0

    def test_coins_of_a_venue_lie_on_its_chain_or_on_the_exchange_itself(self) -> None:
        at = world()
        assert (at.place("harbor-book"), at.place("bourse")) == ("alpha", "bourse")
        with pytest.raises(KeyError, match="nowhere"):
            at.place("nowhere")

    def test_cohorts_are_numbered_as_they_come(self) -> None:
        at = world()
        first = at.cohort("retail")
        assert at.cohort("whales") == first + 1
        assert at.cohort("retail") == first
        assert at.cohorts[:2] == ["street:harbor", "vault:harbor"]

    def test_stress_is_realised_over_usual_volatility_less_one(self) -> None:
        at = world(**{"assets.*.volatility": 0.5})
        assert at.stress() == pytest.approx(0.0)
        at.tape.enter("", 0, 1.0)
        at.books.variance[:] = 9.0 * at.books.usual**2
        assert at.stress() == pytest.approx(2.0)

    def test_without_any_volatility_there_is_none(self) -> None:
        assert world().stress() == 0.0


class TestSubmit:
    def test_a_transaction_arrives_after_its_latency_and_a_jitter_of_its_own(self) -> None:
        at, seen = world(), []

        def run(inclusion: Inclusion) -> None:
            seen.append((inclusion.transaction.sender, inclusion.transaction.sequence, inclusion.transaction.arrival))

        for _ in range(2):
            at.submit("ann", "alpha", "order", run, latency=0.5, jitter=0.2)
        at.submit("bob", "alpha", "order", run, latency=0.5, jitter=0.2)
        for inclusion in at.chains["alpha"].produce(10.0):
            inclusion.transaction.run(inclusion)
        assert {(sender, n) for sender, n, _ in seen} == {("ann", 0), ("ann", 1), ("bob", 0)}
        expected = {
            (s, n): 0.5 + 0.2 * float(at.draws.exponential("latency", s, n))
            for s, n in (("ann", 0), ("ann", 1), ("bob", 0))
        }  # fmt: skip
        assert {(s, n): t for s, n, t in seen} == expected
        assert len(set(expected.values())) == 3

    def test_another_sender_more_changes_nobodys_arrival(self) -> None:
        arrivals = []
        for crowd in ([], ["bob", "cat"]):
            at = world()
            for sender in (*crowd, "ann"):
                at.submit(sender, "alpha", "order", lambda _: None, jitter=0.2)
            included = at.chains["alpha"].produce(10.0)
            arrivals += [i.transaction.arrival for i in included if i.transaction.sender == "ann"]
        assert arrivals[0] == arrivals[1]


class TestSpot:
    def test_a_purchase_pays_price_and_fee_out_of_the_wallet(self) -> None:
        at = world(**{"venues.bourse.fee": 0.001})
        book, wallet = at.books.find("bourse", "ETH"), holder(at, USDC_bourse=1e5)
        fill = at.spot_trade(wallet, book, 10.0, "trades")
        assert fill.volume == 10.0
        assert holds(at, wallet, "ETH", "bourse") == 10.0
        assert holds(at, wallet, "USDC", "bourse") == pytest.approx(1e5 - 10.0 * fill.price * 1.001)
        assert holds(at, at.treasury.outside, "USDC", "bourse") == pytest.approx(10.0 * fill.price)
        assert holds(at, at.treasury.outside, "ETH", "bourse") == -10.0
        assert holds(at, at.treasury.holder("fees:bourse"), "USDC", "bourse") == pytest.approx(0.01 * fill.price)
        assert at.tape.round == 1
        assert sound(at)

    def test_it_is_cut_to_what_the_wallet_holds(self) -> None:
        at = world(**{"venues.bourse.fee": 0.001})
        book, wallet = at.books.find("bourse", "ETH"), holder(at, USDC_bourse=1000.0, ETH_bourse=0.3)
        assert at.spot_trade(wallet, book, -5.0, "trades").volume == -0.3
        cash = holds(at, wallet, "USDC", "bourse")
        fill = at.spot_trade(wallet, book, 5.0, "trades")
        assert fill.volume * fill.price * 1.001 <= cash
        assert fill.volume * fill.price * 1.001 == pytest.approx(cash, rel=1e-3)
        assert holds(at, wallet, "USDC", "bourse") >= -1e-9
        assert at.spot_trade(wallet, book, 0.0, "trades").volume == 0.0

    def test_an_empty_wallet_trades_nothing(self) -> None:
        at = world()
        wallet = holder(at)
        assert at.spot_trade(wallet, at.books.find("bourse", "ETH"), 1.0, "trades").volume == 0.0
        assert at.spot_trade(wallet, at.books.find("bourse", "ETH"), -1.0, "trades").volume == 0.0
        assert at.log.counts["price_moves"] == 0


class TestTransfer:
    def test_coins_arrive_after_the_exchanges_delay(self) -> None:
        at = world()
        wallet = holder(at, ETH_bourse=5.0)
        assert at.transfer(wallet, "ETH", "bourse", "alpha", 3.0) == 3.0
        assert holds(at, wallet, "ETH", "bourse") == 2.0
        at.tape.enter("alpha", 1, 119.0)
        at.deliver_transfers()
        assert holds(at, wallet, "ETH", "alpha") == 0.0
        assert sound(at)
        at.tape.enter("alpha", 1, 120.0)
        at.deliver_transfers()
        assert holds(at, wallet, "ETH", "alpha") == 3.0
        assert at.transfers == []
        assert sound(at)

    def test_a_chain_that_is_out_sends_nothing_and_takes_what_is_due_when_it_is_back(self) -> None:
        at = world(**{"chains.alpha.outages": [[100.0, 200.0]]})
        wallet = holder(at, ETH_bourse=5.0, ETH_alpha=5.0)
        at.transfer(wallet, "ETH", "bourse", "alpha", 3.0)
        at.transfer(wallet, "ETH", "alpha", "bourse", 1.0)
        at.tape.enter("bourse", 1, 150.0)
        assert at.transfer(wallet, "ETH", "alpha", "bourse", 1.0) == 0.0
        at.deliver_transfers()
        assert (holds(at, wallet, "ETH", "alpha"), holds(at, wallet, "ETH", "bourse")) == (4.0, 3.0)
        assert sound(at)
        at.tape.enter("bourse", 1, 200.0)
        at.deliver_transfers()
        assert (holds(at, wallet, "ETH", "alpha"), at.transfers) == (7.0, [])

    def test_no_more_than_there_is_and_nothing_of_nothing(self) -> None:
        at = world()
        wallet = holder(at, ETH_bourse=5.0)
        assert at.transfer(wallet, "ETH", "bourse", "alpha", 9.0) == 5.0
        assert at.transfer(wallet, "ETH", "bourse", "alpha", 9.0) == 0.0
        assert at.transfer(wallet, "ETH", "bourse", "alpha", -9.0) == 0.0

    def test_a_suspended_exchange_gives_and_takes_nothing(self) -> None:
        at = world(**{"venues.bourse.suspended": [[10.0, 20.0]]})
        wallet = holder(at, ETH_bourse=5.0, ETH_alpha=5.0)
        for time, moved in ((10.0, 0.0), (19.9, 0.0), (20.0, 1.0)):
            at.tape.enter("", 0, time)
            assert at.transfer(wallet, "ETH", "bourse", "alpha", 1.0) == moved
            assert at.transfer(wallet, "ETH", "alpha", "bourse", 1.0) == moved

    def test_between_chains_there_are_bridges_only(self) -> None:
        at = world()
        assert at.transfer(holder(at, ETH_alpha=5.0), "ETH", "alpha", "beta", 1.0) == 0.0
