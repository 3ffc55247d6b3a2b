"""Health of accounts whose perpetuals settle in tokens, by row."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM

__all__ = [
    "Weighing",
    "fill_balances",
    "fill_balances_python",
    "free_health_kernel",
    "free_health_kernel_python",
    "health_kernel",
    "health_kernel_python",
    "slope_kernel",
    "slope_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Weighing:
    """What things count in one kind of health.

    Attributes
    ----------
    long, short : float64[M]
        Price times weight of a coin that is held long and short, in the token that the market settles in.
    overall : float64[M]
        Part of a position that counts above zero.
    asset, liability : float64[1 + H]
        Price times weight of a token held and owed, USD; the settlement asset first.
    """

    long: Floats
    short: Floats
    overall: Floats
    asset: Floats
    liability: Floats

    @property
    def arrays(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """As the kernels take them."""
        return self.long, self.short, self.overall, self.asset, self.liability


def fill_balances_python(
    row: int, balance: Floats, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats,
    slot_funding: Floats, quote: Floats, coins: Floats, funding: Floats, settles: Ints, long: Floats, short: Floats,
    overall: Floats,
) -> None:  # fmt: skip
    """Fill float64[1 + H] with each token's balance and what the positions that settle in it count, tokens."""
    balance[0] = quote[row]
    for h in range(coins.shape[1]):
        balance[1 + h] = coins[row, h]
    for k in range(slot_market.shape[1]):
        m = slot_market[row, k]
        if m < 0:
            break
        size = slot_size[row, k]
        paid = size * (slot_entry[row, k] - slot_funding[row, k])
        balance[0] += paid
        worth = size * ((long[m] if size > 0.0 else short[m]) - funding[m]) - paid
        balance[settles[m]] += worth * overall[m] if worth > 0.0 else worth


fill_balances = njit(cache=True)(fill_balances_python)


def health_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, funding: Floats, settles: Ints, long: Floats, short: Floats, overall: Floats,
    asset: Floats, liability: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: the balances, each at what it counts above or below zero, USD."""
    result, balance = np.zeros(len(rows)), np.zeros(len(asset))
    for i in range(len(rows)):
        fill_balances(
            rows[i], balance, slot_market, slot_size, slot_entry, slot_funding, quote, coins, funding, settles, long,
            short, overall,
        )  # fmt: skip
        for t in range(len(balance)):
            result[i] += balance[t] * (liability[t] if balance[t] < 0.0 else asset[t])
    return result


health_kernel = njit(cache=True)(health_kernel_python)


def free_health_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats,
    slot_funding: Floats, quote: Floats, coins: Floats, funding: Floats, settles: Ints, long: Floats, short: Floats,
    overall: Floats, asset: Floats, liability: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: the same; +inf for system accounts and those without positions and debts."""
    result, balance = np.zeros(len(rows)), np.zeros(len(asset))
    for i in range(len(rows)):
        row = rows[i]
        owes = slot_market[row, 0] >= 0 or quote[row] < 0.0
        for h in range(coins.shape[1]):
            owes = owes or coins[row, h] < 0.0
        if mode[row] == SYSTEM or not owes:
            result[i] = np.inf
            continue
        fill_balances(
            row, balance, slot_market, slot_size, slot_entry, slot_funding, quote, coins, funding, settles, long,
            short, overall,
        )  # fmt: skip
        for t in range(len(balance)):
            result[i] += balance[t] * (liability[t] if balance[t] < 0.0 else asset[t])
    return result


free_health_kernel = njit(cache=True)(free_health_kernel_python)


def slope_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, slot_entry: Floats, slot_funding: Floats,
    quote: Floats, coins: Floats, funding: Floats, settles: Ints, long: Floats, short: Floats, overall: Floats,
    asset: Floats, liability: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """float64[rows, K], float64[rows, H]: change of health per unit of each position's weighted price, and of each coin's
    asset and liability value alike (the balance as it counts, coins)."""
    price, coin = np.zeros((len(rows), slot_market.shape[1])), np.zeros((len(rows), coins.shape[1]))
    balance = np.zeros(len(asset))
    for i in range(len(rows)):
        row = rows[i]
        fill_balances(
            row, balance, slot_market, slot_size, slot_entry, slot_funding, quote, coins, funding, settles, long,
            short, overall,
        )  # fmt: skip
        for h in range(coins.shape[1]):
            coin[i, h] = balance[1 + h]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size, t = slot_size[row, k], settles[m]
            worth = size * ((long[m] if size > 0.0 else short[m]) - funding[m])
            worth -= size * (slot_entry[row, k] - slot_funding[row, k])
            price[i, k] = size * (overall[m] if worth > 0.0 else 1.0) * (liability[t] if balance[t] < 0.0 else asset[t])
    return price, coin


slope_kernel = njit(cache=True)(slope_kernel_python)
