"""A passport from its issue to its end: what is moved, what is paid, and that nothing is lost on the way."""

import numpy as np
import pytest

from abm.ledger import ISOLATED, NAMED
from abm.protocol.passport.document import Refusal
from abm.protocol.subaccounts import Parcel, carry_over, transfer
from tests.abm.protocol.passport.border import Border


def passed(border: Border, account: int, seconds: float = 200.0, **keys: object) -> None:
    """Issue now, and let it come to its end."""
    border.issued(account, **keys)
    border.until(float(border.model.time) + seconds)


class TestPassage:
    def test_an_account_moves_with_positions_entries_and_cash_and_nothing_is_traded(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passport = border.issued(ann)
        border.until(200.0)
        assert border.steps(passport) == ["issued", "reserved", "committed", "opened", "closed"]
        assert border.where(ann) == ["reef"]
        assert border.sizes(border.reef, ann) == {"BTC": 0.5, "ETH": -4.0}
        row = border.row(border.reef, ann)
        entries = dict(
            zip(border.reef.ledger.slot_market[row].tolist(), border.reef.ledger.slot_entry[row].tolist(), strict=True)
        )
        assert entries == {0: 2000.0, 1: 50_000.0}
        assert border.equity(border.reef, ann) == 10_000.0
        assert border.equity(border.harbor, ann) == 0.0
        assert border.world.log.counts["price_moves"] == 0
        assert not border.table("events", kind="trade")

    def test_it_takes_a_letter_there_one_back_and_one_there(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passport = border.issued(ann)
        border.until(200.0)
        times = {r["step"]: r["time"] for r in border.table("passports")}
        assert times == {"issued": 5.0, "reserved": 36.0, "committed": 66.0, "opened": 96.0, "closed": 126.0}
        assert [letter.kind for letter in border.letters if letter.passport == passport] == [
            "offer", "accept", "commit", "done",
        ]  # fmt: skip

    def test_between_commit_and_opening_it_is_in_transit_and_worth_the_same(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passport = border.issued(ann)
        border.until(40.0)
        assert (border.where(ann), border.locked(ann)) == (["harbor"], ["harbor", "reef"])
        border.until(80.0)
        assert (border.where(ann), border.locked(ann)) == (["transit"], ["reef"])
        assert border.world.post.phase(passport) == "transit"
        assert border.world.post.worth(passport.owner) == 10_000.0
        border.until(100.0)
        assert (border.where(ann), border.locked(ann)) == (["reef"], [])
        assert border.world.post.worth(passport.owner) == 0.0

    def test_the_table_tells_what_it_is_worth_and_requires_on_either_side(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passed(border, ann)
        told = {r["step"]: (r["protocol"], r["equity"], r["im"]) for r in border.table("passports")}
        assert told["issued"] == ("harbor", 10_000.0, pytest.approx(0.05 * 33_000.0))
        assert told["reserved"] == ("reef", 10_000.0, pytest.approx(0.02 * 33_000.0))
        assert told["closed"] == ("harbor", None, None)

    def test_it_can_come_back_and_the_links_are_flat_then(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        passed(border, ann)
        passed(border, ann, 400.0, source="reef", target="harbor")
        assert border.where(ann) == ["harbor"]
        assert border.equity(border.harbor, ann) == 10_000.0
        for name, peer in (("harbor", "reef"), ("reef", "harbor")):
            p, link = border.world.protocols[name], border.office(name).links
            assert not p.ledger.holds(np.array([link.row(peer)]))[0]
            assert link.equity(peer) == 0.0

    def test_two_protocols_on_one_chain_need_no_bridge(self) -> None:
        border = Border({
            "venues.reef-book.chain": "alpha", "oracles.beta-feed.chain": "alpha", "protocols.reef.chain": "alpha"
        })  # fmt: skip
        ann = border.account()
        border.until(5.0)
        before = len(border.world.bridges["span"].messages)
        border.issued(ann)
        border.until(12.0)
        assert border.where(ann) == ["reef"]
        assert border.equity(border.reef, ann) == 10_000.0
        kinds = {m.kind for m in border.world.bridges["span"].messages[before:]}
        assert "letter" not in kinds
        border.until(130.0)
        assert border.office("reef").links.got == {"harbor": 10_000.0}


class TestFunding:
    def test_funding_so_far_goes_with_it_whatever_the_markets_have_paid(self) -> None:
        """Cumulative funding is 64 there and -32 here; a coin long has paid 16 since its entry."""
        border = Border({"venues.*.funding.interval": 1e6})
        for p, paid in ((border.harbor, 48.0), (border.reef, -32.0)):
            p.funding[:] = paid
            p.refresh(0.0)
        ann = border.account(held=[("BTC", 1.0)])
        border.harbor.funding[0] = 64.0
        border.until(5.0)
        assert border.equity(border.harbor, ann) == 9_984.0
        passed(border, ann)
        assert border.equity(border.reef, ann) == 9_984.0
        row = border.row(border.reef, ann)
        assert border.reef.ledger.slot_funding[row, 0] == -48.0
        assert border.reef.ledger.slot_entry[row, 0] == 50_000.0

    def test_what_is_paid_between_issue_and_commit_is_paid_once(self) -> None:
        border = Border({"venues.harbor-book.funding.interval": 50.0, "venues.reef-book.funding.interval": 1e6})
        ann = border.account(held=[("BTC", 1.0)])
        border.until(5.0)
        passed(border, ann)
        paid = sum(
            r["amount"]
            for r in border.table("events", kind="funding", protocol="harbor", market="BTC-PERP")
            if r["time"] <= 66.0
        )
        assert paid > 0.0
        assert border.equity(border.reef, ann) == pytest.approx(10_000.0 - paid, rel=1e-15)


class TestMoney:
    def test_cash_follows_over_the_bridge_once_and_both_links_are_worth_nothing_then(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        border.issued(ann)
        border.until(300.0)
        harbor, reef = border.office("harbor").links, border.office("reef").links
        assert (harbor.paid, reef.got) == ({"reef": 10_000.0}, {"harbor": 10_000.0})
        assert (harbor.equity("reef"), reef.equity("harbor")) == (0.0, 0.0)
        settled = [(r["protocol"], r["amount"]) for r in border.table("events", kind="link_settled")]
        assert settled == [("harbor", -10_000.0), ("reef", 10_000.0)]
        border.until(1000.0)
        assert len(border.table("events", kind="link_settled")) == 2

    def test_to_the_last_unit(self) -> None:
        """Amounts are whole numbers: sums over both protocols are the same bits before, during and after."""
        border = Border({"venues.*.funding.interval": 1e6})
        ann = border.account(deposit=12_345.0, held=[("BTC", 1.0), ("ETH", -7.0)])
        bob = border.account("bob", 777.0, at="reef", held=[("ETH", 1.0)])
        border.until(5.0)

        def state() -> tuple[float, ...]:
            quotes = [float(p.ledger.quote.sum()) for p in (border.harbor, border.reef)]
            cash = [float(p.treasury.balance[p.holder, p.cash_token]) for p in (border.harbor, border.reef)]
            sizes = [float(p.ledger.skew[m]) for p in (border.harbor, border.reef) for m in range(2)]
            bridge = border.world.bridges["span"]
            under_way = bridge.in_flight["source"] + bridge.in_flight["target"]
            return (sum(quotes) + under_way, sum(cash) + under_way, *sizes)

        before, seen = state(), set()
        border.issued(ann)
        for time in range(6, 300):
            border.until(float(time))
            seen.add(state())
            border.audit(0.0)
        assert seen == {before}
        assert border.equity(border.reef, ann) == 12_345.0
        assert border.equity(border.reef, bob) == 777.0

    def test_coins_change_hands_where_they_lie(self) -> None:
        """ETH on alpha is collateral on both; USDC on beta is collateral of harbor, and cash of reef."""
        data = {"protocols.reef.collateral": [{"asset": "ETH", "chain": "alpha", "bridge": "eth-span", "haircut": 0.1}]}
        border = Border(data, bridges=[
            {"name": "span", "source": "beta", "target": "alpha", "delay": 20.0},
            {"name": "eth-span", "source": "beta", "target": "alpha", "asset": "ETH", "delay": 20.0},
        ])  # fmt: skip
        ann = border.account(coins={"ETH@alpha": 3.0, "USDC@beta": 500.0})
        border.until(5.0)
        assert border.equity(border.harbor, ann) == 16_500.0
        passed(border, ann)
        assert border.equity(border.reef, ann) == 16_500.0
        row = border.row(border.reef, ann)
        assert border.reef.ledger.coins[row].tolist() == [3.0]
        eth = border.world.treasury.token("ETH", "alpha")
        assert border.world.treasury.balance[border.reef.holder, eth] == 3.0
        assert border.world.treasury.balance[border.harbor.holder, eth] == 0.0
        carried = sorted(
            (r["protocol"], r["asset"], r["amount"]) for r in border.table("events", kind="carried", account=ann)
        )
        assert carried == [
            ("harbor", "ETH@alpha", -3.0), ("harbor", "USDC", -10_000.0), ("harbor", "USDC@beta", -500.0),
            ("reef", "ETH@alpha", 3.0), ("reef", "USDC", 500.0), ("reef", "USDC", 10_000.0),
        ]  # fmt: skip

    def test_what_the_links_gain_and_lose_is_settled_as_prices_move(self) -> None:
        border = Border(prices={"shocks": [{"name": "rise", "at": 400.0, "over": 10.0, "move": 0.02}]})
        ann = border.account(held=[("BTC", 1.0)])
        border.until(5.0)
        border.issued(ann)
        border.until(700.0)
        gain = border.equity(border.reef, ann) - 10_000.0
        assert gain == pytest.approx(1_000.0, rel=1e-6)
        assert border.office("harbor").links.paid["reef"] == pytest.approx(10_000.0 + gain, abs=1.0)
        assert abs(border.office("reef").links.equity("harbor")) < 1.0

    @pytest.mark.parametrize(("basis", "links", "payments"), [(100.0, (0.0, -100.0), 2), (-100.0, (50.0, 50.0), 4)])
    def test_a_basis_between_the_marks_is_not_paid_to_and_fro(
        self, basis: float, links: tuple[float, float], payments: int
    ) -> None:
        """Reef's link is short of one coin that it marks 100 USD higher than harbor (lower): its loss, or a gain of both."""
        border = Border()
        ann = border.account(held=[("BTC", 1.0)])
        border.until(5.0)
        border.issued(ann)
        border.until(300.0)
        marks = border.reef.marks
        usual = marks.compute

        def moved() -> None:
            usual()
            marks.mark[1] += basis

        marks.compute = moved  # type: ignore[method-assign]
        border.until(1500.0)
        equity = border.office("harbor").links.equity("reef"), border.office("reef").links.equity("harbor")
        assert equity == pytest.approx(links, abs=1.0)
        assert len(border.table("events", kind="link_settled")) == payments


class TestLocks:
    def test_a_locked_account_neither_trades_nor_pays_out_nor_gives_nor_takes(self) -> None:
        border = Border()
        ann, other = border.account(), border.account(number=1, mode=NAMED, held=())
        border.until(5.0)
        border.issued(ann)
        p, row = border.harbor, border.row(border.harbor, ann)
        assert p.trade(np.array([row]), np.array([0]), np.array([-0.1])).tolist() == [0.0]
        assert p.withdraw(row, 10.0) == 0.0
        assert transfer(p, ann, other, 10.0) == 0.0
        assert transfer(p, other, ann, 10.0) == 0.0
        assert carry_over(p, ann, other, Parcel(positions=((0, 0.5),))) == "locked"
        assert border.issue(ann) == Refusal("locked")

    def test_others_trade_beside_it(self) -> None:
        border = Border()
        ann, bob = border.account(), border.account("bob")
        border.until(5.0)
        border.issued(ann)
        rows = np.array([border.row(border.harbor, a) for a in (ann, bob)])
        assert border.harbor.trade(rows, np.array([0, 0]), np.array([-0.1, -0.1])).tolist() == [0.0, -0.1]

    def test_a_reservation_is_locked_and_its_owner_uses_the_account_once_it_is_open(self) -> None:
        border = Border()
        ann = border.account()
        border.until(5.0)
        border.issued(ann)
        border.until(40.0)
        p, row = border.reef, border.row(border.reef, ann)
        assert p.trade(np.array([row]), np.array([1]), np.array([0.1])).tolist() == [0.0]
        border.until(100.0)
        border.enter(p)
        assert p.trade(np.array([row]), np.array([1]), np.array([-0.1])).tolist() == [-0.1]
        assert p.withdraw(row, 100.0) > 0.0


class TestModes:
    def test_an_isolated_protocol_takes_one_position_as_isolated(self) -> None:
        border = Border({"protocols.reef.mode": "isolated"})
        ann, bob = border.account(held=[("BTC", 0.5)]), border.account("bob")
        border.until(5.0)
        first, second = border.issued(ann), border.issued(bob)
        border.until(200.0)
        assert border.where(ann) == ["reef"]
        assert border.reef.ledger.mode[border.row(border.reef, ann)] == ISOLATED
        assert border.where(bob) == ["harbor"]
        assert border.steps(first)[-1] == "closed"
        assert [r["reason"] for r in border.table("passports", step="refused")] == ["slots"]
        assert border.steps(second) == ["issued", "refused", "void", "closed"]
