import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.options.expiry import WINDOW
from abm.options_spec import OptionsSpec
from abm.protocol.options.listing import Listing, strikes_around
from tests.abm.protocol.options.worlds import option_table

HOUR = 3600.0
INDEX = np.array([50_130.0])


def listing(**keys: object) -> Listing:
    return Listing([OptionsSpec.model_validate(option_table(**keys))], 0.0)


def test_an_expiry_is_a_call_and_a_put_of_each_strike_around_the_index() -> None:
    made = listing()
    new = made.extend(INDEX, 0.0)
    assert new.tolist() == list(range(10))
    assert made.strike.tolist() == [x for k in (45_000, 49_000, 50_000, 51_000, 55_000) for x in (k, k)]
    assert made.names[:3] == [
        "BTC-20251010T030000-45000-C", "BTC-20251010T030000-45000-P", "BTC-20251010T030000-49000-C",
    ]  # fmt: skip
    assert made.extend(INDEX, 1.0).tolist() == []


def test_a_strike_that_rounds_to_another_is_listed_once() -> None:
    spec = OptionsSpec.model_validate(option_table(strikes=[0.0, 0.001, -0.0001], step=500.0))
    assert strikes_around(spec, 50_010.0).tolist() == [50_000.0]
    assert strikes_around(spec, 3.0).tolist() == [500.0]


def test_a_series_trades_from_the_block_after_its_listing_until_it_expires() -> None:
    made = listing()
    made.extend(INDEX, 5.0)
    first = np.array([0])
    times = ((5.0, 4.0), (60.0, 4.0), (6.0, 5.0), (3 * HOUR - 1.0, 60.0), (3 * HOUR, 60.0))
    assert [bool(made.tradable(first, t, known)[0]) for t, known in times] == [False, False, True, True, False]


def test_the_next_expiry_is_listed_when_one_has_come_at_the_index_of_then() -> None:
    made = listing(expiries=[], daily=1)
    made.extend(INDEX, 0.0)
    assert made.extend(INDEX * 2.0, 8 * HOUR - 1.0).tolist() == []
    assert made.extend(INDEX * 2.0, 8 * HOUR).tolist() == list(range(10, 20))
    assert made.strike[10] == 90_000.0
    assert made.expiry[10] == 32 * HOUR
    assert made.live(0, 9 * HOUR).tolist() == list(range(10, 20))
    assert made.due(9 * HOUR) == [8 * HOUR]


def test_no_expiry_is_listed_whose_settlement_window_has_begun() -> None:
    made = listing(expiries=[WINDOW - 1.0, WINDOW])
    made.extend(INDEX, 0.0)
    assert set(made.expiry.tolist()) == {WINDOW}


@given(ticks=st.lists(st.floats(60.0, 90_000.0), min_size=1, max_size=20))
def test_never_more_series_live_than_the_ledger_has_legs_for(ticks: list[float]) -> None:
    spec = OptionsSpec.model_validate(option_table(expiries=[7200.0], daily=2, weekly=1, monthly=1))
    made, now = Listing([spec], 0.0), 0.0
    made.extend(INDEX, now)
    for tick in ticks:
        now += tick
        made.settled[made.expiry <= now] = 1.0
        made.extend(INDEX, now)
        assert len(made.live(0, now)) <= spec.most
