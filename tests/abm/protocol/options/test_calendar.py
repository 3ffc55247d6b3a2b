import datetime

import pytest

from abm.options_spec import OptionsSpec
from abm.protocol.options.calendar import DAY, expiry_name, upcoming

HOUR = 3600.0
FRIDAY = datetime.date(2025, 10, 10)


def spec(**keys: object) -> OptionsSpec:
    return OptionsSpec.model_validate(
        {"asset": "BTC", "step": 1.0, "date": FRIDAY, "daily": 0, "weekly": 0, "monthly": 0} | keys
    )


@pytest.mark.parametrize(
    ("keys", "now", "days"),
    [
        ({"daily": 3}, 0.0, [0, 1, 2]),
        ({"daily": 2}, 8 * HOUR, [1, 2]),
        ({"daily": 2}, 8 * HOUR - 1.0, [0, 1]),
        ({"weekly": 2}, 0.0, [0, 7]),
        ({"weekly": 2}, 9 * HOUR, [7, 14]),
        ({"monthly": 3}, 0.0, [21, 49, 77]),  # 31 October, 28 November, 26 December
        ({"daily": 1, "weekly": 1, "monthly": 1}, 20 * DAY + 9 * HOUR, [21]),
    ],
)
def test_expiries_are_at_eight_on_the_days_of_the_calendar(
    keys: dict[str, object], now: float, days: list[int]
) -> None:
    assert upcoming(spec(**keys), 0.0, now) == tuple(d * DAY + 8 * HOUR for d in days)


def test_expiries_of_its_own_are_counted_from_the_opening() -> None:
    assert upcoming(spec(expiries=[5400.0, 7200.0]), 1000.0, 6400.0) == (8200.0,)


def test_names_have_the_date_and_the_time_where_it_is_not_eight() -> None:
    assert expiry_name(spec(daily=1), 8 * HOUR) == "20251010"
    assert expiry_name(spec(daily=1), 22 * DAY + 8 * HOUR) == "20251101"
    assert expiry_name(spec(daily=1), 10.5 * HOUR) == "20251010T103000"
