"""Who pays what is missing, in the stated order."""

import itertools
from typing import Any

import numpy as np
import pytest

from abm.protocol.waterfall import cover, rescue_vault, unwind_vault
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench

DEFICIT = ("fund", "vault", "adl", "bad_debt")
"""Layers that make up the deficits of breaches."""


def broke(waterfall: tuple[str, ...], **rule: Any) -> tuple[Bench, int]:
    """Ann, a long of 1 BTC on 10,000, closed whole on the book at 38,000: 2,000 are missing."""
    bench = Bench({"route": "book", "policy": "whole", "waterfall": waterfall, "fund": 0.0, "vault": 0.0} | rule)
    ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
    bench.block()
    bench.block(BTC=38_000.0)
    return bench, ann


def losses(bench: Bench) -> list[tuple[str, float]]:
    return [(r["layer"], pytest.approx(r["amount"])) for r in bench.table("losses")]


class TestCover:
    @pytest.mark.parametrize(
        ("waterfall", "fund", "vault", "expected"),
        [
            (("fund", "vault"), 5_000.0, 5_000.0, [("fund", 2_000.0)]),
            (("vault", "fund"), 5_000.0, 5_000.0, [("vault", 2_000.0)]),
            (("fund", "vault"), 500.0, 700.0, [("fund", 500.0), ("vault", 700.0), ("bad_debt", 800.0)]),
            (("vault", "fund"), 500.0, 700.0, [("vault", 700.0), ("fund", 500.0), ("bad_debt", 800.0)]),
            (("fund",), 0.0, 5_000.0, [("bad_debt", 2_000.0)]),
            ((), 5_000.0, 5_000.0, [("bad_debt", 2_000.0)]),
        ],
    )
    def test_layers_pay_in_the_stated_order(
        self, waterfall: tuple[str, ...], fund: float, vault: float, expected: list[tuple[str, float]]
    ) -> None:
        bench, ann = broke(waterfall, fund=fund, vault=vault)
        assert losses(bench) == [(layer, pytest.approx(amount)) for layer, amount in expected]
        paid = dict(expected)
        assert bench.protocol.fund == pytest.approx(fund - paid.get("fund", 0.0))
        assert bench.equity(bench.protocol.vault_id) == pytest.approx(vault - paid.get("vault", 0.0))
        assert bench.protocol.bad_debt == pytest.approx(-paid.get("bad_debt", 0.0))
        assert bench.equity(ann) == 0.0
        assert not bench.in_breach(ann)

    def test_a_loss_is_the_deficit_of_its_breach(self) -> None:
        bench, ann = broke(("fund",), fund=500.0)
        assert bench.protocol.deficits == {0: pytest.approx(2_000.0)}
        assert {(r["breach"], r["account"]) for r in bench.table("losses")} == {(0, ann)}
        events = {e["kind"]: e["amount"] for e in bench.table("events") if e["kind"].startswith("loss_")}
        assert events == {"loss_fund": 500.0, "loss_bad_debt": pytest.approx(1_500.0)}

    def test_who_owes_nothing_is_not_covered(self) -> None:
        bench = Bench()
        ann = bench.account("ann", 10.0)
        cover(bench.protocol, bench.row(ann))
        assert bench.equity(ann) == 10.0
        assert bench.table("losses") == []

    def test_a_vault_below_zero_pays_nothing(self) -> None:
        bench = Bench({"route": "book", "policy": "whole", "waterfall": ("vault",), "fund": 0.0, "vault": 1_000.0})
        bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bench.hold(bench.protocol.vault_id, BTC, 1.0)
        bench.block()
        bench.block(BTC=38_000.0)
        assert losses(bench) == [("bad_debt", pytest.approx(2_000.0))]


class TestSocialise:
    def test_accounts_pay_in_proportion_to_what_they_are_worth(self) -> None:
        bench, ann = broke(("socialise",))
        bob, cat = bench.account("bob", 3_000.0), bench.account("cat", coins={HOME: 0.5})
        eve = bench.account("eve", 10_000.0, held=[(BTC, 1.0)])
        bench.move(BTC=27_000.0)
        assert bench.equity(eve) < 0.0
        assert bench.socialise() == pytest.approx(2_000.0)
        assert (bench.equity(bob), bench.equity(cat)) == (pytest.approx(1_500.0), pytest.approx(500.0))
        assert (bench.equity(ann), bench.equity(eve)) == (0.0, pytest.approx(-1_000.0))
        assert bench.protocol.bad_debt == pytest.approx(0.0)
        paid = {r["account"]: r["amount"] for r in bench.table("losses", layer="socialise")}
        assert paid == {bob: pytest.approx(1_500.0), cat: pytest.approx(500.0)}
        assert bench.socialise() == 0.0
        bench.audit()

    def test_no_more_is_charged_than_there_is(self) -> None:
        bench, _ = broke(("socialise",))
        bob = bench.account("bob", 300.0)
        assert bench.socialise() == pytest.approx(300.0)
        assert bench.equity(bob) == pytest.approx(0.0)
        assert bench.protocol.bad_debt == pytest.approx(-1_700.0)

    def test_where_it_is_not_a_layer_bad_debt_stays(self) -> None:
        bench, _ = broke(("fund",))
        bench.account("bob", 3_000.0)
        assert bench.socialise() == 0.0
        assert bench.protocol.bad_debt == pytest.approx(-2_000.0)

    def test_the_street_and_the_vault_are_not_charged(self) -> None:
        bench, _ = broke(("socialise",), vault=1e6)
        bench.protocol.counterparty.street_call()
        street = bench.equity(bench.protocol.street_id)
        bench.account("bob", 3_000.0)
        bench.socialise()
        assert bench.equity(bench.protocol.vault_id) == 1e6
        assert bench.equity(bench.protocol.street_id) == street


class TestVault:
    def vault(self, price: float = 48_000.0, **rule: Any) -> tuple[Bench, int]:
        """Ann, long 0.3 BTC on 1,000 USD with some coins, under a rule by which the vault takes all."""
        bench = Bench({"route": "vault", "vault": 1e5, "fund": 1e5} | rule)
        ann = bench.account("ann", 800.0, coins={HOME: 0.1, AWAY: 10.0}, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=price)
        return bench, ann

    def test_it_takes_positions_and_the_whole_margin_at_the_price_that_decides(self) -> None:
        bench, ann = self.vault()
        vault = bench.protocol.vault_id
        assert (bench.size(ann), bench.size(vault)) == (0.0, 0.3)
        assert bench.equity(ann) == 0.0
        assert bench.equity(vault) == pytest.approx(1e5 + 800.0 + 210.0 - 600.0)
        assert bench.protocol.ledger.coins[bench.row(vault)].tolist() == [0.1, 10.0]
        (done,) = bench.table("liquidations")
        assert (done["route"], done["price"], done["quantity"], done["penalty"]) == ("vault", 48_000.0, -0.3, 0.0)
        taken = [(e["account"], e["asset"], e["amount"]) for e in bench.table("events", kind="vault_takeover")]
        assert taken == [
            (ann, "USDC", pytest.approx(-200.0)), (vault, "USDC", pytest.approx(200.0)),
            (ann, "ETH@alpha", -0.1), (vault, "ETH@alpha", 0.1),
            (ann, "USDC@beta", -10.0), (vault, "USDC@beta", 10.0),
        ]  # fmt: skip
        assert bench.table("losses") == []
        assert not bench.in_breach(ann)

    def test_it_takes_all_of_several_positions(self) -> None:
        bench = Bench({"route": "vault", "vault": 1e5, "fund": 1e5})
        ann = bench.account("ann", 1_000.0, held=[(BTC, 0.2), (ETH, 4.0)])
        bench.block()
        bench.block(BTC=46_000.0, ETH=1_960.0)
        vault = bench.protocol.vault_id
        assert [bench.size(a, m) for a in (ann, vault) for m in (BTC, ETH)] == [0.0, 0.0, 0.2, 4.0]
        assert bench.equity(vault) == pytest.approx(1e5 + 1_000.0 - 800.0 - 160.0)
        assert bench.equity(ann) == 0.0

    def test_what_the_account_was_short_is_the_vaults_loss(self) -> None:
        bench, ann = self.vault(46_000.0)
        (loss,) = bench.table("losses")
        assert (loss["layer"], loss["account"], loss["amount"]) == ("vault", ann, pytest.approx(190.0))
        assert bench.protocol.deficits == {0: pytest.approx(190.0)}
        assert bench.equity(bench.protocol.vault_id) == pytest.approx(1e5 - 190.0)

    def test_it_carries_no_more_than_its_leverage(self) -> None:
        """14,400 USD on 5,000 + 410 of capital is 2.7-fold."""
        assert bench_route(self.vault(vault=5_000.0, vault_leverage=2.6)[0]) == ["book"]
        assert bench_route(self.vault(vault=5_000.0, vault_leverage=2.7)[0]) == ["vault"]

    def test_without_capital_it_takes_nothing(self) -> None:
        assert "vault" not in bench_route(self.vault(vault=0.0)[0])

    def test_it_sells_down_on_the_book_and_the_last_of_it_at_once(self) -> None:
        bench, _ = self.vault(vault_pace=0.5, vault_dust=1000.0)
        vault = bench.protocol.vault_id
        unwind_vault(bench.protocol)
        assert bench.size(vault) == pytest.approx(0.15)
        bench.hold(vault, BTC, -0.14)
        bench.hold(vault, ETH, 3.0)
        unwind_vault(bench.protocol)
        assert (bench.size(vault), bench.size(vault, ETH)) == (0.0, 1.5)
        bench.audit()

    def test_without_dust_it_never_sells_the_last_of_it(self) -> None:
        bench, _ = self.vault(vault_pace=0.9, vault_dust=0.0)
        for _ in range(3):
            unwind_vault(bench.protocol)
        assert bench.size(bench.protocol.vault_id) == pytest.approx(0.3e-3)


def bench_route(bench: Bench) -> list[str]:
    return [r["route"] for r in bench.table("liquidations")]


class TestOrder:
    """Ann is below zero; vault and winners could both take her."""

    @pytest.mark.parametrize(
        ("waterfall", "route"),
        [
            (("vault", "adl"), "vault"),
            (("adl", "vault"), "adl"),
            (("fund", "socialise"), "book"),
            (("adl",), "adl"),
        ],
    )
    def test_whoever_stands_first_takes_the_position(self, waterfall: tuple[str, ...], route: str) -> None:
        bench = Bench(
            {"route": "vault", "policy": "whole", "waterfall": waterfall, "vault": 1e6, "fund": 0.0}
            | {"adl": {"trigger": "account_negative"}}
        )
        bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bench.account("bob", 1e5, held=[(BTC, -1.0)])
        bench.block()
        bench.block(BTC=39_500.0)
        assert bench_route(bench) == [route]

    def test_losses_add_up_to_deficits_in_every_order(self) -> None:
        for first in itertools.permutations(("fund", "vault", "adl")):
            waterfall = (*first, "socialise")
            bench = Bench(
                {"route": "vault", "waterfall": waterfall, "vault": 2e4, "fund": 300.0, "vault_leverage": 4.0}
                | {"adl": {"trigger": "fund_empty", "price": "previous_mark"}}
            )
            for i in range(6):
                bench.account(f"a{i}", 10_000.0, held=[(BTC, 1.0 + 0.1 * i)])
            bench.account("bob", 1e5, held=[(BTC, -1.5)])
            bench.block()
            bench.block(BTC=40_000.0)
            bench.block()
            paid = sum(r["amount"] for r in bench.table("losses") if r["layer"] in DEFICIT)
            assert paid == pytest.approx(sum(bench.protocol.deficits.values())), waterfall
            booked = sum(r["amount"] for r in bench.table("losses", layer="bad_debt"))
            assert bench.protocol.bad_debt == pytest.approx(-booked), waterfall
            assert np.all(bench.protocol.ledger.breach == -1), waterfall


class TestRescueVault:
    """A vault below zero is deleveraged against winners, and what it owes is paid or booked."""

    @pytest.mark.parametrize("waterfall", [("fund", "vault", "adl"), ("fund", "vault")])
    def test_an_insolvent_vault_is_closed_and_booked_where_winners_may_be_taken(
        self, waterfall: tuple[str, ...]
    ) -> None:
        bench = Bench({"waterfall": waterfall, "fund": 300.0, "vault": 1_000.0, "adl": {"price": "previous_mark"}})
        bob = bench.account("bob", 50_000.0)
        bench.against(bench.protocol.vault_id, bob, BTC, 0.2)
        bench.block()
        bench.block(BTC=30_000.0)
        bench.block()
        assert bench.equity(bench.protocol.vault_id) < 0.0
        rescue_vault(bench.protocol)
        if "adl" in waterfall:
            assert bench.size(bench.protocol.vault_id) == 0.0
            assert bench.size(bob) == 0.0
            assert bench.equity(bench.protocol.vault_id) == pytest.approx(0.0, abs=1e-9)
            assert bench.protocol.fund == 0.0
            assert bench.protocol.bad_debt == pytest.approx(-2_700.0)
            assert not bench.table("liquidations")
        else:
            assert bench.size(bench.protocol.vault_id) == pytest.approx(0.2)
        bench.audit()

    def test_a_solvent_vault_is_left_alone(self) -> None:
        bench = Bench({"vault": 1_000.0})
        rescue_vault(bench.protocol)
        assert bench.equity(bench.protocol.vault_id) == 1_000.0
