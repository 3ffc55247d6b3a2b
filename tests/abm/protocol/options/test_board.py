import numpy as np
import pytest

from abm.margin.options.aggregate import sheet
from abm.margin.options.black76 import price
from abm.margin.options.expiry import WINDOW, marked_forward
from abm.margin.options.smile import YEAR
from tests.abm.protocol.options.worlds import EXPIRY, Desk


def test_volatility_rises_with_a_fall_and_reverts() -> None:
    desk = Desk()
    before = desk.board.variance[0]
    assert np.sqrt(before) == pytest.approx(0.43)
    desk.move(btc=45_000.0)
    smile, seconds = desk.board.surface.smiles[0], 1.0
    jumped = before * np.exp(2.0 * smile.spot_beta * np.log(45_000.0 / 50_000.0))
    assert desk.board.variance[0] == pytest.approx(
        before + (jumped - before) * np.exp(-smile.reversion * seconds / YEAR), rel=1e-12
    )
    after = desk.board.variance[0]
    desk.move(3600.0)
    assert before < desk.board.variance[0] < after


def test_it_moves_once_a_tick_and_not_when_the_protocol_looks() -> None:
    desk = Desk()
    desk.move(btc=48_000.0)
    state = desk.board.variance.copy()
    for _ in range(3):
        desk.protocol.refresh(desk.world.now)
    assert np.array_equal(desk.board.variance, state)


def test_the_opening_has_the_volatility_that_is_given() -> None:
    desk = Desk(options=[{"vol": 0.8}])
    vols = desk.protocol.terms.known.series.vol
    at_the_money = np.flatnonzero(desk.board.listing.strike == 50_000.0)
    assert vols[at_the_money] == pytest.approx([0.8, 0.8], rel=2e-3)


def test_the_engine_is_told_of_the_series_as_they_stand() -> None:
    desk = Desk(options=[{"rate": 0.04}])
    desk.move(600.0, btc=51_000.0)
    series = desk.protocol.terms.known.series
    assert series.seconds.tolist() == [EXPIRY - 600.0] * 10
    assert series.forward == pytest.approx(np.full(10, 51_000.0 * np.exp(0.04 * (EXPIRY - 600.0) / YEAR)), rel=1e-14)
    assert series.underlying.tolist() == [0] * 10
    years = series.seconds / YEAR
    worth = price(series.forward, series.strike, years, series.vol, np.exp(-series.rate * years), series.call)
    assert sheet(series)[:, 0] == pytest.approx(worth, rel=1e-13)


def test_forwards_become_fixed_in_the_last_half_hour() -> None:
    desk = Desk()
    desk.move(EXPIRY - WINDOW, btc=50_000.0)
    assert desk.board.by_spot(desk.protocol.terms.known.series)[0] == 1.0
    desk.move(600.0, btc=60_000.0)
    desk.move(600.0, btc=60_000.0)
    series = desk.protocol.terms.known.series
    average = (600.0 * 50_000.0 + 600.0 * 60_000.0) / 1200.0
    assert series.forward[0] == pytest.approx(float(marked_forward(average, 60_000.0, 600.0)))
    assert series.forward[0] == pytest.approx(2.0 / 3.0 * 55_000.0 + 1.0 / 3.0 * 60_000.0)
    assert desk.board.by_spot(series)[0] == pytest.approx(1.0 / 3.0)
