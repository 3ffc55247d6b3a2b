"""The feed: when it sends, and what the chain then holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import ScenarioError
from abm.oracles.aggregation import terms
from abm.oracles.feed import Feed, Update, mark_due, mark_due_python
from abm.spec import OracleSpec

SOURCES = np.array([[0, 1, 2], [3, -1, -1]])
START = np.array([100.0, 101.0, 102.0, 10.0])


def feed(**keys: Any) -> Feed:
    defaults = {"name": "eye", "chain": "anvil", "sources": ("north",), "deviation": 0.01, "heartbeat": 60.0}
    return Feed(OracleSpec(**(defaults | keys)), ("BTC", "ETH"), SOURCES)


def opened(**keys: Any) -> Feed:
    eye = feed(**keys)
    eye.open(5.0, START)
    return eye


def moved(*factors: float) -> Any:
    """The opening prices, each asset's books times its factor."""
    return START * np.array([factors[0]] * 3 + [factors[1]])


def test_it_opens_with_values_that_need_no_delay() -> None:
    eye = opened()
    assert eye.price.tolist() == [101.0, 10.0]
    assert eye.seen.tolist() == eye.published.tolist() == [5.0, 5.0]
    assert terms(int(eye.code[0]), SOURCES[0]) == [(1, 1.0)]
    assert eye.sample(6.0, START, 0) == []


def test_a_move_beyond_the_deviation_is_sent_and_one_within_is_not() -> None:
    eye = opened()
    assert eye.sample(6.0, moved(1.0099, 0.9901), 3) == []
    (update,) = eye.sample(7.0, moved(1.0099, 0.9899), 4)
    assert (update.asset, update.seen, update.moves_seen, update.sequence) == (1, 7.0, 4, 0)
    assert update.value == pytest.approx(9.899)


def test_the_deviation_counts_from_what_was_sent_and_not_yet_published() -> None:
    eye = opened()
    assert len(eye.sample(6.0, moved(1.02, 1.0), 0)) == 1
    assert eye.price[0] == 101.0
    assert eye.sample(7.0, moved(1.025, 1.0), 0) == []
    (again,) = eye.sample(8.0, moved(1.04, 1.0), 0)
    assert again.sequence == 1


def test_slow_drift_is_sent_when_it_adds_up() -> None:
    eye = opened(heartbeat=1e6)
    sent = [t for t in range(6, 106) if eye.sample(float(t), moved(1.001 ** (t - 5), 1.0), 0)]
    assert sent == list(range(15, 106, 10))  # 1.001 ** 10 is 1.01005


def test_the_heartbeat_sends_without_a_move() -> None:
    eye = opened()
    assert eye.sample(64.9, START, 0) == []
    assert [u.asset for u in eye.sample(65.0, START, 0)] == [0, 1]
    assert eye.sample(66.0, START, 0) == []
    assert len(eye.sample(125.0, START, 0)) == 2


def test_each_assets_heartbeat_runs_from_its_own_last_update() -> None:
    eye = opened()
    eye.sample(30.0, moved(1.1, 1.0), 0)
    assert [u.asset for u in eye.sample(65.0, moved(1.1, 1.0), 0)] == [1]


def test_publication_shows_value_source_and_what_had_been_seen() -> None:
    eye = opened()
    last = np.array([100.0, 90.0, 95.0, 10.0])
    (update,) = eye.sample(6.0, last, 17)
    assert eye.publish(update, 9.5)
    assert (eye.price[0], eye.seen[0], eye.moves[0], eye.published[0]) == (95.0, 6.0, 17, 9.5)
    assert terms(int(eye.code[0]), SOURCES[0]) == [(2, 1.0)]
    assert (eye.price[1], eye.published[1]) == (10.0, 5.0)


def test_an_update_that_was_overtaken_is_ignored() -> None:
    eye = opened()
    (old,) = eye.sample(6.0, moved(1.1, 1.0), 1)
    (new,) = eye.sample(7.0, moved(1.2, 1.0), 2)
    assert eye.publish(new, 8.0)
    assert not eye.publish(old, 9.0)
    assert (eye.price[0], eye.seen[0], eye.moves[0], eye.published[0]) == (pytest.approx(121.2), 7.0, 2, 8.0)


def test_a_dropped_update_is_made_good_by_the_next_sample() -> None:
    eye = opened()
    (update,) = eye.sample(6.0, moved(1.1, 1.0), 0)
    assert eye.sample(7.0, moved(1.1, 1.0), 0) == []
    eye.dropped(update)
    (again,) = eye.sample(8.0, moved(1.1, 1.0), 0)
    assert (again.value, again.sequence) == (update.value, 1)


def test_a_drop_of_what_is_superseded_changes_nothing() -> None:
    eye = opened()
    (old,) = eye.sample(6.0, moved(1.1, 1.0), 0)
    eye.sample(7.0, moved(1.2, 1.0), 0)
    eye.dropped(old)
    assert eye.sample(8.0, moved(1.2, 1.0), 0) == []


def test_an_oracle_that_is_out_sends_nothing_and_catches_up() -> None:
    eye = opened(outages=((20.0, 50.0), (55.0, 90.0)))
    assert len(eye.sample(19.0, moved(1.5, 1.0), 0)) == 1
    assert eye.sample(20.0, moved(2.0, 1.0), 0) == []
    assert eye.sample(49.0, moved(2.0, 1.0), 0) == []
    assert len(eye.sample(50.0, moved(2.0, 1.0), 0)) == 1
    assert eye.sample(89.0, moved(3.0, 3.0), 0) == []
    assert len(eye.sample(90.0, moved(3.0, 3.0), 0)) == 2


def test_without_a_live_source_nothing_is_sent_and_the_old_price_stands() -> None:
    eye = opened()
    dark = np.array([100.0, 101.0, 102.0, np.nan])
    assert [u.asset for u in eye.sample(200.0, dark, 0)] == [0]
    assert eye.price[1] == 10.0


def test_an_asset_that_opened_dark_is_sent_as_soon_as_it_lives() -> None:
    eye = feed()
    eye.open(5.0, np.array([100.0, 101.0, 102.0, np.nan]))
    assert np.isnan(eye.price[1])
    assert [u.asset for u in eye.sample(6.0, START, 0)] == [1]


def test_an_unopened_feed_sends_all_it_sees() -> None:
    eye = feed()
    assert [u.asset for u in eye.sample(6.0, START, 0)] == [0, 1]


def test_the_mean_moves_with_every_source() -> None:
    eye = opened(aggregation="mean", deviation=0.001)
    last = START.copy()
    last[0] = 103.0
    (update,) = eye.sample(6.0, last, 0)
    assert update.value == pytest.approx(102.0)
    assert terms(update.code, SOURCES[0]) == [(0, 1 / 3), (1, 1 / 3), (2, 1 / 3)]


def test_an_asset_that_no_source_trades_is_the_users_mistake() -> None:
    spec = OracleSpec(name="eye", chain="anvil", sources=("north",))
    with pytest.raises(ScenarioError, match=r"oracles.eye.assets: none of its sources trades ETH; name a venue"):
        Feed(spec, ("BTC", "ETH"), np.array([[0, 1], [-1, -1]]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(0.1, 10.0), st.just(np.nan)),
            st.one_of(st.floats(0.1, 10.0), st.just(np.nan)),
            st.floats(-100, 100),
        ),
        min_size=1,
        max_size=5,
    ),
    st.floats(0.0, 2.0),
)
def test_kernel_equals_its_reference(rows: list[tuple[float, float, float]], deviation: float) -> None:
    value, sent, sent_at = (np.array(column) for column in zip(*rows, strict=True))
    due, due_python = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    count = mark_due(100.0, value, sent, sent_at, deviation, 60.0, due)
    assert count == mark_due_python(100.0, value, sent, sent_at, deviation, 60.0, due_python) == due.sum()
    np.testing.assert_array_equal(due, due_python)
    assert not due[np.isnan(value)].any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.8, 1.25), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_a_late_chain_ends_with_the_newest_whatever_the_order(factors: list[float], random: Any) -> None:
    eye = opened()
    updates: list[Update] = []
    for t, factor in enumerate(factors):
        updates += eye.sample(6.0 + t, moved(factor, 1.0), t)
    of_btc = [u for u in updates if u.asset == 0]
    shuffled = of_btc.copy()
    random.shuffle(shuffled)
    for update in shuffled:
        eye.publish(update, 100.0)
    newest = of_btc[-1] if of_btc else Update(0, 101.0, int(eye.code[0]), 5.0, 0, 0)
    assert (eye.price[0], eye.seen[0], eye.moves[0]) == (newest.value, newest.seen, newest.moves_seen)
