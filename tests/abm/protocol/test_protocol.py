"""A protocol's money and trades: initial margin, collar, fees, deposits, withdrawals and a run on them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import ISOLATED
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench

IMPACT = {"venues.harbor-book.impact.enabled": True}


def order(bench: Bench, *orders: tuple[int, int, float]) -> list[float]:
    """Trade (account, market, size) together; what each got."""
    accounts, markets, sizes = zip(*orders, strict=True)
    return bench.protocol.trade(bench.rows(*accounts), np.array(markets), np.array(sizes)).tolist()


class TestInitialMargin:
    def test_it_allows_up_to_the_limit_and_refuses_beyond(self) -> None:
        """1,000 USD at 5 % carry 20,000 USD: 0.4 BTC."""
        bench = Bench()
        ann, bob = bench.account("ann", 1000.0), bench.account("bob", 1000.0)
        assert order(bench, (ann, BTC, 0.4), (bob, BTC, 0.4001)) == [0.4, 0.0]
        assert order(bench, (ann, ETH, -0.01)) == [0.0]
        bench.audit()

    def test_what_reduces_passes_though_the_margin_is_short(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.4)])
        bench.move(BTC=49_500.0)
        assert order(bench, (ann, BTC, 0.001)) == [0.0]
        assert order(bench, (ann, BTC, -0.3)) == [-0.3]
        assert order(bench, (ann, BTC, -0.1)) == pytest.approx([-0.1])
        assert bench.equity(ann) == pytest.approx(800.0)

    def test_a_flip_needs_the_margin_of_what_it_opens(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.4)])
        assert order(bench, (ann, BTC, -0.8001)) == [0.0]
        assert order(bench, (ann, BTC, -0.8)) == [-0.8]

    def test_haircuts_count(self) -> None:
        """1 ETH at 2,000 with a haircut of 10 % carries 36,000 USD."""
        bench = Bench()
        ann = bench.account("ann", coins={HOME: 1.0})
        assert order(bench, (ann, BTC, 0.7201)) == [0.0]
        assert order(bench, (ann, BTC, 0.72)) == [0.72]

    def test_the_fraction_rises_with_open_interest(self) -> None:
        """Base 5 %, from 1M of open notional to 3M up to one: at 2M it is 52.5 % (dYdX v4)."""
        change = {"protocols.harbor.markets.BTC.oi_lower": 1e6, "protocols.harbor.markets.BTC.oi_upper": 3e6}
        bench = Bench(change=change)
        bench.account("whale", 1e7, held=[(BTC, 40.0)])
        ann = bench.account("ann", 1000.0)
        bench.move()
        assert bench.protocol.terms.imf[BTC] == pytest.approx(0.525)
        assert bench.protocol.terms.imf[ETH] == 0.05
        assert order(bench, (ann, BTC, 0.04)) == [0.0]

    def test_a_scaled_requirement_scales_the_initial_one_with_it(self) -> None:
        bench = Bench()
        bench.protocol.margin_scale[BTC] = 3.0
        bench.move()
        assert bench.protocol.terms.mmf.tolist() == pytest.approx([0.09, 0.03])
        assert bench.protocol.terms.imf.tolist() == pytest.approx([0.15, 0.05])

    @given(
        size=st.floats(-40.0, 40.0).filter(lambda s: abs(s) > 1e-3), fee=st.sampled_from([0.0, 0.001, 0.01]),
        held=st.sampled_from([0.0, 2.0, -2.0]), deposit=st.floats(1e4, 1e5),
    )  # fmt: skip
    @settings(max_examples=25, deadline=None)
    def test_who_was_admitted_still_has_its_initial_margin_after_impact_and_fee(
        self, size: float, fee: float, held: float, deposit: float
    ) -> None:
        bench = Bench(change=IMPACT | {"venues.harbor-book.fee": fee, "venues.harbor-book.markets.BTC.spread": 0.001})
        ann = bench.account("ann", deposit, held=[(BTC, held)] if held else [])
        bench.move()
        got = order(bench, (ann, BTC, size))[0]
        p = bench.protocol
        view = p.engine.assess(p.ledger, p.terms, bench.rows(ann))
        assert got in (0.0, size)
        if got and abs(held + size) > abs(held):
            assert view.margin_equity[0] >= view.im[0] - 1e-6
        bench.audit()

    def test_impact_alone_can_be_too_much(self) -> None:
        """0.39 of the depth moves the book by 0.62 %, which leverage of 19.5 does not have to spare."""
        thin = IMPACT | {"venues.harbor-book.markets.BTC.depth": 50_000.0}
        for change, got in ((IMPACT, 0.39), (thin, 0.0)):
            bench = Bench(change=change)
            ann = bench.account("ann", 1000.0)
            assert order(bench, (ann, BTC, 0.39)) == [got]


class TestIsolated:
    def test_an_isolated_account_holds_one_position(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 1e5, mode=ISOLATED)
        assert order(bench, (ann, BTC, 0.1)) == [0.1]
        assert order(bench, (ann, ETH, 0.1)) == [0.0]
        assert order(bench, (ann, BTC, 0.1)) == [0.1]
        assert order(bench, (ann, BTC, -0.2)) == pytest.approx([-0.2])
        assert order(bench, (ann, ETH, 0.1)) == [0.1]


class TestCollar:
    def test_the_heavier_side_is_cut_in_proportion_and_the_lighter_is_not(self) -> None:
        """Net demand of 20 against a collar of 0.5 %: f(V) = 1 % sqrt(V/D) lets a quarter of the depth through."""
        bench = Bench(change=IMPACT | {"venues.harbor-book.impact.collar": 0.005})
        ann, bob, cat = (bench.account(name, 1e7) for name in ("ann", "bob", "cat"))
        depth = 2e7 / 50_000.0
        got = order(bench, (ann, BTC, 200.0), (cat, BTC, -100.0), (bob, BTC, 100.0))
        room = 0.25 * depth
        assert got[1] == -100.0
        assert got[0] == pytest.approx(2.0 * got[2])
        assert sum(got) == pytest.approx(room)
        assert bench.size(ann) == got[0]
        bench.audit()

    def test_without_room_nobody_gets_anything(self) -> None:
        bench = Bench(change=IMPACT | {"venues.harbor-book.impact.collar": 0.001})
        ann, bob = bench.account("ann", 1e7), bench.account("bob", 1e7)
        order(bench, (ann, BTC, 100.0))
        assert order(bench, (bob, BTC, 1.0)) == [0.0]
        assert bench.size(bob) == 0.0


class TestPrices:
    def test_orders_of_a_market_meet_each_other_at_one_price_and_only_the_rest_moves_it(self) -> None:
        bench = Bench(change=IMPACT)
        ann, bob = bench.account("ann", 1e6), bench.account("bob", 1e6)
        assert order(bench, (ann, BTC, 1.0), (bob, BTC, -1.0)) == [1.0, -1.0]
        assert bench.table("price_moves") == []
        order(bench, (ann, BTC, 2.0), (bob, BTC, -1.0))
        (move,) = bench.table("price_moves")
        assert (move["volume"], move["cause"]) == (1.0, "trades")
        assert bench.equity(ann) + bench.equity(bob) == pytest.approx(2e6 - move["amount"])

    @pytest.mark.parametrize("kind", ["mark", "oracle", "index", "last"])
    def test_a_breach_is_decided_by_the_protocols_own_price(self, kind: str) -> None:
        bench = Bench(change=IMPACT | {"protocols.harbor.breach_price": kind})
        ann = bench.account("ann", 1e7)
        order(bench, (ann, BTC, 100.0))
        bench.protocol.refresh(bench.world.now)
        moved = bench.protocol.terms.price[BTC] != 50_000.0
        assert moved == (kind == "last")
        assert bench.protocol.price(kind)[BTC] == bench.protocol.terms.price[BTC]

    def test_fees_go_to_the_protocol(self) -> None:
        bench = Bench(change={"venues.harbor-book.fee": 0.001})
        ann, bob = bench.account("ann", 1e4), bench.account("bob", 1e4)
        order(bench, (ann, BTC, 1.0), (bob, BTC, -0.5))
        assert bench.protocol.fees == pytest.approx(75.0)
        assert (bench.equity(ann), bench.equity(bob)) == (pytest.approx(9950.0), pytest.approx(9975.0))
        bench.audit()

    def test_the_previous_mark_is_that_of_the_block_before(self) -> None:
        bench = Bench()
        bench.block(BTC=49_000.0)
        bench.block(BTC=48_000.0)
        assert bench.protocol.marks.mark[BTC] == 48_000.0
        assert bench.protocol.previous_mark(BTC) == 49_000.0


class TestFunding:
    def test_longs_pay_shorts_through_one_number(self) -> None:
        bench = Bench()
        ann, bob = bench.account("ann", 1e4), bench.account("bob", 1e4)
        bench.against(ann, bob, BTC, 0.5)
        quotes = bench.protocol.ledger.quote.copy()
        bench.protocol.settle_funding(BTC, 0.001)
        np.testing.assert_array_equal(bench.protocol.ledger.quote, quotes)
        assert (bench.equity(ann), bench.equity(bob)) == (9_975.0, 10_025.0)
        bench.hold(bob, BTC, 0.5)
        bench.protocol.settle_funding(BTC, -0.002)
        assert (bench.equity(ann), bench.equity(bob)) == (10_025.0, 10_025.0)
        bench.audit()


class TestDeposits:
    def test_coins_at_home_count_at_once(self) -> None:
        bench = Bench()
        ann = bench.account("ann")
        p, holder = bench.protocol, int(bench.protocol.ledger.holder[bench.row(ann)])
        bench.world.treasury.inject(holder, p.coin_tokens[HOME], 2.0)
        p.deposit(bench.rows(ann), np.array([1.5]), HOME)
        assert bench.equity(ann) == pytest.approx(3000.0)
        assert p.ledger.deposited[bench.row(ann)] == pytest.approx(3000.0)
        assert bench.world.treasury.balance[holder, p.coin_tokens[HOME]] == 0.5
        bench.audit()

    def test_two_deposits_of_one_account_in_one_call_both_count(self) -> None:
        bench = Bench()
        ann = bench.account("ann")
        p, holder = bench.protocol, int(bench.protocol.ledger.holder[bench.row(ann)])
        bench.give(holder, p.cash_token, 300.0)
        p.deposit(bench.rows(ann, ann), np.array([100.0, 200.0]))
        assert bench.equity(ann) == 300.0
        bench.audit()


def run_on(**change: Any) -> tuple[Bench, int, int]:
    """Ann, long on remote collateral, against Bob, short with cash at home; neither fund nor vault has any."""
    bench = Bench({"fund": 0.0, "vault": 0.0}, change)
    ann = bench.account("ann", coins={AWAY: 20_000.0})
    bob = bench.account("bob", 3_000.0)
    bench.against(ann, bob, BTC, 1.0)
    return bench, ann, bob


class TestWithdrawals:
    def test_the_initial_margin_binds(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        assert bench.protocol.withdrawable(bench.row(ann)) == pytest.approx(250.0)
        assert bench.protocol.withdraw(bench.row(ann), 1e9) == pytest.approx(250.0)
        assert bench.protocol.withdraw(bench.row(ann), 10.0) == 0.0
        holder = int(bench.protocol.ledger.holder[bench.row(ann)])
        assert bench.world.treasury.balance[holder, bench.protocol.cash_token] == pytest.approx(250.0)
        assert bench.protocol.queue == []
        bench.audit()

    def test_nothing_is_paid_of_a_negative_request(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 1000.0)
        assert bench.protocol.withdraw(bench.row(ann), -5.0) == 0.0
        assert bench.equity(ann) == 1000.0

    def test_cash_on_the_chain_binds_and_the_rest_queues_until_the_bridge_brings_it_home(self) -> None:
        """BTC falls to 45,000: Bob is worth 8,000, of which 5,750 are free, and 3,000 are here."""
        bench, ann, bob = run_on()
        bench.block(BTC=45_000.0)
        assert bench.protocol.withdraw(bench.row(bob), 1e9) == pytest.approx(3_000.0)
        assert bench.protocol.queue == [(bob, pytest.approx(2_750.0))]
        (queued,) = bench.table("events", kind="queued")
        assert (queued["account"], queued["amount"]) == (bob, pytest.approx(2_750.0))
        bench.block()  # what Ann owes here is called in: finality 10 s and relay 20 s
        assert bench.protocol.ledger.coins[bench.row(ann), AWAY] == pytest.approx(15_000.0)
        bench.block(29.0)
        assert bench.protocol.queue != []
        bench.block(1.0)
        assert bench.protocol.queue == []
        paid = [e["amount"] for e in bench.table("events", kind="withdraw")]
        assert paid == [pytest.approx(-3_000.0), pytest.approx(-2_750.0)]
        assert bench.equity(bob) == pytest.approx(2_250.0)

    def test_a_run_is_served_in_order_of_asking(self) -> None:
        bench, _, bob = run_on()
        cat = bench.account("cat", 500.0)
        bench.block(BTC=45_000.0)
        bench.protocol.withdraw(bench.row(bob), 1e9)
        assert bench.protocol.withdraw(bench.row(cat), 400.0) == 0.0
        dan = bench.account("dan", 100.0)
        assert bench.protocol.withdraw(bench.row(dan), 100.0) == 0.0
        assert [account for account, _ in bench.protocol.queue] == [bob, cat, dan]
        bench.block(1.0)
        bench.block(40.0)
        assert bench.protocol.queue == []
        paid = [e["account"] for e in bench.table("events", kind="withdraw")]
        assert paid == [bob, bob, cat, dan] or paid == [bob, bob, bob, cat, dan]

    def test_who_has_lost_its_margin_while_waiting_gets_no_more(self) -> None:
        bench, _, bob = run_on()
        bench.block(BTC=45_000.0)
        bench.protocol.withdraw(bench.row(bob), 1e9)
        bench.block()
        bench.block(50.0, BTC=48_000.0)
        assert bench.protocol.queue == []
        assert len(bench.table("events", kind="withdraw")) == 1

    def test_a_halted_bridge_keeps_the_queue_waiting(self) -> None:
        bench, ann, bob = run_on(**{"bridges.span.halts": [[0.0, 100.0]]})
        bench.block(BTC=45_000.0)
        bench.protocol.withdraw(bench.row(bob), 1e9)
        for _ in range(3):
            bench.block(30.0)
        assert bench.protocol.queue == [(bob, pytest.approx(2_750.0))]
        assert bench.protocol.ledger.coins[bench.row(ann), AWAY] == 20_000.0
        bench.block(30.0)
        bench.block(40.0)
        assert bench.protocol.queue == []

    def test_nothing_is_called_in_while_nobody_waits(self) -> None:
        bench, ann, _ = run_on()
        for _ in range(3):
            bench.block(30.0, BTC=45_000.0)
        assert bench.protocol.ledger.coins[bench.row(ann), AWAY] == 20_000.0


class TestAudit:
    @pytest.mark.parametrize(
        ("what", "spoil"),
        [
            ("cash USDC", lambda p: p.ledger.quote.__setitem__(0, p.ledger.quote[0] + 1.0)),
            ("cash USDC", lambda p: setattr(p, "fund", p.fund + 1.0)),
            ("collateral ETH@alpha", lambda p: p.ledger.coins.__setitem__((-1, HOME), 1.0)),
            ("collateral USDC@beta", lambda p: p.ledger.coins.__setitem__((-1, AWAY), 1.0)),
            ("positions BTC-PERP", lambda p: p.ledger.slot_size.__setitem__((-1, 0), 0.2)),
        ],
    )
    def test_what_does_not_add_up_is_named(self, what: str, spoil: Any) -> None:
        bench = Bench()
        bench.account("ann", 1000.0, held=[(BTC, 0.1)])
        assert all(abs(e) < 1e-12 for e in bench.protocol.errors().values())
        spoil(bench.protocol)
        assert [name for name, e in bench.protocol.errors().items() if abs(e) > 1e-9] == [what]
