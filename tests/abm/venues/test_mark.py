import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.errors import ScenarioError
from abm.scenario import Scenario
from abm.venues import Books, Marks, build_marks
from abm.venues.mark import CODES, FAIR, LAST, PEERS, Term, marks_python

World = Callable[..., tuple[Scenario, Books]]


def marked(make_world: World, **mark: Any) -> tuple[Books, Marks]:
    """The common world and the marks of its protocol: BTC and ETH perpetuals on `app`."""
    world, books = make_world(mark=mark)
    return books, build_marks(world, world.protocols[0], books)


def value(books: Books, terms: list[Term]) -> float:
    """What the terms of a price say it is now."""
    means = {theta: books.ema[:, books.theta(theta)] for theta in books.thetas.tolist()}
    return sum(t.weight * (means[t.ema] if t.ema else books.last)[t.book] for t in terms)


def test_the_index_is_the_mean_of_the_spot_books_without_pools(make_world: World) -> None:
    books, marks = marked(make_world)
    books.last[[2, 3, 6]] = 99.0, 100.0, 104.0
    books.last[8] = 50.0
    marks.compute()
    np.testing.assert_allclose(marks.index, [101.0, 10.0])


def test_venues_that_are_named_make_the_index_pools_too(make_world: World) -> None:
    books, marks = marked(make_world, index=["deep", "pool"])
    books.last[[5, 8]] = 9.0, 13.0
    books.last[3] = 1e6
    marks.compute()
    np.testing.assert_allclose(marks.index, [100.0, 11.0])


def test_a_basis_that_lasts_is_fair(make_world: World) -> None:
    books, marks = marked(make_world)
    books.last[[0, 4, 7]] = 103.0, 110.0, 110.0
    books.ema[0, 0] = 104.0
    marks.compute()
    assert marks.mark[0] == pytest.approx(104.0)
    assert CODES[marks.code[0]] == "fair"


def test_a_print_far_out_is_not_the_mark(make_world: World) -> None:
    books, marks = marked(make_world)
    books.last[0] = 40.0
    books.last[[4, 7]] = 98.0
    marks.compute()
    assert marks.mark[0] == 98.0
    assert CODES[marks.code[0]] == "peers"


def test_the_last_price_between_fair_and_peers_is_the_mark(make_world: World) -> None:
    books, marks = marked(make_world)
    books.last[[0, 4, 7]] = 101.0, 103.0, 103.0
    marks.compute()
    assert marks.mark[0] == 101.0
    assert CODES[marks.code[0]] == "last"


def test_without_peers_the_index_stands_in(make_world: World) -> None:
    books, marks = marked(make_world)
    assert marks.terms(1, PEERS) == marks.terms(1, 0)[:1] == [Term(5, 1.0, 0.0)]
    books.last[1], books.ema[1, 0] = 7.0, 12.0
    marks.compute()
    assert marks.mark[1] == 10.0


def test_peers_can_be_named(make_world: World) -> None:
    _, marks = marked(make_world, peers=["deep"])
    assert marks.terms(0, PEERS) == [Term(7, 1.0, 0.0)]


def test_terms_name_books_weights_and_time_constants(make_world: World) -> None:
    _, marks = marked(make_world, ema=90.0)
    third = 1.0 / 3.0
    index = [Term(2, third, 0.0), Term(3, third, 0.0), Term(6, third, 0.0)]
    basis = [Term(0, 1.0, 90.0), Term(2, -third, 90.0), Term(3, -third, 90.0), Term(6, -third, 90.0)]
    assert marks.index_terms(0) == index
    assert marks.terms(0, FAIR) == index + basis
    assert marks.terms(0, LAST) == marks.last_terms(0) == [Term(0, 1.0, 0.0)]
    assert marks.terms(0, PEERS) == [Term(4, 0.5, 0.0), Term(7, 0.5, 0.0)]


@given(
    trades=st.lists(st.tuples(st.integers(0, 8), st.floats(-2e4, 2e4)), max_size=20),
    wave=st.lists(st.floats(0.8, 1.2), min_size=20, max_size=20),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_prices_are_the_sum_of_their_terms_and_the_mark_their_median(
    make_world: World, prices: np.ndarray, trades: list[tuple[int, float]], wave: list[float]
) -> None:
    books, marks = marked(make_world)
    for step, factor in enumerate(wave):
        books.tick(step + 1.0, factor * prices)
        if step < len(trades):
            books.execute(*trades[step], step + 1.0)
        marks.compute()
        for m in range(2):
            three = [value(books, marks.terms(m, code)) for code in (FAIR, LAST, PEERS)]
            assert marks.mark[m] == pytest.approx(statistics.median(three), rel=1e-12)
            assert marks.mark[m] == pytest.approx(three[marks.code[m]], rel=1e-12)
            assert marks.index[m] == pytest.approx(value(books, marks.index_terms(m)), rel=1e-12)


def test_compiled_and_interpreted_agree(make_world: World, prices: np.ndarray) -> None:
    books, marks = marked(make_world)
    rng = np.cos(np.arange(40.0))
    for step in range(8):
        books.tick(step + 1.0, prices * (1.0 + 0.1 * rng[step]))
        books.execute(step % 5, 2e4 * rng[step + 8], step + 1.0)
        marks.compute()
        index, mark, code = np.zeros(2), np.zeros(2), np.zeros(2, dtype=np.int64)
        where = (marks.spots.starts, marks.spots.books, marks.peers.starts, marks.peers.books)
        marks_python(books.last, books.ema, 0, marks.perps, *where, index, mark, code)
        np.testing.assert_allclose(index, marks.index, rtol=1e-15)
        np.testing.assert_allclose(mark, marks.mark, rtol=1e-15)
        np.testing.assert_array_equal(code, marks.code)


@pytest.mark.parametrize("key", ["index", "peers"])
def test_an_unknown_venue_is_named(make_world: World, key: str) -> None:
    with pytest.raises(ScenarioError, match=r"protocols.harbor.mark: unknown venue 'flor'; allowed: app, floor"):
        marked(make_world, **{key: ["flor"]})


def test_a_market_without_a_spot_book_has_no_index(make_world: World) -> None:
    with pytest.raises(ScenarioError, match=r"protocols.harbor.mark: no spot market of ETH for its index; add one"):
        marked(make_world, index=["floor"])
