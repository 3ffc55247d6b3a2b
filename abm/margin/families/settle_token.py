"""Weights with a settle token: perpetuals count in the balance of the token that they settle in (Mango v4).

    position = size * (price * (1 -+ base weight) - entry), long and short, less funding; above zero: times overall weight
    balance  = what is held of a token + the positions that settle in it
    health   = sum of balance * price * (asset weight where above zero, liability weight where below)

Initial health takes initial weights, scaled where a token's deposits or borrows are past a limit, and the worse of the
oracle's and a slow (stable) price; maintenance health its own weights and the oracle's price; the end of a liquidation
initial weights without scaling and the oracle's price.
blockworks-foundation/mango-v4, programs/mango-v4/src/health/cache.rs.

Maintenance margin is what the base weights take off the positions and what liability weights add to balances below zero;
margin equity is maintenance health with that added back.
"""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms, UnknownAsset, chosen
from abm.margin.families.settle_token_kernel import (
    Weighing,
    fill_balances_python,
    free_health_kernel,
    health_kernel,
    slope_kernel,
)
from abm.margin.families.settle_token_parameters import PerpMarket, SettleTokenParameters, Token
from abm.margin.rules.deposit_scaling import scaled_asset_weight, scaled_liability_weight
from abm.margin.rules.restore_health import quantity_to_restore_health

__all__ = ["HealthKind", "SettleToken"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HealthKind = Literal["initial", "maintenance", "end"]
"""For opening positions; below zero of which liquidation begins; above zero of which it ends."""

STEP = 0.02
"""Relative move of prices up to which `gross_sensitivity` bounds the fall."""


class SettleToken(Engine):
    """Health of tokens and of the perpetuals that settle in them."""

    Parameters = SettleTokenParameters
    lends = True

    def __init__(self, tokens: Sequence[Token], markets: Sequence[PerpMarket], settles: Ints) -> None:
        self.tokens, self.markets, self._settles = tuple(tokens), tuple(markets), settles
        self._token = _columns(tokens, ("init_asset", "maint_asset", "init_liability", "maint_liability"))
        bases = ("init_base_asset", "maint_base_asset", "init_base_liability", "maint_base_liability")
        self._market = _columns(markets, (*bases, "init_overall_asset", "maint_overall_asset", "liquidation_fee"))
        starts = [(t.deposit_scale_start, t.borrow_scale_start) for t in tokens]
        self._starts = np.array([[np.inf if s is None else s for s in pair] for pair in starts])
        self.stateful = bool(np.isfinite(self._starts).any())

    @classmethod
    def build(cls, parameters: SettleTokenParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset.

        Raises
        ------
        UnknownAsset
            The preset has no such market or coin, or a market settles in a coin that is not among them.
        """
        tokens = [parameters.settlement, *chosen(parameters.coins, coins, "collateral")]
        perps = chosen(parameters.markets, markets, "market")
        place: dict[str | None, int] = {None: 0, **{name: t for t, name in enumerate(coins, start=1)}}
        for perp in perps:
            if perp.settles_in not in place:
                raise UnknownAsset(str(perp.settles_in), "collateral", coins)
        return cls(tokens, perps, np.array([place[p.settles_in] for p in perps], dtype=np.int64))

    def _prices(self, terms: Terms) -> Floats:
        """float64[1 + H]: oracle prices of the tokens, USD; the settlement asset first."""
        return np.concatenate([[terms.known.settlement_price], terms.coin_price])

    def weighing(self, terms: Terms, kind: HealthKind) -> Weighing:
        """What everything counts in one kind of health."""
        prefix = "maint" if kind == "maintenance" else "init"
        market = {name: self._market[f"{prefix}_{name}"] for name in ("base_asset", "base_liability", "overall_asset")}
        asset, liability = self._token[f"{prefix}_asset"], self._token[f"{prefix}_liability"]
        price = self._prices(terms)
        low, high, cheap, dear = terms.price, terms.price, price, price
        if kind == "initial":
            known = terms.known
            low, high = np.minimum(low, known.stable), np.maximum(high, known.stable)
            cheap, dear = np.minimum(price, known.token_stable), np.maximum(price, known.token_stable)
            asset = scaled_asset_weight(asset, known.deposits * dear, self._starts[:, 0])
            liability = scaled_liability_weight(liability, known.borrows * dear, self._starts[:, 1])
        return Weighing(
            low * np.maximum(1.0 - terms.scale * (1.0 - market["base_asset"]), 0.0),
            high * (1.0 + terms.scale * (market["base_liability"] - 1.0)),
            market["overall_asset"], cheap * asset * np.concatenate([[1.0], terms.factor]), dear * liability,
        )  # fmt: skip

    def health(self, ledger: Ledger, terms: Terms, rows: Ints, kind: HealthKind = "maintenance") -> Floats:
        """float64[rows]: one kind of health, USD."""
        return self._weigh(ledger, terms, rows, self.weighing(terms, kind))

    def _weigh(self, ledger: Ledger, terms: Terms, rows: Ints, weighing: Weighing) -> Floats:
        return np.asarray(health_kernel(*self._columns(ledger, terms, rows), *weighing.arrays))

    def _columns(self, ledger: Ledger, terms: Terms, rows: Ints) -> tuple[NDArray[np.generic], ...]:
        """What the kernels take before the weighing."""
        return (
            np.asarray(rows, np.int64), ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.slot_funding,
            ledger.quote, ledger.coins, terms.funding, self._settles,
        )  # fmt: skip

    def _at_market(self, terms: Terms) -> Weighing:
        """Everything at its price."""
        price = self._prices(terms)
        return Weighing(terms.price, terms.price, np.ones(len(terms.price)), price, price)

    def _premium(self, terms: Terms) -> Weighing:
        """Maintenance, with a balance below zero counting what its liability weight adds, and one above it nothing."""
        weighing, price = self.weighing(terms, "maintenance"), self._prices(terms)
        return Weighing(
            weighing.long, weighing.short, weighing.overall, np.zeros(len(price)), weighing.liability - price
        )

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity at market, margin equity, initial and maintenance margin, notional."""
        health = self.health(ledger, terms, rows)
        mm = self.requirement(ledger, terms, rows).sum(axis=1) - self._weigh(ledger, terms, rows, self._premium(terms))
        equity = self._weigh(ledger, terms, rows, self._at_market(terms))
        im = health + mm - self.health(ledger, terms, rows, "initial")
        value = np.append(terms.price * self._prices(terms)[self._settles], 0.0)[ledger.slot_market[rows]]
        return Assessment(equity, health + mm, im, mm, np.asarray((np.abs(ledger.slot_size[rows]) * value).sum(axis=1)))

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """|size| * price * (what the maintenance weight takes off a long's value, or adds to a short's) by slot."""
        weighing, token = self.weighing(terms, "maintenance"), self._prices(terms)[self._settles]
        market, size = ledger.slot_market[rows], ledger.slot_size[rows]
        off = np.append((terms.price - weighing.long) * token, 0.0)[market]
        on = np.append((weighing.short - terms.price) * token, 0.0)[market]
        return np.asarray(np.abs(size) * np.where(size > 0.0, off, on))

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: maintenance health; +inf without positions and debts."""
        columns, weighing = self._columns(ledger, terms, rows), self.weighing(terms, "maintenance")
        return np.asarray(free_health_kernel(columns[0], ledger.mode, *columns[1:], *weighing.arrays))

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Each position's |size| * price at no less than its weight, at the liability value of its token, and each coin's
        balance, as it counts, at its value."""
        weighing = self.weighing(terms, "maintenance")
        _, coin = slope_kernel(*self._columns(ledger, terms, rows), *weighing.arrays)
        held = np.where(coin < 0.0, -coin * weighing.liability[1:], coin * weighing.asset[1:]).sum(axis=1)
        token = weighing.liability[self._settles] * np.where(self._settles > 0, 1.0 + STEP, 1.0)
        most = np.append(np.maximum(weighing.short, terms.price) * token, 0.0)[ledger.slot_market[rows]]
        return np.asarray((np.abs(ledger.slot_size[rows]) * most).sum(axis=1) + held)

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """Weighted size of each position at what its token counts; weighted balance of each coin, positions included."""
        weighing = self.weighing(terms, "maintenance")
        price, coin = slope_kernel(*self._columns(ledger, terms, rows), *weighing.arrays)
        weight = np.where(price > 0.0, np.append(weighing.long / terms.price, 0.0)[ledger.slot_market[rows]], 0.0)
        weight += np.where(price < 0.0, np.append(weighing.short / terms.price, 0.0)[ledger.slot_market[rows]], 0.0)
        value = np.where(coin < 0.0, weighing.liability[1:], weighing.asset[1:]) / terms.coin_price
        return Sensitivity(np.asarray(price * weight), np.asarray(coin * value))

    def quantity_to_restore(self, ledger: Ledger, terms: Terms, row: int, slot: int) -> float:
        """Coins of a position, without sign, to close at the liquidation fee until the health that ends a liquidation is
        not below zero; all of it where less does not do.

        What is closed is settled at once, as the ledger books it.
        """
        weighing, market = self.weighing(terms, "end"), int(ledger.slot_market[row, slot])
        size, token = float(ledger.slot_size[row, slot]), int(self._settles[market])
        side = np.sign(size)
        entry = ledger.slot_entry[row, slot] - ledger.slot_funding[row, slot] + terms.funding[market]
        counts = side * ((weighing.long if size > 0.0 else weighing.short)[market] - entry)
        counts *= weighing.overall[market] if counts > 0.0 else 1.0
        paid = terms.price[market] * (1.0 - side * self._market["liquidation_fee"][market])
        balance = self._balances(ledger, terms, row, weighing)[token]
        found = quantity_to_restore_health(
            self.health(ledger, terms, np.array([row]), "end")[0], balance, weighing.asset[token],
            weighing.liability[token], side * (paid - entry) - counts, abs(size),
        )  # fmt: skip
        return float(found)

    def _balances(self, ledger: Ledger, terms: Terms, row: int, weighing: Weighing) -> Floats:
        """float64[1 + H]: balances of an account with what its positions count, tokens."""
        balance = np.zeros(len(weighing.asset))
        fill_balances_python(
            row, balance, ledger.slot_market, ledger.slot_size, ledger.slot_entry, ledger.slot_funding, ledger.quote,
            ledger.coins, terms.funding, self._settles, weighing.long, weighing.short, weighing.overall,
        )  # fmt: skip
        return balance

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash and each coin at what its balance counts, with what a balance below zero adds, and each position."""
        kept, opened = self.weighing(terms, "maintenance"), self.weighing(terms, "initial")
        balances = [self._balances(ledger, terms, row, w) for w in (kept, opened)]
        now, then = (np.where(b < 0.0, w.liability, w.asset) for b, w in zip(balances, (kept, opened), strict=True))
        added = np.maximum(-balances[0], 0.0) * (kept.liability - self._prices(terms))
        slots = np.flatnonzero(ledger.slot_market[row] >= 0)
        size, market = ledger.slot_size[row, slots], ledger.slot_market[row, slots]
        paid = size * (ledger.slot_entry[row, slots] - ledger.slot_funding[row, slots])
        held = np.concatenate([[ledger.quote[row] + paid.sum()], ledger.coins[row]])
        parts = [
            _token_part(int(t), float(held[t]), float(self._prices(terms)[t]), float(added[t]), (now[t], then[t]))
            for t in np.flatnonzero((held != 0.0) | (added != 0.0))
        ]
        needs = self.requirement(ledger, terms, np.array([row]))[0, slots]
        for k, m in enumerate(market):
            token, due = int(self._settles[m]), float(paid[k] + size[k] * terms.funding[m])
            counts, opens = (_counts(float(size[k]), due, w, int(m)) for w in (kept, opened))
            equity, mm = float((size[k] * terms.price[m] - due) * self._prices(terms)[token]), float(needs[k])
            me = counts * float(now[token]) + mm
            parts.append(Part("position", int(m), equity, me, me - opens * float(then[token]), mm))
        return tuple(parts)


def _token_part(token: int, held: float, price: float, added: float, values: tuple[float, float]) -> Part:
    """A token's own balance; `values` is what one counts for keeping and for opening positions."""
    kind: Literal["cash", "collateral", "debt"] = "cash" if token == 0 else "debt" if held < 0.0 else "collateral"
    now, then = float(values[0]), float(values[1])
    return Part(kind, token - 1, held * price, held * now + added, held * (now - then) + added, added)


def _counts(size: float, due: float, weighing: Weighing, market: int) -> float:
    """What a position counts in the token that it settles in; `due` is its entry value and funding."""
    worth = size * float((weighing.long if size > 0.0 else weighing.short)[market]) - due
    return worth * float(weighing.overall[market]) if worth > 0.0 else worth


def _columns(items: Sequence[Token] | Sequence[PerpMarket], names: Sequence[str]) -> dict[str, Floats]:
    """A parameter of all items as an array, by name."""
    return {name: np.array([getattr(item, name) for item in items], dtype=np.float64) for name in names}
