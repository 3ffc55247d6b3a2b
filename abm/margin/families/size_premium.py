"""Weights with a size premium: the larger a position or a balance, the more margin it needs a coin (Drift v2).

    collateral  = cash + profits * their weight + sum of what is held of coins * price * asset weight(size)
    requirement = sum of |size| * price * ratio(size) + sum of what is owed of coins * price * liability weight(size)

Losses count in full.  Initial margin takes initial weights, the asset weight of a coin scaled where deposits of it are past a
limit, the worse of the oracle's and a slow (five-minute) price of every token, and at most so much profit a position.
drift-labs/protocol-v2, programs/drift/src/math/margin.rs, state/perp_market.rs (`get_margin_ratio`,
`get_unrealized_asset_weight`), state/spot_market.rs (`get_asset_weight`, `get_liability_weight`).

Margin equity has debts at their price in it, and maintenance margin what their weights add.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import CROSS, Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms, chosen
from abm.margin.families.size_premium_kernel import SizeTerms, free_premium_kernel, premium_kernel
from abm.margin.families.size_premium_parameters import PremiumMarket, PremiumToken, SizePremiumParameters
from abm.margin.rules.cover_shortage import base_size_to_cover_shortage
from abm.margin.rules.deposit_scaling import scaled_asset_weight
from abm.margin.rules.size_premium import asset_weight, liability_weight

__all__ = ["SizePremium"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Kind = Literal["initial", "maintenance"]


class SizePremium(Engine):
    """Cross margin of spot balances and perpetuals; the settlement asset counts in full."""

    Parameters = SizePremiumParameters
    lends = True

    def __init__(
        self, markets: Sequence[PremiumMarket], coins: Sequence[PremiumToken], *, profit_cap: float, buffer: float
    ) -> None:
        self.markets, self.coins, self.profit_cap, self.buffer = tuple(markets), tuple(coins), profit_cap, buffer
        self._market = _columns(
            markets, ("init_ratio", "maint_ratio", "imf", "init_profit", "maint_profit", "profit_imf")
        )
        weights = ("init_asset", "maint_asset", "init_liability", "maint_liability")
        self._coin = _columns(coins, (*weights, "imf", "scale_start"))
        self._start = np.where(self._coin["scale_start"] > 0.0, self._coin["scale_start"], np.inf)
        self.stateful = bool(np.isfinite(self._start).any())

    @classmethod
    def build(cls, parameters: SizePremiumParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        return cls(
            chosen(parameters.markets, markets, "market"), chosen(parameters.coins, coins, "collateral"),
            profit_cap=np.inf if parameters.profit_cap is None else parameters.profit_cap, buffer=parameters.buffer,
        )  # fmt: skip

    def sized(self, terms: Terms, kind: Kind) -> SizeTerms:
        """Prices and weights of one kind of margin."""
        market, coin, quote, price = self._market, self._coin, terms.known.settlement_price, terms.coin_price
        if kind == "maintenance":
            profit, no_fall = market["maint_profit"], np.zeros(len(terms.price))
            return SizeTerms(
                np.stack([terms.price, terms.funding, market["maint_ratio"] * terms.scale, market["imf"] * terms.scale,
                          profit, no_fall]),
                np.stack([price * terms.factor, price, coin["maint_asset"], coin["maint_liability"], coin["imf"]]),
                np.array([quote, quote, np.inf]),
            )  # fmt: skip
        slow = terms.known.token_stable
        asset = scaled_asset_weight(coin["init_asset"], terms.known.deposits[1:] * price, self._start)
        low, high = np.minimum(price, slow[1:]), np.maximum(price, slow[1:])
        return SizeTerms(
            np.stack([terms.price, terms.funding, market["init_ratio"] * terms.scale, market["imf"] * terms.scale,
                      market["init_profit"], market["profit_imf"]]),
            np.stack([low * terms.factor, high, asset, coin["init_liability"], coin["imf"]]),
            np.array([min(quote, slow[0]), max(quote, slow[0]), self.profit_cap]),
        )  # fmt: skip

    def _at_market(self, terms: Terms) -> SizeTerms:
        """Everything at its price, and nothing required."""
        none, one, quote = np.zeros(len(terms.price)), np.ones(len(terms.price)), terms.known.settlement_price
        unit = np.ones(len(terms.coin_price))
        return SizeTerms(
            np.stack([terms.price, terms.funding, none, none, one, none]),
            np.stack([terms.coin_price, terms.coin_price, unit, unit, np.zeros(len(unit))]),
            np.array([quote, quote, np.inf]),
        )  # fmt: skip

    def _value(self, ledger: Ledger, sized: SizeTerms, rows: Ints) -> tuple[Floats, Floats]:
        """float64[rows] twice: collateral and requirement."""
        found = premium_kernel(*_of(ledger, rows), sized.market, sized.coin, sized.settlement)
        return found[0], found[1]

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity at market, collateral, initial and maintenance margin, notional."""
        equity, _ = self._value(ledger, self._at_market(terms), rows)
        collateral, mm = self._value(ledger, self.sized(terms, "maintenance"), rows)
        opened, needed = self._value(ledger, self.sized(terms, "initial"), rows)
        return Assessment(equity, collateral, collateral - (opened - needed), mm, self._notional(ledger, terms, rows))

    def _notional(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        price = np.append(terms.price, 0.0)[ledger.slot_market[rows]]
        return np.asarray((np.abs(ledger.slot_size[rows]) * price).sum(axis=1) * terms.known.settlement_price)

    def ratio(self, terms: Terms, market: NDArray[np.signedinteger[Any]], size: Floats) -> Floats:
        """Maintenance margin ratios of positions, 0 in a market of -1."""
        scale = np.append(terms.scale, 0.0)[market]
        least, imf = (np.append(self._market[name], 0.0)[market] * scale for name in ("maint_ratio", "imf"))
        return liability_weight(least, imf, np.abs(size))

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """|size| * price * maintenance ratio by slot."""
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        price = np.append(terms.price, 0.0)[market] * terms.known.settlement_price
        return np.asarray(np.abs(size) * price * self.ratio(terms, market, size))

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: collateral less maintenance requirement; +inf without positions and debts."""
        sized, columns = self.sized(terms, "maintenance"), _of(ledger, rows)
        return np.asarray(
            free_premium_kernel(columns[0], ledger.mode, *columns[1:], sized.market, sized.coin, sized.settlement)
        )

    def _coin_values(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, H]: what each balance counts for maintenance, a debt with its weight below zero, per USD of price."""
        held, coin = ledger.coins[rows], self._coin
        asset = asset_weight(coin["maint_asset"], coin["imf"], np.maximum(held, 0.0)) * terms.factor
        owed = liability_weight(coin["maint_liability"], coin["imf"], np.maximum(-held, 0.0))
        return np.asarray(held * np.where(held < 0.0, owed, asset))

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """sum |size| * price * (1 + ratio) + what balances count: free margin is linear in prices but for the weight of
        profit, which is at most that of loss."""
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        price = np.append(terms.price, 0.0)[market] * terms.known.settlement_price
        perps = np.abs(size) * price * (1.0 + self.ratio(terms, market, size))
        return np.asarray(perps.sum(axis=1) + np.abs(self._coin_values(ledger, terms, rows)) @ terms.coin_price)

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """size * weight of profit, where there is one, - |size| * ratio; weighted coins."""
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        now = np.append(terms.price - terms.funding, 0.0)[market]
        profit = size * (now - (ledger.slot_entry[rows] - ledger.slot_funding[rows]))
        weight = np.where(profit > 0.0, np.append(self._market["maint_profit"], 0.0)[market], 1.0)
        slope = (size * weight - np.abs(size) * self.ratio(terms, market, size)) * terms.known.settlement_price
        return Sensitivity(
            np.asarray(np.where(market >= 0, slope, 0.0)), self._coin_values(ledger, terms, rows)
        )  # fmt: skip

    def shortage(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: maintenance requirement with the buffer on all that is owed, less collateral, USD; 0 at least."""
        collateral, requirement = self._value(ledger, self.sized(terms, "maintenance"), rows)
        held = ledger.coins[rows]
        paid = np.where(
            ledger.slot_market[rows] >= 0,
            ledger.slot_size[rows] * (ledger.slot_entry[rows] - ledger.slot_funding[rows]),
            0.0,
        )
        cash = ledger.quote[rows] + paid.sum(axis=1)
        owed = np.maximum(-held, 0.0) @ terms.coin_price + np.maximum(-cash, 0.0) * terms.known.settlement_price
        buffered = requirement + self.buffer * (self._notional(ledger, terms, rows) + owed)
        return np.asarray(np.maximum(buffered - collateral, 0.0))

    def quantity_to_restore(self, ledger: Ledger, terms: Terms, row: int, slot: int) -> float:
        """Coins of a position, without sign, that a liquidator may take over to cover the shortage; at most all of it.

        The protocol's own rule, at the ratio of the position as it is: where the ratio falls as the position shrinks, more
        is closed than needed.
        """
        one, market, size = np.array([row]), int(ledger.slot_market[row, slot]), float(ledger.slot_size[row, slot])
        ratio = float(self.ratio(terms, np.array([market]), np.array([size]))[0])
        found = base_size_to_cover_shortage(
            self.shortage(ledger, terms, one)[0], ratio + self.buffer, self.markets[market].liquidator_fee,
            self.markets[market].insurance_fee, terms.price[market],
            terms.known.settlement_price,
        )  # fmt: skip
        return min(float(found), abs(size))

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash, each coin and each position, valued as accounts of their own: none depends on another."""
        slots, coins = np.flatnonzero(ledger.slot_market[row] >= 0), np.flatnonzero(ledger.coins[row])
        paid = ledger.slot_size[row, slots] * (ledger.slot_entry[row, slots] - ledger.slot_funding[row, slots])
        some, ids = np.arange(len(slots)) + 1, np.arange(1 + len(slots) + len(coins)) + 1
        alone = Ledger(len(terms.price), len(terms.coin_price), 1)
        alone.add(ids, ids, ids, mode=CROSS, cohort=0, now=0.0)
        for name in ("slot_market", "slot_size", "slot_entry", "slot_funding"):
            getattr(alone, name)[some, 0] = getattr(ledger, name)[row, slots]
        alone.quote[: 1 + len(slots)] = [ledger.quote[row] + paid.sum(), *-paid]
        alone.coins[1 + len(slots) + np.arange(len(coins)), coins] = ledger.coins[row, coins]
        view = self.assess(alone, terms, ids - 1)
        kinds: list[tuple[Literal["cash", "collateral", "debt", "position"], int]] = [("cash", -1)]
        kinds += [("position", int(m)) for m in ledger.slot_market[row, slots]]
        kinds += [("debt" if ledger.coins[row, h] < 0.0 else "collateral", int(h)) for h in coins]
        return tuple(
            Part(kind, index, float(view.equity[i]), float(view.margin_equity[i]), float(view.im[i]), float(view.mm[i]))
            for i, (kind, index) in enumerate(kinds)
        )


def _of(ledger: Ledger, rows: Ints) -> tuple[Ints, NDArray[np.int16], Floats, Floats, Floats, Floats, Floats]:
    """What the kernels take of a ledger."""
    return (
        np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.slot_funding,
        ledger.quote, ledger.coins,
    )  # fmt: skip


def _columns(items: Sequence[PremiumMarket] | Sequence[PremiumToken], names: Sequence[str]) -> dict[str, Floats]:
    """A parameter of all items as an array, by name."""
    return {name: np.array([getattr(item, name) for item in items], dtype=np.float64) for name in names}
