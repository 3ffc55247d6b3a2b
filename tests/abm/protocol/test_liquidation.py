"""Serving a breach: how much is closed, what it costs, and collateral that is sold."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.engine import Terms
from abm.protocol.liquidation import (
    close_positions,
    sell_collateral,
    wanted,
    wanted_kernel,
    wanted_kernel_python,
    worst_first,
)
from tests.abm.margin.ledgers import ENGINE, ledgers
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench

BOOK = {"route": "book", "fund": 0.0, "vault": 0.0, "dust": 0.0}


def fallen(rule: dict[str, Any] | None = None, change: dict[str, Any] | None = None, price: float = 48_000.0) -> Bench:
    """Ann, long 0.3 BTC on 1,000 USD; at 48,000 she is worth 400 and should have 432."""
    bench = Bench(BOOK | (rule or {}), change)
    bench.account("ann", 1000.0, held=[(BTC, 0.3)])
    bench.block()
    bench.block(BTC=price)
    return bench


class TestPartial:
    def test_it_restores_the_target_and_no_more(self) -> None:
        """400 - 480 x = 1.2 * 1,440 (0.3 - x), with 480 the penalty and 1,440 the requirement of a coin."""
        bench = fallen({"least": 0.0})
        (done,) = bench.table("liquidations")
        assert done["quantity"] == pytest.approx(-(1.2 * 1_440.0 * 0.3 - 400.0) / (1.2 * 1_440.0 - 480.0))
        assert (done["price"], done["penalty"]) == (48_000.0, pytest.approx(-0.01 * 48_000.0 * done["quantity"]))
        (ann,) = {r["account"] for r in bench.table("breaches")}
        view = bench.protocol.engine.assess(bench.protocol.ledger, bench.protocol.terms, bench.rows(ann))
        assert view.free_margin[0] == pytest.approx(0.2 * view.mm[0])
        assert not bench.in_breach(ann)

    def test_least_is_the_smallest_part_of_a_position(self) -> None:
        bench = fallen({"least": 0.9})
        assert [r["quantity"] for r in bench.table("liquidations")] == [pytest.approx(-0.27)]

    def test_dust_is_closed_whole(self) -> None:
        assert [r["quantity"] for r in fallen({"dust": 14_400.0}).table("liquidations")] == [pytest.approx(-0.3)]
        assert len(fallen({"dust": 14_000.0, "least": 0.2}).table("liquidations")) == 1
        assert bench_size(fallen({"dust": 14_000.0})) > 0.0

    def test_whole_closes_all_of_it(self) -> None:
        bench = fallen({"policy": "whole"})
        assert [r["quantity"] for r in bench.table("liquidations")] == [pytest.approx(-0.3)]
        assert bench_size(bench) == 0.0

    def test_the_largest_requirement_goes_first(self) -> None:
        bench = Bench(BOOK)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.1), (ETH, 5.0)])
        bench.move(BTC=47_000.0, ETH=1_940.0)
        protocol, rows = bench.protocol, bench.rows(ann)
        slots, quantities, parts = wanted(protocol, rows, protocol.engine.assess(protocol.ledger, protocol.terms, rows))
        assert parts[0] == protocol.engine.requirement(protocol.ledger, protocol.terms, rows)[0, slots[0]]
        assert bench.protocol.ledger.slot_market[bench.row(ann), slots[0]] == ETH
        assert 0.0 < quantities[0] < 5.0

    @given(
        case=ledgers(), whole=st.booleans(), target=st.floats(0.0, 1.0), least=st.floats(0.0, 1.0),
        dust=st.sampled_from([0.0, 5_000.0]),
    )  # fmt: skip
    @settings(max_examples=60, deadline=None)
    def test_kernel_and_reference_are_equal_and_want_the_largest(
        self, case: tuple[Ledger, Terms], whole: bool, target: float, least: float, dust: float
    ) -> None:
        book, at = case
        rows = np.arange(len(book))[::-1].copy()
        view, needs = ENGINE.assess(book, at, rows), ENGINE.requirement(book, at, rows)
        given_ = (
            rows, book.slot_market, book.slot_size, needs, at.price, view.equity, view.margin_equity, view.mm, whole,
            target, 0.01, least, dust,
        )  # fmt: skip
        slots, quantities, parts = wanted_kernel(*given_)
        for found, other in zip((slots, quantities, parts), wanted_kernel_python(*given_), strict=True):
            np.testing.assert_array_equal(found, other)
        size = np.abs(book.slot_size[rows, slots])
        np.testing.assert_array_equal(parts, needs.max(axis=1))
        assert np.all((least * size <= quantities) & (quantities <= size))
        if whole:
            np.testing.assert_array_equal(quantities, size)

    def test_worst_first_goes_by_free_margin_over_maintenance(self) -> None:
        bench = Bench(BOOK)
        big = bench.account("big", 10_000.0, held=[(BTC, 4.0)])
        small = bench.account("small", 1_000.0, held=[(BTC, 0.42)])
        twin = bench.account("twin", 1_000.0, held=[(BTC, 0.42)])
        bench.move(BTC=48_000.0)
        free = np.zeros(len(bench.protocol.ledger))
        for account in (big, small, twin):
            free[bench.row(account)] = bench.free(account)
        rows, _ = worst_first(bench.protocol, bench.rows(big, small, twin), free)
        ids = bench.protocol.ledger.id[rows].tolist()
        # big: 2,000 against 5,760; the others: 160 against 605
        assert ids == [*sorted((small, twin)), big]


def bench_size(bench: Bench) -> float:
    (ann,) = {r["account"] for r in bench.table("breaches")}
    return bench.size(ann)


class TestPenalty:
    def test_it_is_at_most_the_equity_and_goes_to_the_fund(self) -> None:
        """At 46,700 she is worth 10 USD; 1 % of the notional would be 140."""
        bench = fallen(price=46_700.0)
        (done,) = bench.table("liquidations")
        assert done["penalty"] == pytest.approx(10.0)
        assert bench.protocol.fund == pytest.approx(10.0)
        assert [e["amount"] for e in bench.table("events", kind="penalty")] == [pytest.approx(-10.0)]

    def test_who_is_worth_nothing_pays_none(self) -> None:
        bench = fallen(price=46_000.0)
        assert [r["penalty"] for r in bench.table("liquidations")] == [0.0]
        assert bench.protocol.fund == 0.0


class TestTogether:
    def test_executions_of_a_round_share_one_move_by_their_signed_volume(self) -> None:
        """Two longs and a hedged short in one market: prices move once, by the net."""
        bench = Bench(BOOK | {"policy": "whole"}, {"venues.harbor-book.impact.enabled": True})
        accounts = [bench.account(n, 1000.0, held=[(BTC, 0.3)]) for n in ("ann", "bob")]
        accounts.append(bench.account("cat", 1_800.0, held=[(BTC, -0.1), (ETH, 8.0)]))
        bench.block()
        bench.block(BTC=47_900.0, ETH=1_790.0)
        first = [r for r in bench.table("liquidations") if r["round"] == 0 and r["market"] == "BTC-PERP"]
        assert len({r["move"] for r in first}) == 1
        assert sum(r["share"] for r in first) == pytest.approx(1.0)
        net = sum(r["quantity"] for r in first)
        assert [r["share"] for r in first] == [pytest.approx(r["quantity"] / net) for r in first]
        (move,) = [m for m in bench.table("price_moves") if m["move"] == first[0]["move"]]
        assert (move["cause"], move["volume"]) == ("liquidation", pytest.approx(net))
        assert len({r["price"] for r in first}) == 1

    @pytest.mark.parametrize(
        ("sizes", "shares"), [((1.0, 3.0), (0.25, 0.75)), ((3.0, -1.0), (1.5, -0.5))], ids=["one way", "against"]
    )
    def test_who_closes_more_has_more_of_the_move_and_who_closes_against_the_round_less_than_nothing(
        self, sizes: tuple[float, float], shares: tuple[float, float]
    ) -> None:
        bench = Bench(BOOK, {"venues.harbor-book.impact.enabled": True})
        pair = [bench.account(n, 1e5, held=[(BTC, size)]) for n, size in zip(("ann", "bob"), sizes, strict=True)]
        bench.move()
        close_positions(bench.protocol, bench.rows(*pair), np.zeros(2, np.int64), np.abs(sizes), ["", ""], "book")
        done = {r["account"]: r for r in bench.table("liquidations")}
        assert [done[a]["quantity"] for a in pair] == [pytest.approx(-size) for size in sizes]
        assert [done[a]["share"] for a in pair] == [pytest.approx(share) for share in shares]
        assert len({r["move"] for r in done.values()} - {-1}) == 1

    def test_liquidations_push_others_over_in_later_rounds_of_the_block(self) -> None:
        bench = Bench(
            BOOK | {"policy": "whole"},
            {"venues.harbor-book.impact.enabled": True, "protocols.harbor.breach_price": "last"}
            | {"venues.harbor-book.markets.BTC.depth": 1e6},
        )  # fmt: skip
        bench.account("ann", 10_000.0, held=[(BTC, 3.0)])
        bench.account("bob", 10_000.0, held=[(BTC, 2.97)])
        bench.block()
        bench.block(BTC=48_090.0)
        breaches = bench.table("breaches")
        assert [b["round"] for b in breaches] == [0, 1]
        assert len({b["block"] for b in breaches}) == 1
        assert [b["moves_seen"] for b in breaches] == [0, 1]

    def test_the_rounds_of_a_block_are_limited(self) -> None:
        bench = Bench(
            BOOK | {"policy": "whole", "rounds": 1},
            {"venues.harbor-book.impact.enabled": True, "protocols.harbor.breach_price": "last"}
            | {"venues.harbor-book.markets.BTC.depth": 1e6},
        )  # fmt: skip
        bench.account("ann", 10_000.0, held=[(BTC, 3.0)])
        bob = bench.account("bob", 10_000.0, held=[(BTC, 2.97)])
        bench.block()
        bench.block(BTC=48_090.0)
        assert [(b["account"] == bob, b["round"]) for b in bench.table("breaches")] == [(False, 0), (True, 1)]
        assert bench.table("liquidations", account=bob) == []
        assert bench.protocol.ledger.id[bench.protocol.liquidatable].tolist() == [bob]

    def test_so_are_the_executions_of_a_round(self) -> None:
        bench = Bench(BOOK | {"per_round": 2})
        for name in ("ann", "bob", "cat"):
            bench.account(name, 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=48_000.0)
        assert [r["round"] for r in bench.table("liquidations")] == [0, 0, 1]

    def test_an_order_that_the_band_does_not_let_through_is_not_sent(self) -> None:
        bench = Bench(
            BOOK | {"policy": "whole"},
            {"venues.harbor-book.impact": {"enabled": True, "collar": 0.0001}, "quiet": 1e9}
            | {"venues.harbor-book.markets.BTC.depth": 1e4},
        )  # fmt: skip
        ann = bench.account("ann", 100_000.0, held=[(BTC, 30.0)])
        bench.block()
        bench.block(BTC=48_000.0)
        assert bench.in_breach(ann)
        assert bench.table("liquidations") == []

    @pytest.mark.parametrize(("least", "sent"), [(0.0, True), (0.001, False)])
    def test_how_much_the_band_must_let_through_is_a_key(self, least: float, sent: bool) -> None:
        bench = Bench(
            BOOK | {"policy": "whole", "least_fill": least},
            {"venues.harbor-book.impact": {"enabled": True, "collar": 0.0001}, "quiet": 1e9}
            | {"venues.harbor-book.markets.BTC.depth": 1e4},
        )  # fmt: skip
        bench.account("ann", 100_000.0, held=[(BTC, 30.0)])
        bench.block()
        bench.block(BTC=48_000.0)
        assert bool(bench.table("liquidations")) is sent


class TestCollateral:
    def debtor(self, rule: dict[str, Any], coins: dict[int, float], debt: float) -> tuple[Bench, int]:
        """An account that owes, without positions, on coins that count nothing."""
        bench = Bench(BOOK | rule)
        ann = bench.account("ann", debt, coins=coins)
        bench.hold(ann, BTC, 1.0)
        bench.move(BTC=50_000.0 - 2.0 * debt)
        bench.hold(ann, BTC, -1.0)
        bench.protocol.haircut[:] = 1.0
        return bench, ann

    def test_coins_are_sold_for_the_debt_and_a_penalty(self) -> None:
        bench, ann = self.debtor({}, {HOME: 1.0}, 990.0)
        bench.block()
        (sale,) = bench.table("liquidations")
        assert (sale["market"], sale["price"], sale["route"]) == ("ETH", 2_000.0, "book")
        assert sale["quantity"] == pytest.approx(-0.5)
        assert sale["penalty"] == pytest.approx(10.0)
        assert bench.protocol.ledger.quote[bench.row(ann)] == pytest.approx(0.0, abs=1e-9)
        assert bench.protocol.ledger.coins[bench.row(ann), HOME] == pytest.approx(0.5)
        assert bench.protocol.fund == pytest.approx(10.0)

    def debtors(self, change: dict[str, Any], rule: dict[str, Any] | None = None) -> tuple[Bench, list[int]]:
        """Ann owes 990 and Bob three times as much; both have coins for it, and spot trades move the price."""
        bench = Bench(BOOK | (rule or {}), {"venues.bourse.impact.enabled": True} | change)
        pair = [bench.account(n, 990.0 * k, coins={HOME: 10.0}) for n, k in (("ann", 1.0), ("bob", 3.0))]
        for account, size in zip(pair, (1.0, 3.0), strict=True):
            bench.hold(account, BTC, size)
        bench.move(BTC=50_000.0 - 1_980.0)
        for account, size in zip(pair, (1.0, 3.0), strict=True):
            bench.hold(account, BTC, -size)
        return bench, pair

    def test_sales_of_a_round_share_the_move_of_the_spot_price_by_their_volume(self) -> None:
        bench, pair = self.debtors({})
        sell_collateral(bench.protocol, bench.rows(*pair), ["", ""], "book")
        sales = {r["account"]: r for r in bench.table("liquidations")}
        assert [sales[a]["quantity"] for a in pair] == [pytest.approx(-0.5), pytest.approx(-1.5)]
        assert [sales[a]["share"] for a in pair] == [pytest.approx(0.25), pytest.approx(0.75)]
        (move,) = bench.table("price_moves")
        assert (move["venue"], {r["move"] for r in sales.values()}) == ("bourse", {move["move"]})

    @pytest.mark.parametrize(("least", "sent"), [(0.0, True), (0.5, False)])
    def test_a_sale_that_the_band_does_not_let_through_is_not_sent(self, least: float, sent: bool) -> None:
        thin = {"venues.bourse.impact": {"enabled": True, "collar": 0.0001}, "venues.bourse.markets.ETH.depth": 1e4}
        bench, pair = self.debtors(thin, {"least_fill": least})
        sell_collateral(bench.protocol, bench.rows(*pair), ["", ""], "book")
        sold = -sum(r["quantity"] for r in bench.table("liquidations"))
        assert (0.0 < sold < 0.5 * 2.0) if sent else sold == 0.0

    def test_what_all_coins_do_not_cover_is_a_deficit(self) -> None:
        bench, ann = self.debtor({}, {HOME: 0.3}, 990.0)
        bench.block()
        assert bench.equity(ann) == 0.0
        (loss,) = bench.table("losses")
        assert (loss["layer"], loss["amount"]) == ("bad_debt", pytest.approx(990.0 - 600.0))

    def test_remote_dollars_go_before_coins_are_sold(self) -> None:
        bench, ann = self.debtor({}, {HOME: 1.0, AWAY: 2_000.0}, 990.0)
        bench.block()
        assert bench.table("liquidations") == []
        assert bench.protocol.ledger.coins[bench.row(ann)].tolist() == [1.0, pytest.approx(1_010.0)]

    def test_on_the_keeper_route_solvent_accounts_are_left_to_keepers_until_it_is_late(self) -> None:
        bench, ann = self.debtor({"route": "keeper", "backstop_after": 30.0}, {HOME: 1.0}, 990.0)
        bench.block()
        assert bench.in_breach(ann)
        assert bench.table("liquidations") == []
        bench.block(30.0)
        assert not bench.in_breach(ann)
        assert len(bench.table("liquidations")) == 1

    def test_insolvent_ones_are_not_as_no_keeper_would_come(self) -> None:
        bench, ann = self.debtor({"route": "keeper", "backstop_after": 30.0}, {HOME: 0.3}, 990.0)
        bench.block()
        assert not bench.in_breach(ann)
        assert [r["amount"] for r in bench.table("losses")] == [pytest.approx(390.0)]
