"""Collateral on another chain: known when its message is final, worth less as that grows old."""

import math

import numpy as np
import pytest

from abm.assembly import sample_collateral
from tests.abm.protocol.bench import AWAY, BTC, Bench
from tests.agents.worlds import small_world

USUAL = 10.0 + 20.0 + 30.0
"""Seconds: finality, relay, interval between messages."""


def tell(bench: Bench) -> None:
    """The other chain sends its state, as it does every thirty seconds."""
    bridge = bench.world.bridges["span"]
    bridge.send(0.0, bench.world.now, kind="state", to="target", tag=AWAY)


def deposited(bench: Bench, amount: float = 1000.0) -> int:
    """An account with a deposit on the other chain, sent now."""
    ann = bench.account("ann")
    p = bench.protocol
    bench.give(int(p.ledger.holder[bench.row(ann)]), p.coin_tokens[AWAY], amount)
    p.deposit(bench.rows(ann), np.array([amount]), AWAY)
    return ann


class TestDeposit:
    def test_it_counts_once_a_message_sent_after_it_is_final(self) -> None:
        bench = Bench()
        ann = deposited(bench)
        tell(bench)
        bench.block(29.0)
        assert bench.equity(ann) == 0.0
        assert bench.protocol.remote.pending(AWAY) == 1000.0
        bench.block(1.0)
        assert bench.equity(ann) == 1000.0
        assert bench.protocol.remote.pending(AWAY) == 0.0
        (credit,) = bench.table("events", kind="credit")
        assert (credit["account"], credit["amount"], credit["time"]) == (ann, 1000.0, 30.0)

    def test_an_earlier_message_does_not_know_of_it(self) -> None:
        bench = Bench()
        tell(bench)
        bench.block(1.0)
        ann = deposited(bench)
        bench.block(35.0)
        assert bench.equity(ann) == 0.0

    def test_it_is_the_protocols_money_meanwhile(self) -> None:
        bench = Bench()
        ann = deposited(bench)
        holder = int(bench.protocol.ledger.holder[bench.row(ann)])
        assert bench.world.treasury.balance[holder, bench.protocol.coin_tokens[AWAY]] == 0.0
        bench.audit()


class TestStaleness:
    @pytest.mark.parametrize(
        ("rule", "age", "factor"),
        [
            ("none", 1e5, 1.0),
            ("full", USUAL + 60.0, 1.0),
            ("full", USUAL + 60.5, 0.0),
            ("aged", USUAL + 60.0, 1.0),
            ("aged", USUAL + 160.0, math.exp(-0.05)),
            ("aged", USUAL + 2060.0, math.exp(-1.0)),
        ],
    )
    def test_the_factor_by_age(self, rule: str, age: float, factor: float) -> None:
        """Grace 60 s, rate 0.0005 a second."""
        bench = Bench(change={"protocols.harbor.staleness": rule})
        assert bench.protocol.remote.usual_age == (0.0, USUAL)
        found = bench.protocol.remote.stale(age)
        assert found.tolist() == [1.0, pytest.approx(factor)]

    def test_news_makes_it_fresh_again_and_counts_from_its_sending(self) -> None:
        bench = Bench(change={"protocols.harbor.staleness": "aged"})
        bench.block(500.0)
        assert bench.protocol.terms.stale[AWAY] < 1.0
        tell(bench)
        bench.block(30.0)
        assert bench.protocol.terms.stale[AWAY] == 1.0
        bench.block(USUAL + 60.0 - 30.0)
        assert bench.protocol.terms.stale[AWAY] == 1.0
        bench.block(1.0)
        assert bench.protocol.terms.stale[AWAY] == pytest.approx(math.exp(-0.0005))

    def test_a_world_tells_itself_and_stays_fresh_while_the_bridge_works(self) -> None:
        for stall, fresh in ((False, True), (True, False)):
            model = small_world([], {"protocols.harbor.staleness_grace": 5.0})
            if stall:
                model.world.bridges["span"].stall(1e9)
            model.run()
            stale = model.world.protocols["harbor"].terms.stale
            assert bool(stale[AWAY] == 1.0) is fresh
            assert stale[0] == 1.0


class TestCarriedHome:
    def test_an_account_without_positions_pays_its_debt_out_of_it(self) -> None:
        bench = Bench()
        ann = bench.account("ann", coins={AWAY: 1000.0})
        bench.hold(ann, BTC, 0.2)
        bench.move(BTC=48_000.0)
        bench.hold(ann, BTC, -0.2)
        assert bench.protocol.ledger.quote[bench.row(ann)] == pytest.approx(-400.0)
        bench.protocol.haircut[AWAY] = 0.7
        bench.block()
        assert bench.protocol.ledger.quote[bench.row(ann)] == pytest.approx(0.0)
        assert bench.protocol.ledger.coins[bench.row(ann), AWAY] == pytest.approx(600.0)
        assert bench.protocol.remote.in_transit == pytest.approx(400.0)
        bench.block(30.0)
        assert bench.protocol.remote.in_transit == 0.0
        settled = {e["asset"]: e["amount"] for e in bench.table("events", kind="settled")}
        assert settled == {"USDC": pytest.approx(400.0), "USDC@beta": pytest.approx(-400.0)}

    def test_healthy_accounts_keep_theirs_away_while_others_are_served(self) -> None:
        """Longs have negative quote numbers, which are no debts."""
        bench = Bench({"route": "book"})
        ann = bench.account("ann", coins={AWAY: 10_000.0}, held=[(BTC, 1.0)])
        bob = bench.account("bob", 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=48_100.0)
        assert len(bench.table("liquidations", account=bob)) == 1
        assert bench.protocol.ledger.quote[bench.row(ann)] < 0.0
        assert bench.protocol.ledger.coins[bench.row(ann), AWAY] == 10_000.0
        assert bench.table("events", kind="settled") == []


def test_a_deposit_on_its_way_is_shown_as_pending() -> None:
    bench = Bench()
    ann, bob = bench.account("ann"), bench.account("bob", coins={AWAY: 7.0})
    p = bench.protocol
    bench.give(int(p.ledger.holder[bench.row(ann)]), p.coin_tokens[AWAY], 5.0)
    p.deposit(bench.rows(ann, ann), np.array([2.0, 3.0]), AWAY)
    sample_collateral(bench.world, p)
    shown = {r["account"]: (r["asset"], r["chain"], r["amount"], r["pending"]) for r in bench.table("collateral")}
    assert shown == {ann: ("USDC", "beta", 0.0, 5.0), bob: ("USDC", "beta", 7.0, 0.0)}
