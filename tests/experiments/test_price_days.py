"""From bars to days."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm.errors import PriceFileError
from abm.margin.forecasts.realised import garman_klass, parkinson
from experiments.price_days import distinct, read_days
from tests.experiments.histories import START, daily, hourly, written

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_hours_make_realised_variance(tmp_path: Path) -> None:
    frame = hourly(3)
    (days,) = read_days(written(tmp_path, frame, "btcusdt_1h.parquet"))
    close = np.log(frame["close"].to_numpy())
    assert (days.name, days.measure, days.left_out) == ("BTCUSDT", "realised", 0)
    assert days.day.tolist() == [START, START + 1, START + 2]
    assert days.observed.variance[1] == pytest.approx(np.sum(np.diff(close[23:48]) ** 2))
    assert days.observed.returns[1] == pytest.approx(close[47] - close[23])


def test_a_day_with_few_bars_is_left_out_and_counted(tmp_path: Path) -> None:
    frame = hourly(4)
    holed = pl.concat([frame[:30], frame[40:]])
    (days,) = read_days(written(tmp_path, holed, "btcusdt_1h.parquet"))
    assert days.day.tolist() == [START, START + 2, START + 3]
    assert days.left_out == 1


def test_a_hole_of_few_bars_keeps_the_move_over_it(tmp_path: Path) -> None:
    frame = hourly(3)
    holed = pl.concat([frame[:30], frame[32:]])
    (days,) = read_days(written(tmp_path, holed, "btcusdt_1h.parquet"))
    close = np.log(frame["close"].to_numpy())
    assert days.observed.returns[1] == pytest.approx(close[47] - close[23])


@pytest.mark.parametrize("name", ["btc.parquet", "btc.csv"])
@pytest.mark.parametrize("measure", ["parkinson", "garman-klass", "squared"])
def test_days_make_the_measure_that_is_asked_for(tmp_path: Path, name: str, measure: str) -> None:
    frame = daily(50)
    (days,) = read_days(written(tmp_path, frame, name), measure=measure)
    open_, high, low, close = (frame[c].to_numpy() for c in ("open", "high", "low", "close"))
    moves = np.diff(np.log(close))
    expected = {
        "parkinson": parkinson(high, low)[1:],
        "garman-klass": garman_klass(open_, high, low, close)[1:],
        "squared": moves**2,
    }[measure]
    assert days.observed.variance == pytest.approx(expected)
    assert days.observed.returns == pytest.approx(moves)


@pytest.mark.parametrize(("columns", "measure"), [(["high", "low"], "parkinson"), ([], "squared")])
def test_auto_takes_the_best_that_there_is(tmp_path: Path, columns: list[str], measure: str) -> None:
    (days,) = read_days(written(tmp_path, daily(50).select("date", "symbol", "open", "close", *columns)))
    assert days.measure == measure


def test_klines_without_a_header_have_a_range_too(tmp_path: Path) -> None:
    frame = daily(50)
    time = (frame["date"].cast(pl.Int32).cast(pl.Int64) * 86_400_000).alias("time")
    kline = frame.select(time, "open", "high", "low", "close", *(pl.lit(0).alias(f"c{i}") for i in range(7)))
    kline.write_csv(tmp_path / "BTCUSDT-1d.csv", include_header=False)
    (days,) = read_days(tmp_path / "BTCUSDT-1d.csv")
    assert days.measure == "parkinson"
    assert days.observed.variance == pytest.approx(parkinson(frame["high"].to_numpy(), frame["low"].to_numpy())[1:])


def test_of_several_symbols_those_that_are_asked_for(tmp_path: Path) -> None:
    both = pl.concat([daily(50, symbol="BTCUSDT"), daily(60, 2, "AAVEUSDT")])
    path = written(tmp_path, both)
    assert [d.name for d in read_days(path, symbols=["all"])] == ["AAVEUSDT", "BTCUSDT"]
    assert [len(d.observed) for d in read_days(path, symbols=["AAVEUSDT"])] == [59]
    with pytest.raises(PriceFileError, match=r"has 2 symbols \(AAVEUSDT, BTCUSDT\); choose by --symbol"):
        read_days(path)
    with pytest.raises(PriceFileError, match=r"no symbol 'BTC'; allowed: AAVEUSDT, BTCUSDT|did you mean 'BTCUSDT'"):
        read_days(path, symbols=["BTC"])


def with_cell(column: str, value: float) -> pl.DataFrame:
    frame = daily(50)
    return frame.with_columns(pl.when(pl.int_range(50) == 7).then(value).otherwise(pl.col(column)).alias(column))


@pytest.mark.parametrize(
    ("frame", "measure", "message"),
    [
        (with_cell("close", -1.0), "auto", r"row 8: close is -1.0; a price is a number above zero"),
        (with_cell("low", float("nan")), "auto", r"row 8: low is nan"),
        (with_cell("high", 1.0), "auto", r"row 8: open or close lies outside low to high"),
        (daily(50)[::-1], "auto", r"row 2 is not later than the one before; sort by time"),
        (daily(50)[::7], "auto", r"has bars 7 days apart; give daily bars or finer"),
        (daily(2), "auto", r"has 2 bars; give a longer history"),
        (daily(50), "realised", r"has one bar a day; choose another --measure"),
        (daily(50).drop("high"), "parkinson", r"no columns high and low, which parkinson needs"),
        (hourly(), "parkinson", r"has bars within the day; choose --measure realised"),
    ],
)
def test_what_cannot_be_measured_is_told(tmp_path: Path, frame: pl.DataFrame, measure: str, message: str) -> None:
    with pytest.raises(PriceFileError, match=message):
        read_days(written(tmp_path, frame), measure=measure)


def test_the_same_symbol_of_two_files_is_told_apart(tmp_path: Path) -> None:
    files = [written(tmp_path, daily(50), name) for name in ("btc-a.parquet", "btc-b.parquet")]
    assert [d.name for d in distinct(files, [read_days(f) for f in files])] == ["BTCUSDT, btc-a", "BTCUSDT, btc-b"]
    with pytest.raises(PriceFileError, match="is there twice; give each file once"):
        distinct([files[0]] * 2, [read_days(files[0])] * 2)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the checkout")
def test_the_real_histories_are_read_whole() -> None:
    (hours,) = read_days(SHARED / "btcusdt_1h_2017-2020.parquet")
    assert (len(hours.observed), hours.left_out) == (890, 9)
    coins = read_days(SHARED / "daily_ohlcv_binance_2018-2026.parquet", symbols=["all"])
    assert len(coins) == 50
    assert sum(len(c.observed) for c in coins) == 75_084 - 50
