"""Files of bars are read in all their forms, and what is wrong with one is told in one line."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from abm.errors import PriceFileError
from abm.prices.files import read_table

T0 = int(datetime(2025, 10, 10, 19, tzinfo=UTC).timestamp()) * 1_000_000


def save(tmp_path, columns, name="bars.parquet"):
    path = tmp_path / name
    pl.DataFrame(columns).write_parquet(path)
    return path


def text(tmp_path, content, name="BTCUSDT-1s-2025-10-10.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


class TestTimes:
    @pytest.mark.parametrize(
        ("name", "times"),
        [
            ("time", [datetime(2025, 10, 10, 19), datetime(2025, 10, 10, 19, 0, 1)]),
            ("timestamp", [datetime(2025, 10, 10, 19, tzinfo=UTC), datetime(2025, 10, 10, 19, 0, 1, tzinfo=UTC)]),
            ("open_time", [T0 // 1_000_000, T0 // 1_000_000 + 1]),
            ("date", [float(T0 // 1_000_000), T0 / 1e6 + 1]),
            ("time", [T0 // 1000, T0 // 1000 + 1000]),
            ("time", [T0, T0 + 1_000_000]),
            ("time", [T0 * 1000, T0 * 1000 + 1_000_000_000]),
            ("time", ["2025-10-10T19:00:00Z", "2025-10-10T19:00:01Z"]),
            ("time", ["2025-10-10 19:00:00", "2025-10-10 19:00:01"]),
            ("time", ["2025-10-10T21:00:00+02:00", "2025-10-10T21:00:01+02:00"]),
        ],
    )
    def test_every_form_gives_the_same_microseconds(self, tmp_path, name, times):
        table = read_table(save(tmp_path, {name: times, "close": [1.0, 2.0]}))
        assert table["time"].to_list() == [T0, T0 + 1_000_000]

    def test_other_time_zones_become_utc(self, tmp_path):
        times = pl.Series([datetime(2025, 10, 10, 19)]).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
        assert read_table(save(tmp_path, {"time": times, "close": [1.0]}))["time"].to_list() == [T0]

    def test_dates_and_seconds_from_zero(self, tmp_path):
        days = read_table(save(tmp_path, {"date": [date(1970, 1, 2)], "close": [1.0]}))
        assert days["time"].to_list() == [86_400_000_000]
        seconds = read_table(save(tmp_path, {"time": [0.0, 0.4], "close": [1.0, 1.0]}))
        assert seconds["time"].to_list() == [0, 400_000]

    @pytest.mark.parametrize(
        ("largest", "microseconds"),
        [
            (10**11 - 1, (10**11 - 1) * 10**6),
            (10**11, 10**14),
            (10**14 - 1, (10**14 - 1) * 1000),
            (10**14, 10**14),
            (10**17 - 1000, 10**17 - 1000),
            (10**17, 10**14),
        ],
    )
    def test_largest_number_tells_the_unit(self, tmp_path, largest, microseconds):
        table = read_table(save(tmp_path, {"time": [0, largest], "close": [1.0, 1.0]}))
        assert table["time"].to_list() == [0, microseconds]

    @pytest.mark.parametrize("times", [["2025-10-10 19:00:00", "noon"], [1.0, None], [1.0, float("nan")]])
    def test_unreadable_time_names_the_row(self, tmp_path, times):
        path = save(tmp_path, {"time": times, "close": [1.0, 2.0]})
        with pytest.raises(PriceFileError, match=r"bars\.parquet: row 2 has no readable time; mend"):
            read_table(path)

    def test_times_of_another_type(self, tmp_path):
        path = save(tmp_path, {"time": [True], "close": [1.0]})
        with pytest.raises(PriceFileError, match="column 'time' holds Boolean; give dates, ISO text or numbers"):
            read_table(path)


class TestColumns:
    def test_symbol_comes_from_the_file_name_and_open_from_the_close(self, tmp_path):
        table = read_table(save(tmp_path, {"time": [5], "close": [2]}, "btcusdt_1h_2024.parquet"))
        assert table.rows() == [(1, 5_000_000, "", "BTCUSDT", 2.0, 2.0)]

    def test_all_columns(self, tmp_path):
        columns = {"high": [9.0], "venue": ["v"], "symbol": ["ETH-USD"], "open": [1.0], "close": [2.0], "time": [5]}
        assert read_table(save(tmp_path, columns)).rows() == [(1, 5_000_000, "v", "ETH-USD", 1.0, 2.0)]

    def test_csv_with_header(self, tmp_path):
        path = text(tmp_path, "time,symbol,close,note\n2025-10-10T19:00:00,BTC,5,x\n2025-10-10T19:00:01,BTC,6.5,y\n")
        assert read_table(path)["close"].to_list() == [5.0, 6.5]

    def test_text_among_prices_is_null(self, tmp_path):
        assert read_table(text(tmp_path, "time,close\n1,5\n2,n/a\n"))["close"].to_list() == [5.0, None]

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            (
                "time,symbol,Close",
                r"no column 'close' among time, symbol, Close; rename 'Close' to 'close'; needed are close and",
            ),
            (
                "when,close",
                r"no column 'time' among when, close; needed are close and a time, named time, open_time, timestamp or d",
            ),
            ("tme,close", r"no column 'time' among tme, close; rename 'tme' to 'time'; needed are close and a time"),
        ],
    )
    def test_missing_column_names_the_nearest(self, tmp_path, header, message):
        with pytest.raises(PriceFileError, match=message):
            read_table(text(tmp_path, header + "\n" + "1," * header.count(",") + "1\n"))

    def test_missing_column_of_parquet_names_the_nearest(self, tmp_path):
        path = save(tmp_path, {"time": [1], "closing": [1.0]})
        with pytest.raises(PriceFileError, match=r"no column 'close' among time, closing; rename 'closing' to 'close'"):
            read_table(path)

    def test_missing_symbol_names_the_row(self, tmp_path):
        path = save(tmp_path, {"time": [1, 2], "symbol": ["BTC", None], "close": [1.0, 1.0]})
        with pytest.raises(PriceFileError, match="row 2 has no readable symbol"):
            read_table(path)


class TestKlines:
    ROW = "{time},100.0,101.0,99.0,100.5,7.0,{time},700.0,12,3.0,300.0,0\n"

    @pytest.mark.parametrize("unit", [1_000, 1_000_000])
    def test_headerless_file_of_an_exchange(self, tmp_path, unit):
        seconds = T0 // 1_000_000
        path = text(tmp_path, "".join(self.ROW.format(time=(seconds + k) * unit) for k in range(2)))
        assert read_table(path).rows() == [
            (1, T0, "", "BTCUSDT", 100.0, 100.5),
            (2, T0 + 1_000_000, "", "BTCUSDT", 100.0, 100.5),
        ]

    def test_another_number_of_columns_is_not_guessed(self, tmp_path):
        path = text(tmp_path, "1,2,3\n4,5,6\n")
        with pytest.raises(PriceFileError, match="no header and 3 columns; klines have 12; add a header"):
            read_table(path)


class TestUnreadable:
    def test_missing_file(self, tmp_path):
        with pytest.raises(PriceFileError, match=rf"none\.parquet: no such file in {tmp_path}; give the path"):
            read_table(tmp_path / "none.parquet")

    def test_folder(self, tmp_path):
        with pytest.raises(PriceFileError, match="is a folder; give the path"):
            read_table(tmp_path)

    @pytest.mark.parametrize("name", ["bad.parquet", "bad.csv"])
    def test_garbage(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(b"\xff\xfe\x00,\x9c\n\x81\x82,\x00\n")
        with pytest.raises(PriceFileError, match=rf"{name}: (cannot be read|no column)"):
            read_table(path)

    def test_truncated_parquet(self, tmp_path):
        path = save(tmp_path, {"time": [1, 2], "close": [1.0, 2.0]})
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(PriceFileError, match=r"cannot be read \(.+\); give a whole \.parquet"):
            read_table(path)

    def test_ragged_csv(self, tmp_path):
        with pytest.raises(PriceFileError, match="cannot be read"):
            read_table(text(tmp_path, "time,close\n1,2\n3,4,5\n"))

    def test_empty_csv(self, tmp_path):
        with pytest.raises(PriceFileError, match="cannot be read"):
            read_table(text(tmp_path, ""))

    def test_header_only(self, tmp_path):
        with pytest.raises(PriceFileError, match="has no rows; give a file with bars"):
            read_table(text(tmp_path, "time,close\n"))

    def test_archive(self, tmp_path):
        with pytest.raises(PriceFileError, match=r"unknown ending '\.zip'; .*unpack"):
            read_table(text(tmp_path, "", "BTCUSDT-1s.zip"))
