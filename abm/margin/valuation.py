"""Accounts valued under a preset, without any run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Assessment, Engine, Terms
from abm.margin.families.table import FAMILIES
from abm.margin.preset import Preset
from abm.margin.state import MarketState, Series
from abm.margin.statement import Statement, ledger_of

__all__ = ["Valuation", "value"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Valuation:
    """Some accounts as an engine sees them: names of markets and collaterals, engine, ledger, terms, assessment."""

    markets: tuple[str, ...]
    coins: tuple[str, ...]
    engine: Engine
    ledger: Ledger
    terms: Terms
    view: Assessment

    def table(self) -> pl.DataFrame:
        """One row an account: equity, margin equity, im, mm, free margin, all in the settlement asset, and health."""
        view = self.view
        health = np.divide(view.margin_equity, view.mm, out=np.full(len(view.mm), np.nan), where=view.mm > 0.0)
        return pl.DataFrame(
            {
                "account": self.ledger.id,
                "equity": view.equity,
                "margin_equity": view.margin_equity,
                "im": view.im,
                "mm": view.mm,
                "free_margin": view.free_margin,
                "health": health,
            }
        ).with_columns(pl.col("health").fill_nan(None))


def value(
    preset: Preset,
    accounts: Sequence[Statement],
    prices: Mapping[str, float],
    coin_prices: Mapping[str, float] | None = None,
    *,
    family: type[Engine] | None = None,
    funding: Floats | None = None,
    series: Series | None = None,
    state: MarketState | None = None,
) -> Valuation:
    """Value accounts at some prices.

    Parameters
    ----------
    prices, coin_prices
        USD by market and by collateral; their order is that of the columns, and of what `state` holds.
    family
        Another engine for the preset's parameters, such as `Isolated.around` its own.
    funding
        Cumulative funding by market, USD a coin long; none by default.
    series
        Option series that the accounts' legs refer to, in a market where nothing else is known.
    state
        What else is known of the protocol; by default nobody else is there.

    Raises
    ------
    UnknownAsset
        The preset has no such market or collateral.
    """
    markets, coins = tuple(prices), tuple(coin_prices or {})
    price = np.array([prices[m] for m in markets], dtype=np.float64)
    coin_price = np.array([(coin_prices or {})[c] for c in coins], dtype=np.float64)
    engine = (family or FAMILIES[preset.family]).build(preset.parameters, markets, coins)
    known = state if state is not None else MarketState.quiet(price, coin_price, series)
    terms = engine.terms(price, coin_price, funding=funding, state=known)
    ledger = ledger_of(accounts, markets, coins, engine.carried)
    rows = np.arange(len(accounts))
    return Valuation(markets, coins, engine, ledger, terms, engine.assess(ledger, terms, rows))
