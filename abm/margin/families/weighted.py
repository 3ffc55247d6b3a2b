"""The weighted family: a requirement per unit of notional, one pool of collateral with haircuts.

Net collateral = quote number + sum of size * (price - funding) + sum of coins * price * (1 - haircut) * staleness;
maintenance = sum of |size| * price * mmf; initial likewise with imf, which may rise with open notional
(dYdX v4, https://github.com/dydxprotocol/v4-chain, perpetuals' liquidity tiers):
imf_eff = base + (1 - base) * clip((open notional - lower) / (upper - lower), 0, 1).
An account is liquidatable when its maintenance is positive and above its net collateral.
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Parameters, Part, Sensitivity, Terms, chosen
from abm.margin.state import MarketState

__all__ = [
    "Weighted",
    "WeightedParameters",
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


Fraction = Annotated[float, Field(gt=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class WeightedMarket(Parameters):
    """One market."""

    imf: Fraction = Field(description="initial margin fraction at little open interest")
    mmf: Fraction = Field(description="maintenance margin fraction")
    oi_lower: NonNegative = Field(0.0, description="open notional at which the initial fraction begins to rise, USD")
    oi_upper: NonNegative = Field(0.0, description="open notional at which it is one, USD; 0: it never rises")


class WeightedCoin(Parameters):
    """One collateral."""

    haircut: Annotated[float, Field(ge=0, le=1)] = Field(description="value that does not count as margin")


class WeightedParameters(Parameters):
    """Markets and collateral by asset."""

    markets: dict[str, WeightedMarket]
    coins: dict[str, WeightedCoin] = Field(default_factory=dict)


class Weighted(Engine):
    """Margin as a weighted sum; cross and isolated accounts alike (an isolated one holds one position).

    The fractions in force are in the terms, which `terms` makes of those of the markets and of what has moved them.
    """

    Parameters = WeightedParameters
    linear = True

    def __init__(self, markets: Sequence[WeightedMarket] = (), coins: Sequence[WeightedCoin] = ()) -> None:
        self._imf = np.array([m.imf for m in markets])
        self._mmf = np.array([m.mmf for m in markets])
        self._lower, self._upper = np.array([m.oi_lower for m in markets]), np.array([m.oi_upper for m in markets])
        self._haircut = np.array([c.haircut for c in coins], dtype=np.float64)
        self.stateful = bool(self._upper.any())

    @classmethod
    def build(cls, parameters: WeightedParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        return cls(chosen(parameters.markets, markets, "market"), chosen(parameters.coins, coins, "collateral"))

    def terms(
        self, price: Floats, coin_price: Floats, *, funding: Floats | None = None, state: MarketState | None = None,
        scale: Floats | None = None, haircut: Floats | None = None, stale: Floats | None = None,
    ) -> Terms:  # fmt: skip
        """Terms with the preset's fractions, initial ones at the open interest that the state tells, never below the
        maintenance ones."""
        imf, mmf = self._imf, self._mmf
        if state is not None and self._upper.any():
            imf = initial_fraction(imf, state.open_interest * price, self._lower, self._upper)
        if scale is not None:
            imf, mmf = np.minimum(imf * scale, 1.0), mmf * scale
        return Terms(
            price, np.zeros(len(price)) if funding is None else funding, np.maximum(imf, mmf), mmf, coin_price,
            self._haircut if haircut is None else haircut, np.ones(len(coin_price)) if stale is None else stale,
            scale=np.ones(len(price)) if scale is None else scale, state=state,
        )  # fmt: skip

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash, each position with its profit and requirement, each collateral after its haircut."""
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size = ledger.slot_market[row, slots], ledger.slot_size[row, slots]
        paid = ledger.entry_values(np.array([row]))[0, slots]
        profit = size * (terms.price - terms.funding)[market] - paid
        notional = np.abs(size) * terms.price[market]
        cash = float(ledger.quote[row] + paid.sum())
        parts = [Part("cash", -1, cash, cash, 0.0, 0.0)]
        for k, m in enumerate(market):
            gain = float(profit[k])
            im, mm = float(notional[k] * terms.imf[m]), float(notional[k] * terms.mmf[m])
            parts.append(Part("position", int(m), gain, gain, im, mm))
        worth = ledger.coins[row] * terms.coin_price
        for h in np.flatnonzero(worth):
            parts.append(Part("collateral", int(h), float(worth[h]), float(worth[h] * terms.factor[h]), 0.0, 0.0))
        return tuple(parts)

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
