"""The stationary bootstrap: blocks of the history, jointly over coins, exact at its own interval."""

import math

import numpy as np
import pytest

from abm.draws import Draws
from abm.errors import PriceFileError
from abm.prices.bars import BarFile, Bars
from abm.prices.bootstrap import block_order, history, resample
from abm.spec import AssetSpec, PricesSpec

MINUTE = 60_000_000
LENGTH = 500
BTC = AssetSpec(name="BTC", price=100.0)
ETH = AssetSpec(name="ETH", price=7.0)


def walk(name, root=1, sd=0.002):
    return np.exp(np.cumsum(sd * Draws(root).normal("walk", name, np.arange(LENGTH + 1))))


def series(name, closes, first=0, venue=""):
    start = (first + np.arange(len(closes))) * MINUTE
    return Bars(name, venue, name, start, closes, closes)


def file(*all_series):
    return BarFile("bars.parquet", 0, MINUTE, (), all_series)


def spec(**keys):
    return PricesSpec(**({"kind": "bootstrap", "block": 600.0} | keys))


TWO = file(series("BTC", walk("BTC")), series("ETH", walk("ETH")))


class TestBlocks:
    def test_blocks_are_runs_of_successive_returns_that_wrap(self):
        order = block_order(LENGTH, 20_000, 0.1, Draws(1))
        assert order.min() == 0
        assert order.max() == LENGTH - 1
        follows = np.diff(order) % LENGTH == 1
        assert follows.mean() == pytest.approx(0.9 + 0.1 / LENGTH, abs=4 * math.sqrt(0.09 / 20_000))
        assert (np.diff(order)[follows] == 1 - LENGTH).sum() > 0

    def test_lengths_are_geometric(self):
        order = block_order(10**9, 50_000, 0.2, Draws(1))
        lengths = np.diff(np.flatnonzero(np.append(True, np.diff(order) != 1)))
        assert lengths.mean() == pytest.approx(5.0, rel=0.05)
        assert (lengths == 1).mean() == pytest.approx(0.2, abs=0.02)
        assert lengths.var() == pytest.approx(20.0, rel=0.1)

    def test_every_place_is_as_likely(self):
        counts = np.bincount(block_order(10, 50_000, 1.0, Draws(1)), minlength=10)
        assert ((counts - 5000) ** 2 / 5000).sum() < 9 + 4 * math.sqrt(18)

    def test_a_longer_run_has_the_same_beginning(self):
        assert np.array_equal(block_order(LENGTH, 50, 0.1, Draws(1)), block_order(LENGTH, 200, 0.1, Draws(1))[:50])


class TestPaths:
    def test_returns_at_the_files_interval_are_drawn_from_the_history_jointly(self):
        times = np.arange(0.0, 6001.0, 60.0)
        values, _ = resample(TWO, (BTC, ETH), spec(), times, Draws(1))
        assert values[0].tolist() == [100.0, 7.0]
        drawn = np.diff(np.log(values), axis=0)
        past = np.diff(history(TWO, spec()), axis=0)
        rows = [int(np.argmin(np.abs(past[:, 0] - r))) for r in drawn[:, 0]]
        assert drawn == pytest.approx(past[rows], abs=1e-12)
        assert (np.diff(rows) == 1).mean() > 0.7

    def test_finer_ticks_pass_through_the_same_points(self):
        coarse, _ = resample(TWO, (BTC, ETH), spec(), np.arange(0.0, 6001.0, 60.0), Draws(1))
        fine, _ = resample(TWO, (BTC, ETH), spec(), np.arange(6001.0), Draws(1))
        assert np.array_equal(fine[::60], coarse)

    def test_coarser_ticks_are_every_other_point(self):
        coarse, _ = resample(TWO, (BTC, ETH), spec(), np.arange(0.0, 6001.0, 60.0), Draws(1))
        every, _ = resample(TWO, (BTC, ETH), spec(), np.arange(0.0, 6001.0, 120.0), Draws(1))
        assert np.array_equal(every, coarse[::2])

    def test_ticks_that_miss_the_points_are_bridged(self):
        """Ticks of 7 s share every seventh minute with the file."""
        coarse, _ = resample(TWO, (BTC, ETH), spec(), np.arange(0.0, 6001.0, 60.0), Draws(1))
        odd, _ = resample(TWO, (BTC, ETH), spec(), np.arange(0.0, 5881.0, 7.0), Draws(1))
        assert np.array_equal(odd[::60], coarse[::7])
        assert np.isfinite(odd).all()

    def test_bridge_has_the_usual_volatility_and_the_loading_as_correlation(self):
        assets = (BTC.model_copy(update={"loading": 0.9}), ETH.model_copy(update={"loading": 0.9}))
        values, volatility = resample(TWO, assets, spec(), np.arange(30_001.0), Draws(1))
        returns = np.diff(np.log(values), axis=0)
        assert volatility == pytest.approx([0.002 / math.sqrt(60)] * 2, rel=0.1)
        assert returns.std(axis=0) == pytest.approx(volatility, rel=0.1)
        assert np.corrcoef(returns.T)[0, 1] == pytest.approx(0.81, abs=0.03)

    def test_a_history_that_stands_still_gives_a_path_that_does(self):
        values, volatility = resample(
            file(series("BTC", np.full(100, 5.0))), (BTC,), spec(), np.arange(100.0), Draws(1)
        )
        assert np.array_equal(values, np.full((100, 1), 100.0))
        assert volatility.tolist() == [0.0]


class TestHistory:
    def test_it_is_the_time_that_all_have_in_common(self):
        long, short = walk("BTC"), walk("ETH")[:300]
        logs = history(file(series("BTC", long), series("ETH", short, first=50)), spec())
        assert logs == pytest.approx(np.log(np.column_stack([long[50:350], short])))

    def test_venues_are_the_median_and_holes_are_carried_or_refused(self):
        closes = walk("BTC")
        holed = series("BTC", closes, venue="b")
        some = np.r_[0:100, 103 : LENGTH + 1]
        holed = Bars("BTC", "b", "BTC", holed.start[some], holed.open[some], holed.close[some])
        two = file(series("BTC", closes * 3, venue="a"), holed)
        assert history(two, spec(max_gap=180.0))[102, 0] == pytest.approx(math.log((3 * closes[102] + closes[99]) / 2))
        with pytest.raises(PriceFileError, match=r"BTC on b has no bars from 1970-01-01 01:40:00 to .*, 180 s"):
            history(two, spec(max_gap=179.0))
        assert history(two, spec(max_gap=179.0, on_gap="drop"))[102, 0] == pytest.approx(math.log(3 * closes[102]))

    @pytest.mark.parametrize(
        ("first", "block", "message"),
        [
            (495, 600.0, "BTC, ETH has 300 s, less than a block of 600 s or two bars; lower prices.block"),
            (700, 600.0, "BTC, ETH has 0 s, less than"),
            (499, 1.0, "BTC, ETH has 60 s, less than a block of 1 s or two bars"),
        ],
    )
    def test_too_little_in_common(self, first, block, message):
        pair = file(series("BTC", walk("BTC")), series("ETH", walk("ETH"), first=first))
        with pytest.raises(PriceFileError, match=f"bars.parquet: the common history of {message}"):
            history(pair, spec(block=block))
