"""The weighted family: a requirement per unit of notional, one pool of collateral with haircuts.

Net collateral = quote number + sum of size * (price - funding) + sum of coins * price * (1 - haircut) * staleness;
maintenance = sum of |size| * price * mmf; initial likewise with imf, which may rise with open notional
(dYdX v4, https://github.com/dydxprotocol/v4-chain, perpetuals' liquidity tiers):
imf_eff = base + (1 - base) * clip((open notional - lower) / (upper - lower), 0, 1).
An account is liquidatable when its maintenance is positive and above its net collateral.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Sensitivity, Terms

__all__ = [
    "Weighted",
    "assess_kernel",
    "assess_kernel_python",
    "free_margin_kernel",
    "free_margin_kernel_python",
    "initial_fraction",
    "requirement_kernel",
    "requirement_kernel_python",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def initial_fraction(base: Floats, open_notional: Floats, lower: Floats, upper: Floats) -> Floats:
    """float64[M]: the initial margin fraction at an open notional; `upper` = 0 turns the rise off (dYdX v4)."""
    width = np.where(upper > lower, upper - lower, 1.0)
    part = np.where(upper > 0, np.clip((open_notional - lower) / width, 0.0, 1.0), 0.0)
    return np.asarray(base + (1.0 - base) * part)


def free_margin_kernel_python(
    rows: Ints, mode: NDArray[np.int8], slot_market: NDArray[np.int16], slot_size: Floats, quote: Floats,
    coins: Floats, price: Floats, funding: Floats, mmf: Floats, coin_value: Floats,
) -> Floats:  # fmt: skip
    """float64[rows]: net collateral less maintenance margin; +inf for system accounts and accounts without positions
    that owe nothing."""
    result = np.empty(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        free = quote[row]
        any_position = False
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            any_position = True
            size = slot_size[row, k]
            free += size * (price[m] - funding[m]) - abs(size) * price[m] * mmf[m]
        if mode[row] == SYSTEM or (not any_position and quote[row] >= 0.0):
            result[i] = np.inf
            continue
        for h in range(coins.shape[1]):
            free += coins[row, h] * coin_value[h]
        result[i] = free
    return result


free_margin_kernel = njit(cache=True)(free_margin_kernel_python)


def gross_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, coins: Floats, weight: Floats, coin_value: Floats
) -> Floats:
    """float64[rows]: sum of |size| * weight of its market, and of coins * value."""
    result = np.zeros(len(rows))
    for i in range(len(rows)):
        row = rows[i]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            result[i] += abs(slot_size[row, k]) * weight[m]
        for h in range(coins.shape[1]):
            result[i] += coins[row, h] * coin_value[h]
    return result


gross_kernel = njit(cache=True)(gross_kernel_python)


def assess_kernel_python(
    rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, quote: Floats, coins: Floats, price: Floats,
    funding: Floats, imf: Floats, mmf: Floats, coin_price: Floats, coin_factor: Floats,
) -> Floats:  # fmt: skip
    """float64[5, rows]: equity, margin equity, initial margin, maintenance margin, notional."""
    result = np.zeros((5, len(rows)))
    for i in range(len(rows)):
        row = rows[i]
        cash = quote[row]
        for k in range(slot_market.shape[1]):
            m = slot_market[row, k]
            if m < 0:
                break
            size = slot_size[row, k]
            notional = abs(size) * price[m]
            cash += size * (price[m] - funding[m])
            result[2, i] += notional * imf[m]
            result[3, i] += notional * mmf[m]
            result[4, i] += notional
        result[0, i] = cash
        result[1, i] = cash
        for h in range(coins.shape[1]):
            coin = coins[row, h] * coin_price[h]
            result[0, i] += coin
            result[1, i] += coin * coin_factor[h]
    return result


assess_kernel = njit(cache=True)(assess_kernel_python)


def requirement_kernel_python(rows: Ints, slot_market: NDArray[np.int16], slot_size: Floats, weight: Floats) -> Floats:
    """float64[rows, K]: |size| * weight of its market, by slot."""
    result = np.zeros((len(rows), slot_market.shape[1]))
    for i in range(len(rows)):
        for k in range(slot_market.shape[1]):
            m = slot_market[rows[i], k]
            if m < 0:
                break
            result[i, k] = abs(slot_size[rows[i], k]) * weight[m]
    return result


requirement_kernel = njit(cache=True)(requirement_kernel_python)


class Weighted(Engine):
    """Margin as a weighted sum; cross and isolated accounts alike (an isolated one holds one position)."""

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin; +inf where an account cannot breach."""
        return np.asarray(
            free_margin_kernel(
                rows, ledger.mode, ledger.slot_market, ledger.slot_size, ledger.quote, ledger.coins,
                terms.price, terms.funding, terms.mmf, terms.coin_price * terms.factor,
            )
        )  # fmt: skip

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """sum |size| (1 + mmf) price + sum coins * price * (1 - haircut) * staleness."""
        return np.asarray(
            gross_kernel(
                rows, ledger.slot_market, ledger.slot_size, ledger.coins, terms.price * (1.0 + terms.mmf),
                terms.coin_price * terms.factor,
            )
        )  # fmt: skip

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, margin equity, initial and maintenance margin, notional."""
        return Assessment(
            *assess_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.quote, ledger.coins,
                terms.price, terms.funding, terms.imf, terms.mmf, terms.coin_price,
                terms.factor,
            )
        )  # fmt: skip

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """size - |size| * mmf by slot; coins * (1 - haircut) * staleness."""
        size = ledger.slot_size[rows]
        mmf = np.append(terms.mmf, 0.0)[ledger.slot_market[rows]]
        live = ledger.slot_market[rows] >= 0
        return Sensitivity(
            price=np.asarray(np.where(live, size - np.abs(size) * mmf, 0.0)),
            coin=np.asarray(ledger.coins[rows] * terms.factor),
        )

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """|size| * price * mmf by slot."""
        return np.asarray(
            requirement_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, terms.price * terms.mmf
            )
        )  # fmt: skip
