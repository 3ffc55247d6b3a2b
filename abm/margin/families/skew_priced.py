"""The skew-priced family: a pool that takes the other side at a premium for skew, margin that grows with size.

An order fills at price * (1 + (skew + size/2)/scale), which is its entry price; profit is at the price itself.  With
r = im |size|/scale + least im, a position's initial margin is |size| price r + least margin, its maintenance margin
|size| price r * mm + least margin.  Both have the reward in them that liquidating the account can cost (`keeper_reward`);
available margin is cash, profits and collateral after its discount, and an account is liquidated when it is less than
maintenance.
Synthetix v3 perps: Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/PerpsMarketConfiguration.sol
(`calculateRequiredMargins`) and PerpsAccount.sol (`getAccountRequiredMargins`).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms, chosen
from abm.margin.families.skew_priced_kernel import (
    COLLATERAL,
    EQUITY,
    IM,
    MARGIN,
    MM,
    NOTIONAL,
    REWARD,
    position_requirements,
    skew_kernel,
)
from abm.margin.families.skew_priced_parameters import Keeper, SkewMarket, SkewPricedParameters

__all__ = ["SkewPriced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SkewPriced(Engine):
    """Cross margin against a pool; one account, one liquidation of all its positions."""

    Parameters = SkewPricedParameters
    stateful = False

    def __init__(self, markets: Sequence[SkewMarket], haircuts: Sequence[float], keeper: Keeper) -> None:
        self.markets, self.keeper = tuple(markets), keeper
        self._haircut = np.array(haircuts, dtype=np.float64)
        self._market = np.array([m.row for m in markets]).reshape(-1, len(SkewMarket.COLUMNS))

    @classmethod
    def build(cls, parameters: SkewPricedParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        held = chosen(parameters.coins, coins, "collateral")
        return cls(chosen(parameters.markets, markets, "market"), [c.haircut for c in held], parameters.keeper)

    def _values(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[7, rows] of the kernel."""
        return np.asarray(
            skew_kernel(
                np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.slot_entry,
                ledger.slot_funding, ledger.quote, ledger.coins, terms.price, terms.funding, terms.scale, self._market,
                terms.coin_price, self._factor(terms), self.keeper.row,
            )
        )  # fmt: skip

    def _factor(self, terms: Terms) -> Floats:
        """float64[H]: what part of a collateral counts."""
        return np.asarray(terms.factor * (1.0 - self._haircut))

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash, each position, each collateral after its discount, the reward set aside."""
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        market, size = ledger.slot_market[row, slots], ledger.slot_size[row, slots]
        paid = size * (ledger.slot_entry[row, slots] - ledger.slot_funding[row, slots])
        cash = float(ledger.quote[row] + paid.sum())
        parts = [Part("cash", -1, cash, cash, 0.0, 0.0)]
        for k, m in enumerate(market):
            gain = float(size[k] * (terms.price[m] - terms.funding[m]) - paid[k])
            im, mm = position_requirements(float(size[k]), float(terms.price[m]), self._market[m])
            scale = float(terms.scale[m])
            parts.append(Part("position", int(m), gain, gain, im * scale, mm * scale))
        worth, factor = ledger.coins[row] * terms.coin_price, self._factor(terms)
        for h in np.flatnonzero(worth):
            counts = float(worth[h] * factor[h]) if worth[h] > 0.0 else float(worth[h])
            parts.append(Part("collateral", int(h), float(worth[h]), counts, 0.0, 0.0))
        reward = float(self._values(ledger, terms, np.array([row]))[REWARD, 0])
        if reward != 0.0:
            parts.append(Part("contingency", -1, 0.0, 0.0, reward, reward, "reward for liquidating the account"))
        return tuple(parts)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: available less maintenance margin; +inf where an account cannot breach."""
        values = self._values(ledger, terms, rows)
        quiet = (ledger.mode[rows] == SYSTEM) | ((ledger.slot_market[rows, 0] < 0) & (ledger.quote[rows] >= 0.0))
        return np.asarray(np.where(quiet, np.inf, values[MARGIN] - values[MM]))

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """sum |size| price (1 + maintenance ratio + flag reward) + sum coins price (factor + what the reward's cap
        follows); infinite where collateral could fall to nothing, as the cap jumps there."""
        rows = np.asarray(rows, np.int64)
        market = ledger.slot_market[rows]
        live, table = market >= 0, self._market[np.maximum(market, 0)] if len(self._market) else self._market
        size = np.where(live, np.abs(ledger.slot_size[rows]), 0.0)
        worth = ledger.coins[rows] * terms.coin_price
        coins, counts = np.abs(worth), np.where(worth > 0.0, self._factor(terms), 1.0)
        gross = np.sum(coins * (counts + self.keeper.max_scaling + self.keeper.collateral_ratio), axis=1)
        if len(self._market):
            price, scale = terms.price[np.maximum(market, 0)], terms.scale[np.maximum(market, 0)]
            ratio = (table[..., 0] * size + table[..., 1]) * table[..., 2] * scale
            gross += np.sum(size * price * (1.0 + ratio + table[..., 4]), axis=1)
        collateral, held = self._values(ledger, terms, rows)[COLLATERAL], coins.sum(axis=1)
        jumps = (held > 0.0) & (np.abs(collateral) <= 0.03 * held) & (self.keeper.max_reward > 0.0)
        return np.asarray(np.where(jumps, np.inf, gross))

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, available margin, initial and maintenance margin with the reward, notional."""
        values = self._values(ledger, terms, rows)
        return Assessment(values[EQUITY], values[MARGIN], values[IM], values[MM], values[NOTIONAL])

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """size - |size| r mm by slot, coins * factor; the reward held still."""
        rows = np.asarray(rows, np.int64)
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        coins = ledger.coins[rows]
        slope = np.zeros_like(size)
        if len(self._market):
            table, scale = self._market[np.maximum(market, 0)], terms.scale[np.maximum(market, 0)]
            ratio = (table[..., 0] * np.abs(size) + table[..., 1]) * table[..., 2] * scale
            slope = np.where(market >= 0, size - np.abs(size) * ratio, 0.0)
        counts = np.where(coins > 0.0, coins * self._factor(terms), coins)
        return Sensitivity(np.asarray(slope), np.asarray(counts))

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Maintenance margin by slot, the reward shared out by flag reward, or by notional where there is none."""
        rows = np.asarray(rows, np.int64)
        market = ledger.slot_market[rows]
        if not len(self._market):
            return np.zeros(market.shape)
        live, m = market >= 0, np.maximum(market, 0)
        size, table = np.where(live, np.abs(ledger.slot_size[rows]), 0.0), self._market[m]
        notional = size * terms.price[m]
        ratio = (table[..., 0] * size + table[..., 1]) * table[..., 2]
        own = np.where(live, (notional * ratio + table[..., 3]) * terms.scale[m], 0.0)
        flags = notional * table[..., 4]
        share = np.where(flags.sum(axis=1, keepdims=True) > 0.0, flags, notional)
        whole = share.sum(axis=1, keepdims=True)
        part = np.divide(share, whole, out=np.zeros_like(share), where=whole > 0.0)
        return np.asarray(own + self._values(ledger, terms, rows)[REWARD][:, None] * part)
