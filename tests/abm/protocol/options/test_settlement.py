import numpy as np
import pytest

from abm.option_legs import option_size
from abm.protocol.options.trading import trade_options
from tests.abm.protocol.options.worlds import EXPIRY, Desk

CALL, PUT, LOW = 4, 5, 1


def held() -> tuple[Desk, int]:
    desk = Desk()
    row = desk.account("a", 1e6)
    desk.move()
    rows = np.full(3, row)
    trade_options(desk.protocol, rows, np.array([CALL, PUT, LOW]), np.array([2.0, -1.0, 5.0]))
    return desk, row


def test_options_are_settled_at_the_average_of_the_last_half_hour() -> None:
    desk, row = held()
    p = desk.protocol
    desk.move(EXPIRY - 1800.0 - desk.world.now, btc=50_000.0)
    desk.move(900.0, btc=54_000.0)
    cash, street = p.ledger.quote[row], p.ledger.quote[p.street]
    desk.move(900.0, btc=70_000.0)
    paid = 2.0 * (52_000.0 - 50_000.0)
    assert p.ledger.quote[row] == pytest.approx(cash + paid)
    assert p.ledger.quote[p.street] == pytest.approx(street - paid)
    assert not (p.ledger.leg_series >= 0).any()
    desk.audit()
    settled = desk.world.log.frame("option_settlements").to_dicts()
    mine = {s["series"]: s for s in settled if s["account"] == p.ledger.id[row]}
    assert len(mine) == 3
    call = mine["BTC-20251010T030000-50000-C"]
    assert (call["settlement"], call["payoff"], call["amount"]) == pytest.approx((52_000.0, 2_000.0, paid))
    assert sum(s["amount"] for s in settled) == pytest.approx(0.0, abs=1e-9)
    expired = desk.world.log.frame("events").filter(kind="expired")
    assert len(expired) == 6
    assert expired["amount"].sum() == pytest.approx(0.0, abs=1e-12)


def test_a_series_that_has_expired_is_worth_what_it_paid_and_settled_once() -> None:
    desk, row = held()
    desk.move(EXPIRY - desk.world.now)
    cash = desk.protocol.ledger.quote[row]
    for _ in range(3):
        desk.move(60.0, btc=80_000.0)
    assert desk.protocol.ledger.quote[row] == cash
    assert option_size(desk.protocol.ledger, row, CALL) == 0.0
    assert desk.board.listing.settled.tolist() == pytest.approx([50_000.0] * 10)


def test_the_mark_comes_to_the_payoff_as_the_window_closes() -> None:
    desk, row = held()
    desk.move(EXPIRY - 1800.0 - desk.world.now, btc=50_000.0)
    desk.move(1799.0, btc=53_000.0)
    before = desk.equity(row)[0]
    desk.move(1.0, btc=53_000.0)
    assert desk.equity(row)[0] == pytest.approx(before, abs=5.0)


def test_the_next_day_is_listed_when_one_has_expired() -> None:
    desk = Desk(options=[{"expiries": [], "daily": 1}])
    desk.move(8 * 3600.0, btc=60_000.0)
    series = desk.world.log.frame("option_series")
    assert series["listed"].unique().sort().to_list() == [0.0, 28_800.0]
    assert series.filter(listed=28_800.0)["strike"].max() == 66_000.0
    assert len(desk.board.listing) == 20
