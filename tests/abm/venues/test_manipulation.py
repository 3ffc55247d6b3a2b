"""Is there a profitable round trip in a world without a protocol?  An optimiser looks for one.

A trip is N trades at whole seconds that sum to zero, at a constant exogenous price and without a spread.  Profit is
stated as a part of what the same volume at once would cost in impact, so that trips of any size compare.  `slices` cuts
each trade into parts executed one after the other in its block: the least that a trader can pay.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from abm.errors import ScenarioError
from abm.scenario import Scenario
from abm.venues import Books
from abm.venues.depth import FLOOR
from abm.venues.engine import execute, tick

Make = Callable[..., Books]
Floats = NDArray[np.float64]

CONSTANT_DEPTH = {"consumed": 0.0, "volatility_response": 0.0}
NERVOUS_MAKERS = {"consumed": 1.0, "volatility_response": 2.0, "volatility_halflife": 10.0, "refill": 15.0}
HASTY_MAKERS = NERVOUS_MAKERS | {"consumed": 0.0, "refill": 1.0}
PRICE, DEPTH = 100.0, 1e6


@pytest.fixture
def two_venues(make_scenario: Callable[..., Scenario], make_venue: Callable[..., dict[str, Any]]) -> Scenario:
    """One venue on a chain, `app`, and an exchange of its own, `floor`."""
    return make_scenario([make_venue("app", ("BTC", "perp"), chain="main"), make_venue("floor", ("BTC", "spot"))])


@njit
def profit(
    state: Floats,
    impact: Floats,
    rates: Floats,
    weights: Floats,
    volumes: Floats,
    waits: NDArray[np.int64],
    slices: int,
) -> float:
    """USD earned by the trip on book 0; the books given are left alone."""
    state, impact = state[:, :1].copy(), impact[:1].copy()
    ema, alphas, columns = np.zeros((1, 0)), np.zeros(0), np.zeros(1, dtype=np.int64)
    exogenous = np.full(1, PRICE)
    now = cash = 0.0
    for i in range(len(volumes)):
        for _ in range(waits[i]):
            now += 1.0
            tick(state, impact, rates, ema, alphas, columns, exogenous, 1.0, now)
        for _ in range(slices):
            filled, price, _, _, _ = execute(state, impact, rates, weights, 0, volumes[i] / slices, now)
            if filled != volumes[i] / slices:
                return -np.inf
            cash -= filled * price
    return cash


class Found(NamedTuple):
    """The best trip: its profit as a part of its impact at once, volumes in coins, waits before each in seconds."""

    gain: float
    volumes: Floats
    waits: NDArray[np.int64]


def search(
    books: Books, size: float = DEPTH, slices: int = 1, longest: int = 1, trades: int = 12, rounds: int = 60
) -> Found:
    """The best trip of `size` USD turned over, waiting up to `longest` seconds before each trade."""
    arrays = (books.state, books.impact, books.rates, books.weights)
    at_once = size * books.coefficient[0] * (size / DEPTH) ** books.exponent[0]

    def trip(x: Floats) -> tuple[Floats, NDArray[np.int64]]:
        volumes = x[: trades - 1] ** 3
        volumes = np.append(volumes, -volumes.sum())
        waits = np.rint(longest ** x[trades - 1 :]).astype(np.int64) if longest > 1 else np.ones(trades, np.int64)
        return volumes * (size / PRICE / max(np.abs(volumes).sum(), 1e-12)), waits

    def loss(x: Floats) -> float:
        earned: float = profit(*arrays, *trip(x), slices)
        return -earned / at_once if np.isfinite(earned) else 1e9

    bounds = [(-1.0, 1.0)] * (trades - 1) + [(0.0, 1.0)] * (trades if longest > 1 else 0)
    best = differential_evolution(loss, bounds, maxiter=rounds, popsize=8, seed=1, tol=1e-10, mutation=(0.4, 1.0))
    return Found(-float(best.fun), *trip(best.x))


@pytest.mark.parametrize(
    ("impact", "slices"),
    [
        ({}, 1),
        ({}, 8),
        ({"exponent": 0.3, "gamma": 0.75}, 8),
        ({"exponent": 0.5, "gamma": 0.55}, 8),
        ({"exponent": 0.8, "gamma": 0.3}, 8),
        ({"exponent": 1.0, "gamma": 0.3}, 8),
    ],
    ids=str,
)
def test_no_round_trip_pays_at_constant_depth(make_books: Make, impact: dict[str, Any], slices: int) -> None:
    assert search(make_books(impact, CONSTANT_DEPTH), slices=slices).gain < -0.005


def test_the_search_finds_the_pump_of_a_concave_impact_that_fades_too_slowly(make_forbidden_books: Make) -> None:
    found = search(make_forbidden_books({"t0": 10.0, "exponent": 0.5}, CONSTANT_DEPTH), rounds=100)
    assert found.gain > 0.02
    together = np.sign(found.volumes[:-1]) == -np.sign(found.volumes[-1])
    assert together.sum() >= 10


def earned(books: Books, volumes: list[float], waits: list[int], slices: int) -> float:
    """USD earned by a trip that ends flat: what the volumes leave open is traded after the last wait."""
    flat = np.array([*volumes, -sum(volumes)])
    return float(profit(books.state, books.impact, books.rates, books.weights, flat, np.array(waits), slices))


def test_buying_a_part_a_second_and_selling_at_once_pays_then_and_not_by_default(
    make_books: Make, make_forbidden_books: Make
) -> None:
    trip = [1e3] * 11, [1] * 12, 1
    assert earned(make_forbidden_books({"t0": 10.0, "exponent": 0.5}, CONSTANT_DEPTH), *trip) > 0.0
    assert earned(make_books({}, CONSTANT_DEPTH), *trip) < 0.0


@pytest.mark.parametrize("thin", [False, True], ids=["calm", "thin"])
@pytest.mark.parametrize(("size", "longest"), [(1e5, 1), (3e6, 60)])
def test_no_round_trip_pays_when_depth_is_consumed_withdrawn_and_refilled(
    make_books: Make, size: float, longest: int, thin: bool
) -> None:
    books = make_books()
    if thin:
        books.depth[:] = books.open_depth[:] = FLOOR * DEPTH
    assert search(books, size, slices=8, longest=longest, trades=8, rounds=50).gain < -0.05


def test_the_search_finds_the_pump_of_makers_who_return_faster_than_impact_fades(make_forbidden_books: Make) -> None:
    books = make_forbidden_books({"exponent": 1.0, "gamma": 0.55, "t0": 15.0})
    assert search(books, 1e7, slices=4, longest=60, trades=7, rounds=25).gain > 0.1


@pytest.mark.parametrize(
    ("impact", "depth", "volumes", "waits"),
    [
        (
            {"exponent": 1.0, "gamma": 0.55, "t0": 5.0},
            {},
            [-38659.0, 8982.0, -3628.0, -7633.0, 26030.0, -80.0],
            [1, 2, 2, 1, 36, 7, 16],
        ),
        (
            {"exponent": 0.5, "gamma": 0.6, "t0": 12.0},
            NERVOUS_MAKERS,
            [-21939.0, 0.0, 0.0, -11596.0, 180.0, -16465.0],
            [216, 252, 300, 228, 24, 120, 12],
        ),
        (
            {"exponent": 0.8, "gamma": 0.55, "t0": 3.0},
            NERVOUS_MAKERS,
            [-470.0, 22711.0, -3292.0, 6799.0, 6909.0, 13580.0],
            [18, 6, 6, 18, 21, 51, 12],
        ),
        (
            {"exponent": 1.0, "gamma": 0.3},
            HASTY_MAKERS,
            [12.0, 292.0, -1710.0, -885.0, -6970.0, -5434.0],
            [36, 61, 3, 171, 1, 88, 5],
        ),
        (
            {"t0": 1.0},
            HASTY_MAKERS,
            [19.0, 23.0, 46.0, -5416.0, -4699.0, -4885.0],
            [6, 1, 3, 3, 106, 121, 1],
        ),
    ],
    ids=["slow linear", "slow square root", "slow concave", "linear that decays little", "hasty makers"],
)
def test_makers_who_return_faster_than_impact_fades_can_be_exploited(
    make_books: Make,
    make_forbidden_books: Make,
    impact: dict[str, float],
    depth: dict[str, float],
    volumes: list[float],
    waits: list[int],
) -> None:
    """The bound stated in abm.venues.depth: these trips pay there, not at constant depth nor at the default impact."""
    trip = volumes, waits, 8
    assert earned(make_forbidden_books(impact, depth), *trip) > 0.0
    assert earned(make_forbidden_books(impact, CONSTANT_DEPTH), *trip) < 0.0
    assert earned(make_forbidden_books({}, depth), *trip) < 0.0
    assert earned(make_books({}, {}), *trip) < 0.0


@pytest.mark.parametrize("impact", [{}, {"t0": 1.0}, {"exponent": 0.8, "gamma": 0.55}], ids=str)
@pytest.mark.parametrize("depth", [{}, NERVOUS_MAKERS], ids=["default", "nervous"])
def test_no_round_trip_pays_where_impact_fades_faster_than_makers_return(
    make_books: Make, impact: dict[str, float], depth: dict[str, float]
) -> None:
    books = make_books(impact, depth)
    assert search(books, 1e7, slices=4, longest=300, trades=7, rounds=30).gain < -0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chains.main.interval": 0.4}, r"venues.0.impact.t0: 0.5 s is longer than the block of 0.4 s; concave impact"),
        ({"venues.floor.interval": 0.4}, r"venues.1.impact.t0: 0.5 s is longer than the block of 0.4 s"),
        ({"venues.app.impact.t0": 1.01}, r"venues.0.impact.t0: 1.01 s is longer than the block of 1.0 s"),
        ({"venues.app.impact.gamma": 0.5}, r"venues.0.impact.gamma: 0.5 decays too slowly .*their sum must exceed 1"),
        ({"venues.*.impact.exponent": 0.51, "venues.*.impact.gamma": 0.549}, r"venues.0.impact.gamma: 0.549 allows"),
        (
            {
                "venues.floor.impact.exponent": 1.0,
                "venues.floor.impact.gamma": 0.549,
                "venues.floor.depth.consumed": 0.0,
            },
            r"venues.1.impact.gamma: 0.549 allows manipulation where depth moves .* exceeds 0.5; use at least 0.55",
        ),
    ],
    ids=str,
)
def test_a_scenario_whose_impact_can_be_pumped_is_refused(
    two_venues: Scenario, changes: dict[str, float], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        two_venues.override(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"venues.app.interval": 0.1},
        {"venues.app.impact.t0": 1.0},
        {"venues.app.impact.gamma": 0.51},
        {"venues.floor.impact.exponent": 0.51, "venues.floor.impact.gamma": 0.55},
        {"venues.app.impact.gamma": 0.1, "venues.app.impact.enabled": False},
    ],
    ids=str,
)
def test_impact_at_the_bounds_is_taken(two_venues: Scenario, changes: dict[str, float]) -> None:
    assert two_venues.override(changes) != two_venues


def test_a_trip_costs_what_the_books_charge(make_books: Make) -> None:
    books = make_books()
    arrays = [a.copy() for a in (books.state, books.impact, books.rates, books.weights)]
    volumes, waits = np.array([300.0, 200.0, -500.0]), np.array([1, 2, 1])
    cash = now = 0.0
    for volume, wait in zip(volumes, waits, strict=True):
        for _ in range(wait):
            now += 1.0
            books.tick(now, np.array([PRICE, 10.0, 1.0]))
        books.open_block(books.of_chain("floor"), now)
        fill = books.execute(0, volume, now)
        cash -= fill.volume * fill.price
    assert profit(*arrays, volumes, waits, 1) == pytest.approx(cash, rel=1e-12)
