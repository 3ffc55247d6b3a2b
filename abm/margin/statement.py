"""An account as a person writes it down, and some of them as the columns that engines value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from abm.ledger import CROSS, Ledger

__all__ = ["Leg", "Position", "Statement", "ledger_of"]


@dataclass(frozen=True, slots=True)
class Position:
    """A position: market, signed size in coins, mean entry price, and cumulative funding when it was entered."""

    market: str
    size: float
    entry: float
    funding: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """Options of one series, by its position in the list of series: signed number, mean premium paid for one."""

    series: int
    size: float
    entry: float = 0.0


@dataclass(frozen=True, slots=True)
class Statement:
    """One account.

    Attributes
    ----------
    cash
        Balance in the settlement asset before unrealised profit, options' premiums paid out of it.
    collateral
        Other collateral by asset, in coins; below zero what is owed.
    """

    cash: float = 0.0
    collateral: Mapping[str, float] = field(default_factory=dict)
    positions: Sequence[Position] = ()
    legs: Sequence[Leg] = ()
    category: int = 0


Floats = NDArray[np.float64]


def as_it_is(price: Floats) -> Floats:
    """A price carried as the price."""
    return price


def ledger_of(
    statements: Sequence[Statement],
    markets: Sequence[str],
    coins: Sequence[str],
    carried: Callable[[Floats], Floats] = as_it_is,
) -> Ledger:
    """Accounts in the rows 0, 1, ... with the ids 1, 2, ...; open interest and skew are theirs alone.

    Parameters
    ----------
    carried
        What the ledger carries an entry price as: `Engine.carried` of the engine that will value them.

    Raises
    ------
    KeyError
        A market or a collateral is not in the lists.
    """
    at = {name: i for i, name in enumerate(markets)}
    place = {name: i for i, name in enumerate(coins)}
    slots = max([1, *(len(s.positions) for s in statements)])
    legs = max([0, *(len(s.legs) for s in statements)])
    made = Ledger(len(markets), len(coins), slots, legs)
    ids = np.arange(1, len(statements) + 1)
    made.add(ids, ids, ids - 1, mode=CROSS, cohort=0, now=0.0)
    for row, account in enumerate(statements):
        entries = carried(np.array([p.entry for p in account.positions], dtype=np.float64)).tolist()
        made.quote[row] = account.cash - sum(
            p.size * (entry - p.funding) for p, entry in zip(account.positions, entries, strict=True)
        )
        made.category[row] = account.category
        for asset, amount in account.collateral.items():
            made.coins[row, place[asset]] = amount
        for k, p in enumerate(account.positions):
            market = at[p.market]
            made.slot_market[row, k], made.slot_size[row, k] = market, p.size
            made.slot_entry[row, k], made.slot_funding[row, k] = entries[k], p.funding
            made.skew[market] += p.size
            made.long_interest[market] += max(p.size, 0.0)
            made.gross[market] += abs(p.size)
        for k, leg in enumerate(account.legs):
            made.leg_series[row, k], made.leg_size[row, k], made.leg_entry[row, k] = leg.series, leg.size, leg.entry
    return made
