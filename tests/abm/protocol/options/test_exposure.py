import numpy as np
import pytest

from abm.margin.options.black76 import price
from abm.margin.options.greeks import NAMES
from abm.margin.options.smile import YEAR
from abm.margin.state import Series
from abm.option_legs import legs_of
from abm.protocol.options.exposure import account_greeks, net_delta
from abm.protocol.options.trading import open_options
from abm.protocol.protocol import Protocol
from tests.abm.protocol.options.worlds import EXPIRY, Desk


def test_delta_by_the_index_is_the_slope_of_equity() -> None:
    for seconds in (60.0, EXPIRY - 600.0):
        desk = Desk(options=[{"rate": 0.05, "smile": {"spot_beta": 0.0, "rho": 0.0, "eta": 1e-6}}])
        p, row = desk.protocol, desk.account("a", 1e5)
        open_options(p, np.full(3, row), np.array([2, 5, 6]), np.array([1.0, -2.0, 0.5]))
        desk.move(seconds)
        delta, perpetual = net_delta(p, row, 0)
        up, down = (
            account_worth(desk.board.series(desk.world.now, np.array([index, 2_000.0])), p, row)
            for index in (50_001.0, 49_999.0)
        )
        assert delta == pytest.approx((up - down) / 2.0, rel=1e-5)
        assert perpetual == 0.0


def account_worth(series: Series, p: Protocol, row: int) -> float:
    _, which, sizes = legs_of(p.ledger, np.array([row]))
    years = series.seconds[which] / YEAR
    discount = np.exp(-series.rate[which] * years)
    each = price(series.forward[which], series.strike[which], years, series.vol[which], discount, series.call[which])
    return float(sizes @ each)


def test_greeks_of_all_accounts_with_the_street_add_up_to_nothing() -> None:
    desk = Desk()
    p = desk.protocol
    rows = [desk.account(name, 1e6) for name in "abc"]
    for row, series, size in ((rows[0], 0, 3.0), (rows[1], 5, -2.0), (rows[2], 7, 1.0), (rows[0], 5, 1.0)):
        open_options(p, np.array([row]), np.array([series]), np.array([size]))
    desk.move(600.0, btc=49_000.0)
    held, by_index = account_greeks(p, np.arange(len(p.ledger)))
    assert held.shape == (len(p.ledger), 2, len(NAMES))
    scale = np.abs(held).sum(axis=0) + 1.0
    assert np.max(np.abs(held.sum(axis=0)) / scale) < 1e-12
    assert by_index.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.all(held[:, 1] == 0.0)
