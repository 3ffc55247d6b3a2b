"""Free margin of a million accounts with three positions each under the weighted families: seconds, on one core.

    python benchmarks/weighted_margin.py [ACCOUNTS]

The target is 30 ms for a million accounts, in each of dYdX v4 (weighted), Mango v4 (settle token) and Drift v2 (size
premium).  Mango's preset has no third perpetual: one with SOL's parameters stands in.  Beside it stands one reading of
the same columns, summed by numpy.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.ledger import CROSS, Ledger
from abm.margin.families.table import FAMILIES
from abm.margin.preset import load_preset
from abm.margin.state import MarketState

TARGET = 0.030
POSITIONS = 3
PRESETS = ("dydx_v4", "mango_v4", "drift_v2")
PRICES = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0}
COIN = {"dydx_v4": (), "mango_v4": ("SOL",), "drift_v2": ("SOL",)}
"""Collateral besides the settlement asset, where the protocol has any."""


def accounts(count: int, markets: tuple[str, ...], coins: int, rng: np.random.Generator) -> Ledger:
    """Each with a position in three markets."""
    made = Ledger(len(markets), coins, POSITIONS, 0)
    ids = np.arange(1, count + 1)
    made.add(ids, ids, ids - 1, mode=CROSS, cohort=0, now=0.0)
    price = np.array([PRICES[m] for m in markets])
    for k in range(POSITIONS):
        made.slot_market[:, k] = k
        made.slot_size[:, k] = rng.normal(size=count) * 20_000.0 / price[k]
        made.slot_entry[:, k] = price[k]
    made.quote[:] = rng.uniform(0.0, 20_000.0, count) - (made.slot_size * price).sum(axis=1)
    made.coins[:] = rng.uniform(0.0, 20.0, (count, coins))
    return made


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of eleven."""
    times = []
    for _ in range(11):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def read(columns: Sequence[NDArray[Any]]) -> None:
    """Every number of some columns once."""
    for column in columns:
        np.sum(column)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    target = TARGET * count / 1_000_000
    print(f"{count:,} accounts with {POSITIONS} positions each, target {1e3 * target:.1f} ms")
    print(f"{'preset':10} {'ms':>8} {'met':>4} {'over one reading':>17} {'in breach':>10}")
    for name in PRESETS:
        preset = load_preset(name)
        known = preset.parameters.markets  # type: ignore[attr-defined]
        rules = preset.parameters.model_copy(update={"markets": {"ETH": known["SOL"]} | known})
        engine = FAMILIES[preset.family].build(rules, tuple(PRICES), COIN[name])
        ledger = accounts(count, tuple(PRICES), len(COIN[name]), np.random.default_rng(1))
        price, coin = np.array(list(PRICES.values())), np.array([PRICES[c] for c in COIN[name]])
        terms, rows = engine.terms(price, coin, state=MarketState.quiet(price, coin)), np.arange(count)
        free = engine.free_margin(ledger, terms, rows)  # compiles
        columns = (ledger.quote, ledger.slot_size, ledger.slot_market, ledger.coins, ledger.mode)
        seconds = best(partial(engine.free_margin, ledger, terms, rows))
        reading = best(partial(read, columns))
        met = "yes" if seconds <= target else "no"
        print(f"{name:10} {1e3 * seconds:8.1f} {met:>4} {seconds / reading:16.1f}x {np.count_nonzero(free < 0):10,}")


if __name__ == "__main__":
    main()
