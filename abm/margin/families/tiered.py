"""What exchanges with tiers of notional share: maintenance by tier, initial margin by bracket, one pool of collateral.

Margin equity = quote number + sum of size * (price - funding) + sum of what coins count, after haircuts by band of their
amount (abm/margin/haircuts.py) and the terms' factor; what is owed counts whole.  Maintenance of a position = n * (rate(t) + slope * |size| + fee) - amount(t), n its notional at the
price or at entry, t its tier (abm/margin/tiers.py); initial = n * (initial rate(t) + its slope * |size| + fee), without
an amount: the whole position pays the rate of its bracket.

Maintenance grows faster than size, so two accounts with half a position each need no more than one with all of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms
from abm.margin.families.tiered_kernels import (
    assess_kernel,
    charge,
    counted,
    free_margin_kernel,
    gross_kernel,
    requirement_kernel,
)
from abm.margin.haircuts import Tiers
from abm.margin.rules.least_quantity import least_quantity
from abm.margin.rules.liquidation_price import entry_liquidation_price, liquidation_price
from abm.margin.tiers import Schedule, tier_at

__all__ = ["Tiered", "refuse_options"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 0.02
"""How far prices may move, relatively, while `gross_sensitivity` vouches for the fall of free margin."""


EDGE = 1e-12
"""Relative width of a tier's ends, so that a price that rounding puts beyond both of two tiers is found in one."""


def refuse_options(ledger: Ledger, rows: Ints) -> None:
    """Raise ValueError where one of the accounts holds options, which the family has no rule for."""
    if ledger.leg_series.shape[1] and np.any(held := ledger.leg_series[rows, 0] >= 0):
        account = int(ledger.id[np.asarray(rows)[held][0]])
        raise ValueError(f"account {account} holds options, which this family does not margin; take a family that does")


def _bands(haircuts: Sequence[Tiers]) -> tuple[Floats, Floats, Floats]:
    """float64[H, B] each: start, what counts up to there, and what part of it counts, of each band of each collateral."""
    width = max([1, *(len(h.start) for h in haircuts)])
    start, base, weight = np.full((len(haircuts), width), np.inf), *np.zeros((2, len(haircuts), width))
    for h, tiers in enumerate(haircuts):
        count = len(tiers.start)
        start[h, :count], base[h, :count], weight[h, :count] = (
            tiers.start,
            tiers.value(tiers.start),
            1.0 - tiers.haircut,
        )
    return start, base, weight


class Tiered(Engine):
    """Margin by tiers of notional.

    Parameters
    ----------
    schedule
        Tiers by market.
    slopes : float64[3, M]
        Maintenance rate and initial rate added per coin of size, and taker fee in both.
    haircuts
        What each collateral counts.
    by_entry
        Whether rates apply to the notional at entry, not at the price.
    """

    stateful = False

    def __init__(
        self, schedule: Schedule, slopes: Floats, haircuts: Sequence[Tiers] = (), *, by_entry: bool = False
    ) -> None:
        self.schedule, self.by_entry = schedule, by_entry
        self.slope, self.initial_slope, self.fee = slopes
        self.bands = _bands(haircuts)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin; +inf where an account cannot breach."""
        s = self.schedule
        return np.asarray(
            free_margin_kernel(
                np.asarray(rows, np.int64), ledger.mode, ledger.slot_market, ledger.slot_size, ledger.slot_entry,
                ledger.quote, ledger.coins, terms.price, terms.funding, terms.scale, s.floor, s.maintenance, s.amount,
                self.slope, self.fee, self.by_entry, terms.coin_price, terms.factor,
                *self.bands,
            )
        )  # fmt: skip

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, margin equity, initial and maintenance margin, notional.

        Raises
        ------
        ValueError
            An account holds options.
        """
        refuse_options(ledger, rows)
        s = self.schedule
        return Assessment(
            *assess_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.quote,
                ledger.coins, terms.price, terms.funding, terms.scale, s.floor, s.maintenance, s.amount, self.slope,
                s.initial, self.initial_slope, self.fee, self.by_entry, terms.coin_price, terms.factor,
                *self.bands,
            )
        )  # fmt: skip

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """sum |size| * price * (1 + the rate of the tier within reach) + sum of what coins count, without sign."""
        s = self.schedule
        return np.asarray(
            gross_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.coins, terms.price,
                terms.scale, s.floor, s.maintenance, self.slope, self.fee, self.by_entry, REACH, terms.coin_price,
                terms.factor, self.bands[0], self.bands[2],
            )
        )  # fmt: skip

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: maintenance margin by slot."""
        return self._required(ledger, terms, rows, self.schedule.maintenance, self.schedule.amount, self.slope)

    def _required(
        self, ledger: Ledger, terms: Terms, rows: Ints, rate: Floats, amount: Floats, slope: Floats
    ) -> Floats:
        return np.asarray(
            requirement_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.slot_entry, terms.price,
                terms.scale, self.schedule.floor, rate, amount, slope, self.fee, self.by_entry,
            )
        )  # fmt: skip

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """size - scale * |size| * (rate of its tier + slope * |size| + fee) by slot; what a coin counts."""
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        relief = np.zeros_like(size)
        if not self.by_entry:
            for i, k in zip(*np.nonzero(market >= 0), strict=True):
                m, coins = int(market[i, k]), abs(float(size[i, k]))
                tier = tier_at(self.schedule.floor, m, coins * terms.price[m])
                rate = self.schedule.maintenance[m, tier] + self.slope[m] * coins + self.fee[m]
                relief[i, k] = terms.scale[m] * coins * rate
        coin, (start, _, weight) = ledger.coins[rows].copy(), self.bands
        for i, h in zip(*np.nonzero(coin > 0.0), strict=True):
            coin[i, h] *= terms.factor[h] * weight[h, tier_at(start, int(h), float(coin[i, h] * terms.coin_price[h]))]
        return Sensitivity(price=np.asarray(np.where(market >= 0, size - relief, 0.0)), coin=coin)

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash, each position with its profit and requirements, each collateral as it counts, each debt."""
        refuse_options(ledger, np.array([row]))
        s = self.schedule
        only = np.array([row])
        im = self._required(ledger, terms, only, s.initial, np.zeros_like(s.amount), self.initial_slope)[0]
        mm = self.requirement(ledger, terms, only)[0]
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size = ledger.slot_market[row, slots], ledger.slot_size[row, slots]
        paid = size * (ledger.slot_entry[row, slots] - ledger.slot_funding[row, slots])
        gain = size * (terms.price - terms.funding)[market] - paid
        cash = float(ledger.quote[row] + paid.sum())
        parts = [Part("cash", -1, cash, cash, 0.0, 0.0)]
        for k, m in enumerate(market):
            won = float(gain[k])
            parts.append(Part("position", int(m), won, won, float(im[slots[k]]), float(mm[slots[k]])))
        for h in np.flatnonzero(ledger.coins[row]):
            value = float(ledger.coins[row, h] * terms.coin_price[h])
            margin = float(counted(int(h), value, terms.factor, *self.bands))
            parts.append(Part("collateral" if value > 0.0 else "debt", int(h), value, margin, 0.0, 0.0))
        return tuple(parts)

    def liquidation_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: price of each market at which free margin is zero, others held still.

        nan in a free slot, and where no price above zero does it.
        """
        view, part = self.assess(ledger, terms, rows), self.requirement(ledger, terms, rows)
        market = ledger.slot_market[rows]
        live, m = market >= 0, np.maximum(market, 0)
        size = np.where(live, ledger.slot_size[rows], np.nan)
        price, funding, scale = terms.price[m], terms.funding[m], terms.scale[m]
        room = (view.margin_equity - view.mm)[:, None] + part - size * (price - funding)
        if self.by_entry:
            found = entry_liquidation_price(room - size * funding, size, 0.0, part)
            return np.where(found > 0.0, found, np.nan)
        result = np.full(size.shape, np.nan)
        for t in range(self.schedule.floor.shape[1]):
            rate = self.schedule.maintenance[m, t] + self.slope[m] * np.abs(size) + self.fee[m]
            found = liquidation_price(
                room - size * funding, size, 0.0, scale * rate, scale * self.schedule.amount[m, t]
            )
            ends = np.append(self.schedule.floor, np.full((len(self.schedule.floor), 1), np.inf), axis=1)[m, t + 1]
            notional = np.abs(size) * found
            inside = (notional >= self.schedule.floor[m, t] * (1.0 - EDGE)) & (notional <= ends * (1.0 + EDGE))
            result = np.where((found > 0.0) & inside & np.isnan(result), found, result)
        return result

    def quantity_to_restore(
        self, ledger: Ledger, terms: Terms, row: int, slot: int, target: float, penalty: float = 0.0
    ) -> float:
        """Least to close of one position, in coins, so that free margin is `target` times maintenance.

        Closed at the terms' price less `penalty` of the notional; the whole where less does not do, or nothing is left.
        """
        view = self.assess(ledger, terms, np.array([row]))
        m, whole = int(ledger.slot_market[row, slot]), abs(float(ledger.slot_size[row, slot]))
        if view.equity[0] <= 0.0:
            return whole
        s, price, scale = self.schedule, float(terms.price[m]), float(terms.scale[m])
        basis = float(ledger.slot_entry[row, slot]) if self.by_entry else price
        others = float(view.mm[0] - self.requirement(ledger, terms, np.array([row]))[0, slot])

        def health(closed: float) -> tuple[float, float]:
            left = whole - closed
            part = scale * charge(m, left, basis, s.floor, s.maintenance, s.amount, self.slope, self.fee)
            tier = tier_at(s.floor, m, np.nextafter(left * basis, 0.0))
            rate = s.maintenance[m, tier] + 2.0 * self.slope[m] * left + self.fee[m]
            value = view.margin_equity[0] - penalty * price * closed - (1.0 + target) * (others + part)
            return float(value), float((1.0 + target) * scale * basis * rate - penalty * price)

        return least_quantity(health, whole)
