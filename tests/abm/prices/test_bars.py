"""Series are told apart and checked row by row."""

import polars as pl
import pytest

from abm.errors import PriceFileError
from abm.prices.bars import moment, read_bars

T0 = 1_760_122_800_000_000  # 2025-10-10 19:00:00 UTC


def closes(*values):
    return dict(enumerate(values))


def test_series_come_by_asset_then_venue(bars):
    path = bars(
        {("zoo", "ETHUSD"): closes(3, 4), ("bay", "ETH-USD"): closes(5, 6), ("zoo", "BTCUSD_PERP"): closes(1, 2)}
    )
    file = read_bars(path, ("ETH", "BTC"))
    assert [(s.asset, s.venue, s.symbol) for s in file.series] == [
        ("ETH", "bay", "ETH-USD"),
        ("ETH", "zoo", "ETHUSD"),
        ("BTC", "zoo", "BTCUSD_PERP"),
    ]
    assert file.series[0].close.tolist() == file.series[0].open.tolist() == [5.0, 6.0]
    assert file.series[0].start.tolist() == [T0, T0 + 1_000_000]
    assert (file.first, file.interval, file.venues) == (T0, 1_000_000, ("bay", "zoo"))


def test_other_coins_count_for_the_files_beginning_and_bar_but_are_not_checked(bars):
    path = bars({("v", "BTC"): {100: 1, 160: 2}, ("v", "DOGE"): {40: -1, 50: 3, 60: 3}})
    file = read_bars(path, ("BTC",))
    assert (file.first, file.interval) == (T0 + 40_000_000, 10_000_000)
    assert len(file.series) == 1


def test_bar_length_is_the_most_frequent_distance_and_the_least_of_equals(bars):
    assert read_bars(bars({("", "BTC"): dict.fromkeys((0, 1, 61, 121, 181), 1)}), ("BTC",)).interval == 60_000_000
    assert read_bars(bars({("", "BTC"): dict.fromkeys((0, 1, 6), 1)}), ("BTC",)).interval == 1_000_000


def test_optional_assets_may_be_absent(bars):
    path = bars({("v", "BTC"): closes(1, 2), ("v", "DAI"): closes(1, 1)})
    assert [s.asset for s in read_bars(path, ("BTC",), ("DAI", "USDC")).series] == ["BTC", "DAI"]


def test_rows_of_series_may_be_mixed(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_text("time,symbol,close\n0,BTC,1\n0,ETH,5\n1,BTC,2\n1,ETH,6\n")
    assert [s.close.tolist() for s in read_bars(path, ("BTC", "ETH")).series] == [[1.0, 2.0], [5.0, 6.0]]


class TestErrors:
    def test_absent_assets(self, bars):
        path = bars({("v", "BTC-USD"): closes(1, 2), ("v", "ETHBTC"): closes(1, 2)})
        with pytest.raises(
            PriceFileError, match="has no series of ETH, SOL; it has BTC-USD, ETHBTC; drop these assets"
        ):
            read_bars(path, ("BTC", "ETH", "SOL"))

    def test_long_lists_of_symbols_are_cut(self, bars):
        path = bars({("v", f"COIN{i:02}"): closes(1, 2) for i in range(20)})
        with pytest.raises(PriceFileError, match=r"COIN11, \.\.\. \(20 in all\)"):
            read_bars(path, ("BTC",))

    def test_none_of_only_optional_assets(self, bars):
        with pytest.raises(PriceFileError, match="has no series of USDC; it has BTC"):
            read_bars(bars({("v", "BTC"): closes(1, 2)}), (), ("USDC",))

    def test_two_symbols_of_one_coin_on_one_venue(self, bars):
        path = bars({("v", "BTCUSD"): closes(1, 2), ("v", "BTCUSDT"): closes(1, 2)})
        with pytest.raises(PriceFileError, match="BTC on v has 2 symbols: BTCUSD, BTCUSDT; keep one"):
            read_bars(path, ("BTC",))

    @pytest.mark.parametrize(("bad", "shown"), [(0, "0"), (-3, "-3"), (float("nan"), "nan"), (float("inf"), "inf")])
    def test_price_that_is_none(self, bars, bad, shown):
        path = bars({("v", "ETHUSD"): closes(1, 2), ("v", "BTCUSD"): closes(1, bad, 3)})
        with pytest.raises(
            PriceFileError, match=f"bars.parquet: BTCUSD on v, row 4: close is {shown}; a price must be"
        ):
            read_bars(path, ("BTC",))

    def test_missing_price(self, tmp_path):
        path = tmp_path / "BTC.csv"
        path.write_text("time,close\n1,5\n2,\n")
        with pytest.raises(PriceFileError, match="BTC, row 2: close is nan"):
            read_bars(path, ("BTC",))

    def test_bad_open(self, tmp_path):
        path = tmp_path / "BTC.parquet"
        pl.DataFrame({"time": [1, 2], "open": [1.0, -1.0], "close": [1.0, 1.0]}).write_parquet(path)
        with pytest.raises(PriceFileError, match="BTC, row 2: open is -1"):
            read_bars(path, ("BTC",))

    def test_times_out_of_order(self, bars):
        path = bars({("v", "BTCUSD"): {0: 1, 2: 1, 1: 1}})
        with pytest.raises(
            PriceFileError,
            match="BTCUSD on v, row 3: times are out of order: 2025-10-10 19:00:01 comes after 2025-10-10 19:00:02; sort",
        ):
            read_bars(path, ("BTC",))

    def test_times_that_only_descend(self, bars):
        path = bars({("v", "BTCUSD"): {2: 1, 1: 1, 0: 1}})
        with pytest.raises(PriceFileError, match="BTCUSD on v, row 2: times are out of order"):
            read_bars(path, ("BTC",))

    def test_times_that_are_there_twice(self, tmp_path):
        path = tmp_path / "BTC.csv"
        path.write_text("time,close\n1,5\n2,5\n2,6\n")
        with pytest.raises(PriceFileError, match="BTC, row 3: 1970-01-01 00:00:02 is there twice"):
            read_bars(path, ("BTC",))

    def test_a_single_bar(self, bars):
        with pytest.raises(PriceFileError, match="has no series of two bars or more; give a longer history"):
            read_bars(bars({("v", "BTC"): {0: 1}}), ("BTC",))


def test_moment_is_read_as_utc():
    assert moment(T0) == "2025-10-10 19:00:00"
    assert moment(T0 + 500_000) == "2025-10-10 19:00:00.500000"
