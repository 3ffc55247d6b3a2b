"""What a protocol knows of itself and its markets besides prices: what some families' requirements depend on.

A family's page says which of these it reads; one that reads none ignores them all.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["MarketState", "Series"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Option series, S of them: European, on the forward, settled in cash.

    Attributes
    ----------
    underlying : int16[S]
        Market by position.
    call : bool[S]
    strike, seconds, forward, rate, vol : float64[S]
        Strike and forward in USD, seconds to expiry, continuous rate and implied volatility per year.
    forward_confidence, rate_confidence, vol_confidence : float64[S]
        How sure the feed is of each, 0 to 1.
    expiry : int64[S]
        Number of its expiry: series of one underlying and one time to expiry share it.
    """

    underlying: NDArray[np.int16]
    call: NDArray[np.bool_]
    strike: Floats
    seconds: Floats
    forward: Floats
    rate: Floats
    vol: Floats
    forward_confidence: Floats
    rate_confidence: Floats
    vol_confidence: Floats
    expiry: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        pairs = np.stack([self.underlying.astype(np.float64), self.seconds], axis=1)
        numbers = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1) if len(pairs) else np.zeros(0, np.int64)
        object.__setattr__(self, "expiry", numbers.astype(np.int64))

    def __len__(self) -> int:
        return len(self.strike)

    @classmethod
    def none(cls) -> "Series":
        """No series at all."""
        empty = np.zeros(0)
        return cls(
            np.zeros(0, np.int16), np.zeros(0, np.bool_), empty, empty, empty, empty, empty, empty, empty, empty
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarketState:
    """M markets, H collaterals; tokens are the settlement asset and then the collaterals, 1 + H.

    Attributes
    ----------
    skew, open_interest : float64[M]
        Longs less shorts, and longs, of everybody, in coins.
    index, index_confidence, perp_confidence : float64[M]
        Price of the underlying, USD, and how sure the feeds are of it and of the perpetual's, 0 to 1.
    coin_confidence : float64[H]
        The same of each collateral's price.
    stable : float64[M]
        A slow price of each market, USD.
    token_stable, deposits, borrows : float64[1 + H]
        A slow price of each token, USD; what all accounts hold and owe of it, coins.
    settlement_price : float
        Price of the settlement asset, USD.
    pool_long, pool_short : float64[M]
        What stands behind the longs' and the shorts' profits in a pool, USD.
    series : Series
        The option series that legs refer to.
    """

    skew: Floats
    open_interest: Floats
    index: Floats
    index_confidence: Floats
    perp_confidence: Floats
    coin_confidence: Floats
    stable: Floats
    token_stable: Floats
    deposits: Floats
    borrows: Floats
    settlement_price: float
    pool_long: Floats
    pool_short: Floats
    series: Series

    @classmethod
    def quiet(cls, price: Floats, coin_price: Floats, series: Series | None = None) -> "MarketState":
        """Nobody else there: no skew and no pools, slow prices and indices equal to the prices, feeds that are sure."""
        markets, coins = len(price), len(coin_price)
        tokens = np.concatenate([[1.0], coin_price])
        return cls(
            np.zeros(markets), np.zeros(markets), price, np.ones(markets), np.ones(markets), np.ones(coins), price,
            tokens, np.zeros(1 + coins), np.zeros(1 + coins), 1.0, np.zeros(markets), np.zeros(markets),
            series if series is not None else Series.none(),
        )  # fmt: skip
