"""Inverse contracts: worth one USD each, margined and settled in the coin (Bybit inverse, Deribit inverse).

Profit of Q contracts (signed, USD) from E to P = Q * (1 / E - 1 / P) coins, linear in -1 / P.  So the ledger carries prices
as -1 / P (`carried`): its quote number, its mean entry (harmonic, as these exchanges compute it) and its profits are then
those of every other market.  A `Statement` and the terms have prices in USD; funding, cash and all that an assessment says
are in the coin, funding per contract.  An account is one coin's.

Requirement of a position worth v coins, at its entry price (Bybit) or at the price (Deribit):
v * (rate(t) + slope * v) - amount(t) + the fee for closing at its bankruptcy price, the account's equity behind it.
Liquidation and bankruptcy price of a single position are Bybit's (abm/margin/rules/inverse.py).
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from abm.ledger import Ledger
from abm.margin.engine import Assessment, Engine, Parameters, Part, Sensitivity, Terms, chosen
from abm.margin.families.inverse_kernels import (
    assess_kernel,
    free_margin_kernel,
    mixed,
    requirement_kernel,
)
from abm.margin.families.tiered import EDGE, refuse_options
from abm.margin.refusal import RefusedAccount
from abm.margin.rules.least_quantity import least_quantity
from abm.margin.tiers import Schedule, check_tiers, tier_at

__all__ = ["Inverse", "InverseMarket", "InverseParameters"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rate = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class InverseMarket(Parameters):
    """One market."""

    coin: str = Field(min_length=1, description="coin that it is margined and settled in")
    tiers: tuple[tuple[NonNegative, Rate, Rate], ...] = Field(
        min_length=1, description="by tier: position value at which it starts, coins; maintenance rate; initial rate"
    )
    maintenance_slope: NonNegative = Field(0.0, description="added to the maintenance rate per coin of the position")
    initial_slope: NonNegative = Field(0.0, description="added to the initial rate per coin of the position")
    taker_fee: Rate = Field(0.0, description="fee for closing at the bankruptcy price, part of the requirement")

    @field_validator("tiers")
    @classmethod
    def _in_order(cls, tiers: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
        check_tiers(*zip(*tiers, strict=True))
        return tiers


class InverseParameters(Parameters):
    """Markets by asset; there is no collateral but the coin."""

    basis: Literal["price", "entry"] = Field(description="price at which a position's value in coins is taken")
    markets: dict[str, InverseMarket]


class Inverse(Engine):
    """Contracts in USD, margin in the coin.

    Parameters
    ----------
    coin
        The coin of each market.
    slopes : float64[3, M]
        Maintenance rate and initial rate added per coin of position, and taker fee.
    """

    Parameters = InverseParameters
    coin_settled = True
    stateful = False
    worldly = False

    stateful = False

    worldly = False

    def __init__(self, coin: Sequence[str], schedule: Schedule, slopes: Floats, *, by_entry: bool) -> None:
        names = sorted(set(coin))
        self.coin = np.array([names.index(c) for c in coin], dtype=np.int64)
        self.schedule, self.by_entry = schedule, by_entry
        self.slope, self.initial_slope, self.fee = slopes

    @classmethod
    def build(cls, parameters: InverseParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        found = chosen(parameters.markets, markets, "market")
        chosen({}, coins, "collateral")
        slopes = np.array([[m.maintenance_slope, m.initial_slope, m.taker_fee] for m in found], dtype=np.float64)
        return cls(
            [m.coin for m in found], Schedule.of([m.tiers for m in found]), slopes.reshape(-1, 3).T.copy(),
            by_entry=parameters.basis == "entry",
        )  # fmt: skip

    def carried(self, price: Floats) -> Floats:
        """-1 / price: what profit in coins is linear in."""
        return np.asarray(-1.0 / price)

    def _checked(self, ledger: Ledger, rows: Ints) -> Ints:
        """The rows, none of which holds options or two coins."""
        rows = np.asarray(rows, np.int64)
        refuse_options(ledger, rows)
        if (row := mixed(rows, ledger.slot_market, self.coin)) >= 0:
            account = int(ledger.id[row])
            raise RefusedAccount(
                int(row), account, "positions", "holds contracts of two coins; give every coin an account"
            )
        return rows

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin, coins; +inf where an account cannot breach."""
        s = self.schedule
        return np.asarray(
            free_margin_kernel(
                self._checked(ledger, rows), ledger.mode, ledger.slot_market, ledger.slot_size, ledger.slot_entry,
                ledger.quote, terms.price, terms.funding, terms.scale, s.floor, s.maintenance, s.amount, self.slope,
                self.fee, self.by_entry,
            )
        )  # fmt: skip

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, margin equity, initial and maintenance margin, notional, in coins.

        Raises
        ------
        ValueError
            An account holds options, or contracts of two coins.
        """
        s = self.schedule
        return Assessment(
            *assess_kernel(
                self._checked(ledger, rows), ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.quote,
                terms.price, terms.funding, terms.scale, s.floor, s.maintenance, s.amount, self.slope, s.initial,
                self.initial_slope, self.fee, self.by_entry,
            )
        )  # fmt: skip

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Infinite: funding is in coins here, and no move of it bounds the fall as a relative move of the price."""
        return np.full(len(rows), np.inf)

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: maintenance margin by slot, coins."""
        return self._required(ledger, terms, rows, self.schedule.maintenance, self.schedule.amount, self.slope)

    def _required(
        self, ledger: Ledger, terms: Terms, rows: Ints, rate: Floats, amount: Floats, slope: Floats
    ) -> Floats:
        return np.asarray(
            requirement_kernel(
                self._checked(ledger, rows), ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.quote,
                terms.price, terms.funding, terms.scale, self.schedule.floor, rate, amount, slope, self.fee,
                self.by_entry,
            )
        )  # fmt: skip

    def _closing(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Ints, Floats, Floats, Floats]:
        """Markets, sides, values at the price, and scaled shares of (value + side * equity) that the fee takes, by slot."""
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size = ledger.slot_market[row, slots].astype(np.int64), ledger.slot_size[row, slots]
        side = np.where(size > 0.0, 1.0, -1.0)
        share = terms.scale[market] * self.fee[market] / (1.0 + side * self.fee[market])
        return market, side, np.abs(size) / terms.price[market], share

    def _marginal(self, market: int, value: float) -> float:
        """Maintenance per coin of value, at a value and just below it."""
        tier = tier_at(self.schedule.floor, market, np.nextafter(value, 0.0))
        return float(self.schedule.maintenance[market, tier] + 2.0 * self.slope[market] * value)

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """Coins of free margin per USD of each price; there is no other collateral."""
        rows = self._checked(ledger, rows)
        result = np.zeros((len(rows), ledger.slots))
        for i, row in enumerate(rows.tolist()):
            market, side, value, share = self._closing(ledger, terms, row)
            equity = float(self.assess(ledger, terms, np.array([row])).equity[0])
            active = np.where(value + side * equity > 0.0, share, 0.0)
            gain = side * value / terms.price[market]
            slope = gain * (1.0 - np.sum(active * side)) + active * value / terms.price[market]
            if not self.by_entry:
                rate = [self._marginal(int(m), float(v)) for m, v in zip(market, value, strict=True)]
                slope += terms.scale[market] * np.array(rate) * value / terms.price[market]
            result[i, : len(market)] = slope
        return Sensitivity(price=result, coin=np.zeros_like(ledger.coins[rows]))

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash and each position with its profit and requirements, in coins."""
        s, only = self.schedule, np.array([row])
        im = self._required(ledger, terms, only, s.initial, np.zeros_like(s.amount), self.initial_slope)[0]
        mm = self.requirement(ledger, terms, only)[0]
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size = ledger.slot_market[row, slots], ledger.slot_size[row, slots]
        paid = size * (ledger.slot_entry[row, slots] - ledger.slot_funding[row, slots])
        gain = size * (self.carried(terms.price) - terms.funding)[market] - paid
        cash = float(ledger.quote[row] + paid.sum())
        positions = [
            Part("position", int(m), float(gain[k]), float(gain[k]), float(im[slots[k]]), float(mm[slots[k]]))
            for k, m in enumerate(market)
        ]
        return (Part("cash", -1, cash, cash, 0.0, 0.0), *positions)

    def bankruptcy_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: price at which a position's share of equity pays the fee for closing it, and no more.

        (1 + side * fee) * Q / (Q / price + side * s * equity), s its share of maintenance; infinite where no price is so
        high, nan in a free slot.
        """
        part, market = self.requirement(ledger, terms, rows), ledger.slot_market[rows]
        total = part.sum(axis=1, keepdims=True)
        share = np.divide(part, total, out=np.zeros_like(part), where=total > 0.0)
        size, m = np.where(market >= 0, ledger.slot_size[rows], np.nan), np.maximum(market, 0)
        below = np.abs(size) / terms.price[m]
        below = below + np.sign(size) * share * self.assess(ledger, terms, rows).equity[:, None]
        paid = (1.0 + np.sign(size) * self.fee[m]) * np.abs(size)
        found = np.divide(paid, below, out=np.full(size.shape, np.inf), where=below > 0.0)
        return np.where(np.isnan(size), np.nan, found)

    def liquidation_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: price of each market at which free margin is zero, the rest and its requirement held still.

        nan in a free slot, and where no price does it.
        """
        view = self.assess(ledger, terms, rows)
        free, market = view.margin_equity - view.mm, ledger.slot_market[rows]
        result = np.full(market.shape, np.nan)
        for i, k in zip(*np.nonzero(market >= 0), strict=True):
            m, size = int(market[i, k]), float(ledger.slot_size[rows[i], k])
            value, side = abs(size) / terms.price[m], np.sign(size)
            if self.by_entry:
                left = value + side * free[i]
            else:
                left = self._value_at_zero(terms, m, side, float(free[i] + side * value), value)
            result[i, k] = abs(size) / left if left > 0.0 else np.nan
        return result

    def _value_at_zero(self, terms: Terms, market: int, side: float, reach: float, value: float) -> float:
        """A position's least value in coins at which free margin is zero where its requirement moves with it; nan if none.

        Free margin at value v is reach + maintenance(value) - side * v - maintenance(v), quadratic in each tier; the fee
        for closing stands still with the price.
        """
        s, scale, found = self.schedule, float(terms.scale[market]), np.nan
        for t in range(s.floor.shape[1]):
            top = s.floor[market, t + 1] if t + 1 < s.floor.shape[1] else np.inf
            linear = scale * s.maintenance[market, t] + side
            constant = reach + scale * (self._own(market, value) + s.amount[market, t])
            for root in _roots(scale * float(self.slope[market]), float(linear), float(constant)):
                inside = s.floor[market, t] * (1.0 - EDGE) <= root <= top * (1.0 + EDGE)
                if inside and root > 0.0 and not root >= found:
                    found = root
        return float(found)

    def quantity_to_restore(
        self, ledger: Ledger, terms: Terms, row: int, slot: int, target: float, penalty: float = 0.0
    ) -> float:
        """Least to close of one position, in contracts (USD), so that free margin is `target` times maintenance.

        Closed at the terms' price less `penalty` of the value; the whole where less does not do, or nothing is left.
        """
        view = self.assess(ledger, terms, np.array([row]))
        equity, whole = float(view.equity[0]), abs(float(ledger.slot_size[row, slot]))
        if equity <= 0.0:
            return whole
        market, side, value, share = self._closing(ledger, terms, row)
        m, price = int(market[slot]), float(terms.price[market[slot]])
        worth = -float(ledger.slot_entry[row, slot]) if self.by_entry else 1.0 / price
        part = self.requirement(ledger, terms, np.array([row]))[0, : len(market)]
        rest = float(np.sum(part - share * np.maximum(value + side * equity, 0.0)))
        own = self._own(m, whole * worth)

        def health(closed: float) -> tuple[float, float]:
            left, lost = (whole - closed) * worth, penalty / price
            now = value.copy()
            now[slot] = (whole - closed) / price
            fees = now + side * (equity - lost * closed)
            active = np.where(fees > 0.0, share, 0.0)
            kept = rest + terms.scale[m] * (self._own(m, left) - own) + np.sum(active * fees)
            slope = -terms.scale[m] * worth * self._marginal(m, left) - np.sum(active * side) * lost
            slope -= active[slot] / price
            gone = equity - lost * closed - (1.0 + target) * kept
            return float(gone), float(-lost - (1.0 + target) * slope)

        return least_quantity(health, whole)

    def _own(self, market: int, value: float) -> float:
        """Maintenance of a position of a value, coins, before scale and fee."""
        s, tier = self.schedule, tier_at(self.schedule.floor, market, value)
        rate = s.maintenance[market, tier] + self.slope[market] * value
        return float(value * rate - s.amount[market, tier])


def _roots(square: float, linear: float, constant: float) -> list[float]:
    """Where square * v^2 + linear * v = constant, `square` >= 0; without cancellation."""
    if square == 0.0:
        return [constant / linear] if linear != 0.0 else []
    inner = linear * linear + 4.0 * square * constant
    if inner < 0.0:
        return []
    half = -0.5 * (linear + math.copysign(math.sqrt(inner), linear))
    return [half / square, -constant / half] if half != 0.0 else [0.0]
