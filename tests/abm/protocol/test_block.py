"""A block of a protocol's life: who serves a breach, and when the backstop does."""

from typing import Any

import numpy as np
import pytest

from abm.protocol.block import close_for_keeper, in_breach
from abm.protocol.liquidation import stakes
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench
from tests.agents import worlds

KEEPER = {"route": "keeper", "backstop_after": 60.0, "backstop_below": 0.0, "fund": 0.0, "vault": 1e6}


def breached(rule: dict[str, Any] | None = None, change: dict[str, Any] | None = None) -> tuple[Bench, int]:
    """Ann, long 0.3 BTC on 1,000; at 48,000 she is worth 400 and should have 432."""
    bench = Bench(KEEPER | (rule or {}), change)
    ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
    bench.block()
    bench.block(BTC=48_000.0)
    return bench, ann


def serve(bench: Bench, *accounts: int, keeper: str = "kim") -> tuple[list[int], list[float]]:
    holder = bench.world.treasury.holder(keeper)
    rows = in_breach(bench.protocol, np.array(accounts))
    served = bench.protocol.ledger.id[rows].tolist()
    return served, close_for_keeper(bench.protocol, rows, keeper, holder).tolist()


def routes(bench: Bench) -> list[str]:
    return [r["route"] for r in bench.table("liquidations")]


class TestKeeperRoute:
    def test_the_protocol_waits_for_keepers_and_shows_who_is_liquidatable(self) -> None:
        bench, ann = breached()
        assert bench.in_breach(ann)
        assert routes(bench) == []
        assert bench.protocol.ledger.id[bench.protocol.liquidatable].tolist() == [ann]

    def test_stakes_are_those_after_the_block_took_coins_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A dollar away is worth 0.9, taken home it pays a whole one of the debt: 2,000 + 190 - 2,170 = 20."""
        described = worlds.description()
        described["venues"][1]["markets"].append({"asset": "USDC", "kind": "spot", "depth": 1e7})
        monkeypatch.setattr(worlds, "description", lambda: described)
        bench = Bench(KEEPER | {"backstop_after": 1e9})
        ann, bob = bench.account("ann", 0.0, coins={HOME: 1.0, AWAY: 190.0}), bench.account("bob", 1e5)
        bench.block()
        ledger, row = bench.protocol.ledger, bench.row(ann)
        ledger.quote[[row, bench.row(bob)]] += [-2_170.0, 2_170.0]
        ledger.changed[row] = bench.world.now
        bench.block(USDC=0.9)
        assert ledger.id[bench.protocol.liquidatable].tolist() == [ann]
        assert ledger.coins[row].tolist() == [1.0, 0.0]
        assert bench.protocol.stakes.equity == pytest.approx([20.0])
        view = bench.protocol.engine.assess(ledger, bench.protocol.terms, bench.protocol.liquidatable)
        fresh = stakes(bench.protocol, bench.protocol.liquidatable, view)
        assert (fresh.equity, fresh.notional, fresh.margin) == (
            bench.protocol.stakes.equity, bench.protocol.stakes.notional, bench.protocol.stakes.margin,
        )  # fmt: skip

    def test_a_keeper_serves_and_gets_its_share_of_the_penalty(self) -> None:
        bench, ann = breached()
        served, rewards = serve(bench, ann)
        (done,) = bench.table("liquidations")
        assert served == [ann]
        assert (done["keeper"], done["route"]) == ("kim", "keeper")
        assert rewards == [pytest.approx(0.5 * done["penalty"])]
        holder = bench.world.treasury.holder("kim")
        assert bench.world.treasury.balance[holder, bench.protocol.cash_token] == pytest.approx(rewards[0])
        assert bench.protocol.fund == pytest.approx(0.5 * done["penalty"])
        bench.audit()

    def test_the_second_keeper_finds_nothing_to_do(self) -> None:
        bench, ann = breached()
        serve(bench, ann)
        assert serve(bench, ann, keeper="lee") == ([], [])
        assert {r["keeper"] for r in bench.table("liquidations")} == {"kim"}

    def test_who_was_never_in_breach_or_has_recovered_is_skipped(self) -> None:
        bench, ann = breached()
        bob = bench.account("bob", 1e5, held=[(BTC, 0.3)])
        bench.move(BTC=49_500.0)
        assert serve(bench, ann, bob) == ([], [])

    def test_who_crosses_in_the_same_block_waits_for_the_breach_to_be_found(self) -> None:
        bench = Bench(KEEPER)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.move(BTC=48_000.0)
        assert serve(bench, ann) == ([], [])

    def test_keepers_sell_the_coins_of_debtors_too(self) -> None:
        bench = Bench(KEEPER)
        ann = bench.account("ann", coins={HOME: 1.0}, held=[(BTC, 0.1)])
        bench.block()
        bench.move(BTC=40_000.0)
        bench.hold(ann, BTC, -0.1)
        bench.protocol.haircut[HOME] = 0.6
        bench.block()
        served, rewards = serve(bench, ann)
        assert served == [ann]
        (sale,) = bench.table("liquidations")
        assert (sale["market"], sale["keeper"]) == ("ETH", "kim")
        assert rewards == [pytest.approx(0.5 * sale["penalty"])]
        assert bench.protocol.ledger.quote[bench.row(ann)] == pytest.approx(0.0, abs=1e-9)
        bench.audit()

    def test_a_reward_is_paid_as_far_as_there_is_cash_here(self) -> None:
        bench, ann = breached()
        token, holder = bench.protocol.cash_token, bench.protocol.holder
        elsewhere = bench.world.treasury.holder("elsewhere")
        bench.world.treasury.move(holder, elsewhere, token, float(bench.world.treasury.balance[holder, token]) - 1.0)
        serve(bench, ann)
        kim = bench.world.treasury.holder("kim")
        assert bench.world.treasury.balance[kim, token] == pytest.approx(1.0)


class TestBackstop:
    def test_it_takes_what_nobody_has_served_for_too_long(self) -> None:
        bench, ann = breached()
        bench.block(59.0)
        assert bench.in_breach(ann)
        bench.block(1.0)
        assert routes(bench) == ["vault"]
        assert not bench.in_breach(ann)

    def test_it_takes_at_once_what_is_too_far_below(self) -> None:
        """At 48,000 margin equity is 400 of 432: 93 %."""
        for below, taken in ((0.92, []), (0.93, ["vault"])):
            assert routes(breached({"backstop_below": below})[0]) == taken

    def test_it_takes_no_more_in_a_round_than_a_round_may_have(self) -> None:
        bench = Bench({"route": "vault", "per_round": 2, "rounds": 1, "vault": 1e6})
        for name in ("ann", "bob", "cat"):
            bench.account(name, 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=48_000.0)
        assert routes(bench) == ["vault"] * 2
        bench.block()
        assert routes(bench) == ["vault"] * 3

    @pytest.mark.parametrize("route", ["book", "keeper", "vault"])
    def test_what_the_backstop_does_not_take_either_is_closed_on_the_book(self, route: str) -> None:
        rule = {"route": route, "vault": 0.0, "waterfall": ("fund",), "backstop_after": 0.0}
        bench, ann = breached(rule)
        assert routes(bench) == ["book"]
        assert not bench.in_breach(ann)

    def test_on_the_book_route_the_book_comes_first(self) -> None:
        bench, _ = breached({"route": "book"})
        assert routes(bench) == ["book"]

    def test_on_the_vault_route_the_vault_does(self) -> None:
        bench, _ = breached({"route": "vault"})
        assert routes(bench) == ["vault"]


class TestHome:
    def test_remote_dollars_that_cure_a_debtor_leave_the_keeper_nothing(self) -> None:
        """She owes 400, and the 500 on the other chain count for only 30 % of themselves."""
        bench = Bench(KEEPER)
        ann = bench.account("ann", coins={1: 500.0, HOME: 1.0}, held=[(BTC, 0.2)])
        bench.block()
        bench.move(BTC=48_000.0)
        bench.hold(ann, BTC, -0.2)
        bench.protocol.haircut[:] = [1.0, 0.7]
        bench.protocol.refresh(bench.world.now)
        bench.protocol.ledger.breach[bench.row(ann)] = 0
        assert serve(bench, ann) == ([], [])
        assert bench.protocol.ledger.coins[bench.row(ann)].tolist() == [1.0, pytest.approx(100.0)]


class TestBlock:
    def test_all_breaches_of_a_cascade_are_found_and_served_in_one_block(self) -> None:
        change = {
            "venues.harbor-book.impact.enabled": True, "venues.harbor-book.markets.*.depth": 1e6,
            "protocols.harbor.breach_price": "last",
        }  # fmt: skip
        bench = Bench(KEEPER | {"route": "book", "policy": "whole"}, change)
        cash = [10_000.0 + 300.0 * k for k in range(4)]
        accounts = [bench.account(f"a{k}", c, held=[(BTC, 3.0)]) for k, c in enumerate(cash)]
        bench.block()
        bench.block(BTC=48_090.0)
        assert [(b["account"], b["round"]) for b in bench.table("breaches")] == list(
            zip(accounts, range(4), strict=True)
        )
        assert len(bench.protocol.liquidatable) == 0
        assert all(bench.size(a) == 0.0 for a in accounts)

    def test_an_account_without_anything_left_is_covered_in_the_block_of_its_closing(self) -> None:
        bench = Bench(KEEPER | {"route": "book", "policy": "whole", "fund": 1e4, "waterfall": ["fund"]})
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.2), (ETH, 4.0)])
        bench.block()
        bench.block(BTC=46_000.0, ETH=1_900.0)
        assert [r["market"] for r in bench.table("liquidations")] == ["BTC-PERP", "ETH-PERP"]
        assert bench.table("liquidations")[-1]["block"] == bench.height
        assert bench.equity(ann) == 0.0
        assert [r["layer"] for r in bench.table("losses")] == ["fund"]
