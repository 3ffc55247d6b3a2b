"""The columns and numbers that the kernels read, as named tuples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Terms
from abm.margin.portfolio.contingencies import peg_term
from abm.margin.portfolio.plan import Plan, Rates
from abm.margin.portfolio.shocks import moving_share

__all__ = ["Book", "Numbers", "book_of", "numbers_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Book(NamedTuple):
    """Columns of a ledger."""

    mode: NDArray[np.int8]
    slot_market: NDArray[np.int16]
    slot_size: Floats
    leg_series: NDArray[np.int32]
    leg_size: Floats
    quote: Floats
    coins: Floats


class Numbers(NamedTuple):
    """Prices and rates of a moment: by underlying [U], market [M] and collateral [H], in the settlement asset.

    `rates.im_factor` has the peg term in it, `scale` is a moving threshold's, `share` the part of a dated future that moves.
    """

    own: int
    offset: float
    threshold: float
    doubt_rate: float
    shock: Floats
    dampening: Floats
    skewed: NDArray[np.bool_]
    spot_up: Floats
    spot_down: Floats
    spot: Floats
    spot_confidence: Floats
    scale: Floats
    rates: Rates
    market: Ints
    price: Floats
    net: Floats
    share: Floats
    confidence: Floats
    coin: Ints
    coin_price: Floats
    coin_factor: Floats
    coin_confidence: Floats
    im_haircut: Floats
    mm_haircut: Floats


def book_of(ledger: Ledger) -> Book:
    """A ledger's columns, not copied."""
    return Book(
        ledger.mode,
        ledger.slot_market,
        ledger.slot_size,
        ledger.leg_series,
        ledger.leg_size,
        ledger.quote,
        ledger.coins,
    )


def numbers_of(plan: Plan, terms: Terms) -> Numbers:
    """Prices and rates under some terms.

    The spot of an underlying is the index of its first perpetual; a market's scale counts for its whole underlying, the
    largest where it has several.
    """
    state, feeds = terms.known, plan.parameters.feeds
    there = plan.reference >= 0
    at = np.maximum(plan.reference, 0)
    spot = np.where(there, state.index[at], 0.0) if len(state.index) else np.zeros(len(plan.names))
    sure = np.where(there, state.index_confidence[at], 1.0) if len(state.index) else np.ones(len(plan.names))
    scale = np.zeros(len(plan.names))
    np.maximum.at(scale, plan.market_underlying, terms.scale)
    peg = peg_term(state.settlement_price, feeds.peg_loss_threshold, feeds.peg_loss_factor)
    share = np.array([moving_share(s) if s > 0.0 else 1.0 for s in plan.market_seconds])
    return Numbers(
        plan.own, plan.offset, feeds.confidence_threshold, feeds.confidence_margin, plan.spot, plan.dampening,
        plan.skewed, np.array([g.spot_up for g in plan.grids]), np.array([g.spot_down for g in plan.grids]), spot, sure,
        np.where(there, scale, 1.0), plan.rates._replace(im_factor=plan.rates.im_factor + peg), plan.market_underlying, terms.price, terms.price - terms.funding, share, state.perp_confidence,
        plan.coin_underlying, terms.coin_price / state.settlement_price, terms.factor, state.coin_confidence,
        plan.im_haircut, plan.mm_haircut,
    )  # fmt: skip
