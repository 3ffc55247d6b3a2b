"""Signs, and the reserves of pools."""

from typing import Any

import numpy as np
import pytest

from abm.errors import AuditError
from abm.model import CrossMarginModel, Turn
from abm.timetable import on_grid
from abm.world import World
from tests.agents.worlds import description, small_world

POOL = {
    "name": "pond", "kind": "amm", "chain": "beta", "fee": 0.001,
    "markets": [{"asset": "ETH", "depth": 1e5}, {"asset": "BTC", "depth": 2e5}],
}  # fmt: skip


def pond(**change: Any) -> World:
    return small_world([], venues=[*description()["venues"], POOL | change]).world


def wallet(world: World, **coins: float) -> int:
    row = world.treasury.holder("wallet")
    for asset, amount in coins.items():
        world.treasury.inject(row, world.treasury.token(asset, "beta"), amount)
    return row


def wrong(world: World) -> dict[str, float]:
    return {what: error for what, error in world.audit().items() if not abs(error) <= 1e-9}


class TestPools:
    def test_they_open_with_their_reserves_in_the_treasury(self) -> None:
        world = pond()
        pool, books = world.treasury.holder("pool:pond"), world.books
        eth, btc = books.find("pond", "ETH"), books.find("pond", "BTC")
        held = {a: float(world.treasury.balance[pool, world.treasury.token(a, "beta")]) for a in ("USDC", "ETH", "BTC")}
        assert held == {
            "USDC": pytest.approx(books.dollars[eth] + books.dollars[btc]), "ETH": books.coins[eth],
            "BTC": books.coins[btc],
        }  # fmt: skip
        assert min(held.values()) > 0.0
        assert not wrong(world)

    def test_swaps_go_through_them_and_fees_do_not(self) -> None:
        world = pond()
        book, me = world.books.find("pond", "ETH"), wallet(world, USDC=1e6, ETH=20.0)
        for volume in (5.0, -12.0, 3.0, -1.0):
            assert world.spot_trade(me, book, volume, "trades").volume == volume
        pool, token = world.treasury.holder("pool:pond"), world.treasury.token("ETH", "beta")
        assert world.treasury.balance[pool, token] == pytest.approx(float(world.books.coins[book]), rel=1e-12)
        assert world.treasury.balance[world.treasury.holder("fees:pond"), world.treasury.token("USDC", "beta")] > 0.0
        assert not world.treasury.balance[world.treasury.outside].any()
        assert not wrong(world)

    def test_reserves_that_differ_from_the_books_are_found(self) -> None:
        world = pond()
        world.books.coins[world.books.find("pond", "ETH")] *= 1.001
        assert list(wrong(world)) == ["pool pond ETH"]

    def test_a_pool_whose_trades_move_no_price_stands_for_outside(self) -> None:
        world = pond(impact={"enabled": False})
        book, me = world.books.find("pond", "ETH"), wallet(world, USDC=1e6)
        assert world.spot_trade(me, book, 5.0, "trades").volume == 5.0
        assert world.treasury.balance[world.treasury.outside, world.treasury.token("ETH", "beta")] == -5.0
        assert not wrong(world)


class TestSigns:
    def test_a_negative_balance_is_found_even_where_sums_are_right(self) -> None:
        world = small_world().world
        token = world.treasury.token("ETH", "alpha")
        rows = [world.treasury.holder("a"), world.treasury.holder("b")]
        world.treasury.balance[rows, token] += (-3.0, 3.0)
        assert wrong(world) == {"overdraft ETH@alpha": pytest.approx(-0.5)}

    def test_a_negative_coin_of_an_account_is_found_even_where_sums_are_right(self) -> None:
        world = small_world().world
        world.protocols["harbor"].ledger.coins[:, 0] += (-2.0, 2.0)
        assert wrong(world) == {"harbor overdraft ETH@alpha": pytest.approx(-2.0)}

    def test_it_stops_a_run(self) -> None:
        model = small_world([], audit={"interval": 0.0})
        fault = Fault(model)
        with pytest.raises(AuditError, match=r"overdraft USDC@alpha is off by -\S+ of the gross at time 31.0 s"):
            model.run()
        assert fault.model.time == 31.0


class Fault:
    """Takes from a holder by hand what it has not, and gives it to another."""

    def __init__(self, model: CrossMarginModel) -> None:
        self.model = model
        self.event = model.schedule_recurring(self.strike, on_grid(30.0, 1e9), priority=Turn.REST)

    def strike(self) -> None:
        treasury = self.model.world.treasury
        rows = np.array([treasury.holder("a"), treasury.holder("b")])
        treasury.balance[rows, treasury.token("USDC", "alpha")] += (-1.0, 1.0)
