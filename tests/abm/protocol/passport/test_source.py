"""Who gets a passport, and what makes it void."""

from collections.abc import Callable

import numpy as np
import pytest

from abm.protocol.passport.document import Refusal
from tests.abm.protocol.passport.border import Border, two_protocols

FALL = {"shocks": [{"name": "fall", "at": 40.0, "over": 5.0, "move": -0.1, "assets": ["BTC"]}]}
"""BTC loses 5,000 while the acceptance is under way."""


class TestObjections:
    def test_another_owner_gets_none(self) -> None:
        border = Border()
        ann, bob = border.account(), border.account("bob")
        border.until(5.0)
        owner = int(border.harbor.ledger.owner[border.row(border.harbor, bob)])
        assert border.issue(ann, owner=owner) == Refusal("owner")

    @pytest.mark.parametrize("target", ["harbor", "atoll"])
    def test_there_is_a_protocol_to_go_to(self, target: str) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        assert border.issue(ann, target=target) == Refusal("no way")

    def test_a_bridge_for_the_settlement_asset_leads_there(self) -> None:
        data = two_protocols()
        data["protocols"][0]["collateral"] = [{"asset": "ETH", "haircut": 0.1}]
        span = {"name": "span", "source": "beta", "target": "alpha", "asset": "ETH"}
        border = Border(protocols=data["protocols"], bridges=[span])
        ann = border.account()
        border.until(5.0)
        assert border.issue(ann) == Refusal("no way")

    def test_the_protocols_own_accounts_stay(self) -> None:
        border = Border()
        border.until(5.0)
        assert border.issue(border.harbor.vault_id) == Refusal("owner")

    def test_an_account_with_nothing_stays(self) -> None:
        border = Border()
        ann = border.account(deposit=0.0, held=())
        border.until(5.0)
        assert border.issue(ann) == Refusal("empty")

    def test_below_maintenance_nobody_leaves(self) -> None:
        """500 of equity against 600 of maintenance."""
        border = Border()
        ann = border.account(deposit=500.0, held=[("BTC", 0.4)])
        border.until(5.0)
        assert border.issue(ann) == Refusal("breach")

    def test_who_waits_for_a_withdrawal_stays(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        p = border.harbor
        p.queue.append((ann, 10.0))
        assert border.issue(ann) == Refusal("waits for a withdrawal")

    def test_who_waits_for_a_deposit_stays(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        p, row = border.harbor, np.array([border.row(border.harbor, ann)])
        border.world.treasury.inject(int(p.ledger.holder[row[0]]), p.coin_tokens[1], 10.0)
        p.deposit(row, np.array([10.0]), 1)
        assert border.issue(ann) == Refusal("waits for a deposit")

    def test_a_maker_stays_and_a_locked_account_quotes_nothing(self) -> None:
        border = Border()
        ann, bob = border.account(), border.account("bob")
        border.until(5.0)
        border.harbor.counterparty.quote(ann, 0, 1e6)
        assert border.issue(ann) == Refusal("quotes")
        border.issued(bob)
        border.harbor.counterparty.quote(bob, 0, 1e6)
        assert not border.harbor.counterparty.quotes(bob)

    def test_debts_and_options_stay(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        border.harbor.ledger.coins[border.row(border.harbor, ann), 0] = -0.5
        assert border.issue(ann) == Refusal("options or debts")

    def test_coins_that_the_protocol_has_not_do_not_leave(self) -> None:
        border = Border()
        ann = border.account(coins={"ETH@alpha": 2.0})
        border.until(5.0)
        p = border.harbor
        p.treasury.move(p.holder, p.treasury.outside, p.coin_tokens[0], 1.0)
        assert border.issue(ann) == Refusal("coins")

    def test_what_is_refused_leaves_nothing_behind(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        border.issue(ann, target="atoll")
        assert border.locked(ann) == []
        assert border.steps() == []


def traded(border: Border, ann: int) -> None:
    border.hold(border.harbor, ann, "BTC", 0.01)


def deposited(border: Border, ann: int) -> None:
    p, row = border.harbor, np.array([border.row(border.harbor, ann)])
    border.world.treasury.inject(int(p.ledger.holder[row[0]]), p.cash_token, 1.0)
    p.deposit(row, np.array([1.0]))


def charged(border: Border, ann: int) -> None:
    p = border.harbor
    p.ledger.quote[border.row(p, ann)] -= 1.0
    p.fees += 1.0


class TestVoid:
    @pytest.mark.parametrize("change", [traded, deposited, charged])
    def test_an_account_that_is_no_longer_what_it_was_stays(self, change: Callable[[Border, int], None]) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passport = border.issued(ann)
        border.until(40.0)
        border.enter(border.harbor)
        change(border, ann)
        border.until(200.0)
        assert border.where(ann) == ["harbor"]
        assert border.locked(ann) == []
        assert border.steps(passport) == ["issued", "reserved", "void", "released", "closed"]
        assert border.table("passports", step="void")[0]["reason"] == "changed"
        border.audit()

    @pytest.mark.parametrize("change", [traded, deposited, charged])
    def test_a_change_a_moment_before_the_acceptance_is_seen(self, change: Callable[[Border, int], None]) -> None:
        """The acceptance comes in the block at 66 s, before the protocol's own look at what has changed."""
        border = Border()
        ann = border.account()
        border.until(5.0)
        passport = border.issued(ann)
        border.until(65.5)
        border.enter(border.harbor)
        change(border, ann)
        border.until(66.0)
        assert border.steps(passport) == ["issued", "reserved", "void"]
        assert border.where(ann) == ["harbor"]

    def test_a_locked_account_is_liquidated_like_any_other_and_its_passport_is_void(self) -> None:
        """Of 2,000 USD, 3,000 are lost on 0.6 BTC; what the book closes was asked to move."""
        border = Border({"protocols.harbor.liquidation.route": "book"}, prices=FALL)
        ann = border.account(deposit=2_000.0, held=[("BTC", 0.6)])
        border.until(5.0)
        passport = border.issued(ann)
        border.until(200.0)
        assert border.table("liquidations", account=ann)
        assert border.steps(passport) == ["issued", "reserved", "void", "released", "closed"]
        assert border.sizes(border.reef, ann) == {}
        assert border.locked(ann) == []
        border.audit()

    def test_an_account_in_breach_that_nobody_has_touched_yet_does_not_escape(self) -> None:
        """No keeper comes; at 45,000 maintenance of 0.45 BTC is 607, equity 250, which is more than the 225 of reef."""
        change = {"protocols.reef.markets.*.imf": 0.01, "protocols.harbor.liquidation.backstop_after": 1e6}
        border = Border(change, prices=FALL)
        ann = border.account(deposit=2_500.0, held=[("BTC", 0.45)])
        border.until(5.0)
        passport = border.issued(ann)
        border.until(200.0)
        assert border.where(ann) == ["harbor"]
        assert border.steps(passport) == ["issued", "reserved", "void", "released", "closed"]
        assert border.table("passports", step="void")[0]["reason"] == "breach"

    def test_an_account_that_has_lost_what_the_target_asked_for_stays(self) -> None:
        """Told that reef asks for 5 % (2,500), it is worth 2,100 at the commit; harbor would be content with 600."""
        change = {
            "protocols.reef.markets.*.imf": 0.05,
            "protocols.harbor.markets.*.imf": 0.03,
            "protocols.harbor.markets.*.mmf": 0.01,
        }
        fall = {"shocks": [{"name": "fall", "at": 40.0, "over": 5.0, "move": -0.01, "assets": ["BTC"]}]}
        border = Border(change, prices=fall)
        ann = border.account(deposit=2_600.0, held=[("BTC", 1.0)])
        border.until(5.0)
        passport = border.issued(ann)
        border.until(200.0)
        assert border.steps(passport) == ["issued", "reserved", "void", "released", "closed"]
        assert border.table("passports", step="void")[0]["reason"] == "margin"

    def test_numbers_are_never_used_again(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        first = border.issued(ann, validity=1.0)
        border.until(100.0)
        second = border.issued(ann)
        assert (first.number, second.number) == (1, 2)
        border.until(400.0)
        assert border.where(ann) == ["reef"]
