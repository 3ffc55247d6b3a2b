"""Breaches: one row a crossing, an episode, and a fall that is split without remainder."""

import math
from typing import Any

import numpy as np
import pytest

from abm.protocol.breaches import Episodes
from abm.protocol.subaccounts import transfer
from tests.abm.protocol.bench import AWAY, BTC, ETH, HOME, Bench

LONE = {"route": "keeper", "backstop_after": 1e9, "backstop_below": 0.0}
"""Nobody serves: keepers should, and there are none."""


class TestRows:
    def test_a_crossing_is_one_row_with_what_the_account_was_then(self) -> None:
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=48_000.0)
        (breach,) = bench.table("breaches")
        assert breach["owner"] == bench.protocol.ledger.owner[bench.row(ann)]
        # equity 1,000 - 600, maintenance 3 % of 14,400
        assert (breach["account"], breach["equity"], breach["notional"]) == (ann, pytest.approx(400.0), 14_400.0)
        assert breach["free_margin"] == pytest.approx(-32.0)
        assert (breach["time"], breach["block"], breach["round"], breach["episode"]) == (2.0, 2, 0, 0)
        assert (breach["cohort"], breach["mode"], breach["protocol"], breach["chain"]) == (
            "ann",
            "cross",
            "harbor",
            "alpha",
        )

    def test_an_open_breach_is_not_written_twice(self) -> None:
        bench = Bench(LONE)
        bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        for price in (48_000.0, 47_900.0, 48_000.0):
            bench.block(BTC=price)
        assert len(bench.table("breaches")) == 1

    def test_prices_alone_close_it_after_a_quiet_time_only(self) -> None:
        bench = Bench(LONE, {"quiet": 100.0})
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block(BTC=48_000.0)
        bench.block(BTC=50_000.0)
        assert bench.in_breach(ann)
        bench.block(BTC=48_000.0)
        assert len(bench.table("breaches")) == 1
        bench.block(99.0, BTC=50_000.0)
        assert not bench.in_breach(ann)
        bench.block(BTC=48_000.0)
        assert [b["time"] for b in bench.table("breaches")] == [1.0, 103.0]

    def test_a_top_up_closes_it_and_the_next_crossing_is_another(self) -> None:
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block(BTC=48_000.0)
        bench.give(int(bench.protocol.ledger.holder[bench.row(ann)]), bench.protocol.cash_token, 100.0)
        bench.protocol.deposit(bench.rows(ann), np.array([100.0]))
        bench.block()
        assert not bench.in_breach(ann)
        assert math.isnan(bench.protocol.ledger.since[bench.row(ann)])
        bench.block(BTC=47_000.0)
        assert [b["breach"] for b in bench.table("breaches", account=ann)] == [0, 1]

    def test_what_the_account_did_earlier_in_the_breachs_block_does_not_close_it(self) -> None:
        """It has traded, then it breaches in the same block; prices come back in the next one."""
        bench = Bench(LONE, {"quiet": 100.0})
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.2)])
        bench.block()
        bench.move(BTC=48_000.0)
        bench.hold(ann, BTC, 0.2)
        bench.block(0.0, BTC=47_500.0)
        bench.block(BTC=50_000.0)
        assert bench.in_breach(ann)
        bench.block(100.0)
        assert not bench.in_breach(ann)
        assert bench.protocol.ledger.changed[bench.row(ann)] == 2.0

    def test_a_liquidation_in_the_breachs_block_does(self) -> None:
        """Closed in part, and not enough; in the next block prices come back."""
        bench = Bench({"route": "book", "rounds": 1, "penalty": 0.0}, {"quiet": 100.0})
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.2), (ETH, 5.0)])
        bench.block()
        bench.block(BTC=47_900.0, ETH=1_910.0)
        assert len(bench.table("liquidations")) == 1
        assert bench.in_breach(ann)
        bench.block(BTC=50_000.0, ETH=2_000.0)
        assert not bench.in_breach(ann)

    def test_a_top_up_that_is_too_small_closes_nothing(self) -> None:
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block(BTC=48_000.0)
        bench.give(int(bench.protocol.ledger.holder[bench.row(ann)]), bench.protocol.cash_token, 10.0)
        bench.protocol.deposit(bench.rows(ann), np.array([10.0]))
        bench.block()
        assert bench.in_breach(ann)

    def test_breaches_of_a_round_are_in_order_of_account_whatever_the_layout(self) -> None:
        found = []
        for flip in (False, True):
            bench = Bench(LONE)
            for name in ("ann", "bob", "cat"):
                bench.account(name, 1000.0, held=[(BTC, 0.3)])
            if flip:
                bench.protocol.ledger.permute(np.arange(len(bench.protocol.ledger))[::-1])
            bench.block(BTC=48_000.0)
            found.append(bench.table("breaches"))
        assert found[0] == found[1]
        assert [b["account"] for b in found[0]] == sorted(b["account"] for b in found[0])

    def test_the_street_and_the_vault_never_breach(self) -> None:
        bench = Bench(LONE)
        bench.account("ann", 1e5, held=[(BTC, -1.0)])
        bench.hold(bench.protocol.vault_id, BTC, 500.0)
        bench.block(BTC=20_000.0)
        assert bench.equity(bench.protocol.vault_id) < 0.0
        assert bench.table("breaches") == []


def falls(bench: Bench, breach: dict[str, Any]) -> float:
    """The fall that exposures and named parts add up to."""
    priced = sum(
        e["sensitivity"] * (e["price_start"] - e["price_end"])
        for e in bench.table("exposures", breach=breach["breach"])
    )
    named = ("margin_fall", "haircut_fall", "staleness_fall", "funding_fall", "own_fall")
    return priced + sum(breach[name] for name in named)


def add_up(bench: Bench, breach: dict[str, Any]) -> None:
    fall = breach["free_margin_start"] - breach["free_margin"]
    assert falls(bench, breach) == pytest.approx(fall, abs=1e-9 * (1.0 + breach["notional"]))


class TestSplit:
    def test_the_start_is_the_free_margin_that_there_was(self) -> None:
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.block(BTC=49_500.0)
        was = bench.free(ann)
        bench.block(599.0, BTC=49_000.0)
        bench.block(BTC=48_000.0)
        (breach,) = bench.table("breaches")
        assert breach["since"] == 2.0  # one quiet time of ten minutes back
        assert breach["free_margin_start"] == pytest.approx(was)
        (exposure,) = bench.table("exposures")
        assert (exposure["price_start"], exposure["price_end"]) == (49_500.0, 48_000.0)
        assert exposure["sensitivity"] == pytest.approx(0.3 * 0.97)
        add_up(bench, breach)

    def test_a_short_position_falls_with_a_rise(self) -> None:
        bench = Bench(LONE)
        bench.account("ann", 1000.0, held=[(BTC, -0.3)])
        bench.block()
        bench.block(BTC=52_000.0)
        (exposure,) = bench.table("exposures")
        assert exposure["sensitivity"] == pytest.approx(-0.3 * 1.03)
        add_up(bench, bench.table("breaches")[0])

    def test_parameters_that_move_have_their_own_names(self) -> None:
        """Prices, funding, maintenance, haircut and staleness all move before it breaches."""
        bench = Bench(LONE, {"protocols.harbor.staleness_grace": 0.0, "protocols.harbor.staleness_rate": 0.001})
        ann = bench.account("ann", 800.0, coins={HOME: 1.0, AWAY: 1000.0}, held=[(BTC, 0.6), (ETH, -5.0)])
        bench.block()
        start = bench.free(ann)
        bench.protocol.settle_funding(BTC, 0.002)
        bench.protocol.margin_scale[ETH] = 1.5
        bench.protocol.haircut[HOME] = 0.3
        bench.block(100.0, BTC=48_500.0, ETH=1_950.0)
        bench.block(100.0, BTC=46_500.0, ETH=2_050.0)
        (breach,) = bench.table("breaches")
        assert breach["since"] == 1.0
        assert breach["free_margin_start"] == pytest.approx(start)
        assert breach["funding_fall"] == pytest.approx(0.6 * 100.0)
        assert breach["margin_fall"] == pytest.approx(5.0 * 2_000.0 * 0.015)
        assert breach["haircut_fall"] == pytest.approx(2_000.0 * 0.2)
        age = 201.0 - 60.0
        assert breach["staleness_fall"] == pytest.approx(1000.0 * (1.0 - math.exp(-0.001 * age)))
        add_up(bench, breach)
        prices = {e["price"]: e["sensitivity"] for e in bench.table("exposures")}
        # two markets, then ETH as collateral; the remote dollar has no feed
        assert prices == {
            0: pytest.approx(0.6 * 0.97), 1: pytest.approx(-5.0 * (1.0 + 0.03 * 1.5)), 2: pytest.approx(0.7)
        }  # fmt: skip

    @pytest.mark.parametrize(("size", "end"), [(-5.0, 2_200.0), (5.0, 1_850.0)])
    def test_a_requirement_that_moves_with_its_price_is_valued_at_the_starts(self, size: float, end: float) -> None:
        """The free margin of the start, worked out from the start's price and fraction; the parts are the whole fall."""
        bench = Bench(LONE)
        bench.account("ann", 800.0, held=[(ETH, size)])
        bench.block()
        bench.protocol.margin_scale[ETH] = 1.5
        bench.block(ETH=end)
        (breach,) = bench.table("breaches")
        start, now = 800.0 - 5.0 * 2_000.0 * 0.03, 800.0 + size * (end - 2_000.0) - 5.0 * end * 0.045
        assert breach["since"] == 1.0
        assert (breach["free_margin_start"], breach["free_margin"]) == (pytest.approx(start), pytest.approx(now))
        assert breach["margin_fall"] == pytest.approx(5.0 * 2_000.0 * 0.015)
        priced = falls(bench, breach) - breach["margin_fall"]
        assert priced == pytest.approx((size - 5.0 * 0.045) * (2_000.0 - end))
        add_up(bench, breach)

    def test_funding_alone_breaches_in_the_block_in_which_a_full_revaluation_says_so(self) -> None:
        """A long far from the watch's radius; prices stand still, and only funding takes its free margin of 550."""
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.account("bob", 1e5, held=[(BTC, -0.3)])
        bench.block()
        for paid, breaches in ((0.015, 0), (0.015, 0), (0.01, 1)):
            bench.protocol.settle_funding(BTC, paid)
            bench.block()
            everyone = np.arange(len(bench.protocol.ledger))
            full = bench.protocol.engine.free_margin(bench.protocol.ledger, bench.protocol.terms, everyone)
            assert (full < 0.0).sum() == len(bench.table("breaches")) == breaches
        (breach,) = bench.table("breaches")
        assert (breach["account"], breach["funding_fall"]) == (ann, pytest.approx(0.3 * 50_000.0 * 0.04))
        add_up(bench, breach)

    def test_a_raised_requirement_breaches_without_any_price_move(self) -> None:
        bench = Bench(LONE)
        bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        bench.block()
        bench.protocol.margin_scale[BTC] = 2.5
        bench.block()
        (breach,) = bench.table("breaches")
        fall = breach["free_margin_start"] - breach["free_margin"]
        assert breach["margin_fall"] == pytest.approx(fall)
        assert fall == pytest.approx(0.3 * 50_000.0 * 0.045)

    def test_a_stalled_bridge_breaches_by_staleness(self) -> None:
        bench = Bench(LONE, {"protocols.harbor.staleness": "full"})
        bench.account("ann", coins={AWAY: 1000.0}, held=[(BTC, 0.3)])
        bench.block(119.0)
        assert bench.table("breaches") == []
        bench.block(2.0)
        (breach,) = bench.table("breaches")
        assert breach["staleness_fall"] == pytest.approx(1000.0)
        add_up(bench, breach)

    def test_stale_collateral_counts_after_its_haircut(self) -> None:
        bench = Bench(LONE, {"protocols.harbor.staleness": "full"})
        bench.protocol.haircut[AWAY] = 0.2
        bench.account("ann", coins={AWAY: 1000.0}, held=[(BTC, 0.3)])
        bench.block(119.0)
        bench.block(2.0)
        (breach,) = bench.table("breaches")
        assert breach["staleness_fall"] == pytest.approx(800.0)
        add_up(bench, breach)

    def test_a_breach_in_the_block_of_its_own_change_is_split_from_the_block_before(self) -> None:
        """The account has put its margin aside and the price falls in the same block."""
        bench = Bench(LONE)
        first = bench.account("ann", 1000.0, held=[(BTC, 0.3)])
        second = bench.account("ann", number=1)
        bench.block()
        bench.move(BTC=49_900.0)
        transfer(bench.protocol, first, second, 1e9)
        bench.block(0.0, BTC=48_800.0)
        (breach,) = bench.table("breaches")
        assert (breach["since"], breach["time"]) == (1.0, 2.0)
        (exposure,) = bench.table("exposures")
        assert (exposure["price_start"], exposure["price_end"]) == (50_000.0, 48_800.0)
        add_up(bench, breach)

    def test_an_account_that_changed_after_the_episode_began_is_split_from_there(self) -> None:
        bench = Bench(LONE)
        ann = bench.account("ann", 1000.0, held=[(BTC, 0.2)])
        for _ in range(3):
            bench.block()
        bench.hold(ann, BTC, 0.1)
        bench.block()
        bench.block(BTC=48_000.0)
        (breach,) = bench.table("breaches")
        assert breach["since"] == 3.0
        add_up(bench, breach)


class TestEpisodes:
    def test_it_opens_at_the_first_breach_one_quiet_time_back(self) -> None:
        episodes = Episodes(100.0, 0.0, [])
        assert (episodes.at(500.0), episodes.start) == (0, 400.0)

    def test_but_not_before_the_opening_of_the_world(self) -> None:
        episodes = Episodes(100.0, 450.0, [])
        assert (episodes.at(500.0), episodes.start) == (0, 450.0)

    def test_it_lasts_while_breaches_follow_within_the_quiet_time(self) -> None:
        episodes = Episodes(100.0, 0.0, [])
        assert [episodes.at(t) for t in (500.0, 590.0, 690.0, 791.0, 800.0)] == [0, 0, 0, 1, 1]
        assert episodes.start == 691.0

    def test_the_next_one_does_not_reach_into_it(self) -> None:
        episodes = Episodes(100.0, 0.0, [])
        episodes.at(500.0)
        episodes.quiet = 30.0
        episodes.at(531.0)
        assert episodes.start == 501.0
        episodes.quiet = 30.0
        assert episodes.at(562.0) == 2

    def test_a_scripted_shock_under_way_is_its_beginning(self) -> None:
        episodes = Episodes(100.0, 0.0, [300.0, 450.0, 900.0])
        assert (episodes.at(500.0), episodes.start) == (0, 450.0)
        assert (episodes.at(950.0), episodes.start) == (1, 900.0)

    @pytest.mark.parametrize(("breach", "start"), [(1000.0, 400.0), (1001.0, 901.0)])
    def test_a_shock_is_forgotten_after_six_quiet_times(self, breach: float, start: float) -> None:
        episodes = Episodes(100.0, 0.0, [400.0])
        episodes.at(breach)
        assert episodes.start == start

    def test_a_shock_of_an_earlier_episode_does_not_count_again(self) -> None:
        episodes = Episodes(100.0, 0.0, [450.0])
        episodes.at(500.0)
        assert (episodes.at(650.0), episodes.start) == (1, 550.0)
