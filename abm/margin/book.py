"""Some accounts of a ledger, the engine that values them, and which of their prices move with which asset.

A move is a log return by asset: x takes the price p of all that moves with the asset to p e^x.  With a market's price go
the index of its underlying and the forwards of the options on it; implied volatilities are multiplied.  What is slow stays
where it is: funding, the state's stable prices, skew, interest, pools, deposits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Terms
from abm.margin.state import MarketState
from abm.margin.valuation import Valuation

__all__ = ["Assets", "Book", "Measure", "moved"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Measure = Literal["equity", "free_margin"]
"""What comes to zero: equity at market (bankruptcy), or free margin (liquidation)."""


@dataclass(frozen=True, slots=True)
class Assets:
    """What can move, A assets, and what moves with each.

    Attributes
    ----------
    names
        Of the assets.
    market, coin : int64[M], int64[H]
        Asset of each market and of each collateral; -1: it never moves.
    markets, coins
        Names of the markets and collaterals.
    settlement
        Asset that accounts are settled in; -1: it never moves.
    """

    names: tuple[str, ...]
    markets: tuple[str, ...]
    coins: tuple[str, ...]
    market: Ints
    coin: Ints
    settlement: int = -1

    @classmethod
    def of(
        cls, markets: Sequence[str], coins: Sequence[str], *, still: Sequence[str] = (), settlement: str | None = None
    ) -> Self:
        """Assets by name: a collateral moves with the market of its name, and by itself where there is none.

        Those named `still` do not move.
        """
        names = tuple(name for name in dict.fromkeys([*markets, *coins]) if name not in still)
        at = {name: i for i, name in enumerate(names)}
        market, coin = (np.array([at.get(name, -1) for name in some], np.int64) for some in (markets, coins))
        held = at.get(settlement, -1) if settlement is not None else -1
        return cls(names, tuple(markets), tuple(coins), market, coin, held)

    def __len__(self) -> int:
        return len(self.names)

    def place(self, name: str) -> int:
        """Position of an asset.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        if name not in self.names:
            raise KeyError(f"asset {name} is unknown; known: {', '.join(self.names) or 'none'}")
        return self.names.index(name)

    def vector(self, values: Mapping[str, float], rest: float = 0.0) -> Floats:
        """float64[A] of values by name, `rest` where none is given.

        Raises
        ------
        KeyError
            There is no asset of a name.
        """
        made = np.full(len(self), rest)
        for name, value in values.items():
            made[self.place(name)] = value
        return made


def moved(
    terms: Terms, market: Floats | float = 1.0, coin: Floats | float = 1.0, *, vol: float = 1.0, settlement: float = 1.0
) -> Terms:
    """Terms with the prices of markets and collaterals, implied volatilities and the settlement asset multiplied."""
    by_market = np.broadcast_to(np.asarray(market, np.float64), terms.price.shape)
    state = terms.state
    if state is not None:
        state = _moved_state(state, by_market, vol, settlement)
    return replace(terms, price=terms.price * by_market, coin_price=terms.coin_price * coin, state=state)


def _moved_state(state: MarketState, market: Floats, vol: float, settlement: float) -> MarketState:
    series = state.series
    if len(series):
        series = replace(series, forward=series.forward * market[series.underlying], vol=series.vol * vol)
    return replace(
        state, index=state.index * market, settlement_price=state.settlement_price * settlement, series=series
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Book:
    """Accounts to look at: `rows` of `ledger`, valued by `engine` under `terms`; `assets` says what moves."""

    engine: Engine
    ledger: Ledger
    terms: Terms
    rows: Ints
    assets: Assets

    @classmethod
    def of(cls, valuation: Valuation, assets: Assets | None = None) -> Self:
        """All accounts of a valuation; every asset moves unless told otherwise."""
        known = assets if assets is not None else Assets.of(valuation.markets, valuation.coins)
        return cls(
            valuation.engine, valuation.ledger, valuation.terms, np.arange(len(valuation.ledger)), known
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def people(self) -> NDArray[np.bool_]:
        """bool[rows]: whether each is somebody's, and not the protocol's own."""
        return np.asarray(self.ledger.mode[self.rows] != SYSTEM)

    def some(self, which: Ints) -> "Book":
        """Some of the accounts, by position."""
        return replace(self, rows=self.rows[which])

    def at(self, move: Floats, vol: float = 1.0) -> Terms:
        """The terms after a move, float64[A] of log returns, implied volatilities multiplied by `vol`."""
        factor = np.append(np.exp(move), 1.0)
        assets = self.assets
        return moved(
            self.terms, factor[assets.market], factor[assets.coin], vol=vol,
            settlement=float(factor[assets.settlement]),
        )  # fmt: skip

    def assess(self, terms: Terms) -> Assessment:
        """Of all the accounts."""
        return self.engine.assess(self.ledger, terms, self.rows)

    def value(self, measure: Measure, terms: Terms, which: Ints) -> Floats:
        """float64[which]: equity, or free margin (+inf where an account cannot breach), of some of the accounts."""
        rows = self.rows[which]
        if measure == "free_margin":
            return self.engine.free_margin(self.ledger, terms, rows)
        return self.engine.assess(self.ledger, terms, rows).equity

    def along(self, measure: Measure, direction: Floats) -> Callable[[float, Ints], Floats]:
        """The measure as a function of the way gone in a direction of log returns, and of the accounts."""
        return lambda t, which: self.value(measure, self.at(t * direction), which)
