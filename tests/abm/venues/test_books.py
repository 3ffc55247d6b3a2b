import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.errors import ScenarioError
from abm.scenario import Scenario
from abm.venues import Book, Books, build_books
from abm.venues.columns import VOLUME
from abm.venues.depth import SAMPLING
from abm.venues.kernel import response

World = Callable[..., tuple[Scenario, Books]]
Make = Callable[..., Books]

FIXTURE = [HealthCheck.function_scoped_fixture]
TRADES = st.lists(
    st.tuples(st.floats(0.0, 40.0), st.integers(0, 8), st.floats(-2000.0, 2000.0)), min_size=1, max_size=25
)

SAMPLE = 1.0 - 0.5 ** (SAMPLING / 300.0)
"""Weight of one sample of the variance at the default half-life."""


def path(tick: int) -> np.ndarray:
    """A bumpy exogenous path: prices of BTC, ETH, USDC at a tick."""
    return np.array([100.0 + 3.0 * np.sin(0.7 * tick), 10.0 + 0.4 * np.cos(tick), 1.0])


def play(books: Books, trades: list[tuple[float, int, float]], end: int) -> list[tuple[float, int, float, int]]:
    """Ticks at 1, 2, ..., end and trades between them; returns (time, book, move, ticks before it)."""
    waiting = sorted(trades)
    moves = []
    for tick in range(1, end + 1):
        books.tick(float(tick), path(tick))
        while waiting and waiting[0][0] < tick + 1.0:
            time, book, volume = waiting.pop(0)
            at = max(time, float(tick))
            moves.append((at, book, books.execute(book, volume, at).move, tick))
    return moves


def test_books_come_in_order_of_venue_then_market(make_world: World) -> None:
    _, books = make_world()
    assert [(b.venue, b.market, b.kind, b.chain) for b in books.names] == [
        ("app", "BTC-PERP", "perp", "main"),
        ("app", "ETH-PERP", "perp", "main"),
        ("app", "BTC", "spot", "main"),
        ("floor", "BTC", "spot", "floor"),
        ("floor", "BTC-PERP", "perp", "floor"),
        ("deep", "ETH", "spot", "deep"),
        ("deep", "BTC", "spot", "deep"),
        ("deep", "BTC-PERP", "perp", "deep"),
        ("pool", "ETH", "amm", "main"),
    ]
    assert books.names[0] == Book("app", "BTC-PERP", "BTC", "perp", "main")
    assert books.find("deep", "BTC-PERP") == 7
    np.testing.assert_array_equal(books.of_chain("main"), [0, 1, 2, 8])
    assert books.of_chain("main") is books.of_chain("main")
    assert len(books.of_chain("elsewhere")) == 0
    np.testing.assert_array_equal(books.fee, [0.0] * 5 + [0.0005] * 3 + [0.0])


def test_an_unknown_market_is_named(make_world: World) -> None:
    _, books = make_world()
    with pytest.raises(ScenarioError, match=r"venue 'floor': has no market 'ETH'; did you mean"):
        books.find("floor", "ETH")


def test_a_perpetual_on_a_pool_is_refused(
    make_scenario: Callable[..., Scenario], make_venue: Callable[..., dict]
) -> None:
    world = make_scenario([make_venue("pool", ("BTC", "perp"), kind="amm")])
    with pytest.raises(ScenarioError, match=r"venues.pool.markets.BTC: a pool trades no perpetual"):
        build_books(world, lambda asset, series: 0, np.ones(1))


def test_the_first_tick_opens_calm_books_at_the_exogenous_prices(make_world: World) -> None:
    _, books = make_world()
    np.testing.assert_array_equal(books.last, [100.0, 10.0, 100.0, 100.0, 100.0, 10.0, 100.0, 100.0, 10.0])
    np.testing.assert_array_equal(books.depth, 1e6)
    np.testing.assert_array_equal(books.ema[:, 0], books.last)
    pool = books.find("pool", "ETH")
    assert books.dollars[pool] / books.coins[pool] == pytest.approx(10.0)


@given(trades=TRADES)
@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURE)
def test_past_moves_and_the_exogenous_price_make_up_the_last_price(
    make_world: World, trades: list[tuple[float, int, float]]
) -> None:
    _, books = make_world()
    moves = play(books, trades, 40)
    now = 41.25
    books.open_block(np.arange(len(books)), now)
    for b in range(len(books)):
        parts = [m * response(books.weights[b], books.times[b], now - s) for s, book, m, _ in moves if book == b]
        gross = sum(abs(p) for p in parts)
        assert books.impact[b].sum() == pytest.approx(sum(parts), abs=1e-9 * gross + 1e-13 * books.last[b])
        assert books.last[b] == pytest.approx(books.exogenous[b] + sum(parts), rel=1e-12)


@given(trades=TRADES)
@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURE)
def test_past_moves_make_up_the_exponential_means_over_ticks_strictly_after_them(
    make_world: World, prices: np.ndarray, trades: list[tuple[float, int, float]]
) -> None:
    _, books = make_world()
    moves = play(books, trades, 40)
    alpha = 1.0 - np.exp(-1.0 / 150.0)
    ticks = np.arange(41)
    weight = np.where(ticks > 0, alpha, 1.0) * (1.0 - alpha) ** (40 - ticks)
    exogenous = np.array([prices, *(path(t) for t in range(1, 41))])[:, books.columns]
    exogenous[:, books.find("pool", "ETH")] = 10.0
    for b in range(len(books)):
        total = float(weight @ exogenous[:, b])
        for time, book, move, tick in moves:
            if book == b:
                after = ticks[ticks > tick]
                total += move * float(weight[after] @ response(books.weights[b], books.times[b], after - time))
        assert books.ema[b, 0] == pytest.approx(total, rel=1e-11)


@given(
    volumes=st.lists(st.floats(-5e4, 5e4).filter(bool), min_size=1, max_size=8),
    book=st.integers(0, 8),
    gap=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURE)
def test_a_quote_is_what_an_execution_then_pays_and_changes_nothing(
    make_world: World, volumes: list[float], book: int, gap: float
) -> None:
    _, books = make_world()
    books.tick(1.0, path(1))
    for i, volume in enumerate(volumes):
        now = 1.0 + gap * (i + 1)
        state, impact = books.state.copy(), books.impact.copy()
        price = books.quote(book, volume, now)
        np.testing.assert_array_equal(books.state, state)
        np.testing.assert_array_equal(books.impact, impact)
        assert price == pytest.approx(books.execute(book, volume, now).price, rel=1e-13)


@given(
    volumes=st.lists(st.floats(-8e6, 8e6), min_size=1, max_size=8),
    book=st.integers(0, 8),
    gap=st.sampled_from([0.0, 0.3]),
    enabled=st.sampled_from([0.0, 1.0, 1.0]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=FIXTURE)
def test_room_is_what_an_execution_then_fills_and_changes_nothing(
    make_world: World, volumes: list[float], book: int, gap: float, enabled: float
) -> None:
    _, books = make_world()
    books.tick(1.0, path(1))
    books.enabled[book] = enabled
    for i, volume in enumerate(volumes):
        now = 1.0 + gap * (i + 1)
        state, impact = books.state.copy(), books.impact.copy()
        room = books.room(book, volume, now)
        np.testing.assert_array_equal(books.state, state)
        np.testing.assert_array_equal(books.impact, impact)
        assert 0.0 <= room * np.sign(volume) <= abs(volume)
        assert room == pytest.approx(books.execute(book, volume, now).volume, rel=1e-12)


@pytest.mark.parametrize("book", [0, 8], ids=["book", "pool"])
def test_room_ends_at_the_collar_and_time_makes_more(make_world: World, book: int) -> None:
    _, books = make_world()
    room = books.room(book, 1e9, 0.0)
    assert 0.0 < room < 1e9
    assert books.room(book, 0.5 * room, 0.0) == 0.5 * room
    books.execute(book, 1e9, 0.0)
    assert books.room(book, 1e9, 0.0) == pytest.approx(0.0, abs=1e-6 * room)
    assert books.room(book, -1.0, 0.0) == -1.0
    assert books.room(book, 1e9, 10.0) > 0.01 * room


def test_a_trade_of_nothing_does_nothing(make_world: World) -> None:
    _, books = make_world()
    state, impact = books.state.copy(), books.impact.copy()
    for book in range(len(books)):
        assert books.execute(book, 0.0, 5.0)[:4] == (0.0, books.last[book], 0.0, 0.0)
        assert books.quote(book, 0.0, 5.0) == books.last[book]
        assert books.room(book, 0.0, 5.0) == 0.0
    np.testing.assert_array_equal(books.state, state)
    np.testing.assert_array_equal(books.impact, impact)


def test_the_taker_pays_its_whole_impact_and_half_the_spread(make_books: Make) -> None:
    books = make_books(spread=0.002)
    bought = books.execute(0, 1e4, 0.0)
    assert bought.move == pytest.approx(1.0)
    assert books.last[0] == pytest.approx(101.0)
    assert bought.price == pytest.approx(101.0 * 1.001)
    sold = books.execute(1, -1e4, 0.0)
    assert sold.price == pytest.approx(99.0 * 0.999)


def test_opposite_trades_of_a_block_cancel(make_books: Make) -> None:
    books = make_books()
    first, second = books.execute(0, 500.0, 0.0), books.execute(0, -500.0, 0.0)
    assert second.move == -first.move
    assert books.volume[0] == 0.0
    assert books.last[0] == pytest.approx(100.0)


def test_net_volume_starts_at_zero_with_each_block(make_books: Make) -> None:
    books = make_books(depth={"consumed": 0.0})
    first = books.execute(0, 500.0, 0.0)
    again = books.execute(0, 500.0, 0.0)
    books.open_block(books.of_chain("floor"), 0.0)
    fresh = books.execute(0, 500.0, 0.0)
    assert again.move < first.move
    assert fresh.move == pytest.approx(first.move)


@pytest.mark.parametrize("volume", [1e12, -1e12])
def test_orders_are_cut_at_the_collar(make_books: Make, volume: float) -> None:
    books = make_books(impact={"collar": 0.2})
    fill = books.execute(0, volume, 0.0)
    assert fill.volume == pytest.approx(np.copysign(400.0 * 1e4, volume))
    assert books.last[0] == pytest.approx(100.0 + np.copysign(20.0, volume))
    assert books.execute(0, volume, 0.0).volume == pytest.approx(0.0, abs=1e-3)


def test_without_impact_everything_is_filled_at_the_last_price(make_books: Make, make_world: World) -> None:
    books = make_books(impact={"enabled": False})
    assert books.execute(0, 1e12, 0.0) == (1e12, 100.0, 0.0, 0.0, 1e6)
    _, world = make_world()
    pool = world.find("pool", "ETH")
    world.enabled[pool] = 0.0
    before = world.state.copy()
    assert world.execute(pool, -1e9, 0.0).price == pytest.approx(10.0 * 0.997)
    assert world.last[pool] == 10.0
    np.testing.assert_allclose(np.delete(world.state, VOLUME, axis=0), np.delete(before, VOLUME, axis=0), rtol=1e-15)


def test_calm_move_is_the_jump_at_calm_depth(make_books: Make) -> None:
    books, calm = make_books(), make_books()
    books.depth[:] = 2.5e5
    books.open_block(books.of_chain("floor"), 0.0)
    fill = books.execute(0, 300.0, 0.0)
    assert fill.depth == 2.5e5
    assert fill.calm_move == pytest.approx(calm.execute(0, 300.0, 0.0).move)
    assert fill.move == pytest.approx(2.0 * fill.calm_move)


def test_a_blocks_net_volume_leaves_the_depth_and_comes_back(make_books: Make) -> None:
    books = make_books(depth={"volatility_response": 0.0})
    books.execute(0, 1e3, 0.0)
    assert books.depth[0] == 1e6
    books.open_block(books.of_chain("floor"), 0.0)
    taken = 1e6 * np.exp(-0.5 * 0.1)
    assert books.depth[0] == pytest.approx(taken)
    books.open_block(books.of_chain("floor"), 60.0)
    assert books.depth[0] == pytest.approx(1e6 - (1e6 - taken) * np.exp(-1.0))
    assert books.depth[1] == pytest.approx(1e6)


def test_consumption_and_refill_do_not_depend_on_who_looks_first(make_books: Make) -> None:
    ticked, opened = make_books(), make_books()
    ids = ticked.of_chain("floor")
    for books in (ticked, opened):
        books.execute(0, 1e3, 0.0)
    ticked.tick(1.0, np.array([100.0, 10.0, 1.0]))
    opened.open_block(ids, 1.0)
    np.testing.assert_allclose(ticked.depth, opened.depth, rtol=1e-14)
    np.testing.assert_array_equal(ticked.impact, opened.impact)
    assert ticked.quote(0, 100.0, 1.0) == opened.quote(0, 100.0, 1.0)


def test_depth_is_withdrawn_when_realised_volatility_rises(make_books: Make, prices: np.ndarray) -> None:
    books = make_books()
    for second in range(1, 60):
        books.tick(float(second), 0.97 * prices)
    assert books.variance[0] == 1e-8
    assert books.depth[0] == books.wanted[0] == 1e6
    books.tick(60.0, 0.97 * prices)
    ratio = np.sqrt(books.variance[0]) / 1e-4
    assert ratio == pytest.approx(np.sqrt(SAMPLE * 0.03**2 / 60.0 + (1.0 - SAMPLE) * 1e-8) / 1e-4)
    target = books.wanted[0]
    assert target == pytest.approx(1e6 * np.exp(-0.09 * (ratio - 1.0)))
    books.tick(119.0, 0.97 * prices)
    assert books.wanted[0] == target
    assert books.depth[0] == pytest.approx(target + (1e6 - target) * np.exp(-59.0 / 60.0))


@pytest.mark.parametrize("interval", [1.0, 7.0, 60.0, 90.0])
def test_volatility_is_sampled_at_the_tick_nearest_to_each_minute(
    make_scenario: Callable[..., Scenario], make_venue: Callable[..., dict], prices: np.ndarray, interval: float
) -> None:
    world = make_scenario([make_venue("floor", ("BTC", "perp"))]).override({"clock.price_interval": interval})
    books = build_books(world, lambda asset, _: 0, np.full(1, 1e-4))
    books.tick(0.0, prices)
    sampled = []
    for tick in range(1, 200):
        books.tick(tick * interval, prices * (1.0 + 1e-3 * tick))
        if books.sampled[0] == tick * interval:
            sampled.append(tick * interval)
            assert books.seen[0] == books.last[0]
    gaps = np.diff([0.0, *sampled])
    assert len(sampled) > 1
    np.testing.assert_allclose(gaps, gaps[0])
    assert abs(gaps[0] - max(60.0, interval)) <= 0.5 * interval


@pytest.mark.parametrize("interval", [1.0, 7.0, 45.0, 60.0, 90.0])
def test_volatility_is_forgotten_with_its_halflife_whatever_the_interval(
    make_scenario: Callable[..., Scenario], make_venue: Callable[..., dict], prices: np.ndarray, interval: float
) -> None:
    world = make_scenario([make_venue("floor", ("BTC", "perp"))]).override({"clock.price_interval": interval})
    books = build_books(world, lambda asset, _: 0, np.full(1, 1e-4))
    books.tick(0.0, prices)
    for tick in range(1, round(400.0 / interval)):
        books.tick(tick * interval, prices)
        assert books.variance[0] == pytest.approx(1e-8 * 0.5 ** (books.sampled[0] / 300.0))
    assert books.sampled[0] > 0.0


def test_between_ticks_impact_fades_to_the_instant_that_is_asked_for(make_books: Make, prices: np.ndarray) -> None:
    books, twin = make_books(), make_books()
    for each in (books, twin):
        each.execute(0, 1000.0, 0.0)
    books.advance(0.4)
    assert books.last[0] == pytest.approx(twin.quote(0, 0.0, 0.4))
    assert books.last[0] < twin.last[0]
    assert (books.updated == 0.4).all()
    for each in (books, twin):
        each.tick(1.0, prices)
    np.testing.assert_allclose(books.state, twin.state, rtol=1e-12)
    np.testing.assert_allclose(books.impact, twin.impact, rtol=1e-12)


def test_a_bounce_within_a_minute_is_no_volatility(make_books: Make, prices: np.ndarray) -> None:
    books = make_books()
    for second in range(1, 61):
        books.tick(float(second), prices * (0.9 if 20 <= second < 40 else 1.0))
        assert books.wanted[0] == books.depth[0] == 1e6
    assert books.sampled[0] == 60.0
    assert books.variance[0] == pytest.approx((1.0 - SAMPLE) * 1e-8)


def test_what_a_trade_leaves_after_a_minute_counts_as_realised_volatility(make_books: Make, prices: np.ndarray) -> None:
    books = make_books()
    books.execute(0, 1e4, 0.0)
    for second in range(1, 61):
        books.tick(float(second), prices)
    seen = (books.last[0] / 100.0 - 1.0) ** 2 / 60.0
    assert 0.0 < seen < 0.01 * 0.01**2
    assert books.variance[0] - books.variance[1] == pytest.approx(SAMPLE * seen)


def test_a_calm_busy_market_keeps_its_depth(make_books: Make, prices: np.ndarray) -> None:
    """An hour of a trade of about 2000 USD a second either way, at the usual volatility of the exogenous price.

    The variance of changes from second to second, to which their bounce adds, is several times that which makers see.
    """
    books = make_books()
    rng = np.random.default_rng(1)
    sizes = rng.exponential(20.0, 3600) * rng.choice([-1.0, 1.0], 3600)
    factors = np.exp(1e-4 * np.cumsum(rng.standard_normal(3600)))
    least, lasts = books.depth[0], [books.last[0]]
    for second, (size, factor) in enumerate(zip(sizes, factors, strict=True), start=1):
        books.tick(float(second), factor * prices)
        lasts.append(books.last[0])
        books.execute(0, size, second + 0.5)
        least = min(least, books.depth[0])
    assert least > 0.7e6
    assert books.variance[0] < 4e-8
    assert np.var(np.diff(np.log(lasts))) > 9e-8


def test_makers_add_to_the_depth_and_to_the_calm_depth(make_books: Make, prices: np.ndarray) -> None:
    books = make_books(depth={"refill": 15.0})
    books.set_maker_depth(0, 5e5)
    for tick in range(1, 600):
        books.tick(float(tick), prices)
    assert books.depth[0] == pytest.approx(1.5e6)
    assert books.depth[1] == pytest.approx(1e6)
    books.set_maker_depth(0, 0.0)
    assert books.calm_makers[0] == 5e5
    fill = books.execute(0, 100.0, 599.0)
    assert fill.calm_move == pytest.approx(fill.move)


def test_a_pool_trades_along_its_curve_and_keeps_its_price_and_fee(make_world: World, prices: np.ndarray) -> None:
    _, books = make_world()
    pool = books.find("pool", "ETH")
    coins, dollars = books.coins[pool], books.dollars[pool]
    fill = books.execute(pool, 1000.0, 0.0)
    assert fill.price == pytest.approx(dollars / (coins - 1000.0) / 0.997)
    assert books.coins[pool] == coins - 1000.0
    assert books.dollars[pool] == pytest.approx(dollars + 1000.0 * fill.price)
    assert books.last[pool] == books.dollars[pool] / books.coins[pool]
    assert fill.move == pytest.approx(books.last[pool] - 10.0)
    assert fill.calm_move == fill.move
    last = books.last[pool]
    books.tick(1.0, 2.0 * prices)
    assert books.last[pool] == last
    assert books.exogenous[pool] == 10.0


def test_a_round_trip_through_a_pool_costs_its_fees(make_world: World) -> None:
    _, books = make_world()
    pool = books.find("pool", "ETH")
    bought, sold = books.execute(pool, 500.0, 0.0), books.execute(pool, -500.0, 0.0)
    cost = 500.0 * (bought.price - sold.price)
    assert 0.005 < cost / (500.0 * 10.0) < 0.007


def test_time_cannot_run_backwards(make_books: Make, prices: np.ndarray) -> None:
    books = make_books()
    books.tick(5.0, prices)
    with pytest.raises(ValueError, match="back in time"):
        books.execute(0, 1.0, 4.0)
    with pytest.raises(ValueError, match="back in time"):
        books.quote(0, 1.0, 4.0)
    with pytest.raises(ValueError, match="back in time"):
        books.tick(4.0, prices)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_price_that_is_not_positive_is_refused(make_books: Make, bad: float) -> None:
    books = make_books()
    with pytest.raises(ValueError, match="exogenous price is not positive"):
        books.tick(1.0, np.full(3, bad))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda books: pickle.loads(pickle.dumps(books))])
def test_copies_live_their_own_lives(make_books: Make, duplicate: Callable[[Books], Books]) -> None:
    books = make_books()
    books.execute(0, 100.0, 0.0)
    twin = duplicate(books)
    np.testing.assert_array_equal(twin.state, books.state)
    twin.execute(0, 100.0, 0.0)
    assert twin.last[0] == twin.state[1, 0] > books.last[0]
