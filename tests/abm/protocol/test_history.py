"""The blocks that a protocol remembers."""

import numpy as np

from abm.margin.engine import Terms
from abm.protocol.history import History, Prices


def terms(k: float) -> Terms:
    return Terms(
        price=np.array([k, 2 * k]), funding=np.array([0.1 * k, 0.0]), imf=np.ones(2), mmf=np.array([0.03, 0.04]) * k,
        coin_price=np.array([3 * k]), haircut=np.array([0.1 * k]), stale=np.array([1.0 / k]),
    )  # fmt: skip


def prices(k: float) -> Prices:
    return Prices(np.array([k, 2 * k, 3 * k]), np.array([0, 1, 2]), np.full(3, k), np.full(3, int(k)))


def test_it_keeps_every_block_while_it_grows() -> None:
    history = History(2, 1)
    for k in range(1, 3000):
        history.append(float(k), terms(k), prices(k))
    assert history.count == 2999
    for k in (1, 1024, 1025, 2999):
        i = k - 1
        assert history.time[i] == k
        assert history.price[i].tolist() == [k, 2 * k, 3 * k]
        assert history.mmf[i].tolist() == [0.03 * k, 0.04 * k]
        assert (history.haircut[i, 0], history.stale[i, 0], history.moves[i, 0]) == (0.1 * k, 1.0 / k, k)


def test_it_holds_copies() -> None:
    history, now = History(2, 1), terms(1.0)
    history.append(1.0, now, prices(1.0))
    now.funding[0] = 99.0
    assert history.funding[0, 0] == 0.1


def test_a_time_belongs_to_the_block_at_or_before_it() -> None:
    history = History(2, 1)
    for time in (10.0, 12.0, 14.0):
        history.append(time, terms(1.0), prices(1.0))
    assert history.at(np.array([9.0, 10.0, 11.9, 12.0, 14.0, 99.0])).tolist() == [0, 0, 0, 1, 2, 2]
