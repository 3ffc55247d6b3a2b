"""The legs of an arbitrage: what can be traded, at what price, and how much of it pays."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import CROSS
from abm.model import CrossMarginModel
from abm.protocol.subaccounts import open_account
from abm.venues.amm import swap_in, swap_out
from abm.world import World
from agents.legs import (
    RESERVE,
    Account,
    PerpLeg,
    SpotLeg,
    closing_size,
    marginal_price,
    pool_purchase,
    pool_sale,
    size_within,
)
from tests.agents.worlds import description, small_world

POOL: dict[str, Any] = {"name": "pool", "kind": "amm", "chain": "alpha", "markets": [{"asset": "ETH", "depth": 1e6}]}


def world(**change: Any) -> World:
    """A world with a pool of ETH, whose books open at 2,000 USD."""
    return small_world((), change, venues=[*description()["venues"], POOL]).world


def book(w: World, name: str) -> int:
    venue, market = name.split("/")
    return w.books.find(venue, market)


def lift(w: World, name: str, factor: float) -> int:
    """Move a book's price, as if it always had been there."""
    at = book(w, name)
    for column in (w.books.exogenous, w.books.open_price, w.books.last):
        column[at] *= factor
    return at


class TestPools:
    @given(price=st.floats(1.0, 1e5), skew=st.floats(0.5, 2.0), fee=st.floats(0.0, 0.02), depth=st.floats(1e3, 1e8))
    @settings(max_examples=40, deadline=None)
    def test_the_closed_form_earns_most(self, price: float, skew: float, fee: float, depth: float) -> None:
        coins, dollars = depth / price, depth
        outside = price * skew
        v = pool_purchase(coins, dollars, fee, outside)
        w = pool_sale(coins, dollars, fee, outside)
        assert (v == 0.0) or (w == 0.0)

        def bought(size: float) -> float:
            return outside * size - swap_in(size, dollars, coins, fee)

        def sold(size: float) -> float:
            return swap_out(size, coins, dollars, fee) - outside * size

        for size, earned in ((v, bought), (w, sold)):
            assert earned(size) >= max(earned(0.99 * size), earned(min(1.01 * size, size + 0.1 * coins))) - 1e-9 * depth
            assert earned(size) >= -1e-12 * depth

    def test_without_a_fee_the_pool_ends_at_the_outside_price(self) -> None:
        v = pool_purchase(1000.0, 2e6, 0.0, 2420.0)
        assert v == pytest.approx(1000.0 * (1.0 - 1.0 / 1.1))
        assert swap_in(v, 2e6, 1000.0, 0.0) == pytest.approx(2e5)
        assert pool_sale(1000.0, 2e6, 0.0, 2000.0 / 1.21) == pytest.approx(100.0)

    def test_within_the_fee_nothing_pays(self) -> None:
        assert pool_purchase(1000.0, 2e6, 0.003, 2005.0) == 0.0
        assert pool_sale(1000.0, 2e6, 0.003, 1995.0) == 0.0


class TestMarginalPrice:
    @pytest.mark.parametrize("volume", [30.0, -30.0])
    def test_on_a_pool_it_is_the_slope_of_the_bill(self, volume: float) -> None:
        w = world()
        at, step = book(w, "pool/ETH"), 1e-3
        more, less = ((volume + d) * w.books.quote(at, volume + d, 0.0) for d in (step, -step))
        assert marginal_price(w.books, at, volume, 0.0) == pytest.approx((more - less) / (2.0 * step), rel=1e-6)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_on_a_book_square_root_impact_counts_half_as_much_again(self, sign: float) -> None:
        w = world()
        at = book(w, "bourse/ETH")
        spread = 1.0 + sign * 0.5 * w.books.spread[at]
        impact = 0.01 * math.sqrt(50.0 * 2000.0 / 1e7)
        expected = 2000.0 * (1.0 + sign * 1.5 * impact) * spread
        assert marginal_price(w.books, at, sign * 50.0, 0.0) == pytest.approx(expected, rel=1e-6)

    def test_a_pool_sells_no_more_than_it_has(self) -> None:
        w = world()
        at = book(w, "pool/ETH")
        assert marginal_price(w.books, at, float(w.books.coins[at]), 0.0) == math.inf


class TestClosingSize:
    def test_between_books_it_is_four_ninths_of_what_closes_the_gap(self) -> None:
        w = world(**{"venues.harbor-book.markets.ETH.spread": 0.0, "venues.bourse.markets.ETH.spread": 0.0})
        cheap, dear = book(w, "bourse/ETH"), lift(w, "harbor-book/ETH-PERP", 1.01)
        size = closing_size(w.books, cheap, dear, 1e5, 0.0, 0.0)

        def gap(volume: float) -> float:
            return w.books.quote(dear, -volume, 0.0) - w.books.quote(cheap, volume, 0.0)

        assert gap(size * 9.0 / 4.0) == pytest.approx(0.0, abs=1e-3 * 20.0)
        assert size * gap(size) > max(0.9 * size * gap(0.9 * size), 1.1 * size * gap(1.1 * size))

    def test_against_a_deep_market_it_is_the_pools_closed_form(self) -> None:
        w = world(**{"venues.bourse.impact.enabled": False})
        pool, deep = book(w, "pool/ETH"), lift(w, "bourse/ETH", 1.05)
        outside = 2100.0 * (1.0 - 0.5 * float(w.books.spread[deep])) / 1.001
        expected = pool_purchase(float(w.books.coins[pool]), float(w.books.dollars[pool]), 0.003, outside)
        assert closing_size(w.books, pool, deep, 1e5, 0.001, 0.0) == pytest.approx(expected, rel=1e-3)

    def test_it_is_at_most_what_is_asked_for(self) -> None:
        w = world()
        cheap, dear = book(w, "bourse/ETH"), lift(w, "harbor-book/ETH-PERP", 1.05)
        assert closing_size(w.books, cheap, dear, 3.0, 0.0, 0.0) == 3.0

    def test_a_gap_that_costs_eat_up_is_left_alone(self) -> None:
        w = world(**{"venues.bourse.fee": 0.004, "venues.harbor-book.fee": 0.004})
        cheap, dear = book(w, "bourse/ETH"), lift(w, "harbor-book/ETH-PERP", 1.005)
        assert closing_size(w.books, cheap, dear, 1e3, 0.0, 0.0) == 0.0
        assert closing_size(w.books, book(w, "pool/ETH"), cheap, 1e3, 0.0, 0.0) == 0.0

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_a_limit_cuts_a_trade_to_what_it_allows(self, sign: float) -> None:
        w = world()
        at = book(w, "bourse/ETH")
        limit = w.books.quote(at, sign * 40.0, 0.0)
        assert size_within(w.books, at, sign * 100.0, limit, 0.0) == pytest.approx(sign * 40.0, rel=1e-3)
        assert size_within(w.books, at, sign * 10.0, limit, 0.0) == sign * 10.0
        assert abs(size_within(w.books, at, sign * 10.0, 2000.0 * (1.0 - 0.01 * sign), 0.0)) < 1e-3


class TestSpotLeg:
    def leg(self, cash: float, coins: float) -> SpotLeg:
        w = world(**{"venues.bourse.fee": 0.01})
        holder = w.treasury.holder("me")
        w.treasury.inject(holder, w.treasury.token("USDC", "bourse"), cash)
        w.treasury.inject(holder, w.treasury.token("ETH", "bourse"), coins)
        return SpotLeg(w, book(w, "bourse/ETH"), "ETH", "bourse", holder)

    def test_it_has_room_for_its_cash_less_the_reserve_and_for_its_coins(self) -> None:
        leg = self.leg(20_200.0 + RESERVE, 3.0)
        assert leg.name == "bourse/ETH"
        assert leg.room(1) == pytest.approx(10.0)
        assert leg.room(-1) == 3.0
        assert self.leg(50.0, 0.0).room(1) == 0.0

    def test_it_spends_no_reserve_and_sells_no_coin_it_has_not(self) -> None:
        leg = self.leg(20_200.0 + RESERVE, 3.0)
        bought = leg.trade(50.0)
        cash = leg.world.treasury.balance[leg.holder, leg.world.treasury.token("USDC", "bourse")]
        assert 9.0 < bought < 10.0
        assert RESERVE - 1e-6 <= cash < 2.0 * RESERVE
        assert leg.trade(-50.0) == pytest.approx(-3.0 - bought)

    def test_its_moves_are_arbitrage(self) -> None:
        leg = self.leg(1e5, 3.0)
        leg.trade(1.0)
        assert leg.world.log.frame("price_moves")["cause"].to_list() == ["arbitrage"]


class TestPerpLeg:
    def leg(self) -> tuple[CrossMarginModel, PerpLeg]:
        model = small_world()
        w, p = model.world, model.world.protocols["harbor"]
        owner = 7
        holder = int(w.treasury.add_owners(np.array([owner]))[0])
        row = open_account(p, owner, 8, mode=CROSS, cohort=w.cohort("me"))
        w.treasury.inject(holder, p.cash_token, 1e5)
        p.deposit(np.array([row]), np.array([1e5]))
        return model, PerpLeg(w, int(p.books[1]), "ETH", "alpha", Account(p, 8, 3.0), 1)

    def test_it_has_room_for_its_leverage_either_way(self) -> None:
        _, leg = self.leg()
        assert leg.room(1) == leg.room(-1) == pytest.approx(150.0)

    def test_a_position_takes_room_one_way_and_gives_it_the_other(self) -> None:
        _, leg = self.leg()
        leg.trade(100.0)
        assert leg.held() == pytest.approx(100.0)
        assert leg.room(1) == pytest.approx(50.0, abs=3.0)
        assert leg.room(-1) == pytest.approx(250.0, abs=3.0)

    def test_what_closes_is_always_possible(self) -> None:
        _, leg = self.leg()
        leg.trade(100.0)
        leg.account.protocol.ledger.quote[leg.account.row] -= 9e4
        assert leg.room(1) == 0.0
        assert leg.room(-1) >= 100.0
