"""A replay knows nothing before its time, carries prices over short holes, and says where the long ones are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import PriceFileError
from abm.prices.bars import BarFile, Bars, read_bars
from abm.prices.replay import longest_hole, replay
from abm.spec import PricesSpec


def settings_of(**keys):
    return PricesSpec(**({"kind": "replay", "max_gap": 10.0} | keys))


def run(path, seconds, interval=1.0, assets=("BTC",), **keys):
    times = np.arange(round(seconds / interval) + 1) * interval
    return {(s.asset, s.venue): s.prices for s in replay(read_bars(path, assets), settings_of(**keys), times)}


def flat(*seconds, price=1.0):
    return dict.fromkeys(seconds, price)


class TestTiming:
    def test_a_close_is_known_at_the_end_of_its_bar(self, bars):
        path = bars({("", "BTC"): {0: 10, 1: 11, 2: 12, 3: 13}})
        assert run(path, 4)[("BTC", "")].tolist() == [10, 10, 11, 12, 13]

    def test_finer_ticks_see_a_close_no_earlier(self, bars):
        path = bars({("", "BTC"): {0: 10, 1: 11, 2: 12}})
        assert run(path, 2, interval=0.5)[("BTC", "")].tolist() == [10, 10, 10, 10, 11]

    def test_coarser_ticks_take_the_last_close(self, bars):
        path = bars({("", "BTC"): dict.fromkeys(range(10), 1) | {5: 7}})
        assert run(path, 9, interval=3.0)[("BTC", "")].tolist() == [1, 1, 7, 1]

    def test_before_its_first_close_a_series_stands_at_its_open(self, tmp_path):
        path = tmp_path / "BTC.csv"
        path.write_text("time,open,close\n0,5,6\n60,6,9\n120,9,8\n")
        assert run(path, 120, interval=30.0)[("BTC", "")].tolist() == [5, 5, 6, 6, 9]

    def test_time_0_is_the_files_first_time_plus_the_offset(self, bars):
        path = bars({("", "BTC"): {s: 100 + s for s in range(20)}, ("", "ETH"): {-5: 1, -4: 1}})
        assert run(path, 2, offset=7.0)[("BTC", "")].tolist() == [101, 102, 103]

    @settings(max_examples=20, deadline=None)
    @given(cut=st.integers(2, 38), seed=st.integers(0, 99))
    def test_what_comes_later_changes_nothing_before(self, cut, seed):
        """Closes from bar `cut` on are replaced: ticks up to the end of the bar before are as they were."""
        rng_like = (np.arange(40) * (seed + 3) * 7919 % 101) + 1.0
        start = np.arange(40) * 1_000_000
        later = np.where(np.arange(40) >= cut, 5000.0, rng_like)
        paths = []
        for close in (rng_like, later):
            file = BarFile("f", 0, 1_000_000, (), (Bars("BTC", "", "BTC", start, close, close),))
            paths.append(replay(file, settings_of(), np.arange(81) * 0.5)[0].prices)
        known = 2 * (cut + 1) - 1
        assert np.array_equal(paths[0][: known + 1], paths[1][: known + 1])
        assert not np.array_equal(paths[0], paths[1])


class TestVenues:
    def test_coin_is_the_median_of_its_venues(self, bars):
        path = bars({("a", "BTC"): {0: 1, 1: 1}, ("b", "BTC-USD"): {0: 2, 1: 9}, ("c", "BTCUSD_PERP"): {0: 6, 1: 3}})
        series = run(path, 2)
        assert list(series) == [("BTC", ""), ("BTC", "a"), ("BTC", "b"), ("BTC", "c")]
        assert series["BTC", ""].tolist() == [2, 2, 3]
        assert series["BTC", "b"].tolist() == [2, 2, 9]

    def test_unnamed_venue_is_the_coin_itself(self, bars):
        assert list(run(bars({("", "BTC"): flat(0, 1)}), 2)) == [("BTC", "")]

    def test_dropped_venue_is_not_in_the_median(self, bars):
        path = bars({("a", "BTC"): flat(*range(40)), ("b", "BTC"): flat(0, 1, 30, price=5.0)})
        series = run(path, 40, on_gap="drop")
        assert list(series) == [("BTC", ""), ("BTC", "a")]
        assert set(series["BTC", ""]) == {1.0}


class TestHoles:
    def test_prices_are_carried_over_holes_up_to_the_limit(self, bars):
        path = bars({("", "BTC"): {0: 10, 1: 11, 12: 12}})
        assert run(path, 13)[("BTC", "")].tolist() == [10, 10, *[11] * 11, 12]

    def test_longer_hole_names_series_times_and_length(self, bars):
        path = bars({("bay", "BTC-USD"): flat(0, 1, 13, 14)})
        with pytest.raises(
            PriceFileError,
            match=r"BTC-USD on bay has no bars from 2025-10-10 19:00:02 to 2025-10-10 19:00:13, 11 s; "
            r'raise prices.max_gap \(10 s\), or drop such series by prices.on_gap = "drop"',
        ):
            run(path, 15)

    def test_hole_outside_of_the_window_does_not_matter(self, bars):
        path = bars({("", "BTC"): flat(0, 1, *range(50, 60), 90)})
        assert len(run(path, 8, offset=51.0)[("BTC", "")]) == 9

    def test_hole_that_began_before_the_window_counts_in_full(self, bars):
        path = bars({("", "BTC"): flat(0, 1, *range(20, 60))})
        with pytest.raises(PriceFileError, match="from 2025-10-10 19:00:02 to 2025-10-10 19:00:20, 18 s"):
            run(path, 20, offset=15.0)

    def test_late_first_bar_and_early_last_one_are_holes(self, bars):
        other = flat(*range(60), price=2.0)
        with pytest.raises(PriceFileError, match=r"BTC on late has no bars from 2025-10-10 19:00:00 to .* 11 s"):
            run(bars({("late", "BTC"): flat(*range(11, 60)), ("whole", "BTC"): other}), 60)
        with pytest.raises(PriceFileError, match=r"BTC on early has no bars from 2025-10-10 19:00:40 to .* 20 s"):
            run(bars({("early", "BTC"): flat(*range(40)), ("whole", "BTC"): other}), 60)

    def test_hours_without_a_missing_bar_have_no_hole(self, bars):
        path = bars({("", "BTC"): flat(*(3600 * k for k in range(5)))})
        assert len(run(path, 5 * 3600, interval=60.0)[("BTC", "")]) == 301

    def test_asset_that_loses_all_series_says_what_would_do(self, bars):
        path = bars({("a", "BTC"): flat(0, 1, 30), ("b", "BTC"): flat(0, 1, 20, 30), ("a", "ETH"): flat(*range(31))})
        with pytest.raises(
            PriceFileError,
            match=r"BTC has no series without a hole longer than 10 s; raise prices\.max_gap to 18 s or more",
        ):
            run(path, 31, assets=("ETH", "BTC"), on_gap="drop")

    @settings(max_examples=60, deadline=None)
    @given(
        seconds=st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True).map(sorted),
        window=st.tuples(st.integers(0, 40), st.integers(1, 20)),
    )
    def test_longest_hole_is_the_longest_run_without_bars(self, seconds, window):
        """Against counting seconds one by one; the hole's beginning may lie before the window."""
        first, last = window[0], window[0] + window[1]
        start = np.array(seconds) * 1_000_000
        ones = np.ones(len(start))
        begin, end = longest_hole(Bars("A", "", "A", start, ones, ones), 1_000_000, first * 1_000_000, last * 1_000_000)
        longest = 0
        for second in (s for s in range(first, last) if s not in seconds):
            ended = [s + 1 for s in seconds if s < second]
            opened = min([s for s in seconds if s > second] + [last])
            longest = max(longest, min(opened, last) - (max(ended) if ended else first))
        assert (end - begin) // 1_000_000 == longest


class TestCover:
    def test_file_that_ends_early(self, bars):
        path = bars({("", "BTC"): flat(*range(100))})
        with pytest.raises(
            PriceFileError,
            match=r"bars.parquet: covers 100 s, the run needs 130 s \(prices.offset \+ clock.start \+ clock.duration\); "
            "shorten the run or give a longer file",
        ):
            run(path, 100, offset=30.0)

    def test_last_price_is_carried_to_the_end_within_the_limit(self, bars):
        path = bars({("", "BTC"): flat(*range(100))})
        assert len(run(path, 110)[("BTC", "")]) == 111
