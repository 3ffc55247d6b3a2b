"""What is seen of prices, period by period, and what a history adds."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm.errors import PriceFileError
from agents.outlook import NOTHING, Learning, Outlook, read_history

LEARNING = Learning("ewma", 60.0, 15, 30)
USUAL = np.array([1e-8])


def test_a_period_is_the_sum_of_squares_between_looks() -> None:
    """Two looks a period; at the first one nothing is known but the usual."""
    outlook = Outlook(LEARNING, USUAL, [NOTHING])
    assert outlook.variance() == pytest.approx(USUAL)
    for time, price in ((0.0, 100.0), (30.0, 101.0), (60.0, 100.0)):
        outlook.look(time, np.array([price]))
    seen = 2.0 * np.log(1.01) ** 2
    assert outlook.variance()[0] == pytest.approx((0.94 * 60e-8 + 0.06 * seen) / 60.0)


def test_a_late_look_closes_several_periods_alike() -> None:
    outlook = Outlook(LEARNING, USUAL, [NOTHING])
    outlook.look(30.0, np.array([100.0]))
    outlook.look(130.0, np.array([101.0]))
    half = 0.5 * np.log(1.01) ** 2
    assert outlook.variance()[0] == pytest.approx((0.94 * (0.94 * 60e-8 + 0.06 * half) + 0.06 * half) / 60.0)


def test_of_a_coin_that_does_not_move_nothing_is_expected() -> None:
    outlook = Outlook(LEARNING, np.array([0.0]), [NOTHING])
    outlook.look(0.0, np.array([1.0]))
    outlook.look(60.0, np.array([1.0]))
    assert outlook.variance().tolist() == [0.0]


def bars(coins: tuple[str, ...] = ("BTCUSDT",), step: int = 60, count: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    return pl.concat(
        pl.DataFrame(
            {
                "time": 1_700_000_040 + step * np.arange(count),
                "symbol": [coin] * count,
                "close": 100.0 * np.exp(np.cumsum(0.001 * rng.standard_normal(count))),
            }
        )
        for coin in coins
    )


def test_a_history_is_scaled_to_the_usual_volatility(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    bars(step=30).write_parquet(path)
    known = read_history(path, ["BTC"], 60.0)["BTC"]
    assert len(known) == 100
    outlook = Outlook(LEARNING, USUAL, [known])
    assert outlook._past[0].variance.mean() == pytest.approx(60e-8)


def test_a_history_that_does_not_serve_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    bars(step=3600).write_parquet(path)
    with pytest.raises(PriceFileError, match=r"bars of BTC are farther apart than a period of 60 s; give finer bars"):
        read_history(path, ["BTC"], 60.0)
    with pytest.raises(PriceFileError, match=r"has no bars of ETH; allowed: BTCUSDT"):
        read_history(path, ["ETH"], 3600.0)
    bars()[::-1].write_parquet(path)
    with pytest.raises(PriceFileError, match=r"bars of BTC out of order"):
        read_history(path, ["BTC"], 60.0)
