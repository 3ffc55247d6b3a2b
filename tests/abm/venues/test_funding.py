from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.scenario import Scenario
from abm.spec import FundingSpec
from abm.venues import Books, Funding
from abm.venues.funding import premium, premium_python, sample_python

World = Callable[..., tuple[Scenario, Books]]
PERPS = np.array([0, 1, 4, 7], dtype=np.int64)


def funding(books: Books, **keys: float) -> Funding:
    """Funding of the four perpetuals of the common world, all on the same terms."""
    return Funding(books, PERPS, [FundingSpec(**keys)] * 4)


def test_premium_is_that_of_the_impact_prices_outside_the_index() -> None:
    assert premium(101.0, 102.0, 100.0) == 0.01
    assert premium(97.0, 98.0, 100.0) == -0.02
    assert premium(99.0, 101.0, 100.0) == 0.0


def test_at_the_index_longs_pay_the_interest_leg(make_world: World) -> None:
    _, books = make_world()
    payer = funding(books, interval=28800.0)
    payer.sample(books.last[PERPS])
    np.testing.assert_allclose(payer.settle(28800.0), 0.0001)


def test_the_rate_is_scaled_to_the_interval(make_world: World) -> None:
    _, books = make_world()
    payer = funding(books, interval=3600.0)
    payer.sample(books.last[PERPS])
    np.testing.assert_allclose(payer.settle(3600.0), 0.0001 / 8.0)
    np.testing.assert_array_equal(payer.rates, 0.0001 / 8.0)


@pytest.mark.parametrize("gap", [0.02, -0.02])
def test_the_premium_counts_beyond_the_impact_of_the_notional_and_the_band(make_world: World, gap: float) -> None:
    _, books = make_world()
    payer = funding(books, interval=28800.0, cap=1.0)
    last = books.last[PERPS]
    index = last / (1.0 + gap)
    payer.sample(index)
    sign = np.sign(gap)
    impact = np.array([books.quote(b, -sign * 20000.0 / books.last[b], 0.0) for b in PERPS])
    np.testing.assert_allclose(payer.settle(28800.0), impact / index - 1.0 - sign * 0.0005, rtol=1e-12)


def test_the_premium_is_a_mean_over_the_samples_since_the_last_payment(make_world: World) -> None:
    _, books = make_world()
    payer = funding(books, interval=10.0, cap=1.0, notional=1e-6, band=0.0)
    last = books.last[PERPS]
    half = 0.5 * books.spread[PERPS]
    for share in (0.01, 0.03):
        payer.sample(last / (1.0 + share))
    mean = np.mean([(1.0 + share) * (1.0 - half) - 1.0 for share in (0.01, 0.03)], axis=0)
    np.testing.assert_allclose(payer.settle(10.0), mean * 10.0 / 28800.0, rtol=1e-4)
    payer.sample(last)
    np.testing.assert_array_equal(payer.settle(20.0), 0.0)


@pytest.mark.parametrize("share", [5.0, 0.2])
def test_the_rate_is_capped(make_world: World, share: float) -> None:
    _, books = make_world()
    payer = funding(books, interval=1800.0, cap=0.01)
    payer.sample(books.last[PERPS] / share)
    np.testing.assert_allclose(payer.settle(1800.0), np.sign(share - 1.0) * 0.005)


def test_only_those_due_pay_each_at_its_own_interval(make_world: World) -> None:
    _, books = make_world()
    terms = [FundingSpec(interval=3600.0), FundingSpec(interval=7200.0)]
    payer = Funding(books, PERPS[:2], terms)
    payer.sample(books.last[PERPS[:2]])
    np.testing.assert_array_equal(payer.settle(3599.0), 0.0)
    np.testing.assert_allclose(payer.settle(3600.0), [0.0001 / 8.0, 0.0])
    np.testing.assert_array_equal(payer.settle(3601.0), 0.0)
    payer.sample(books.last[PERPS[:2]])
    np.testing.assert_allclose(payer.settle(7200.0), [0.0001 / 8.0, 0.0001 / 4.0])
    np.testing.assert_allclose(payer.due, [10800.0, 14400.0])


def test_sampling_leaves_the_books_alone(make_world: World) -> None:
    _, books = make_world()
    before = books.state.copy()
    funding(books).sample(0.9 * books.last[PERPS])
    np.testing.assert_array_equal(books.state, before)


@given(shares=st.lists(st.floats(0.5, 2.0), min_size=4, max_size=4), notional=st.floats(1.0, 1e7))
@settings(max_examples=20, deadline=None)
def test_compiled_and_interpreted_agree(shares: list[float], notional: float) -> None:
    assert premium(*shares[:3]) == premium_python(*shares[:3])


def test_compiled_and_interpreted_sampling_agree(make_world: World) -> None:
    _, books = make_world()
    payer = funding(books, interval=28800.0, cap=1.0)
    index = books.last[PERPS] * np.array([0.97, 1.01, 1.0, 1.05])
    total = np.zeros(4)
    sample_python(books.state, PERPS, index, payer.notional, total)
    payer.sample(index)
    expected = total + np.clip(0.0001 - total, -0.0005, 0.0005)
    np.testing.assert_allclose(payer.settle(28800.0), expected, rtol=1e-12)
