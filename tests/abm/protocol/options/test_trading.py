import numpy as np
import pytest

from abm.ledger import ISOLATED
from abm.option_legs import option_size
from abm.protocol.options.quoting import quote
from abm.protocol.options.trading import board_of, cross_options, open_options, trade_options
from tests.abm.protocol.options.worlds import EXPIRY, Desk
from tests.agents.worlds import small_world

CALL, PUT = 4, 5
"""At the money."""


def one(desk: Desk, row: int, series: int, size: float) -> float:
    return float(trade_options(desk.protocol, np.array([row]), np.array([series]), np.array([size]))[0])


def test_a_premium_a_fee_and_an_opposite_leg_of_the_street() -> None:
    desk = Desk()
    row = desk.account("a", 1e5)
    desk.move()
    asked = quote(desk.board, desk.protocol.terms.known.series, np.array([CALL]), np.ones(1))
    assert one(desk, row, CALL, 2.0) == 2.0
    p = desk.protocol
    assert p.ledger.quote[row] == pytest.approx(1e5 - 2.0 * (asked.premium[0] + asked.fee[0]))
    assert option_size(p.ledger, p.street, CALL) == -2.0
    assert p.fees == pytest.approx(2.0 * asked.fee[0])
    middle = quote(desk.board, p.terms.known.series, np.array([CALL]), np.ones(1), part=0.0).premium[0]
    assert desk.equity(row)[0] == pytest.approx(p.ledger.quote[row] + 2.0 * middle)
    desk.audit()
    trades = desk.world.log.frame("option_trades").to_dicts()
    assert [(t["series"], t["kind"], t["quantity"]) for t in trades] == [("BTC-20251010T030000-50000-C", "trade", 2.0)]
    events = desk.world.log.frame("events")
    assert events.filter(market="BTC-20251010T030000-50000-C")["kind"].to_list() == ["trade", "other_side", "fee"]


def test_a_round_trip_costs_the_spread_and_two_fees() -> None:
    desk = Desk()
    row = desk.account("a", 1e5)
    desk.move()
    up, down = (
        quote(desk.board, desk.protocol.terms.known.series, np.array([PUT]), np.array([x])) for x in (1.0, -1.0)
    )
    assert one(desk, row, PUT, 1.0) == 1.0
    assert one(desk, row, PUT, -1.0) == -1.0
    cost = up.premium[0] - down.premium[0] + up.fee[0] + down.fee[0]
    assert desk.protocol.ledger.quote[row] == pytest.approx(1e5 - cost)
    assert not (desk.protocol.ledger.leg_series >= 0).any()


def test_the_initial_margin_decides_of_the_whole_package() -> None:
    desk = Desk()
    row = desk.account("a", 12_000.0)
    desk.move()
    p, both = desk.protocol, np.array([row, row])
    assert one(desk, row, CALL, -1.5) == 0.0
    covered = trade_options(p, both, np.array([CALL, 6]), np.array([-1.5, 1.5]))
    assert covered.tolist() == [-1.5, 1.5]
    assert desk.spare(row) >= 0.0
    desk.audit()


def test_what_is_short_of_margin_may_trade_only_what_gives_it_more() -> None:
    desk = Desk()
    row = desk.account("a", 15_000.0)
    desk.move()
    assert one(desk, row, CALL, -1.0) == -1.0
    desk.move(btc=57_000.0)
    assert desk.spare(row) < 0.0
    assert one(desk, row, PUT, -0.1) == 0.0
    assert one(desk, row, CALL, 0.5) == 0.5


def test_nothing_trades_before_the_block_after_its_listing_nor_once_it_has_expired() -> None:
    desk = Desk()
    row = desk.account("a", 1e5)
    assert one(desk, row, CALL, 1.0) == 0.0
    desk.move(EXPIRY - 1.0)
    assert one(desk, row, CALL, 1.0) == 1.0
    desk.world.tape.enter("alpha", 9, EXPIRY)
    assert one(desk, row, CALL, 1.0) == 0.0


def test_isolated_accounts_hold_no_options() -> None:
    desk = Desk()
    row = desk.account("a", 1e5)
    desk.protocol.ledger.mode[row] = ISOLATED
    desk.move()
    assert one(desk, row, CALL, 1.0) == 0.0


def test_two_accounts_trade_in_the_middle_without_fee_where_both_can() -> None:
    desk = Desk()
    buyer, seller, poor = desk.account("a", 1e5), desk.account("b", 1e5), desk.account("c", 10.0)
    desk.move()
    p = desk.protocol
    assert cross_options(p, buyer, seller, CALL, 1.0)
    assert option_size(p.ledger, buyer, CALL) == 1.0 == -option_size(p.ledger, seller, CALL)
    assert desk.equity(buyer, seller) == pytest.approx([1e5, 1e5])
    assert option_size(p.ledger, p.street, CALL) == 0.0
    assert not cross_options(p, buyer, poor, CALL, 1.0)
    assert p.fees == 0.0
    desk.audit()


def test_what_is_opened_is_in_the_middle_and_without_fee() -> None:
    desk = Desk()
    row = desk.account("a", 1e5)
    open_options(desk.protocol, np.array([row]), np.array([CALL]), np.array([-1.0]))
    assert desk.equity(row)[0] == pytest.approx(1e5)
    assert desk.world.log.frame("option_trades")["kind"].to_list() == ["open"]
    desk.audit()


def test_a_protocol_without_options_says_so() -> None:
    with pytest.raises(ValueError, match="protocol harbor has no options"):
        board_of(small_world([]).world.protocols["harbor"])
