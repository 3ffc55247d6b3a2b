"""The pool-priced family: one isolated position against a pool of liquidity.

What remains of a position when it is closed whole = collateral + profit + funding - negative price impact, capped - closing
fee; profit counts up to a part of what the pool has behind its side.  It is liquidated when that is less than the least USD
or than a part of its size at entry.  Here margin equity is what remains, and maintenance margin the larger of the two.
GMX v2: gmx-io/gmx-synthetics, contracts/position/PositionUtils.sol (`isPositionLiquidatable`).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms, chosen
from abm.margin.families.pool_priced_kernel import pool_kernel, position_costs
from abm.margin.families.pool_priced_parameters import PoolCoin, PoolMarket, PoolPricedParameters
from abm.margin.families.pool_priced_slope import impact_slope, steepest_impact, steps_within
from abm.margin.refusal import RefusedAccount

__all__ = ["PoolPriced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PoolPriced(Engine):
    """Isolated margin against a pool; an account holds one position."""

    Parameters = PoolPricedParameters
    worldly = False

    def __init__(self, markets: Sequence[PoolMarket], coins: Sequence[PoolCoin], least: float) -> None:
        self.markets, self.least = tuple(markets), least
        self._haircut = np.array([c.haircut for c in coins], dtype=np.float64)
        self._market = np.array([m.row for m in markets]).reshape(-1, len(PoolMarket.COLUMNS))

    @classmethod
    def build(cls, parameters: PoolPricedParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        held = chosen(parameters.coins, coins, "collateral")
        return cls(chosen(parameters.markets, markets, "market"), held, parameters.least_collateral)

    def _values(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[5, rows] of the kernel.

        Raises
        ------
        RefusedAccount
            An account holds more than one position.
        """
        rows = np.asarray(rows, np.int64)
        several = (ledger.slot_market[rows] >= 0).sum(axis=1) > 1
        several &= ledger.mode[rows] != SYSTEM
        if np.any(several):
            row = int(rows[np.flatnonzero(several)[0]])
            held = int((ledger.slot_market[row] >= 0).sum())
            what = f"a pool's account holds one position, this one {held}; give each an account of its own"
            raise RefusedAccount(row, int(ledger.id[row]), "positions", what)
        known = terms.known
        skew, longs = known.skew * terms.price, known.open_interest * terms.price
        interest, pool = np.stack([longs, longs - skew]), np.stack([known.pool_long, known.pool_short])
        return np.asarray(
            pool_kernel(
                rows, ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.slot_funding, ledger.quote,
                ledger.coins, terms.price, terms.funding, terms.scale, self._market, skew, interest, pool, self.least,
                terms.coin_price, self._factor(terms),
            )
        )  # fmt: skip

    def _factor(self, terms: Terms) -> Floats:
        """float64[H]: what part of a collateral counts."""
        return np.asarray(terms.factor * (1.0 - self._haircut))

    def _position(self, ledger: Ledger, rows: Ints) -> tuple[Ints, Floats, Floats]:
        """Market (0 without a position), size (0 without) and entry of each row's one position."""
        market = ledger.slot_market[rows, 0].astype(np.int64)
        size = np.where(market >= 0, ledger.slot_size[rows, 0], 0.0)
        return np.maximum(market, 0), size, ledger.slot_entry[rows, 0]

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash, collateral, the position, and what closing it costs."""
        view = self._values(ledger, terms, np.array([row]))[:, 0]
        parts = []
        worth = ledger.coins[row] * terms.coin_price
        counts = np.where(worth > 0.0, worth * self._factor(terms), worth)
        for h in np.flatnonzero(worth):
            parts.append(Part("collateral", int(h), float(worth[h]), float(counts[h]), 0.0, 0.0))
        live = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size, entry = ledger.slot_market[row, live], ledger.slot_size[row, live], ledger.slot_entry[row, live]
        paid = size * (entry - ledger.slot_funding[row, live])
        cash = float(ledger.quote[row] + paid.sum())
        profit = float(np.sum(size * (terms.price - terms.funding)[market] - paid))
        costs = [position_costs(s, e, (terms.known.skew * terms.price)[m], self._market[m])
                 for m, s, e in zip(market, size, entry, strict=True)]  # fmt: skip
        impact, fee = float(sum(c[1] for c in costs)), float(sum(c[2] for c in costs))
        cut = float(view[1] - (cash + counts.sum() + profit - impact - fee))
        index = int(market[0]) if len(market) else -1
        parts.append(Part("cash", -1, cash, cash, 0.0, 0.0))
        if len(market):
            parts.append(Part("position", index, profit, profit + cut, float(view[2]), float(view[3])))
        for amount, note in ((impact, "price impact of closing"), (fee, "fee of closing")):
            if amount != 0.0:
                parts.append(Part("contingency", index, 0.0, -amount, 0.0, 0.0, note))
        return tuple(parts)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: what remains less what must; +inf where an account cannot breach."""
        values = self._values(ledger, terms, rows)
        quiet = (ledger.mode[rows] == SYSTEM) | ((ledger.slot_market[rows, 0] < 0) & (ledger.quote[rows] >= 0.0))
        return np.asarray(np.where(quiet, np.inf, values[1] - values[3]))

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """|size| price + the steepest that the price impact can be within reach + coins price factor; infinite where
        the fee or the curve takes a step within reach, and for the protocol's own accounts with several positions."""
        rows = np.asarray(rows, np.int64)
        worth = ledger.coins[rows] * terms.coin_price
        gross = np.sum(np.abs(worth) * np.where(worth > 0.0, self._factor(terms), 1.0), axis=1)
        if not len(self._market):
            return gross
        market, size, entry = self._position(ledger, rows)
        skew, usd = (terms.known.skew * terms.price)[market], np.abs(size) * entry
        table = self._market[market]
        gross += np.abs(size) * terms.price[market] + np.abs(skew) * steepest_impact(skew, usd, table)
        steps = steps_within(skew, np.sign(size) * usd, table) & (size != 0.0)
        if ledger.slots > 1:
            steps |= ledger.slot_market[rows, 1] >= 0
        return np.asarray(np.where(steps, np.inf, gross))

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, remaining collateral, initial and maintenance margin, notional."""
        return Assessment(*self._values(ledger, terms, rows))

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """size, unless its profit is capped, and the slope of the price impact; coins * factor."""
        rows = np.asarray(rows, np.int64)
        coins = ledger.coins[rows]
        slope = np.zeros((len(rows), ledger.slots))
        if len(self._market):
            market, size, entry = self._position(ledger, rows)
            table, known = self._market[market], terms.known
            pool = np.where(size > 0.0, known.pool_long[market], known.pool_short[market])
            capped = (pool > 0.0) & (size * (terms.price[market] - entry) > table[:, 9] * pool)
            skew = known.skew[market]
            moved = impact_slope(skew * terms.price[market], size, entry, table) * skew
            slope[:, 0] = np.where(capped, 0.0, size) + np.where(size != 0.0, moved, 0.0)
        counts = np.where(coins > 0.0, coins * self._factor(terms), coins)
        return Sensitivity(slope, np.asarray(counts))

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """The larger of the least and a part of the size at entry, by slot."""
        market = ledger.slot_market[rows]
        if not len(self._market):
            return np.zeros(market.shape)
        usd = np.abs(ledger.slot_size[rows]) * ledger.slot_entry[rows]
        needed = np.maximum(self.least, usd * self._market[np.maximum(market, 0), 0])
        return np.asarray(np.where(market >= 0, needed * terms.scale[np.maximum(market, 0)], 0.0))
