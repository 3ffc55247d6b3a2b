"""When options expire: daily at 08:00 UTC, weekly on Fridays, monthly on the last Friday, and at times of their own.

Deribit's and Derive's calendar (support.deribit.com, Contract Introduction Policy).  Times are seconds from time 0 of the
price path, at which the day `date` of the scenario begins.
"""

import datetime
from collections.abc import Iterator
from itertools import count, islice

from abm.options_spec import OptionsSpec

__all__ = ["DAY", "expiry_name", "upcoming"]

DAY = 86_400.0
HOUR = 8 * 3_600.0
"""Of expiry, after midnight."""

FRIDAY = 4


def upcoming(spec: OptionsSpec, opened: float, now: float) -> tuple[float, ...]:
    """Expiries after `now` that the calendar has, in order; its own are counted from `opened`."""
    own = [opened + e for e in spec.expiries if opened + e > now]
    days = islice(_days(spec.date, now), spec.daily)
    fridays = islice((d for d in _days(spec.date, now) if d.weekday() == FRIDAY), spec.weekly)
    last = islice((d for d in _days(spec.date, now) if _is_last_friday(d)), spec.monthly)
    listed = {_seconds(spec.date, day) for day in (*days, *fridays, *last)}
    return tuple(sorted(listed.union(own)))


def expiry_name(spec: OptionsSpec, expiry: float) -> str:
    """Date of an expiry as instruments have it, with the time where that is not 08:00: 20251010, 20251010T103000."""
    moment = datetime.datetime.combine(spec.date, datetime.time()) + datetime.timedelta(seconds=round(expiry))
    usual = (moment.hour, moment.minute, moment.second) == (8, 0, 0)
    return moment.strftime("%Y%m%d" if usual else "%Y%m%dT%H%M%S")


def _days(date: datetime.date, now: float) -> Iterator[datetime.date]:
    """Days whose 08:00 lies after `now`, without end."""
    first = int((now - HOUR) // DAY) + 1
    return (date + datetime.timedelta(days=first + i) for i in count())


def _seconds(date: datetime.date, day: datetime.date) -> float:
    return (day - date).days * DAY + HOUR


def _is_last_friday(day: datetime.date) -> bool:
    return day.weekday() == FRIDAY and (day + datetime.timedelta(days=7)).month != day.month
