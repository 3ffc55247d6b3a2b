"""Small engines for the tests of what works on top of any: one with options and netting, and ledgers for it."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.book import Assets, Book
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms
from abm.margin.families.weighted import Weighted, WeightedCoin, WeightedMarket
from abm.margin.options.black76 import price as black76
from abm.margin.state import MarketState, Series
from abm.margin.statement import Statement, ledger_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MARKETS, COINS = ("BTC", "ETH"), ("ETH", "USDC")
PRICE, COIN_PRICE = np.array([50_000.0, 2_000.0]), np.array([2_000.0, 1.0])
YEAR = 365 * 86_400.0


class Netting(Engine):
    """Margin is the worst loss of perpetuals and options together when one price falls or rises by 15 %, and 1 % of notional.

    Equity at market, no haircuts; it bends where the worst move turns, and a hedge lowers it.
    """

    options = True

    @classmethod
    def build(cls, parameters: Any, markets: Sequence[str], coins: Sequence[str]) -> Self:
        return cls()

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        base = self._market_value(ledger, terms, rows)
        needed = np.zeros(len(rows))
        for m in range(len(terms.price)):
            losses = [base - self._market_value(ledger, terms, rows, m, move) for move in (0.85, 1.15)]
            needed += np.maximum(np.maximum(*losses), 0.0)
        market = ledger.slot_market[rows]
        notional = (np.abs(ledger.slot_size[rows]) * np.append(terms.price, 0.0)[market]).sum(axis=1)
        notional += (
            np.abs(ledger.leg_size[rows]) * np.append(terms.known.series.forward, 0.0)[ledger.leg_series[rows]]
        ).sum(axis=1)
        equity = base + ledger.coins[rows] @ terms.coin_price
        needed += 0.01 * notional
        return Assessment(equity, equity, 1.5 * needed, needed, notional)

    def _market_value(self, ledger: Ledger, terms: Terms, rows: Ints, moved: int = -1, move: float = 1.0) -> Floats:
        """Cash, perpetuals and options, with one market's price multiplied."""
        factor = np.ones(len(terms.price))
        if moved >= 0:
            factor[moved] = move
        price = np.append(terms.price * factor - terms.funding, 0.0)
        value = ledger.quote[rows] + (ledger.slot_size[rows] * price[ledger.slot_market[rows]]).sum(axis=1)
        s = terms.known.series
        if len(s):
            worth = black76(s.forward * factor[s.underlying], s.strike, s.seconds / YEAR, s.vol, 1.0, s.call)
            value = value + (ledger.leg_size[rows] * np.append(worth, 0.0)[ledger.leg_series[rows]]).sum(axis=1)
        return np.asarray(value)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        idle = (ledger.slot_market[rows] < 0).all(axis=1) & (ledger.leg_series[rows] < 0).all(axis=1)
        idle &= (ledger.quote[rows] >= 0.0) & (ledger.coins[rows] >= 0.0).all(axis=1)
        quiet = idle | (ledger.mode[rows] == SYSTEM)
        return np.where(quiet, np.inf, self.assess(ledger, terms, rows).free_margin)

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        raise NotImplementedError

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        raise NotImplementedError

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        raise NotImplementedError

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        raise NotImplementedError


def weighted() -> Weighted:
    """3 % and 5 % maintenance, ETH as collateral with a haircut of 10 %."""
    markets = [WeightedMarket(imf=0.05, mmf=0.03), WeightedMarket(imf=0.1, mmf=0.05)]
    return Weighted(markets, [WeightedCoin(haircut=0.1), WeightedCoin(haircut=0.0)])


def series(strikes: Sequence[tuple[float, bool]] = ((50_000.0, True), (50_000.0, False)), days: float = 30.0) -> Series:
    """Options on BTC with a volatility of 60 %, by strike and whether it is a call."""
    n = len(strikes)
    return Series(
        np.zeros(n, np.int16), np.array([c for _, c in strikes]), np.array([k for k, _ in strikes]),
        np.full(n, days * 86_400.0), np.full(n, 50_000.0), np.zeros(n), np.full(n, 0.6), np.ones(n), np.ones(n), np.ones(n),
    )  # fmt: skip


def book(statements: Sequence[Statement], engine: Engine | None = None, options: Series | None = None) -> Book:
    """Accounts in BTC and ETH with ETH and USDC as collateral, USDC standing still."""
    made = engine if engine is not None else weighted()
    terms = made.terms(PRICE, COIN_PRICE, state=MarketState.quiet(PRICE, COIN_PRICE, options))
    assets = Assets.of(MARKETS, COINS, still=("USDC",))
    return Book(made, ledger_of(statements, MARKETS, COINS), terms, np.arange(len(statements)), assets)
