"""The smallest shock that breaks an account, or part of a protocol."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.design_point import design_point
from abm.margin.reverse_stress import (
    broken_share,
    reverse_stress,
    smallest_along,
    smallest_fall,
    smallest_in_norm,
)  # fmt: skip
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.toys import Netting, book, series

COVARIANCE = np.array([[0.09, 0.072], [0.072, 0.16]])
FALL = -np.ones(2)


def long(cash: float, size: float = 0.5) -> Statement:
    return Statement(cash, positions=(Position("BTC", size, 50_000.0),))


LADDER = [long(2_500.0), long(5_000.0), long(10_000.0), long(20_000.0)]
"""Broke after falls by 10, 20, 40 and 80 %."""


class TestAccounts:
    def test_falls_by_hand(self) -> None:
        frame = reverse_stress(book([*LADDER, long(1_000.0, -0.5), long(-1.0)]))
        assert frame["fall"].to_list() == pytest.approx([0.1, 0.2, 0.4, 0.8, None, 0.0])
        assert frame.columns == ["account", "fall"]

    def test_a_factor_goes_either_way_by_its_betas(self) -> None:
        frame = reverse_stress(book([long(5_000.0), long(5_000.0, -0.5), Statement(1.0)]), betas=np.array([2.0, 1.0]))
        assert frame["factor"].to_list() == pytest.approx([0.8**0.5 - 1.0, 1.2**0.5 - 1.0, None])

    def test_the_nearest_is_told_asset_by_asset(self) -> None:
        some = book([long(5_000.0), Statement(1.0)])
        frame, found = reverse_stress(some, covariance=COVARIANCE), design_point(some, COVARIANCE)
        assert frame["distance"].to_list() == pytest.approx([found.distance[0], None])
        assert frame["move_BTC"][0] == pytest.approx(-0.2)
        assert frame["move_ETH"][0] == pytest.approx(np.expm1(found.move[0, 1]))
        assert frame["move_ETH"][1] is None

    def test_liquidation_needs_less(self) -> None:
        some = book(LADDER)
        assert (reverse_stress(some, measure="free_margin")["fall"] < reverse_stress(some)["fall"]).all()


class TestProtocol:
    @pytest.mark.parametrize(("part", "fall"), [(0.25, 0.1), (0.26, 0.2), (0.5, 0.2), (0.75, 0.4), (1.0, 0.8)])
    def test_parts_of_accounts_by_hand(self, part: float, fall: float) -> None:
        found = smallest_fall(broken_share(book(LADDER)), part, 2)
        assert found.size == pytest.approx(fall, abs=1e-9)
        assert found.share >= part
        assert np.expm1(found.move) == pytest.approx([-fall, -fall], abs=1e-9)

    @pytest.mark.parametrize(
        ("weight", "part", "fall"),
        # equity before is 2,500 + 5,000 + 10,000 + 20,000 = 37,500; notional 25,000 each
        [("equity", 0.19, 0.2), ("equity", 0.21, 0.4), ("notional", 0.5, 0.2), ("notional", 0.51, 0.4)],
    )
    def test_parts_of_notional_and_equity_by_hand(self, weight: str, part: float, fall: float) -> None:
        share = broken_share(book(LADDER), weight=weight)  # type: ignore[arg-type]
        assert smallest_fall(share, part, 2).size == pytest.approx(fall, abs=1e-9)

    def test_the_protocols_own_accounts_do_not_count(self) -> None:
        some = book(LADDER)
        some.ledger.mode[0] = SYSTEM
        assert smallest_fall(broken_share(some), 0.3, 2).size == pytest.approx(0.2, abs=1e-9)

    def test_what_is_broken_already_needs_no_shock_and_what_nothing_breaks_has_none(self) -> None:
        some = book([long(-1.0), Statement(100.0)])
        now, never = (smallest_along(broken_share(some), part, FALL) for part in (0.5, 0.6))
        assert (now.size, now.share) == (0.0, 0.5)
        assert np.isinf(never.size)
        assert np.all(np.isnan(never.move))
        assert np.isinf(smallest_fall(broken_share(some), 0.6, 2).size)

    @given(cash=st.lists(st.floats(100.0, 24_000.0), min_size=2, max_size=12), part=st.floats(0.05, 1.0))
    @settings(max_examples=30, deadline=None)
    def test_that_much_is_broken_and_a_little_less_breaks_less(self, cash: list[float], part: float) -> None:
        share = broken_share(book([long(c) for c in cash]))
        found = smallest_along(share, part, FALL)
        assert found.share >= part * (1.0 - 1e-12)
        assert share(found.move * (1.0 - 1e-6)) < part

    def test_where_less_is_broken_farther_on_it_is_still_the_first(self) -> None:
        """Broke between two prices only: the part broken rises, and falls again."""
        strikes = ((50_000.0, True), (60_000.0, True), (80_000.0, True))
        some = book(
            [Statement(2_000.0, legs=(Leg(0, 1.0), Leg(1, -3.0), Leg(2, 4.0)))], Netting(), series(strikes, 1.0)
        )
        share, up = broken_share(some), np.array([1.0, 0.0])
        found = smallest_along(share, 1.0, up)
        assert 0.1 < found.size < 0.4
        assert share(2.0 * up) == 0.0

    @pytest.mark.parametrize("account", [long(5_000.0), Statement(5_000.0, {"ETH": 1.0}, (
        Position("BTC", 0.5, 50_000.0), Position("ETH", -10.0, 2_000.0)))])  # fmt: skip
    def test_of_one_account_the_nearest_is_its_own_nearest(self, account: Statement) -> None:
        some = book([account])
        found = smallest_in_norm(broken_share(some), 1.0, COVARIANCE)
        assert found.size == pytest.approx(design_point(some, COVARIANCE).distance[0], rel=1e-5)
        assert np.sqrt(found.move @ np.linalg.solve(COVARIANCE, found.move)) == pytest.approx(found.size)

    def test_of_several_it_breaks_enough_and_no_ray_breaks_as_much_nearer(self) -> None:
        accounts = [*LADDER, Statement(4_000.0, positions=(Position("ETH", -8.0, 2_000.0),)), long(3_000.0, -0.4)]
        share = broken_share(book(accounts))
        found = smallest_in_norm(share, 0.5, COVARIANCE)
        assert share(found.move) == found.share >= 0.5
        factor = np.linalg.cholesky(COVARIANCE)
        for angle in np.linspace(0.0, 2.0 * np.pi, 90):
            ray = factor @ np.array([np.cos(angle), np.sin(angle)])
            assert found.size <= smallest_along(share, 0.5, ray).size * (1.0 + 1e-6)

    def test_in_one_dimension_it_is_the_nearer_side(self) -> None:
        share = broken_share(book([long(5_000.0)]))
        found = smallest_in_norm(share, 1.0, np.array([[0.09, 0.0], [0.0, 0.0]]))
        assert found.size == pytest.approx(-np.log(0.8) / 0.3, abs=1e-9)
        assert found.move == pytest.approx([np.log(0.8), 0.0], abs=1e-9)

    def test_what_makes_no_sense_is_refused(self) -> None:
        share = broken_share(book(LADDER))
        for part in (0.0, 1.1, np.nan):
            with pytest.raises(ValueError, match="part must be above 0 and at most 1, got"):
                smallest_along(share, part, FALL)
        with pytest.raises(ValueError, match="direction must be finite and not zero"):
            smallest_along(share, 0.5, np.zeros(2))
        with pytest.raises(ValueError, match="no account has any notional"):
            broken_share(book([Statement(1.0)]), weight="notional")
