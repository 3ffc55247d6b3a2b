"""The watch over accounts near a breach: it misses nobody whom a full revaluation finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.ledger import Ledger
from abm.margin.engine import Terms
from abm.margin.watch import RADIUS, Watch, candidates, candidates_python
from tests.abm.margin.ledgers import ENGINE, MARKETS, filled, ledgers, terms

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.integers(0, MARKETS - 1), st.floats(-0.02, 0.02)),
        st.tuples(st.just("price"), st.integers(0, MARKETS - 1), st.floats(-0.3, 0.3)),
        st.tuples(st.just("funding"), st.integers(0, MARKETS - 1), st.floats(-0.01, 0.01)),
        st.tuples(st.just("coin"), st.integers(0, 1), st.floats(-0.03, 0.03)),
        st.tuples(st.just("mmf"), st.integers(0, MARKETS - 1), st.floats(0.0, 0.05)),
        st.tuples(st.just("stale"), st.integers(0, 1), st.floats(-0.5, 0.0)),
        st.tuples(st.just("pay"), st.integers(0, 5), st.floats(-2e4, 2e4)),
        st.tuples(st.just("flip"), st.just(0), st.just(0.0)),
    ),
    min_size=1,
    max_size=15,
)


def step(book: Ledger, at: Terms, move: tuple[str, int, float], now: float) -> None:
    """One thing that happens to accounts or terms."""
    kind, which, size = move
    if kind == "price":
        at.price = at.price * np.where(np.arange(MARKETS) == which, 1.0 + size, 1.0)
    elif kind == "funding":
        at.funding[which] += size * at.price[which]
    elif kind == "coin":
        at.coin_price = at.coin_price * np.where(np.arange(2) == which, 1.0 + size, 1.0)
    elif kind == "mmf":
        at.mmf = at.mmf + np.where(np.arange(MARKETS) == which, size, 0.0)
    elif kind == "stale":
        at.stale = at.stale * np.where(np.arange(2) == which, 1.0 + size, 1.0)
    elif kind == "pay":
        book.quote[which] += size
        book.changed[which] = now
    else:
        book.permute(np.arange(len(book))[::-1])


class TestLook:
    @given(case=ledgers(), moves=MOVES)
    @settings(max_examples=80, deadline=None)
    def test_it_finds_exactly_the_breaches_of_a_full_revaluation(
        self, case: tuple[Ledger, Terms], moves: list[tuple[str, int, float]]
    ) -> None:
        book, at = case
        at.funding = at.funding.copy()
        watch = Watch(ENGINE, book)
        for now, move in enumerate(moves):
            step(book, at, move, float(now))
            rows, free = watch.look(at, float(now))
            full = ENGINE.free_margin(book, at, np.arange(len(book)))
            np.testing.assert_array_equal(np.flatnonzero(free < 0.0), np.flatnonzero(full < 0.0))
            np.testing.assert_array_equal(free[rows], full[rows])
            assert np.all(np.isposinf(np.delete(free, rows)))

    def test_only_accounts_within_the_radius_are_valued_again(self) -> None:
        """Free margins of half a radius' loss on a BTC, of one and a half, and of thirty."""
        at = terms(funding=np.zeros(MARKETS))
        reach = RADIUS * 1.03 * 50_000.0
        cash = [1_500.0 + part * reach - 2_000.0 for part in (0.5, 1.5, 30.0)]
        book = filled(cash, [[1.0, 0.0, 0.0]] * 3, [[0.0, 0.0]] * 3, at.funding)
        book.changed[:] = -1.0
        watch = Watch(ENGINE, book)
        assert watch.look(at, 0.0)[0].tolist() == [0]
        at.price = at.price * (1.0 - 0.5 * RADIUS)
        assert watch.look(at, 1.0)[0].tolist() == [0]
        assert (watch.refreshes, watch.valued) == (1, 5)
        at.price = at.price * (1.0 - 0.6 * RADIUS)
        assert watch.look(at, 2.0)[0].tolist() == [0, 1]
        assert watch.refreshes == 2

    def test_funding_alone_takes_an_unwatched_account_and_it_is_found_at_once(self) -> None:
        """A long with free margin of one and a half radii pays 0.9 and then 1.6 radii of its notional in all."""
        at = terms(funding=np.zeros(MARKETS))
        reach = RADIUS * 1.03 * 50_000.0
        book = filled([1.5 * reach - 500.0], [[1.0, 0.0, 0.0]], [[0.0, 0.0]], at.funding)
        book.changed[:] = -1.0
        watch = Watch(ENGINE, book)
        for now, (radii, looked, breached) in enumerate([(0.0, [], False), (0.9, [], False), (1.6, [0], True)]):
            at.funding = np.array([radii * reach, 0.0, 0.0])
            rows, free = watch.look(at, float(now))
            assert (rows.tolist(), bool(free[0] < 0.0)) == (looked, breached)
            assert bool(ENGINE.free_margin(book, at, np.array([0]))[0] < 0.0) is breached

    def test_who_acted_or_is_in_breach_is_looked_at_though_far_away(self) -> None:
        at = terms(funding=np.zeros(MARKETS))
        book = filled([28_000.0] * 3, [[1.0, 0.0, 0.0]] * 3, [[0.0, 0.0]] * 3, at.funding)
        book.changed[:] = -1.0
        watch = Watch(ENGINE, book)
        assert watch.look(at, 0.0)[0].tolist() == []
        book.changed[2] = 3.0
        book.breach[1] = 7
        assert watch.look(at, 3.0)[0].tolist() == [1, 2]


@given(
    near=st.lists(st.booleans(), min_size=5, max_size=5),
    changed=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=5, max_size=5),
    breach=st.lists(st.sampled_from([-1, 0, 3]), min_size=5, max_size=5),
)
@settings(max_examples=30, deadline=None)
def test_candidates_compiled_and_reference_agree(near: list[bool], changed: list[float], breach: list[int]) -> None:
    columns = (np.array(near), np.array(changed), 1.0, np.array(breach))
    np.testing.assert_array_equal(candidates(*columns), candidates_python(*columns))
