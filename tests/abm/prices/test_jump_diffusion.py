"""Simulated prices have the law that the scenario states, and each coin's path is its own."""

import math

import numpy as np
import pytest

from abm.draws import Draws
from abm.prices.jump_diffusion import _poisson_quantile, simulate
from abm.prices.volatility import YEAR
from abm.spec import AssetSpec, PricesSpec

PLAIN = PricesSpec()
TICKS = 40_000


def coin(name="BTC", **keys):
    return AssetSpec(**({"name": name, "price": 100.0} | keys))


def log_returns(assets, prices=PLAIN, interval=1.0, ticks=TICKS, root=1):
    return np.diff(np.log(simulate(tuple(assets), prices, interval, ticks, Draws(root))), axis=0)


class TestDiffusion:
    @pytest.mark.parametrize("interval", [0.4, 1.0, 60.0])
    def test_realised_volatility_is_the_stated_one(self, interval):
        returns = log_returns([coin(volatility=0.8)], interval=interval)
        assert returns.std() * math.sqrt(YEAR / interval) == pytest.approx(0.8, rel=4 / math.sqrt(2 * TICKS))

    def test_correlation_is_the_product_of_loadings(self):
        returns = log_returns([coin("A", loading=0.9), coin("B", loading=0.5), coin("C", loading=0.0)])
        measured = np.corrcoef(returns.T)
        assert measured[0, 1] == pytest.approx(0.45, abs=0.02)
        assert measured[0, 2] == pytest.approx(0.0, abs=0.02)

    def test_without_volatility_the_price_stands_still(self):
        values = simulate((coin(volatility=0.0),), PLAIN, 1.0, 50, Draws(1))
        assert values.tolist() == [[100.0]] * 51

    def test_stable_coin_stands_still(self):
        prices = PricesSpec(jump_rate=1e6, variance_of_variance=1.0)
        values = simulate((coin("USDC", price=1.0, stable=True, jump_rate=1e6),), prices, 1.0, 50, Draws(1))
        assert values.tolist() == [[1.0]] * 51


class TestVariance:
    PRICES = PricesSpec(variance_of_variance=4.0, variance_persistence=3600.0)

    def test_its_mean_is_the_stated_variance(self):
        """Over 40,000 minutes, some 670 times the persistence, variance of log variance 1/3."""
        returns = log_returns([coin(volatility=0.8)], self.PRICES, interval=60.0)
        assert (returns**2).mean() * YEAR / 60.0 == pytest.approx(0.64, rel=0.15)

    def test_it_makes_fat_tails_and_clusters(self):
        squares = log_returns([coin()], self.PRICES, interval=60.0)[:, 0] ** 2
        assert (squares**2).mean() / squares.mean() ** 2 > 3.5
        assert np.corrcoef(squares[:-10], squares[10:])[0, 1] > 0.05

    def test_it_is_shared_by_all_coins(self):
        a, b = (log_returns([coin("A", loading=0.0), coin("B", loading=0.0)], self.PRICES, interval=60.0) ** 2).T
        hours = [squares.reshape(-1, 50).mean(axis=1) for squares in (a, b)]
        assert np.corrcoef(*hours)[0, 1] > 0.5


class TestJumps:
    def test_their_number_and_size(self):
        """Rate 1000 a day over some 28 days of minutes, all else off."""
        asset = coin(volatility=0.0, jump_rate=365_000.0, jump_mean=-0.02, jump_sd=0.0)
        returns = log_returns([asset], interval=60.0)[:, 0]
        mean = 365_000.0 * 60.0 / YEAR
        drift = -mean * math.expm1(-0.02)
        numbers = (returns - drift) / -0.02
        assert numbers == pytest.approx(np.round(numbers), abs=1e-9)
        assert numbers.sum() == pytest.approx(mean * TICKS, abs=4 * math.sqrt(mean * TICKS))
        assert numbers.var() == pytest.approx(mean, rel=0.05)

    def test_market_jumps_hit_all_by_their_beta(self):
        prices = PricesSpec(jump_rate=3650.0, jump_sd=0.05)
        assets = [coin("A", volatility=0.0), coin("B", volatility=0.0, beta=2.0), coin("C", volatility=0.0, beta=0.0)]
        returns = log_returns(assets, prices, interval=60.0)
        jumps = returns - np.median(returns, axis=0)
        hit = np.abs(jumps[:, 0]) > 1e-9
        assert hit.sum() == pytest.approx(3650.0 * 60.0 / YEAR * TICKS, rel=0.3)
        assert jumps[hit, 1] == pytest.approx(2 * jumps[hit, 0])
        assert np.abs(jumps[:, 2]).max() < 1e-12

    @pytest.mark.parametrize("mean", [1e-6, 0.3, 5.0, 2000.0])
    def test_poisson_quantile_inverts_the_distribution(self, mean):
        from scipy import stats

        u = Draws(1).uniform("u", 1, np.arange(2000))
        assert np.array_equal(_poisson_quantile(u, mean), stats.poisson.ppf(u, mean))


class TestMartingale:
    """E[exp(log return)] is one tick by tick, at sizes where each correction left out would show."""

    QUARTER = YEAR / 4

    @pytest.mark.parametrize(
        ("keys", "prices"),
        [
            ({"volatility": 1.0}, {}),
            ({"volatility": 0.6}, {"variance_of_variance": 0.02, "variance_persistence": 4 * QUARTER}),
            ({"volatility": 0.0, "jump_rate": 4.0, "jump_mean": -0.1, "jump_sd": 0.4}, {}),
            ({"volatility": 0.0, "beta": -2.0}, {"jump_rate": 4.0, "jump_mean": 0.05, "jump_sd": 0.2}),
            ({"volatility": 0.5, "jump_rate": 2.0, "jump_sd": 0.2}, {"jump_rate": 2.0, "jump_sd": 0.2}),
        ],
        ids=["diffusion", "variance", "own jumps", "market jumps", "all"],
    )
    def test_mean_of_the_relative_price_is_one(self, keys, prices):
        ratios = np.concatenate(
            [
                np.exp(log_returns([coin(**keys)], PricesSpec(**prices), self.QUARTER, 500, root)[:, 0])
                for root in range(40)
            ]
        )
        assert ratios.std() > 0.2
        assert abs(ratios.mean() - 1.0) < 4 * ratios.std() / math.sqrt(len(ratios))

    def test_mean_of_the_price_at_the_end_is_its_start(self):
        """A day in four ticks, 3000 roots, volatility and jumps of both kinds as large as a bad year's."""
        asset = coin(volatility=1.5, beta=1.3, jump_rate=200.0, jump_mean=-0.03, jump_sd=0.05)
        prices = PricesSpec(
            variance_of_variance=1.0, variance_persistence=43200.0, jump_rate=200.0, jump_mean=-0.05, jump_sd=0.05
        )
        ends = np.array([simulate((asset,), prices, 21600.0, 4, Draws(root))[-1, 0] for root in range(3000)])
        assert abs(ends.mean() - 100.0) < 4 * ends.std() / math.sqrt(len(ends))
        assert ends.std() > 5.0


class TestIdentity:
    PRICES = PricesSpec(variance_of_variance=1.0, jump_rate=1e5)

    def test_adding_or_reordering_coins_changes_no_bit_of_the_others(self):
        a, b, c = (coin(name, jump_rate=1e5, loading=0.3) for name in ("A", "B", "C"))
        alone = simulate((b,), self.PRICES, 1.0, 5000, Draws(1))[:, 0]
        among = simulate((c, b, a), self.PRICES, 1.0, 5000, Draws(1))
        assert np.array_equal(among[:, 1], alone)
        assert not np.array_equal(among[:, 0], among[:, 2])

    def test_a_longer_run_has_the_same_beginning(self):
        short, long = (simulate((coin(),), self.PRICES, 1.0, n, Draws(1)) for n in (700, 2000))
        assert np.array_equal(short, long[:701])

    def test_a_coin_named_market_has_its_own_draws(self):
        returns = log_returns([coin("market", loading=0.0), coin("BTC", loading=1.0)])
        assert abs(np.corrcoef(returns.T)[0, 1]) < 0.02

    def test_another_root_is_another_path(self):
        assert not np.array_equal(log_returns([coin()], root=1), log_returns([coin()], root=2))
