"""Responses against the recursion itself, stepped tick by tick."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion.response import (
    Kernels,
    Lane,
    decays,
    decays_python,
    impacts,
    impacts_kernel,
    impacts_kernel_python,
    inject,
    last_moves,
    retreat,
    single_steps,
    ticks_until,
    weighed,
)

TIMES = st.sampled_from([0.3, 1.0, 7.5, 150.0, math.inf])


def stepped(rate: float, tick: float, ema: float, moved: float, seen: float) -> float:
    """The exponential mean of exp(-rate age) over the ticks in (moved, seen], by its recursion."""
    value, gain = 0.0, 1.0 - math.exp(-tick / ema)
    for k in range(1, math.floor(seen / tick) + 1):
        last = math.exp(-rate * (k * tick - moved)) if k * tick > moved else 0.0
        value += gain * (last - value)
    return value


def one(rate: float, tick: float, ema: float, moved: float, seen: float) -> float:
    out = np.zeros(1)
    decays(np.array([rate]), tick, 1.0 / ema if ema else 0.0, moved, seen, out)
    return float(out[0])


def lane(times: list[float], amounts: list[float], books: list[int], count: int) -> Lane:
    order = np.argsort(books, kind="stable")
    book = np.array(books, dtype=np.int64)[order]
    start = np.searchsorted(book, np.arange(count + 1)).astype(np.int64)
    return Lane(start, order.astype(np.int64), book, np.array(times)[order], np.array(amounts)[order])


@given(time=TIMES, tick=st.sampled_from([0.25, 1.0]), ema=TIMES.filter(math.isfinite), quarters=st.integers(0, 90))
@settings(max_examples=40, deadline=None)
def test_the_mean_has_what_its_recursion_gives(time: float, tick: float, ema: float, quarters: int) -> None:
    moved = 3.25
    seen = moved + 0.25 * quarters
    assert one(1.0 / time, tick, ema, moved, seen) == pytest.approx(
        stepped(1.0 / time, tick, ema, moved, seen), rel=1e-12, abs=1e-14
    )


def test_the_mean_is_exact_where_impact_and_mean_have_nearly_the_same_time() -> None:
    for time in (150.0, 150.0 * (1.0 + 1e-9), 150.0 * (1.0 - 1e-6)):
        assert one(1.0 / time, 1.0, 150.0, 0.5, 400.0) == pytest.approx(
            stepped(1.0 / time, 1.0, 150.0, 0.5, 400.0), rel=1e-11
        )


def test_the_price_itself_has_what_has_not_decayed() -> None:
    assert one(0.5, 1.0, 0.0, 1.0, 3.0) == pytest.approx(math.exp(-1.0))
    assert one(0.0, 1.0, 0.0, 1.0, 1e6) == 1.0


def test_a_move_at_a_tick_is_first_in_the_mean_at_the_next() -> None:
    gain = 1.0 - math.exp(-1.0 / 5.0)
    assert one(0.0, 1.0, 5.0, 2.0, 2.0) == 0.0
    assert one(0.0, 1.0, 5.0, 2.0, 2.999) == 0.0
    assert one(0.0, 1.0, 5.0, 2.0, 3.0) == pytest.approx(gain)
    assert one(0.0, 1.0, 5.0, 1.999, 2.0) == pytest.approx(gain)


def test_ticks_are_counted_through_rounding() -> None:
    assert all(ticks_until(k * 0.1, 0.1) == k for k in range(100_000))
    assert all(ticks_until(k * 0.4, 0.4) == k for k in range(100_000))
    assert ticks_until(0.3 - 1e-4, 0.1) == 2


def test_compiled_and_readable_decays_agree() -> None:
    rates, a, b = np.array([0.0, 0.2, 3.0]), np.zeros(3), np.zeros(3)
    for ema_rate in (0.0, 0.2, 1.0 / 150.0):
        for seen in (1.5, 2.0, 31.0):
            decays(rates, 0.5, ema_rate, 1.5, seen, a)
            decays_python(rates, 0.5, ema_rate, 1.5, seen, b)
            np.testing.assert_allclose(a, b, rtol=1e-14)


def worlds(seed: int) -> tuple[Kernels, Lane, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    kernels = Kernels(
        rng.uniform(0, 1, (2, 3)), rng.choice([0.0, 0.1, 2.0], (2, 3)), np.array([1.0, 0.5]), np.array([0.0, 0.1, 1.0])
    )
    n = int(rng.integers(0, 12))
    times = np.sort(0.25 * rng.integers(0, 60, n))
    moves = lane(times.tolist(), rng.normal(size=n).tolist(), rng.integers(0, 2, n).tolist(), 2)
    seen = 0.25 * rng.integers(0, 80, 9)
    readings = {"book": rng.integers(0, 2, 9), "kind": rng.integers(0, 3, 9), "seen": seen}
    readings["moves"] = np.searchsorted(times, seen, side="right")
    return kernels, moves, readings


def pairwise(kernels: Kernels, moves: Lane, readings: dict[str, np.ndarray]) -> np.ndarray:
    """Response of each reading to each move, f8[readings, moves], one by one."""
    out, part = np.zeros((len(readings["book"]), len(moves.move))), np.zeros(kernels.rates.shape[1])
    for r in range(len(out)):
        for k in range(len(moves.move)):
            if moves.book[k] == readings["book"][r] and moves.move[k] < readings["moves"][r]:
                book, rate = moves.book[k], kernels.ema_rates[readings["kind"][r]]
                decays_python(kernels.rates[book], kernels.ticks[book], rate, moves.time[k], readings["seen"][r], part)
                out[r, k] = moves.amount[k] * float(kernels.weights[book] @ part)
    return out


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_running_state_sums_all_moves(seed: int) -> None:
    kernels, moves, readings = worlds(seed)
    total = impacts(kernels, moves, readings["book"], readings["kind"], readings["seen"], readings["moves"])
    np.testing.assert_allclose(total, pairwise(kernels, moves, readings).sum(axis=1), rtol=1e-11, atol=1e-13)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_state_carried_back_gives_each_move_what_all_readings_have_of_it(seed: int) -> None:
    kernels, moves, readings = worlds(seed)
    target = last_moves(moves, readings["book"], readings["moves"])
    factors, worth = single_steps(kernels, moves), np.zeros(len(moves.move))
    lam, mu = np.zeros(3), np.zeros(3)
    for at in range(len(moves.move) - 1, -1, -1):
        book = int(moves.book[at])
        for r in np.flatnonzero(target == at):
            inject(kernels, book, readings["kind"][r], 1.0, moves.time[at], readings["seen"][r], lam, mu)
        worth[at] = moves.amount[at] * weighed(kernels.weights[book], lam)
        retreat(factors, at, lam, mu)
    np.testing.assert_allclose(worth, pairwise(kernels, moves, readings).sum(axis=0), rtol=1e-11, atol=1e-13)


def test_compiled_and_readable_running_states_agree() -> None:
    kernels, moves, readings = worlds(5)
    assert len(moves.move)
    target = last_moves(moves, readings["book"], readings["moves"])
    order = np.argsort(target, kind="stable")
    first = np.searchsorted(target[order], np.arange(len(moves.move) + 1))
    found = np.zeros((2, len(order)))
    impacts_kernel(kernels, moves, readings["kind"], readings["seen"], first, order, found[0])
    impacts_kernel_python(kernels, moves, readings["kind"], readings["seen"], first, order, found[1])
    assert found[0].any()
    np.testing.assert_allclose(found[0], found[1], rtol=1e-13)


def test_without_moves_there_is_no_impact() -> None:
    kernels, _, readings = worlds(1)
    empty = lane([], [], [], 2)
    assert not impacts(kernels, empty, readings["book"], readings["kind"], readings["seen"], readings["moves"]).any()
