"""Greeks of accounts and protocols: sums over legs of size times the Greek of its series.

Deltas of two underlyings are in different coins, so every sum is kept by underlying.  Sums run in the order of the legs
and of the accounts, so a result never depends on threads or layout.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.margin.options.greeks import NAMES, greeks
from abm.margin.options.smile import YEAR
from abm.margin.state import Series

__all__ = [
    "Legs", "per_account", "per_protocol", "sheet", "sum_groups", "sum_groups_python", "sum_legs", "sum_legs_python",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Legs:
    """Option positions, one a row: account int64[n], series int64[n], signed size float64[n]."""

    account: Ints
    series: Ints
    size: Floats

    def __post_init__(self) -> None:
        if not len(self.account) == len(self.series) == len(self.size):
            raise ValueError(
                f"account, series and size must be of one length, got {len(self.account)}, {len(self.series)} "
                f"and {len(self.size)}"
            )


def sheet(series: Series) -> Floats:
    """float64[S, 15]: premium and Greeks of each series (`abm.margin.options.greeks`)."""
    return greeks(
        series.forward, series.strike, series.seconds / YEAR, series.vol, series.rate, series.call
    )  # fmt: skip


def sum_legs_python(account: Ints, series: Ints, size: Floats, underlying: Ints, table: Floats, out: Floats) -> None:
    """Add size * table[series] of each leg to `out`, float64[accounts, underlyings, columns]."""
    for i in range(len(account)):
        held, each, n = out[account[i], underlying[series[i]]], table[series[i]], size[i]
        for g in range(table.shape[1]):
            held[g] += n * each[g]


sum_legs = njit(cache=True)(sum_legs_python)


def sum_groups_python(group: Ints, values: Floats, out: Floats) -> None:
    """Add values[i] to out[group[i]]: float64[n, underlyings, columns] into float64[groups, underlyings, columns]."""
    for i in range(len(group)):
        for u in range(values.shape[1]):
            for g in range(values.shape[2]):
                out[group[i], u, g] += values[i, u, g]


sum_groups = njit(cache=True)(sum_groups_python)


def per_account(legs: Legs, table: Floats, underlying: Ints, accounts: int, underlyings: int) -> Floats:
    """float64[accounts, underlyings, 15]: Greeks held.

    `table` float64[series, 15] as `greeks` gives it, `underlying` int64[series].  ValueError where a leg names an
    account or series, or a series an underlying, that there is not.
    """
    _check("account", legs.account, accounts)
    _check("series", legs.series, len(table))
    _check("underlying", underlying, underlyings)
    if table.shape != (len(underlying), len(NAMES)):
        raise ValueError(f"table must be of shape {(len(underlying), len(NAMES))}, got {table.shape}")
    result = np.zeros((accounts, underlyings, table.shape[1]))
    sum_legs(legs.account, legs.series, legs.size, underlying, table, result)
    return result


def per_protocol(of_accounts: Floats, protocol: Ints, protocols: int) -> Floats:
    """float64[protocols, underlyings, 15]: sums of what `per_account` gives; `protocol` int64[accounts]."""
    _check("protocol", protocol, protocols)
    if len(protocol) != len(of_accounts):
        raise ValueError(f"protocol must be given for each of {len(of_accounts)} accounts, got {len(protocol)}")
    result = np.zeros((protocols, *of_accounts.shape[1:]))
    sum_groups(protocol, of_accounts, result)
    return result


def _check(name: str, index: Ints, count: int) -> None:
    """An index outside would be written past the array by the kernel."""
    wrong = np.flatnonzero((index < 0) | (index >= count))
    if len(wrong):
        raise ValueError(f"{name} must be from 0 to {count - 1}, got {index[wrong[0]]} at {wrong[0]}")
