"""Simulated exogenous prices: a market factor, stochastic volatility shared by all coins, and jumps.

The log return of a coin over a tick of length dt is

    sigma sqrt(v dt) (l z_market + sqrt(1 - l^2) z_own) - sigma^2 v dt / 2
    + beta * (market jumps) + own jumps - (their compensators),

with l its `loading`, v the market's variance ratio at the tick's beginning, and both jump parts
compound Poisson with normal sizes (Merton 1976).  log v is an Ornstein-Uhlenbeck process (Scott
1987) that starts in its stationary law, N(-s^2/2, s^2) with s^2 = variance_of_variance^2 per
second * persistence / 2; its mean -s^2/2 keeps E[v] = 1, so that the long-run variance of a coin
is the one stated.  The two corrections make each price a martingale: E[price at t] = price at 0.

Draws are keyed by the coin's name (or "market"), the purpose and the number of the tick, so
adding a coin, or removing one, leaves every other coin's path as it is, to the bit.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from abm.draws import Draws
from abm.prices.noise import stationary_noise
from abm.prices.volatility import YEAR
from abm.spec import AssetSpec, PricesSpec

__all__ = ["simulate"]

DAY = 86400.0
MARKET = "market"

type Floats = NDArray[np.float64]


def simulate(
    assets: tuple[AssetSpec, ...], prices: PricesSpec, interval: float, ticks: int, draws: Draws
) -> NDArray[np.float64]:
    """Prices [ticks + 1, assets] from time 0 on, without the scripted shocks; stable coins stay where they are."""
    events = np.arange(1, ticks + 1)
    variance = _variance_ratio(prices, interval, ticks, draws)[:-1] * (interval / YEAR)
    factor = draws.normal("price diffusion of the market", MARKET, events)
    rate = prices.jump_rate * interval / YEAR
    jumps = _jumps(draws, "price jumps of the market", MARKET, rate, prices.jump_mean, prices.jump_sd, events)

    values = np.empty((ticks + 1, len(assets)))
    values[0] = [asset.price for asset in assets]
    for column, asset in enumerate(assets):
        if asset.stable:
            values[1:, column] = asset.price
            continue
        moves = _diffusion(asset, variance, factor, draws, events)
        moves += asset.beta * jumps - _compensator(
            rate, asset.beta * prices.jump_mean, abs(asset.beta) * prices.jump_sd
        )
        moves += _own_jumps(asset, interval, draws, events)
        values[1:, column] = asset.price * np.exp(np.cumsum(moves))
    return values


def _variance_ratio(prices: PricesSpec, interval: float, ticks: int, draws: Draws) -> Floats:
    """v at each tick [ticks + 1], mean one."""
    persistence = prices.variance_persistence
    sd = prices.variance_of_variance * math.sqrt(persistence / DAY / 2.0)
    decay = math.exp(-interval / persistence)
    noise = stationary_noise(draws, "price variance of the market", MARKET, ticks=ticks, decay=decay, sd=sd)
    return np.exp(noise - sd * sd / 2.0)


def _diffusion(asset: AssetSpec, variance: Floats, factor: Floats, draws: Draws, events: NDArray[np.int64]) -> Floats:
    own = draws.normal("price diffusion of a coin", asset.name, events)
    mixed = asset.loading * factor + math.sqrt(1.0 - asset.loading**2) * own
    return asset.volatility * np.sqrt(variance) * mixed - asset.volatility * asset.volatility / 2.0 * variance


def _own_jumps(asset: AssetSpec, interval: float, draws: Draws, events: NDArray[np.int64]) -> Floats:
    rate = asset.jump_rate * interval / YEAR
    jumps = _jumps(draws, "price jumps of a coin", asset.name, rate, asset.jump_mean, asset.jump_sd, events)
    return jumps - _compensator(rate, asset.jump_mean, asset.jump_sd)


def _jumps(
    draws: Draws, purpose: str, entity: str, rate: float, mean: float, sd: float, events: NDArray[np.int64]
) -> Floats:
    """The sum of a tick's log jumps [ticks]: their number is Poisson(rate), each N(mean, sd^2)."""
    sums = np.zeros(len(events))
    u = draws.uniform(purpose, entity, events)
    some = np.flatnonzero(u > math.exp(-rate))
    number = _poisson_quantile(u[some], rate)
    sizes = draws.normal(f"{purpose}: sizes", entity, events[some])
    sums[some] = number * mean + np.sqrt(number) * sd * sizes
    return sums


def _poisson_quantile(u: Floats, mean: float) -> Floats:
    """The least whole number whose cumulative probability reaches u."""
    upper = np.ceil(special.pdtrik(u, mean))
    lower = np.maximum(upper - 1.0, 0.0)
    number: Floats = np.where(special.pdtr(lower, mean) >= u, lower, upper)
    return number


def _compensator(rate: float, mean: float, sd: float) -> float:
    """log E[exp(sum of a tick's jumps)]."""
    return rate * float(np.expm1(mean + sd * sd / 2.0))
