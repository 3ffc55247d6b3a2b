"""The other side of trades: makers by what they quote, the street for the rest."""

import numpy as np
import pytest

from tests.abm.protocol.bench import BTC, ETH, Bench


def with_makers(**change: object) -> tuple[Bench, int, int, int]:
    """Ann trades; two makers quote 3M and 2M of a depth of 20M in BTC."""
    bench = Bench(change=change)
    ann = bench.account("ann", 1e6)
    first, second = bench.account("mia", 1e6), bench.account("moe", 1e6)
    bench.protocol.counterparty.quote(first, BTC, 3e6)
    bench.protocol.counterparty.quote(second, BTC, 2e6)
    return bench, ann, first, second


def buy(bench: Bench, account: int, size: float, market: int = BTC) -> float:
    return float(bench.protocol.trade(bench.rows(account), np.array([market]), np.array([size]))[0])


def street(bench: Bench, market: int = BTC) -> float:
    return float(bench.protocol.ledger.size(np.array([bench.protocol.street]), market)[0])


def test_makers_take_their_share_of_the_depth_and_the_street_the_rest() -> None:
    bench, ann, first, second = with_makers()
    assert buy(bench, ann, 10.0) == 10.0
    assert (bench.size(first), bench.size(second)) == (pytest.approx(-1.5), pytest.approx(-1.0))
    assert street(bench) == pytest.approx(-7.5)
    bench.audit()


def test_a_maker_that_quotes_more_than_the_depth_takes_no_more_than_all() -> None:
    bench, ann, first, second = with_makers()
    bench.protocol.counterparty.quote(first, BTC, 58e6)
    buy(bench, ann, 6.0)
    assert bench.size(first) + bench.size(second) == pytest.approx(-6.0)
    assert street(bench) == pytest.approx(0.0)


def test_a_new_quote_replaces_the_old_one_and_makes_the_books_depth() -> None:
    bench, ann, first, second = with_makers()
    book = int(bench.protocol.books[BTC])
    assert bench.world.books.maker_depth[book] == 5e6
    bench.protocol.counterparty.quote(first, BTC, 0.0)
    assert bench.world.books.maker_depth[book] == 2e6
    buy(bench, ann, 10.0)
    assert (bench.size(first), bench.size(second)) == (0.0, pytest.approx(-1.0))


def test_other_markets_are_the_streets() -> None:
    bench, ann, first, _ = with_makers()
    buy(bench, ann, 10.0, ETH)
    assert bench.size(first, ETH) == 0.0
    assert street(bench, ETH) == -10.0


def test_only_those_who_traded_have_changed() -> None:
    bench, ann, first, second = with_makers()
    bench.protocol.counterparty.quote(second, BTC, 0.0)
    bench.move(5.0)
    buy(bench, ann, 1.0)
    changed = bench.protocol.ledger.changed[bench.rows(ann, first, second)]
    assert changed.tolist() == [5.0, 5.0, 0.0]


def test_a_maker_in_breach_takes_nothing_and_its_own_liquidation_heals_it() -> None:
    bench, ann, first, second = with_makers(**{"protocols.harbor.liquidation.route": "book"})
    bench.hold(first, BTC, 390.0)
    bench.move(BTC=48_600.0)
    buy(bench, ann, 0.1)
    bench.block(BTC=48_500.0)
    assert [b["account"] for b in bench.table("breaches")] == [first]
    assert sum(r["quantity"] for r in bench.table("liquidations", account=first)) < -100.0
    assert bench.size(second) > 10.0
    assert not bench.in_breach(first)


class TestStreet:
    def test_it_puts_up_what_its_leverage_asks_for_from_outside(self) -> None:
        bench = Bench(change={"protocols.harbor.street_leverage": 4.0})
        bench.account("ann", 1e6, held=[(BTC, 10.0)])
        bench.protocol.counterparty.street_call()
        view = bench.protocol.engine.assess(
            bench.protocol.ledger, bench.protocol.terms, np.array([bench.protocol.street])
        )
        assert (view.notional[0], view.equity[0]) == (500_000.0, pytest.approx(125_000.0))
        (call,) = bench.table("events", kind="street_call")
        assert call["amount"] == pytest.approx(125_000.0)
        bench.audit()

    def test_it_is_asked_for_no_more_than_is_missing(self) -> None:
        bench = Bench()
        bench.account("ann", 1e6, held=[(BTC, 10.0)])
        for _ in range(2):
            bench.protocol.counterparty.street_call()
        assert len(bench.table("events", kind="street_call")) == 1
        bench.move(BTC=40_000.0)
        bench.protocol.counterparty.street_call()
        assert len(bench.table("events", kind="street_call")) == 1
