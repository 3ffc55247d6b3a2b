"""The exogenous prices of a run: the value that the world reads, and the one function that makes it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abm.draws import Draws
from abm.errors import ScenarioError, nearest
from abm.prices.bars import BarFile, read_bars
from abm.prices.bootstrap import resample
from abm.prices.jump_diffusion import simulate
from abm.prices.noise import stationary_noise
from abm.prices.replay import SECOND, replay
from abm.prices.shocks import scripted_moves
from abm.prices.volatility import diffusion_volatility, usual_volatility
from abm.scenario import Scenario

__all__ = ["PricePath", "build_prices"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PricePath:
    """Exogenous prices at every tick, before anyone's impact.

    Attributes
    ----------
    interval
        Seconds between ticks; tick k is at k * interval.
    series
        What each column is: (asset, venue series), with "" for the coin's own price.  Every asset
        of the scenario has an (asset, "").
    values
        USD [ticks + 1, series], C-contiguous, finite, above zero.
    volatility
        The usual volatility of log returns from tick to tick, per square root of a second
        [series]; 0 for what never moves.  Simulated: the scenario's diffusion, without jumps
        and shocks.  Bootstrap: the median over windows of the history.  Replay: the median over
        windows of the whole path (`abm.prices.volatility.usual_volatility`).  A venue with
        noise of its own has that added.
    """

    interval: float
    series: tuple[tuple[str, str], ...]
    values: Floats
    volatility: Floats

    def column(self, asset: str, venue: str = "") -> int:
        """The column of an asset on a venue's series, or of the coin where that venue has none.

        Raises
        ------
        KeyError
            There is no such asset.
        """
        for key in ((asset, venue), (asset, "")):
            if key in self.series:
                return self.series.index(key)
        raise KeyError(f"no price series of '{asset}'; {nearest(asset, {a for a, _ in self.series})}")


def build_prices(scenario: Scenario, draws: Draws, file: Path | None = None) -> PricePath:
    """The exogenous prices from time 0 to the end of the run (inclusive), by `prices.kind`.

    Shocks of the scenario are added to whatever the kind gives; with `venue_noise`, each venue that trades
    an asset has its own series, the coin's price times exp of an Ornstein-Uhlenbeck noise keyed by venue
    and asset, unless the coin is stable or the file has a series of that venue.  A stable coin
    that the file does not have stays at its price.

    Parameters
    ----------
    file
        Bars to use instead of `prices.file`.

    Raises
    ------
    ScenarioError
        A file is missing or given in vain, a venue's `series` is not in it, or prices leave the
        range of numbers.
    PriceFileError
        The file is not fit for this scenario.
    """
    clock = scenario.clock
    ticks = math.ceil(round((clock.start + clock.duration) / clock.price_interval, 9))
    times = np.arange(ticks + 1, dtype=np.float64) * clock.price_interval
    with np.errstate(over="ignore", invalid="ignore"):
        path = _KINDS[scenario.prices.kind](scenario, draws, times, file)
        path = _with_venue_noise(_with_shocks(path, scenario, times), scenario, draws)
    good = np.isfinite(path.values) & (path.values > 0)
    if not good.all():
        tick, column = np.argwhere(~good)[0]
        raise ScenarioError(
            "prices",
            f"{path.series[column][0]} leaves the range of numbers at {times[tick]:g} s",
            "lower its volatility, jumps or shocks",
        )
    return path


def _simulated(scenario: Scenario, draws: Draws, times: Floats, file: Path | None) -> PricePath:
    if file is not None:
        raise ScenarioError(
            f"--prices {file}",
            'prices.kind is "jump_diffusion", which reads no file',
            'leave it out, or set prices.kind to "replay" or "bootstrap"',
        )
    interval = scenario.clock.price_interval
    values = simulate(scenario.assets, scenario.prices, interval, len(times) - 1, draws)
    volatility = np.array([diffusion_volatility(asset) for asset in scenario.assets])
    return PricePath(interval, tuple((asset.name, "") for asset in scenario.assets), values, volatility)


def _bootstrapped(scenario: Scenario, draws: Draws, times: Floats, file: Path | None) -> PricePath:
    bars = _bars(scenario, file)
    there = {series.asset for series in bars.series}
    assets = tuple(asset for asset in scenario.assets if asset.name in there)
    values, volatility = resample(bars, assets, scenario.prices, times, draws)
    columns = {(a.name, ""): (values[:, i], float(volatility[i])) for i, a in enumerate(assets)}
    return _assembled(scenario, columns, len(times))


def _replayed(scenario: Scenario, draws: Draws, times: Floats, file: Path | None) -> PricePath:
    bars = _bars(scenario, file)
    for i, venue in enumerate(scenario.venues):
        if venue.series and venue.series not in bars.venues:
            raise ScenarioError(
                f"venues.{i}.series",
                f"'{venue.series}' is not in {bars.path}",
                nearest(venue.series, bars.venues) if bars.venues else "give a file with a column 'venue'",
            )
    interval = scenario.clock.price_interval
    columns = {
        (s.asset, s.venue): (s.prices, usual_volatility(np.log(s.prices), interval, bars.interval / SECOND))
        for s in replay(bars, scenario.prices, times)
    }
    return _assembled(scenario, columns, len(times))


_KINDS: dict[str, Callable[[Scenario, Draws, Floats, Path | None], PricePath]] = {
    "jump_diffusion": _simulated,
    "bootstrap": _bootstrapped,
    "replay": _replayed,
}


def _bars(scenario: Scenario, file: Path | None) -> BarFile:
    if file is None and not scenario.prices.file:
        raise ScenarioError(
            "prices.file", f"missing, and prices.kind is '{scenario.prices.kind}'", "name a file of bars, or --prices"
        )
    return read_bars(
        file or Path(scenario.prices.file),
        [asset.name for asset in scenario.assets if not asset.stable],
        [asset.name for asset in scenario.assets if asset.stable],
    )


def _assembled(scenario: Scenario, columns: dict[tuple[str, str], tuple[Floats, float]], rows: int) -> PricePath:
    """The columns in the order of the assets, with those of stable coins that the file lacks."""
    still = {(a.name, ""): (np.full(rows, a.price), 0.0) for a in scenario.assets}
    every = still | columns
    ranks = {asset.name: i for i, asset in enumerate(scenario.assets)}
    series = tuple(sorted(every, key=lambda key: (ranks[key[0]], key[1])))
    return PricePath(
        scenario.clock.price_interval,
        series,
        np.column_stack([every[key][0] for key in series]),
        np.array([every[key][1] for key in series]),
    )


def _with_shocks(path: PricePath, scenario: Scenario, times: Floats) -> PricePath:
    assets = {asset.name: asset for asset in scenario.assets}
    moves = {name: np.exp(scripted_moves(scenario.prices.shocks, asset, times)) for name, asset in assets.items()}
    values = path.values * np.column_stack([moves[asset] for asset, _ in path.series])
    return PricePath(path.interval, path.series, values, path.volatility)


def _with_venue_noise(path: PricePath, scenario: Scenario, draws: Draws) -> PricePath:
    sd, persistence = scenario.prices.venue_noise, scenario.prices.venue_noise_persistence
    stable = {asset.name for asset in scenario.assets if asset.stable}
    traded = dict.fromkeys((m.asset, v.series or v.name) for v in scenario.venues for m in v.markets)
    new = tuple(key for key in traded if key[0] not in stable and key not in path.series)
    if sd == 0.0 or not new:
        return path
    coins = [path.column(asset) for asset, _ in new]
    decay = math.exp(-path.interval / persistence)
    noise = np.column_stack(
        [
            stationary_noise(draws, "venue noise", f"{venue}/{asset}", ticks=len(path.values) - 1, decay=decay, sd=sd)
            for asset, venue in new
        ]
    )
    own = 2.0 * sd * sd * -math.expm1(-path.interval / persistence) / path.interval
    return PricePath(
        path.interval,
        path.series + new,
        np.hstack([path.values, path.values[:, coins] * np.exp(noise)]),
        np.append(path.volatility, np.sqrt(path.volatility[coins] ** 2 + own)),
    )
