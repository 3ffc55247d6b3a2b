"""The same accounts under two sets of rules."""

from dataclasses import replace

import numpy as np
import pytest

from abm.ledger import SYSTEM
from abm.margin.book import Book
from abm.margin.compare import compare, compare_totals
from abm.margin.families.isolated import Isolated
from abm.margin.families.weighted import Weighted, WeightedCoin, WeightedMarket
from abm.margin.statement import Position, Statement
from tests.abm.margin.toys import book, weighted

COVARIANCE = np.array([[0.09, 0.072], [0.072, 0.16]])
LONG = Statement(5_000.0, positions=(Position("BTC", 0.5, 50_000.0),))
SHORT = Statement(5_000.0, positions=(Position("BTC", -0.5, 50_000.0),))
PAIR = Statement(4_000.0, positions=(Position("BTC", 0.5, 50_000.0), Position("ETH", -12.5, 2_000.0)))
ACCOUNTS = [LONG, SHORT, PAIR, Statement(100.0)]


def strict() -> Weighted:
    """More margin to stay and less to open."""
    markets = [WeightedMarket(imf=0.045, mmf=0.04), WeightedMarket(imf=0.09, mmf=0.08)]
    return Weighted(markets, [WeightedCoin(haircut=0.1), WeightedCoin(haircut=0.0)])


class TestCompare:
    def test_by_hand(self) -> None:
        frame = compare(book(ACCOUNTS), book(ACCOUNTS, strict()))
        assert frame["im_a"].to_list() == pytest.approx([1_250.0, 1_250.0, 3_750.0, 0.0])
        assert frame["im_b"].to_list() == pytest.approx([1_125.0, 1_125.0, 3_375.0, 0.0])
        assert frame["capital_use_a"].to_list() == pytest.approx([0.05, 0.05, 0.075, None])
        assert frame["leverage_b"].to_list() == pytest.approx(
            [25_000.0 / 1_125.0, 25_000.0 / 1_125.0, 50_000.0 / 3_375.0, None]
        )
        # the long: 5,000 - 25,000 x = 0.03 * 25,000 (1 - x); the short: 5,000 - 25,000 x = 0.03 * 25,000 (1 + x)
        assert frame["move_a"].to_list()[:2] == pytest.approx([-4_250.0 / 24_250.0, 4_250.0 / 25_750.0])
        assert frame["move_b"].to_list()[:2] == pytest.approx([-4_000.0 / 24_000.0, 4_000.0 / 26_000.0])
        assert frame["asks_more"].to_list() == ["a", "a", "a", "equal"]
        assert frame["worse_off"].to_list() == ["b", "b", "b", "equal"]

    def test_the_same_rules_are_equal(self) -> None:
        frame = compare(book(ACCOUNTS), book(ACCOUNTS), covariance=COVARIANCE)
        assert set(frame["worse_off"]) == set(frame["asks_more"]) == {"equal"}
        assert frame["distance_a"].to_list() == frame["distance_b"].to_list()

    def test_the_two_are_told_apart_the_other_way_round(self) -> None:
        one, other = book(ACCOUNTS), book(ACCOUNTS, strict())
        ahead, back = compare(one, other), compare(other, one)
        assert ahead["im_a"].to_list() == back["im_b"].to_list()
        assert back["worse_off"].to_list() == ["a", "a", "a", "equal"]

    def test_a_pair_is_worse_off_isolated_than_cross(self) -> None:
        """Equal moves of both leave a hedged account alone, and take the position that loses when each stands alone."""
        cross = book(ACCOUNTS)
        alone = replace(cross, engine=Isolated(weighted()))
        frame = compare(cross, alone, covariance=COVARIANCE)
        assert frame["worse_off"].to_list() == ["equal", "equal", "b", "equal"]
        assert frame["distance_b"][2] < frame["distance_a"][2]

    def test_never_is_farther_than_any_distance(self) -> None:
        """A pair of equal sizes is never liquidated by moves of both, and one of its positions alone is."""
        pair = Statement(4_000.0, positions=(Position("BTC", 0.5, 50_000.0), Position("ETH", -12.5, 2_000.0)))
        cross = book([pair], Weighted([WeightedMarket(imf=0.05, mmf=1e-9)] * 2, [WeightedCoin(haircut=0.0)] * 2))
        frame = compare(cross, replace(cross, engine=Isolated(cross.engine)))
        assert frame["move_a"][0] is None
        assert 0.0 < abs(frame["move_b"][0]) < 0.2
        assert frame["worse_off"][0] == "b"

    def test_in_breach_already_is_no_move_at_all(self) -> None:
        frame = compare(book([Statement(1_000.0, positions=LONG.positions)]), book([LONG], strict()))
        assert frame["move_a"][0] == pytest.approx(-0.0103, abs=1e-3)
        tight = compare(book([Statement(700.0, positions=LONG.positions)]), book([LONG]))
        assert tight["move_a"][0] == 0.0
        assert tight["worse_off"][0] == "a"

    def test_nothing_reaches_the_protocols_own(self) -> None:
        some = book([LONG])
        some.ledger.mode[0] = SYSTEM
        assert compare(some, some)["move_a"].to_list() == [None]

    def test_other_accounts_are_refused(self) -> None:
        some = book([LONG, SHORT])
        one: Book = some.some(np.array([0]))
        with pytest.raises(ValueError, match="accounts to compare must be the same under both, in the same order"):
            compare(some, one)


class TestTotals:
    def test_by_hand(self) -> None:
        totals = compare_totals(compare(book(ACCOUNTS), book(ACCOUNTS, strict()), covariance=COVARIANCE))
        assert totals["rules"].to_list() == ["a", "b"]
        assert totals["notional"].to_list() == pytest.approx([100_000.0] * 2)
        assert totals["im"].to_list() == pytest.approx([6_250.0, 5_625.0])
        assert totals["leverage"].to_list() == pytest.approx([16.0, 100_000.0 / 5_625.0])
        assert totals["capital_use"].to_list() == pytest.approx([0.0625, 0.05625])
        assert totals["worse_off"].to_list() == [0, 3]
        assert totals["asked_more"].to_list() == [3, 0]
        assert totals["distance"][0] > totals["distance"][1]
        assert totals["liquidatable"].to_list() == [0, 0]

    def test_of_nothing_there_is_none(self) -> None:
        totals = compare_totals(compare(book([Statement(1.0)]), book([Statement(1.0)])))
        assert totals["capital_use"].to_list() == [None, None]
        assert totals["leverage"].to_list() == [None, None]
        assert totals["move"].to_list() == [None, None]
