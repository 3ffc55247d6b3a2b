"""New histories from an old one: the stationary bootstrap of joint log returns.

Politis and Romano, "The stationary bootstrap", JASA 89 (1994): blocks of successive returns that
begin anywhere in the history (its end followed by its beginning) and have geometric lengths with
mean `prices.block`.  One block serves all coins, so their dependence is kept at every lag within
it.  The history is the file's, at its own interval, over the time that all assets have in common.

Ticks between two points of that interval are filled by a Brownian bridge, which leaves the
return over the interval as it was drawn: the path at a tick is the straight line between the
points plus a diffusion pinned to zero at both, with the coin's usual volatility in the history
and its `loading` as correlation with the market's, as in `abm.prices.jump_diffusion`.  So moves
inside an interval are of the usual size even where the interval's own return is large: a
history of days says nothing of how a crash runs within one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from abm.draws import Draws
from abm.errors import PriceFileError
from abm.prices.bars import BarFile
from abm.prices.replay import SECOND, carry, coin_prices
from abm.prices.volatility import usual_volatility
from abm.spec import AssetSpec, PricesSpec

__all__ = ["block_order", "history", "resample"]

MARKET = "market"

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


def resample(
    file: BarFile, assets: tuple[AssetSpec, ...], prices: PricesSpec, times: Floats, draws: Draws
) -> tuple[Floats, Floats]:
    """Prices [ticks, assets] that begin at each `AssetSpec.price`, and the usual volatility of each coin's history.

    Parameters
    ----------
    assets
        Those that the file has, in the order of the columns.
    times
        Seconds of the ticks, from 0 [ticks].

    Raises
    ------
    PriceFileError
        The common history is shorter than one block, or as `abm.prices.replay.carry`.
    """
    logs = history(file, prices)
    interval = file.interval / SECOND
    returns = np.diff(logs, axis=0)
    steps = math.ceil(round(times[-1] / interval, 9))
    order = block_order(len(returns), steps, min(1.0, interval / prices.block), draws)
    ticks = np.rint(times * SECOND).astype(np.int64)
    nodes = np.arange(steps + 1) * file.interval

    values = np.empty((len(times), len(assets)))
    volatility = np.array([usual_volatility(logs[:, i], interval, interval) for i in range(len(assets))])
    for column, asset in enumerate(assets):
        coarse = np.append(0.0, np.cumsum(returns[order, column]))
        fine = _bridge(coarse, nodes, ticks, asset, volatility[column], draws)
        values[:, column] = asset.price * np.exp(fine)
    return values, volatility


def history(file: BarFile, prices: PricesSpec) -> Floats:
    """Log prices [n, assets] at the file's interval, over the time in which every asset has bars."""
    assets = dict.fromkeys(bars.asset for bars in file.series)
    ends = {a: [(int(b.start[0]), int(b.start[-1])) for b in file.series if b.asset == a] for a in assets}
    first = max(min(begin for begin, _ in spans) for spans in ends.values()) + file.interval
    last = min(max(end for _, end in spans) for spans in ends.values()) + file.interval
    if last - first < max(prices.block * SECOND, 2 * file.interval):
        raise PriceFileError(
            file.path,
            f"the common history of {', '.join(assets)} has {max(last - first, 0) / SECOND:g} s, less than a block"
            f" of {prices.block:g} s or two bars",
            "lower prices.block or give a longer file",
        )
    grid = np.arange(first, last + 1, file.interval)
    return np.log(np.column_stack(list(coin_prices(carry(file, prices, grid)).values())))


def block_order(length: int, steps: int, chance: float, draws: Draws) -> Ints:
    """Which of `length` returns comes at each step [steps]: a new block with the given chance, else the next one."""
    events = np.arange(steps)
    opens = draws.uniform("bootstrap block opens", MARKET, events) < chance
    opens[:1] = True
    place = (draws.uniform("bootstrap block begins at", MARKET, events) * length).astype(np.int64)
    opened = np.maximum.accumulate(np.where(opens, events, 0))
    return (place[opened] + events - opened) % length


def _bridge(coarse: Floats, nodes: Ints, ticks: Ints, asset: AssetSpec, volatility: float, draws: Draws) -> Floats:
    """The log path at the ticks, through `coarse` at the nodes; ticks and nodes are microseconds."""
    grid = np.union1d(nodes, ticks)
    market = draws.normal("bootstrap bridge of the market", MARKET, grid[1:])
    own = draws.normal("bootstrap bridge of a coin", asset.name, grid[1:])
    steps = np.sqrt(np.diff(grid) / SECOND) * (asset.loading * market + math.sqrt(1.0 - asset.loading**2) * own)
    free = np.append(0.0, volatility * np.cumsum(steps))
    left = np.minimum(np.searchsorted(nodes, ticks, side="right") - 1, len(nodes) - 2)
    part = (ticks - nodes[left]) / (nodes[left + 1] - nodes[left])
    pinned = free[np.searchsorted(grid, nodes)]
    noise = free[np.searchsorted(grid, ticks)] - pinned[left] - part * (pinned[left + 1] - pinned[left])
    path: Floats = coarse[left] + part * (coarse[left + 1] - coarse[left]) + noise
    return path
