"""Distances to bankruptcy along rays and to first order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.bankruptcy import distance_along, factor_distance, first_order, gradient, ruin_price
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.toys import Netting, book, series

LONG = Statement(5_000.0, positions=(Position("BTC", 0.5, 50_000.0),))
SHORT = Statement(5_000.0, positions=(Position("BTC", -0.5, 50_000.0),))
PAIR = Statement(5_000.0, {"ETH": 1.0}, (Position("BTC", 0.5, 50_000.0), Position("ETH", -10.0, 2_000.0)))
BTC, ALL = np.array([1.0, 0.0]), np.array([1.0, 1.0])


class TestRays:
    def test_a_long_falls_by_a_fifth_and_a_short_rises_by_one(self) -> None:
        some = book([LONG, SHORT])
        assert distance_along(some, -BTC) == pytest.approx([-np.log(0.8), np.inf])
        assert distance_along(some, BTC) == pytest.approx([np.inf, np.log(1.2)])

    def test_twice_the_direction_is_half_the_way(self) -> None:
        some = book([LONG, PAIR])
        np.testing.assert_allclose(distance_along(some, -2.0 * BTC), distance_along(some, -BTC) / 2.0, rtol=1e-12)

    def test_a_straddle_has_one_on_either_side(self) -> None:
        """Short a call and a put at the money: broke where either has grown by what there is."""
        some = book([Statement(15_000.0, legs=(Leg(0, -1.0), Leg(1, -1.0)))], Netting(), series())
        down, up = distance_along(some, -BTC)[0], distance_along(some, BTC)[0]
        for way in (-down, up):
            assert some.value("equity", some.at(way * BTC), some.rows)[0] == pytest.approx(0.0, abs=1e-7)
        assert factor_distance(some, BTC)[0] == (up if up < down else -down)
        assert 0.1 < up < 1.0
        assert 0.1 < down < 1.0

    def test_of_two_roots_on_one_side_it_is_the_nearer(self) -> None:
        """Broke between two prices only: short two calls at 60,000 against one at 50,000 and three at 80,000."""
        strikes = ((50_000.0, True), (60_000.0, True), (80_000.0, True))
        some = book(
            [Statement(2_000.0, legs=(Leg(0, 1.0), Leg(1, -3.0), Leg(2, 4.0)))], Netting(), series(strikes, 1.0)
        )
        way = distance_along(some, BTC)[0]
        along = some.along("equity", BTC)
        assert along(way, some.rows)[0] == pytest.approx(0.0, abs=1e-7)
        assert np.all(np.array([along(t, some.rows)[0] for t in np.linspace(0.0, way - 1e-6, 200)]) > 0.0)
        assert along(way + 0.05, some.rows)[0] < 0.0 < along(2.0, some.rows)[0]

    def test_worth_nothing_is_there_already_and_nothing_at_stake_never(self) -> None:
        some = book([Statement(-1.0, positions=LONG.positions), Statement(100.0)])
        assert distance_along(some, -ALL).tolist() == [0.0, np.inf]
        assert np.isnan(factor_distance(some, ALL)[1])
        assert factor_distance(some, ALL)[0] == 0.0

    def test_liquidation_comes_before_bankruptcy_and_never_to_the_protocol(self) -> None:
        some = book([LONG, LONG])
        some.ledger.mode[1] = SYSTEM
        free = distance_along(some, -BTC, measure="free_margin")
        # 5,000 - 0.5 (50,000 - p) = 0.5 p 0.03
        assert free == pytest.approx([-np.log(20_000.0 / 0.485 / 50_000.0), np.inf])
        assert free[0] < distance_along(some, -BTC)[0]

    def test_beyond_reach_is_never(self) -> None:
        assert np.isinf(distance_along(book([LONG]), -BTC, reach=0.2)[0])

    @pytest.mark.parametrize("direction", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0]])
    def test_a_direction_leads_somewhere(self, direction: list[float]) -> None:
        with pytest.raises(ValueError, match="direction must be finite and not zero, got"):
            distance_along(book([LONG]), np.array(direction))

    @given(
        btc=st.floats(-1.0, 1.0), eth=st.floats(-30.0, 30.0), cash=st.floats(100.0, 50_000.0),
        angle=st.floats(0.0, 2.0 * np.pi),
    )  # fmt: skip
    @settings(max_examples=60, deadline=None)
    def test_equity_is_zero_there_and_above_before(self, btc: float, eth: float, cash: float, angle: float) -> None:
        positions = (Position("BTC", btc, 50_000.0), Position("ETH", eth, 2_000.0))
        some = book([Statement(cash, positions=positions)])
        direction = np.array([np.cos(angle), np.sin(angle)])
        way = distance_along(some, direction)[0]
        along = some.along("equity", direction)
        if np.isfinite(way):
            scale = cash + some.assess(some.at(way * direction)).notional[0]
            assert along(way, some.rows)[0] == pytest.approx(0.0, abs=1e-9 * scale)
        for t in np.linspace(0.0, min(way, 3.0) * 0.999, 30):
            assert along(t, some.rows)[0] > 0.0


class TestFirstOrder:
    VOLATILITY = np.array([0.03, 0.05])
    COVARIANCE = np.outer(VOLATILITY, VOLATILITY) * np.array([[1.0, 0.7], [0.7, 1.0]])

    def test_the_formula_by_hand(self) -> None:
        """g = (25,000, 2,000 - 20,000), E = 7,000."""
        found = first_order(book([PAIR]), self.COVARIANCE)
        slope = np.array([25_000.0, -18_000.0])
        variance = slope @ self.COVARIANCE @ slope
        assert found.distance[0] == pytest.approx(7_000.0 / np.sqrt(variance))
        assert found.move[0] == pytest.approx(-7_000.0 * self.COVARIANCE @ slope / variance)

    def test_it_is_below_zero_past_bankruptcy_and_infinite_with_nothing_at_stake(self) -> None:
        found = first_order(book([Statement(-1_000.0, positions=LONG.positions), Statement(100.0)]), self.COVARIANCE)
        assert found.distance[0] == pytest.approx(-1_000.0 / (25_000.0 * 0.03))
        assert np.isinf(found.distance[1])
        assert np.all(np.isnan(found.move[1]))

    def test_the_slope_of_an_account_that_cannot_breach_is_none(self) -> None:
        some = book([LONG])
        some.ledger.mode[0] = SYSTEM
        assert gradient(some, "free_margin").tolist() == [[0.0, 0.0]]
        assert np.isinf(first_order(some, self.COVARIANCE, measure="free_margin").distance[0])


def test_the_price_that_ruins_an_account() -> None:
    some = book([LONG, SHORT, Statement(-1_000.0, positions=LONG.positions)])
    price = ruin_price(some.engine, some.ledger, some.terms, some.rows)
    assert price[:, 0] == pytest.approx([40_000.0, 60_000.0, 52_000.0])
