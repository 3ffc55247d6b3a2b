import numpy as np
import pytest

from abm.margin.options.black76 import price
from abm.margin.options.smile import YEAR
from abm.protocol.options.quoting import quote
from tests.abm.protocol.options.worlds import Desk

ATM = np.array([4, 4, 5])


def test_bought_at_half_the_spread_above_the_surface_and_sold_below() -> None:
    desk = Desk(options=[{"spread": 0.04}])
    series = desk.protocol.terms.known.series
    asked = quote(desk.board, series, ATM, np.array([1.0, -3.0, 2.0]))
    assert asked.vol == pytest.approx(series.vol[ATM] + np.array([0.02, -0.02, 0.02]))
    years = series.seconds[ATM] / YEAR
    assert asked.premium == pytest.approx(
        price(series.forward[ATM], series.strike[ATM], years, asked.vol, 1.0, series.call[ATM]), rel=1e-14
    )


def test_the_fee_is_a_part_of_the_coin_and_at_most_a_part_of_the_premium() -> None:
    desk = Desk()
    series = desk.protocol.terms.known.series
    asked = quote(desk.board, series, np.array([4, 8]), np.ones(2))
    assert asked.fee[0] == pytest.approx(0.0003 * 50_000.0)
    assert asked.fee[1] == pytest.approx(0.125 * asked.premium[1])
    assert asked.fee[1] < asked.fee[0]


def test_in_the_middle_there_is_neither_spread_nor_fee() -> None:
    desk = Desk()
    series = desk.protocol.terms.known.series
    middle = quote(desk.board, series, ATM, np.array([1.0, -1.0, 1.0]), part=0.0)
    assert middle.vol.tolist() == series.vol[ATM].tolist()
    assert middle.fee.tolist() == [0.0] * 3


def test_a_spread_wider_than_the_volatility_bids_what_there_is_without_any() -> None:
    desk = Desk(options=[{"spread": 1.0, "smile": {"long_vol": 0.2}}])
    bid = quote(desk.board, desk.protocol.terms.known.series, np.array([0, 1]), -np.ones(2))
    assert bid.premium.tolist() == [5000.0, 0.0]
