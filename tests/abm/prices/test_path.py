"""The one entry point: a scenario becomes a path of prices, whatever their kind."""

import math
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm import prices as face
from abm.draws import Draws
from abm.errors import PriceFileError, ScenarioError
from abm.prices import PricePath, build_prices

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
CRASH = SHARED / "trades_1s_2025-10-10.parquet"

BTC, ETH = {"name": "BTC"}, {"name": "ETH", "price": 20.0, "volatility": 1.0}
USDC = {"name": "USDC", "price": 1.0, "stable": True}


def minute(closes):
    return dict(enumerate(closes))


def test_public_face():
    assert face.__all__ == ["PricePath", "build_prices"]


class TestSimulated:
    def test_shape_and_series(self, scenario):
        path = build_prices(scenario([BTC, ETH, USDC], {}, start=60.0, duration=40.0, price_interval=0.4), Draws(1))
        assert path.values.shape == (251, 3)
        assert path.values.flags.c_contiguous
        assert path.series == (("BTC", ""), ("ETH", ""), ("USDC", ""))
        assert path.values[0].tolist() == [100.0, 20.0, 1.0]
        assert path.volatility == pytest.approx([0.6 / 5615.7, 1.0 / 5615.7, 0.0], rel=1e-4)

    def test_an_end_off_the_grid_is_covered(self, scenario):
        path = build_prices(scenario([BTC], {}, duration=10.0, price_interval=3.0), Draws(1))
        assert len(path.values) == 5

    @pytest.mark.parametrize("interval", [0.1, 0.3, 0.7])
    def test_decimal_intervals_give_no_tick_too_many(self, scenario, interval):
        path = build_prices(scenario([BTC], {}, duration=2100 * interval, price_interval=interval), Draws(1))
        assert len(path.values) == 2101

    def test_shocks_hit_exactly(self, scenario):
        still = BTC | {"volatility": 0.0}
        crash = {"name": "crash", "at": 10.0, "over": 10.0, "move": -0.3, "reverts": 1.0, "revert_over": 20.0}
        depeg = {"name": "depeg", "at": 30.0, "move": -0.1, "assets": ["USDC"]}
        path = build_prices(scenario([still, USDC], {"shocks": [crash, depeg]}, duration=60.0), Draws(1))
        assert path.values[[10, 20, 30, 40], 0] == pytest.approx([100.0, 70.0, 100 * math.sqrt(0.7), 100.0])
        assert path.values[[30, 31, 60], 1] == pytest.approx([1.0, 0.9, 0.9])

    def test_shock_moves_the_same_path(self, scenario):
        shock = {"name": "s", "at": 10.0, "move": -0.3}
        calm, hit = (
            build_prices(scenario([BTC], {"shocks": s}, duration=60.0), Draws(1)).values for s in ([], [shock])
        )
        assert np.array_equal(hit[:11], calm[:11])
        assert hit[11:] / calm[11:] == pytest.approx(np.full((50, 1), 0.7))

    def test_adding_an_asset_changes_no_bit_of_the_others(self, scenario):
        prices = {"jump_rate": 1e5, "variance_of_variance": 1.0, "venue_noise": 0.001}
        one = build_prices(scenario([BTC, USDC], prices), Draws(1))
        two = build_prices(scenario([BTC, ETH, USDC], prices), Draws(1))
        for venue in ("", "harbour"):
            assert np.array_equal(one.values[:, one.column("BTC", venue)], two.values[:, two.column("BTC", venue)])

    def test_numbers_out_of_range_are_the_users_mistake(self, scenario):
        wild = BTC | {"jump_mean": 900.0, "jump_rate": 1e9}
        with pytest.raises(ScenarioError, match="prices: BTC leaves the range of numbers at 1 s; lower its volatility"):
            build_prices(scenario([wild], {}), Draws(1))

    def test_file_given_in_vain(self, scenario):
        with pytest.raises(ScenarioError, match=r'--prices x\.csv: prices\.kind is "jump_diffusion".*set prices\.kind'):
            build_prices(scenario([BTC], {}), Draws(1), Path("x.csv"))

    def test_a_day_of_eight_coins_takes_well_under_a_second(self, scenario):
        world = scenario(
            [BTC | {"name": f"COIN{i}"} for i in range(8)], {"variance_of_variance": 1.0}, duration=86400.0
        )
        build_prices(world, Draws(1))
        begin = time.process_time()
        path = build_prices(world, Draws(2))
        assert path.values.shape == (86401, 8)
        assert time.process_time() - begin < 1.0


class TestVenueNoise:
    VENUES = (
        {
            "name": "harbour",
            "markets": [{"asset": "BTC", "depth": 1e6}, {"asset": "BTC", "kind": "perp", "depth": 1e6}],
        },
        {
            "name": "island",
            "series": "isle",
            "markets": [{"asset": "BTC", "depth": 1e6}, {"asset": "USDC", "depth": 1e6}],
        },
    )

    def build(self, scenario, **keys):
        prices = {"venue_noise": 0.002, "venue_noise_persistence": 60.0} | keys
        return build_prices(scenario([BTC, ETH, USDC], prices, list(self.VENUES), duration=40_000.0), Draws(1))

    def test_each_venue_has_its_own_series_of_each_coin_that_is_not_stable(self, scenario):
        path = self.build(scenario)
        assert path.series[3:] == (("BTC", "harbour"), ("BTC", "isle"))
        assert path.values.flags.c_contiguous

    def test_deviation_has_the_stated_law(self, scenario):
        path = self.build(scenario)
        noise = np.log(path.values[:, 3:] / path.values[:, [0]])
        assert noise.std(axis=0) == pytest.approx([0.002, 0.002], rel=0.15)
        assert np.corrcoef(noise.T)[0, 1] == pytest.approx(0.0, abs=0.15)
        lagged = [np.corrcoef(n[:-60], n[60:])[0, 1] for n in noise.T]
        assert lagged == pytest.approx([math.exp(-1)] * 2, abs=0.1)

    def test_volatility_is_that_of_the_ticks(self, scenario):
        path = self.build(scenario)
        realised = np.diff(np.log(path.values), axis=0).std(axis=0)
        assert realised == pytest.approx(path.volatility, rel=0.02)

    def test_without_noise_venues_share_the_coins_series(self, scenario):
        path = self.build(scenario, venue_noise=0.0)
        assert path.series == (("BTC", ""), ("ETH", ""), ("USDC", ""))


class TestColumn:
    PATH = PricePath(1.0, (("BTC", ""), ("BTC", "bay")), np.ones((2, 2)), np.zeros(2))

    def test_venue_where_there_is_one_else_the_coin(self):
        assert [self.PATH.column("BTC"), self.PATH.column("BTC", "bay"), self.PATH.column("BTC", "zoo")] == [0, 1, 0]

    def test_unknown_asset(self):
        with pytest.raises(KeyError, match="no price series of 'BCT'; did you mean 'BTC'"):
            self.PATH.column("BCT")


TWO_VENUES = {("bay", "BTC-USD"): minute([10, 11, 12, 13]), ("zoo", "BTCUSD"): minute([20, 21, 22, 23])}


class TestReplayed:
    def test_coin_and_venues_and_a_stable_coin_that_the_file_lacks(self, scenario, bars):
        world = scenario([USDC, BTC], {"kind": "replay", "file": str(bars(TWO_VENUES))}, duration=4.0)
        path = build_prices(world, Draws(1))
        assert path.series == (("USDC", ""), ("BTC", ""), ("BTC", "bay"), ("BTC", "zoo"))
        assert path.values[-1].tolist() == [1.0, 18.0, 13.0, 23.0]
        assert path.values.flags.c_contiguous
        assert path.volatility[0] == 0.0
        assert path.volatility[2] == pytest.approx(np.sqrt((np.diff(np.log([10, 10, 11, 12, 13])) ** 2).mean()))

    def test_a_stable_coin_of_the_file_is_replayed(self, scenario, bars):
        path = bars({("", "BTC"): minute([1, 1, 1]), ("", "USDC-USD"): minute([1, 0.9, 0.9])})
        world = scenario([BTC, USDC], {"kind": "replay", "file": str(path)}, duration=3.0)
        assert build_prices(world, Draws(1)).values[:, 1].tolist() == [1.0, 1.0, 0.9, 0.9]

    def test_option_overrides_the_scenarios_file(self, scenario, bars):
        world = scenario([BTC], {"kind": "replay", "file": "elsewhere.csv"}, duration=4.0)
        assert build_prices(world, Draws(1), bars(TWO_VENUES, "other.csv")).values[-1, 0] == 18.0

    def test_shocks_and_noise_of_other_venues_are_added(self, scenario, bars):
        prices = {"kind": "replay", "venue_noise": 0.001, "shocks": [{"name": "s", "at": 2.0, "move": -0.5}]}
        path = build_prices(scenario([BTC], prices, duration=4.0), Draws(1), bars(TWO_VENUES))
        assert path.series[-1] == ("BTC", "harbour")
        assert path.values[:, 1] == pytest.approx([10, 10, 11, 6, 6.5])
        assert path.values[:, 3] / path.values[:, 0] == pytest.approx([1.0] * 5, abs=0.01)

    def test_a_venue_of_the_file_has_no_noise(self, scenario, bars):
        venues = [{"name": "harbour", "series": "bay", "markets": [{"asset": "BTC", "depth": 1e6}]}]
        prices = {"kind": "replay", "venue_noise": 0.1}
        path = build_prices(scenario([BTC], prices, venues, duration=4.0), Draws(1), bars(TWO_VENUES))
        assert path.series == (("BTC", ""), ("BTC", "bay"), ("BTC", "zoo"))
        assert path.values[:, path.column("BTC", "bay")].tolist() == [10.0, 10.0, 11.0, 12.0, 13.0]

    def test_no_file(self, scenario):
        with pytest.raises(ScenarioError, match=r"prices\.file: missing, and prices\.kind is 'replay'; name a file"):
            build_prices(scenario([BTC], {"kind": "replay"}), Draws(1))

    def test_misspelt_venue_series(self, scenario, bars):
        venues = [{"name": "harbour", "series": "bey", "markets": [{"asset": "BTC", "depth": 1e6}]}]
        world = scenario([BTC], {"kind": "replay"}, venues, duration=4.0)
        with pytest.raises(ScenarioError, match=r"venues\.0\.series: 'bey' is not in .*; did you mean 'bay'\?"):
            build_prices(world, Draws(1), bars(TWO_VENUES))
        with pytest.raises(ScenarioError, match=r"'bey' is not in .*; give a file with a column 'venue'"):
            build_prices(world, Draws(1), bars({("", "BTC"): minute([1, 2, 3, 4])}))

    def test_absent_asset(self, scenario, bars):
        with pytest.raises(PriceFileError, match="has no series of ETH; it has BTC-USD, BTCUSD"):
            build_prices(scenario([BTC, ETH], {"kind": "replay"}), Draws(1), bars(TWO_VENUES))


class TestBootstrapped:
    def test_paths_begin_at_the_scenarios_prices(self, scenario, bars):
        closes = 50 * np.exp(np.cumsum(0.01 * Draws(9).normal("c", 1, np.arange(400))))
        path = bars({("v", "BTC"): minute(closes), ("v", "ETH"): minute(closes**2)})
        world = scenario([BTC, USDC, ETH], {"kind": "bootstrap", "block": 20.0}, duration=1000.0)
        one, again, other = (build_prices(world, Draws(root), path) for root in (1, 1, 2))
        assert one.series == (("BTC", ""), ("USDC", ""), ("ETH", ""))
        assert one.values[0].tolist() == [100.0, 1.0, 20.0]
        assert np.array_equal(one.values, again.values)
        assert not np.array_equal(one.values, other.values)
        assert np.log(one.values[:, 2] / 20) == pytest.approx(2 * np.log(one.values[:, 0] / 100), abs=1e-9)
        assert one.volatility == pytest.approx([0.01, 0.0, 0.02], rel=0.1)


@pytest.mark.skipif(not CRASH.is_file(), reason=f"{CRASH.name} is not in ../shared/data beside the checkout")
class TestRealFile:
    """10 October 2025, 19:00-24:00, against the rows of the file itself."""

    def build(self, scenario, coin, **keys):
        prices = {"kind": "replay", "file": str(CRASH), "max_gap": 60.0, "on_gap": "drop"} | keys
        return build_prices(scenario([{"name": coin}], prices, duration=18000.0), Draws(1))

    @pytest.mark.parametrize(
        ("coin", "perpetual", "spot"), [("DOT", -0.824, -0.278), ("AAVE", -0.747, -0.507), ("UNI", -0.731, -0.328)]
    )
    def test_venues_disagree_as_their_rows_do(self, scenario, coin, perpetual, spot):
        """The lowest close of 21:10-21:30 against the last before 20:48."""
        path = self.build(scenario, coin)
        assert path.series == ((coin, ""), (coin, "binance-delivery"), (coin, "coinbase"))
        for venue, fall in (("binance-delivery", perpetual), ("coinbase", spot)):
            series = path.values[:, path.column(coin, venue)]
            assert series[7801:9001].min() / series[6480] - 1 == pytest.approx(fall, abs=0.001)

    def test_each_tick_is_the_last_close_of_the_rows_before_it(self, scenario):
        path = self.build(scenario, "DOT")
        rows = pl.read_parquet(CRASH).filter(pl.col("venue") == "coinbase", pl.col("symbol") == "DOT-USD")
        second = (rows["time"] - datetime(2025, 10, 10, 19)).dt.total_seconds()
        for tick in (100, 8000, 8471, 18000):
            last = rows["close"].filter(second < tick)[-1]
            assert path.values[tick, path.column("DOT", "coinbase")] == last

    def test_hole_of_a_thin_venue_is_named(self, scenario):
        with pytest.raises(
            PriceFileError, match=r"AAVEUSD on gemini has no bars from 2025-10-10 \S+ to 2025-10-10 \S+, "
        ):
            self.build(scenario, "AAVE", on_gap="error")

    def test_coin_on_thin_venues_alone_needs_a_wider_limit(self, scenario):
        with pytest.raises(
            PriceFileError, match=r"BTC has no series without a hole longer than 60 s; raise prices\.max_gap"
        ):
            self.build(scenario, "BTC")
        path = self.build(scenario, "BTC", max_gap=1000.0)
        assert path.series == (("BTC", ""), ("BTC", "gemini"))
        assert 100_000 < path.values.min() < path.values.max() < 125_000
