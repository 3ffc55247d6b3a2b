"""How far free margin has fallen since a breach's beginning, and what of it prices, funding and rules each took.

The positions are today's.  In order: funding, haircuts and staleness at the old prices, then prices at the new rules; what
remains is of the margin requirements and of all that they depend on besides prices.  Parts and prices add up to the fall.

Where free margin is linear in prices, a price's part is its sensitivity times its move.  For other families the sensitivity
is the mean of the slopes along the straight way from the old prices to the new (Aumann and Shapley's way of sharing;
Billera and Heath 1982, Mathematics of Operations Research 7:1), and is then scaled so that prices add up to their part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.margin.book import moved
from abm.margin.engine import Terms

if TYPE_CHECKING:
    from abm.protocol.protocol import Protocol

__all__ = ["Falls", "falls"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEGENDRE = np.polynomial.legendre.leggauss(4)
NODES, WEIGHTS = (0.5 + 0.5 * _LEGENDRE[0]).tolist(), (0.5 * _LEGENDRE[1]).tolist()
"""Gauss and Legendre's places on the way, 0 to 1, and their weights."""

STEP = 1e-4
"""Of central differences, relative to the price."""


@dataclass(frozen=True, slots=True)
class Falls:
    """float64[rows] each, USD: the fall, and what of it margins, funding, haircuts and staleness took; and the sensitivity
    to each price, float64[rows, M + H], nan for a price that an account does not depend on."""

    total: Floats
    margin: Floats
    funding: Floats
    haircut: Floats
    staleness: Floats
    sensitivity: Floats


def falls(protocol: Protocol, rows: Ints, start: Ints) -> Falls:
    """Of some accounts, each since a block of the history."""
    return _linear(protocol, rows, start) if protocol.engine.linear else _revalued(protocol, rows, start)


def _linear(protocol: Protocol, rows: Ints, start: Ints) -> Falls:
    ledger, terms, history = protocol.ledger, protocol.terms, protocol.history
    m = history.markets
    market, size = ledger.slot_market[rows].astype(np.int64), ledger.slot_size[rows]
    live = market >= 0
    at = np.where(live, market, 0)
    old_price = history.price[start[:, None], at]
    old_mmf = history.mmf[start[:, None], at]
    long = np.where(live, size, 0.0)
    price, mmf = terms.price[at], terms.mmf[at]
    margin = np.sum(np.abs(long) * old_price * (mmf - old_mmf), axis=1)
    funding = np.sum(long * (terms.funding[at] - history.funding[start[:, None], at]), axis=1)
    moved_ = np.sum((long - np.abs(long) * mmf) * (old_price - price), axis=1)
    coins = ledger.coins[rows]
    old_coin, old_cut, old_stale = history.price[start, m:], history.haircut[start], history.stale[start]
    haircut = np.sum(coins * old_coin * old_stale * (terms.haircut - old_cut), axis=1)
    staleness = np.sum(coins * old_coin * (1.0 - terms.haircut) * (old_stale - terms.stale), axis=1)
    moved_ += np.sum(coins * (1.0 - terms.haircut) * terms.stale * (old_coin - terms.coin_price), axis=1)
    slopes = protocol.engine.sensitivity(ledger, terms, rows)
    sensitivity = np.full((len(rows), m + coins.shape[1]), np.nan)
    i, k = np.nonzero(live)
    sensitivity[i, market[i, k]] = slopes.price[i, k]
    j, h = np.nonzero(coins != 0.0)
    sensitivity[j, m + h] = slopes.coin[j, h]
    return Falls(moved_ + margin + funding + haircut + staleness, margin, funding, haircut, staleness, sensitivity)


def _revalued(protocol: Protocol, rows: Ints, start: Ints) -> Falls:
    """By valuing the accounts under the terms of then, changed into those of now step by step."""
    ledger, now, history = protocol.ledger, protocol.terms, protocol.history
    count = history.markets + ledger.coins.shape[1]
    total, margin, funding, haircut, staleness = np.zeros((5, len(rows)))
    result = Falls(total, margin, funding, haircut, staleness, np.full((len(rows), count), np.nan))
    for block in np.unique(start).tolist():
        some = np.flatnonzero(start == block)
        one = _since(protocol, rows[some], history.terms[block], now)
        for name in ("total", "margin", "funding", "haircut", "staleness", "sensitivity"):
            getattr(result, name)[some] = getattr(one, name)
    return result


def _since(protocol: Protocol, rows: Ints, then: Terms, now: Terms) -> Falls:
    """The falls of accounts that began under the same terms."""

    def free(terms: Terms) -> Floats:
        return protocol.engine.free_margin(protocol.ledger, terms, rows)

    before, after = free(then), free(now)
    steps = [then]
    steps.append(replace(steps[-1], funding=now.funding))
    steps.append(replace(steps[-1], haircut=now.haircut))
    steps.append(replace(steps[-1], stale=now.stale))
    levels = [before, *(free(terms) for terms in steps[1:])]
    funding, haircut, staleness = (levels[i] - levels[i + 1] for i in range(3))
    back = then.price / now.price, then.coin_price / now.coin_price
    by_price = free(moved(now, *back)) - after
    slopes = _slopes(protocol, rows, now, back)
    change = np.concatenate([now.price * (back[0] - 1.0), now.coin_price * (back[1] - 1.0)])
    told = np.nansum(slopes * change, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = by_price / told
    scale = np.where(np.isfinite(scale) & (np.abs(scale - 1.0) < 0.5), scale, 1.0)
    slopes *= scale[:, None]
    total = before - after
    margin = total - np.nansum(slopes * change, axis=1) - funding - haircut - staleness
    return Falls(total, margin, funding, haircut, staleness, slopes)


def _slopes(protocol: Protocol, rows: Ints, now: Terms, back: tuple[Floats, Floats]) -> Floats:
    """float64[rows, M + H]: mean slope of free margin by each price on the way; nan where there is none."""
    ledger, markets = protocol.ledger, len(now.price)
    made = np.zeros((len(rows), markets + len(now.coin_price)))
    for place, weight in zip(NODES, WEIGHTS, strict=True):
        at = moved(now, 1.0 + place * (back[0] - 1.0), 1.0 + place * (back[1] - 1.0))
        for column in range(made.shape[1]):
            is_market, one = column < markets, column if column < markets else column - markets
            price = (at.price if is_market else at.coin_price)[one]
            bump = np.zeros(markets if is_market else len(now.coin_price))
            bump[one] = STEP
            up, down = (_bumped(at, by, is_market) for by in (bump, -bump))
            rise = protocol.engine.free_margin(ledger, up, rows) - protocol.engine.free_margin(ledger, down, rows)
            made[:, column] += weight * rise / (2.0 * STEP * price)
    return np.where(made != 0.0, made, np.nan)


def _bumped(terms: Terms, by: Floats, is_market: bool) -> Terms:
    return moved(terms, 1.0 + by) if is_market else moved(terms, 1.0, 1.0 + by)
