"""The nearest bankruptcy in the norm of a covariance: against the closed form, rays, brute force and another solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from abm.ledger import SYSTEM
from abm.margin.bankruptcy import distance_along, first_order
from abm.margin.book import Book
from abm.margin.design_point import design_point, directions, factor_of
from abm.margin.statement import Leg, Position, Statement
from tests.abm.margin.toys import Netting, book, series

VOLATILITY = np.array([0.3, 0.4])
COVARIANCE = np.outer(VOLATILITY, VOLATILITY) * np.array([[1.0, 0.6], [0.6, 1.0]])
LONG = Statement(5_000.0, positions=(Position("BTC", 0.5, 50_000.0),))
PAIR = Statement(5_000.0, {"ETH": 1.0}, (Position("BTC", 0.5, 50_000.0), Position("ETH", -10.0, 2_000.0)))
BOTH = Statement(8_000.0, {"ETH": 2.0}, (Position("BTC", 0.2, 50_000.0), Position("ETH", 8.0, 2_000.0)))


def norm(move: np.ndarray, covariance: np.ndarray = COVARIANCE) -> float:
    return float(np.sqrt(move @ np.linalg.solve(covariance, move)))


def equity_at(some: Book, move: np.ndarray, row: int = 0) -> float:
    return float(some.value("equity", some.at(move), np.array([row]))[0])


def around(some: Book, count: int = 360) -> float:
    """The least distance along many rays of the plane."""
    factor = np.linalg.cholesky(COVARIANCE)
    angles = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ factor.T
    return min(float(distance_along(some, ray, reach=5.0)[0]) for ray in rays)


class TestLinearBooks:
    @pytest.mark.parametrize("account", [LONG, PAIR, BOTH])
    def test_equity_is_zero_there_and_the_norm_is_the_distance(self, account: Statement) -> None:
        some = book([account])
        found = design_point(some, COVARIANCE)
        scale = some.assess(some.terms).notional[0]
        assert equity_at(some, found.move[0]) == pytest.approx(0.0, abs=1e-9 * scale)
        assert norm(found.move[0]) == pytest.approx(found.distance[0], rel=1e-10)

    @pytest.mark.parametrize("account", [LONG, PAIR, BOTH])
    def test_no_ray_all_around_is_nearer_and_the_nearest_is_no_farther(self, account: Statement) -> None:
        some = book([account])
        found, rays = design_point(some, COVARIANCE).distance[0], around(some)
        assert found <= rays * (1.0 + 1e-12)
        assert found == pytest.approx(rays, rel=2e-4)

    @given(
        btc=st.floats(-1.0, 1.0), eth=st.floats(-25.0, 25.0), coins=st.floats(0.0, 5.0), cash=st.floats(500.0, 40_000.0),
        seed=st.integers(0, 2**32 - 1),
    )  # fmt: skip
    @settings(max_examples=40, deadline=None)
    def test_another_solver_from_many_starts_finds_none_nearer(
        self, btc: float, eth: float, coins: float, cash: float, seed: int
    ) -> None:
        positions = (Position("BTC", btc, 50_000.0), Position("ETH", eth, 2_000.0))
        some = book([Statement(cash, {"ETH": coins}, positions)])
        found = design_point(some, COVARIANCE).distance[0]
        exposure = np.array([btc * 50_000.0, (eth + coins) * 2_000.0])
        constant = cash + coins * 2_000.0 - exposure.sum()
        size, factor = abs(constant) + np.abs(exposure).sum(), np.linalg.cholesky(COVARIANCE)

        def equity(z: np.ndarray) -> float:
            return float(constant + exposure @ np.exp(np.clip(factor @ z, -20.0, 20.0))) / size

        for start in np.random.default_rng(seed).normal(size=(6, 2)) * 3.0:
            other = minimize(
                lambda z: z @ z / 2.0, start, jac=lambda z: z, method="SLSQP", options={"ftol": 1e-13, "maxiter": 200},
                constraints={
                    "type": "eq", "fun": equity,
                    "jac": lambda z: (exposure * np.exp(np.clip(factor @ z, -20.0, 20.0))) @ factor / size,
                },
            )  # fmt: skip
            if abs(equity(other.x)) < 1e-10 and np.abs(factor @ other.x).max() < 7.0:
                assert found <= np.linalg.norm(other.x) * (1.0 + 1e-5)

    @pytest.mark.parametrize("part", [1e-2, 1e-3])
    def test_in_the_small_it_is_the_closed_form(self, part: float) -> None:
        """Second order: the gap shrinks as the square of the move."""
        exposure = 0.5 * 50_000.0
        some = book([Statement(part * exposure, positions=PAIR.positions)])
        found, told = design_point(some, COVARIANCE), first_order(some, COVARIANCE)
        assert found.distance[0] == pytest.approx(told.distance[0], rel=2.0 * part)
        assert found.move[0] == pytest.approx(told.move[0], rel=4.0 * part)

    def test_many_accounts_are_found_as_one_by_one(self) -> None:
        some = book([PAIR, LONG, BOTH])
        together = design_point(some, COVARIANCE)
        for i in range(3):
            alone = design_point(some.some(np.array([i])), COVARIANCE)
            assert alone.distance[0] == pytest.approx(together.distance[i], rel=1e-10)

    def test_liquidation_is_nearer_than_bankruptcy(self) -> None:
        some = book([LONG, PAIR, BOTH])
        free = design_point(some, COVARIANCE, measure="free_margin")
        assert np.all(free.distance < design_point(some, COVARIANCE).distance)
        for i in range(3):
            assert some.value("free_margin", some.at(free.move[i]), np.array([i]))[0] == pytest.approx(0.0, abs=1e-5)


class TestOptions:
    def test_of_a_straddles_two_roots_it_is_the_nearer(self) -> None:
        some = book([Statement(12_000.0, legs=(Leg(0, -1.0), Leg(1, -1.0)))], Netting(), series())
        found = design_point(some, COVARIANCE)
        ways = [distance_along(some, np.array([sign, 0.0]))[0] / VOLATILITY[0] for sign in (-1.0, 1.0)]
        assert found.distance[0] == pytest.approx(min(ways), rel=1e-9)
        assert equity_at(some, found.move[0]) == pytest.approx(0.0, abs=1e-9 * 50_000.0)

    @given(
        call=st.floats(-2.0, 2.0), put=st.floats(-2.0, 2.0), perp=st.floats(-1.0, 1.0), eth=st.floats(-10.0, 10.0),
        cash=st.floats(2_000.0, 40_000.0),
    )  # fmt: skip
    @settings(max_examples=8, deadline=None)
    def test_no_ray_all_around_is_nearer(self, call: float, put: float, perp: float, eth: float, cash: float) -> None:
        positions = (Position("BTC", perp, 50_000.0), Position("ETH", eth, 2_000.0))
        some = book([Statement(cash, positions=positions, legs=(Leg(0, call), Leg(1, put)))], Netting(), series())
        if equity_at(some, np.zeros(2)) <= 0.0:
            return
        found, rays = design_point(some, COVARIANCE), around(some, 36)
        assert found.distance[0] <= rays * (1.0 + 1e-9)
        if np.isfinite(found.distance[0]):
            after = some.assess(some.at(found.move[0]))
            assert after.equity[0] == pytest.approx(0.0, abs=1e-9 * (cash + after.notional[0]))
            assert norm(found.move[0]) == pytest.approx(found.distance[0], rel=1e-9)

    def test_where_margin_bends_the_nearest_liquidation_is_no_farther_than_any_ray(self) -> None:
        account = Statement(14_000.0, positions=(Position("BTC", 0.5, 50_000.0),), legs=(Leg(0, -1.0), Leg(1, -0.5)))
        some = book([account], Netting(), series())
        found = design_point(some, COVARIANCE, measure="free_margin")
        assert some.value("free_margin", some.at(found.move[0]), some.rows)[0] == pytest.approx(0.0, abs=1e-4)
        factor = np.linalg.cholesky(COVARIANCE)
        for angle in np.linspace(0.0, 2.0 * np.pi, 36):
            ray = factor @ np.array([np.cos(angle), np.sin(angle)])
            assert found.distance[0] <= distance_along(some, ray, measure="free_margin")[0] * (1.0 + 1e-9)


class TestEdges:
    def test_worth_nothing_is_there_already_and_nothing_at_stake_never(self) -> None:
        some = book([Statement(-1.0, positions=LONG.positions), Statement(100.0), LONG])
        some.ledger.mode[2] = SYSTEM
        found = design_point(some, COVARIANCE)
        assert found.distance[:2].tolist() == [0.0, np.inf]
        assert found.move[0].tolist() == [0.0, 0.0]
        assert np.all(np.isnan(found.move[1]))
        assert np.isinf(design_point(some, COVARIANCE, measure="free_margin").distance[2])

    def test_what_has_no_variance_does_not_move(self) -> None:
        some = book([PAIR])
        found = design_point(some, np.diag([0.04, 0.0]))
        assert found.move[0, 1] == 0.0
        assert found.distance[0] == pytest.approx(distance_along(some, np.array([-0.2, 0.0]))[0])

    def test_a_common_factor_alone_is_a_ray(self) -> None:
        betas = np.array([0.3, 0.5])
        some = book([BOTH])
        assert design_point(some, np.outer(betas, betas)).distance[0] == pytest.approx(distance_along(some, -betas)[0])

    @pytest.mark.parametrize(
        ("covariance", "message"),
        [
            (np.eye(3), "covariance must be 2 x 2, got 3 x 3"),
            (np.array([[1.0, 0.2], [0.3, 1.0]]), "covariance must be finite and symmetric"),
            (np.array([[1.0, np.nan], [np.nan, 1.0]]), "covariance must be finite and symmetric"),
            (np.array([[1.0, 2.0], [2.0, 1.0]]), "covariance must be positive semidefinite and not zero"),
            (np.zeros((2, 2)), "covariance must be positive semidefinite and not zero"),
        ],
    )
    def test_what_is_no_covariance_is_refused(self, covariance: np.ndarray, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            design_point(book([LONG]), covariance)

    def test_factors_make_the_covariance(self) -> None:
        factor = factor_of(COVARIANCE, 2)
        np.testing.assert_allclose(factor @ factor.T, COVARIANCE, rtol=1e-12)
        assert factor_of(np.outer(VOLATILITY, VOLATILITY), 2).shape == (2, 1)

    @pytest.mark.parametrize("rank", [1, 2, 5])
    def test_rays_are_unit_vectors_all_around(self, rank: int) -> None:
        rays = directions(rank, 64)
        np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0, rtol=1e-12)
        assert len(np.unique(rays, axis=0)) == len(rays) == (2 if rank == 1 else 2 * rank + 64)
        assert np.abs(rays.mean(axis=0)).max() < 0.15
