"""Auto-deleveraging: when, whom, how much, at which price."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.protocol.adl import deleverage, scores, triggered
from tests.abm.protocol.bench import BTC, ETH, Bench, system_rows


def adl(waterfall: tuple[str, ...] = ("adl",), **rule: Any) -> dict[str, Any]:
    """Rules of a protocol that deleverages at once whoever is below zero."""
    levers = {"trigger": "account_negative", "rank": "leverage_profit", "price": "bankruptcy"} | rule
    return {"route": "vault", "waterfall": waterfall, "fund": 0.0, "vault": 0.0, "adl": levers}


def winners(bench: Bench) -> list[int]:
    """Three shorts of 1 BTC each, entered at 50,000, 48,000 and 50,000, on 30,000, 10,000 and 60,000 USD."""
    made = [bench.account(name, cash) for name, cash in (("bob", 30_000.0), ("cat", 10_000.0), ("dan", 60_000.0))]
    for account, entry in zip(made, (50_000.0, 48_000.0, 50_000.0), strict=True):
        bench.hold(account, BTC, -1.0, entry)
    return made


def closed(bench: Bench, row: int) -> float:
    return deleverage(bench.protocol, row, 0)


class TestRank:
    def at_40(self, rank: str) -> tuple[Bench, list[int]]:
        """BTC falls to 40,000: the shorts are worth 40,000, 18,000 and 70,000."""
        bench = Bench(adl(rank=rank))
        made = winners(bench)
        bench.move(BTC=40_000.0)
        return bench, made

    def test_leverage_times_profit(self) -> None:
        """|notional| / value * profit / entry notional, by hand."""
        bench, made = self.at_40("leverage_profit")
        found = scores(bench.protocol, bench.rows(*made), BTC)
        expected = [40 / 40 * 10 / 50, 40 / 18 * 8 / 48, 40 / 70 * 10 / 50]
        assert found.tolist() == pytest.approx(expected)

    def test_a_loser_of_that_side_ranks_last(self) -> None:
        bench, made = self.at_40("leverage_profit")
        late = bench.account("eve", 30_000.0, held=[(BTC, -1.0)])
        bench.move(BTC=41_000.0)
        found = scores(bench.protocol, bench.rows(*made, late), BTC)
        assert found[3] == 0.0
        assert np.all(found[:3] > 0.0)

    def test_size(self) -> None:
        bench, made = self.at_40("size")
        bench.hold(made[2], BTC, -0.5)
        assert scores(bench.protocol, bench.rows(*made), BTC).tolist() == [1.0, 1.0, 1.5]

    def test_a_hedge_counts_for_its_owner(self) -> None:
        """Cat's short of 40,000 USD stands beside 30,000 USD of ETH: 10 of 70 are unhedged."""
        bench, made = self.at_40("hedge_aware")
        before = scores(bench.protocol, bench.rows(*made), BTC)
        bench.hold(made[1], ETH, 15.0)
        after = scores(bench.protocol, bench.rows(*made), BTC)
        assert after[1] == pytest.approx(before[1] / 7.0)
        assert (after[0], after[2]) == (before[0], before[2])

    @pytest.mark.parametrize(
        ("rank", "taken"),
        [
            ("leverage_profit", [0.5, 1.0, 0.0]),
            ("pro_rata", [0.5, 0.5, 0.5]),
            ("size", None),
        ],
    )
    def test_winners_are_taken_in_order_until_it_is_enough(self, rank: str, taken: list[float] | None) -> None:
        bench = Bench(adl(rank=rank))
        ann = bench.account("ann", 15_000.0, held=[(BTC, 1.5)])
        made = winners(bench)
        bench.block()
        bench.block(BTC=39_000.0)
        left = [bench.size(a) for a in made]
        if taken is None:  # equal sizes: by id
            order = np.argsort(made)
            taken = [[1.0, 0.5, 0.0][int(np.flatnonzero(order == i)[0])] for i in range(3)]
        assert left == pytest.approx([t - 1.0 for t in taken])
        assert bench.size(ann) == 0.0

    @given(
        sizes=st.lists(st.floats(0.1, 3.0), min_size=1, max_size=5), size=st.floats(0.05, 12.0),
        rank=st.sampled_from(["leverage_profit", "pro_rata", "size", "hedge_aware"]),
    )  # fmt: skip
    @settings(max_examples=25, deadline=None)
    def test_what_is_taken_adds_up_and_is_no_more_than_anybody_has(
        self, sizes: list[float], size: float, rank: str
    ) -> None:
        bench = Bench(adl(rank=rank))
        ann = bench.account("ann", 1e6, held=[(BTC, size)])
        made = [bench.account(f"w{i}", 1e6, held=[(BTC, -s)]) for i, s in enumerate(sizes)]
        bench.move(BTC=45_000.0)
        done = closed(bench, bench.row(ann))
        left = np.array([-bench.size(a) for a in made])
        assert done == pytest.approx(min(size, sum(sizes)))
        assert np.all(left >= -1e-12)
        assert np.all(left <= np.array(sizes) + 1e-12)
        assert sum(sizes) - left.sum() == pytest.approx(done)
        assert bench.size(ann) == pytest.approx(size - done)
        if rank == "pro_rata":
            np.testing.assert_allclose(left / sizes, left[0] / sizes[0], atol=1e-9)
        bench.audit()

    def test_ranks_are_those_of_the_block_s_beginning(self) -> None:
        """Cat ranks first with 0.37; half closed she would rank at 0.19, behind bob's 0.20, but within the block she
        stays first."""
        bench, made = self.at_40("leverage_profit")
        ann, eve = (bench.account(name, 1e5, held=[(BTC, 0.5)]) for name in ("ann", "eve"))
        closed(bench, bench.row(ann))
        assert [bench.size(a) for a in made] == pytest.approx([-1.0, -0.5, -1.0])
        now = scores(bench.protocol, bench.rows(*made), BTC)
        assert now[0] > now[1]
        closed(bench, bench.row(eve))
        assert [bench.size(a) for a in made] == pytest.approx([-1.0, 0.0, -1.0])

    def test_the_next_block_ranks_anew(self) -> None:
        bench, made = self.at_40("leverage_profit")
        ann, eve = (bench.account(name, 1e5, held=[(BTC, 0.5)]) for name in ("ann", "eve"))
        closed(bench, bench.row(ann))
        bench.block(BTC=40_000.0)
        closed(bench, bench.row(eve))
        assert [bench.size(a) for a in made] == pytest.approx([-0.5, -0.5, -1.0])

    @pytest.mark.parametrize("rank", ["leverage_profit", "pro_rata", "size", "hedge_aware"])
    def test_how_many_winners_are_looked_at_first_changes_nothing(
        self, rank: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left = []
        for head in (1, 1000):
            monkeypatch.setattr("abm.protocol.adl.HEAD", head)
            bench = Bench(adl(rank=rank))
            ann = bench.account("ann", 1e6, held=[(BTC, 2.0)])
            made = [bench.account(f"w{i}", 1e4 * (1 + i % 7), held=[(BTC, -0.05 - 0.01 * (i % 3))]) for i in range(60)]
            bench.move(BTC=45_000.0)
            assert closed(bench, bench.row(ann)) == pytest.approx(2.0)
            left.append([bench.size(a) for a in made])
        assert left[0] == left[1]

    def test_a_winner_who_is_worth_nothing_is_passed_over(self) -> None:
        bench, made = self.at_40("leverage_profit")
        ann = bench.account("ann", 1e5, held=[(BTC, 0.5)])
        bench.protocol.ledger.quote[bench.row(made[1])] -= 20_000.0
        closed(bench, bench.row(ann))
        assert [bench.size(a) for a in made] == pytest.approx([-0.5, -1.0, -1.0])

    def test_no_winner_pays_more_than_he_is_worth(self) -> None:
        """1 BTC from 50,000 on 10,000 at a mark of 38,000 lacks 2,000: closed at 40,000 a winner gives up 2,000 a coin.  Bob,
        first in rank, is worth 500: he is taken for a quarter of a coin, and the next pays the rest."""
        bench = Bench(adl())
        ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bob = bench.account("bob", 10_000.0, held=[(BTC, -1.0)])
        cat = bench.account("cat", 1e5, held=[(BTC, -1.0)])
        bench.move(BTC=38_000.0)
        bench.protocol.ledger.quote[bench.row(bob)] -= 21_500.0
        assert closed(bench, bench.row(ann)) == pytest.approx(1.0)
        assert [bench.size(a) for a in (bob, cat)] == pytest.approx([-0.75, -0.25])
        assert bench.equity(bob) == pytest.approx(0.0, abs=1e-6)


class TestPrice:
    def test_at_the_bankruptcy_price_the_account_ends_at_nothing_and_winners_pay(self) -> None:
        """1 BTC on 10,000 from 50,000 is broke at 40,000; the price is 38,000, so a winner gives up 2,000 a coin."""
        bench = Bench(adl(price="bankruptcy"))
        ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bob = bench.account("bob", 1e5, held=[(BTC, -1.5)])
        bench.block()
        bench.block(BTC=38_000.0)
        (done,) = bench.table("liquidations")
        assert (done["route"], done["price"], done["quantity"]) == ("adl", pytest.approx(40_000.0), -1.0)
        assert (done["move"], done["keeper"], done["penalty"]) == (-1, "", 0.0)
        assert bench.equity(ann) == pytest.approx(0.0, abs=1e-9)
        assert bench.size(bob) == -0.5
        assert bench.equity(bob) == pytest.approx(1e5 + 1.5 * 12_000.0 - 2_000.0)
        (loss,) = bench.table("losses")
        assert (loss["layer"], loss["account"], loss["amount"]) == ("adl", bob, pytest.approx(2_000.0))
        assert bench.protocol.deficits == {0: pytest.approx(2_000.0)}
        booked = [(e["account"], e["amount"], e["ref"], e["price"]) for e in bench.table("events", kind="adl")]
        number, price = done["liquidation"], pytest.approx(40_000.0)
        assert booked == [(bob, 1.0, number, price), (ann, -1.0, number, price)]

    def test_at_the_previous_mark_winners_gain_and_somebody_else_is_short(self) -> None:
        bench = Bench(adl(("adl", "socialise"), price="previous_mark"))
        bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bob = bench.account("bob", 1e5, held=[(BTC, -1.0)])
        bench.block(BTC=45_000.0)
        bench.block(BTC=38_000.0)
        (done,) = bench.table("liquidations")
        assert done["price"] == 45_000.0
        assert bench.equity(bob) == pytest.approx(1e5 + 5_000.0)
        layers = {r["layer"]: r["amount"] for r in bench.table("losses")}
        # the winner keeps 5,000 instead of 12,000: 2,000 were missing, and the account has 5,000 left
        assert layers == {"adl": pytest.approx(2_000.0), "adl_surplus": pytest.approx(5_000.0)}
        assert bench.protocol.deficits == {0: pytest.approx(2_000.0)}

    def test_a_price_below_zero_is_zero(self) -> None:
        """A short whose equity is larger than its notional would be broke only beyond any price."""
        bench = Bench(adl())
        ann = bench.account("ann", 2e5, held=[(BTC, 1.0)])
        bench.account("bob", 1e6, held=[(BTC, -1.0)])
        bench.move()
        bench.protocol.ledger.breach[bench.row(ann)] = 0
        closed(bench, bench.row(ann))
        assert bench.table("liquidations")[0]["price"] == 0.0


class TestTrigger:
    def test_account_negative(self) -> None:
        bench = Bench(adl(trigger="account_negative"))
        ann, bob = bench.account("ann", 10_000.0, held=[(BTC, 1.0)]), bench.account("bob", 9_000.0, held=[(BTC, 1.0)])
        bench.move(BTC=40_500.0)
        assert triggered(bench.protocol, bench.rows(ann, bob)).tolist() == [False, True]

    def test_fund_empty_means_that_it_does_not_cover_what_is_missing(self) -> None:
        bench = Bench(adl(trigger="fund_empty") | {"fund": 400.0})
        ann, bob = bench.account("ann", 9_200.0, held=[(BTC, 1.0)]), bench.account("bob", 9_000.0, held=[(BTC, 1.0)])
        rich = bench.account("eve", 2e4, held=[(BTC, 1.0)])
        bench.move(BTC=40_500.0)
        assert triggered(bench.protocol, bench.rows(ann, bob, rich)).tolist() == [False, True, False]

    def test_vault_negative(self) -> None:
        bench = Bench(adl(trigger="vault_negative") | {"vault": 1_000.0})
        ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        assert triggered(bench.protocol, bench.rows(ann)).tolist() == [False]
        bench.hold(bench.protocol.vault_id, BTC, 1.0)
        bench.move(BTC=48_000.0)
        assert triggered(bench.protocol, bench.rows(ann)).tolist() == [True]


class TestWhom:
    def test_system_accounts_losers_and_those_in_breach_are_left_alone(self) -> None:
        bench = Bench(adl(rank="size"))
        ann = bench.account("ann", 10_000.0, held=[(BTC, 2.0)])
        bob = bench.account("bob", 1e5, held=[(BTC, -0.5)])
        bad = bench.account("bad", 1e5, held=[(BTC, -0.7)])
        broke = bench.account("eve", 1_000.0, held=[(BTC, -0.4)])
        bench.hold(bench.protocol.vault_id, BTC, -5.0)
        bench.hold(broke, ETH, 10.0)
        bench.protocol.ledger.breach[bench.row(bad)] = 7
        bench.move(BTC=44_000.0, ETH=1_000.0)
        assert bench.equity(broke) < 0.0
        before = bench.protocol.ledger.size(system_rows(bench), BTC)
        assert closed(bench, bench.row(ann)) == 0.5
        assert (bench.size(bob), bench.size(bad), bench.size(broke)) == (0.0, -0.7, -0.4)
        np.testing.assert_array_equal(bench.protocol.ledger.size(system_rows(bench), BTC), before)
        assert bench.size(ann) == 1.5
        bench.audit()

    def test_where_the_street_is_the_only_winner_nobody_is_deleveraged(self) -> None:
        bench = Bench(adl())
        ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0)])
        bench.move(BTC=39_000.0)
        assert closed(bench, bench.row(ann)) == 0.0
        assert bench.table("losses") == []
        assert np.all(bench.protocol.ledger.mode[system_rows(bench)] == SYSTEM)

    def test_several_positions_are_closed_one_by_one_and_leave_nothing(self) -> None:
        bench = Bench(adl() | {"rounds": 1})
        ann = bench.account("ann", 10_000.0, held=[(BTC, 1.0), (ETH, 10.0)])
        bench.account("bob", 1e5, held=[(BTC, -2.0), (ETH, -20.0)])
        bench.block()
        bench.block(BTC=42_000.0, ETH=1_700.0)
        assert [r["route"] for r in bench.table("liquidations")] == ["adl", "adl"]
        assert bench.equity(ann) == pytest.approx(0.0, abs=1e-9)
        assert (bench.size(ann, BTC), bench.size(ann, ETH)) == (0.0, 0.0)
        assert sum(r["amount"] for r in bench.table("losses")) == pytest.approx(1_000.0)
