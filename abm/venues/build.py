"""The books of a scenario, in order of venue, then market."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from abm.errors import ScenarioError
from abm.scenario import Scenario
from abm.spec import MarketSpec, VenueSpec
from abm.venues.books import Book, Books
from abm.venues.depth import sample_length
from abm.venues.kernel import permanent, propagator

__all__ = ["build_books"]

Floats = NDArray[np.float64]


def build_books(scenario: Scenario, column: Callable[[str, str], int], volatility: Floats) -> Books:
    """Make the books; the first tick gives them prices.

    Parameters
    ----------
    column
        (asset, venue's price series) -> place in a row of exogenous prices.
    volatility
        f8[S], usual volatility per square root of a second, by place; 0: depth does not respond to volatility.

    Raises
    ------
    ScenarioError
        A pool lists a perpetual.
    """
    pairs = [(venue, market) for venue in scenario.venues for market in venue.markets]
    for venue, market in pairs:
        if venue.kind == "amm" and market.kind == "perp":
            raise ScenarioError(
                f"venues.{venue.name}.markets.{market.asset}", "a pool trades no perpetual", "make it spot"
            )
    interval = scenario.clock.price_interval
    columns = np.array([column(m.asset, v.series or v.name) for v, m in pairs], dtype=np.int64)
    rows = [
        _parameters(v, m, interval) | {"usual": float(volatility[i])} for (v, m), i in zip(pairs, columns, strict=True)
    ]
    kernels = [permanent() if v.kind == "amm" else propagator(v.impact.t0, v.impact.gamma) for v, _ in pairs]
    return Books(
        names=tuple(_name(v, m) for v, m in pairs),
        parameters={key: np.array([row[key] for row in rows]) for key in rows[0]},
        weights=np.array([weights for weights, _ in kernels]),
        times=np.array([times for _, times in kernels]),
        columns=columns,
        thetas=np.array(sorted({p.mark.ema for p in scenario.protocols}), dtype=np.float64),
        start=scenario.clock.start,
        interval=interval,
    )


def _name(venue: VenueSpec, market: MarketSpec) -> Book:
    kind = "amm" if venue.kind == "amm" else market.kind
    name = f"{market.asset}-PERP" if market.kind == "perp" else market.asset
    return Book(venue.name, name, market.asset, kind, venue.chain or venue.name)


def _parameters(venue: VenueSpec, market: MarketSpec, interval: float) -> dict[str, float]:
    pool = venue.kind == "amm"
    return {
        "calm_depth": market.depth,
        "spread": market.spread,
        "coefficient": venue.impact.coefficient,
        "exponent": venue.impact.exponent,
        "collar": venue.impact.collar,
        "enabled": float(venue.impact.enabled),
        "response": venue.depth.volatility_response,
        "smoothing": 1.0 - 0.5 ** (sample_length(interval) / venue.depth.volatility_halflife),
        "refill": venue.depth.refill,
        "consumed": 0.0 if pool else venue.depth.consumed,
        "fee": venue.fee,
        "pool": float(pool),
        "pool_fee": venue.amm.fee,
    }
