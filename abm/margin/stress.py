"""Accounts under a grid of shocks to prices, volatilities and correlations.

One factor drives the moves of a scenario: the lead asset's shock s, a relative change of its price.  It moves by all of it,
any other asset a by its beta times what its correlation rho with the lead asset leaves of it, and by a shock of its own:

    x_lead = ln(1 + s),   x_a = beta_a (rho x_lead + own sqrt(1 - rho^2) |x_lead|)

in log returns; a price is multiplied by e^x.  `own` is the other assets' own shock in units of the lead's: 0 where they
only follow it (the likeliest joint move given the lead's), -1 where they fall, and 1 where they rise, on their own account
as hard.  At rho = 1 and betas of 1 all prices change by s.  Implied volatilities are multiplied by the vol shock.
What the state calls slow (stable prices, open interest, skew, funding) stays as it is: it is a shock, not a drift.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.margin.book import Assets, Book
from abm.margin.engine import Assessment, Terms

__all__ = ["SCENARIO", "Scenario", "scenario_grid", "stress", "stress_totals"]

Floats = NDArray[np.float64]

SCENARIO = ("scenario", "price_shock", "vol_shock", "correlation", "own")
"""Columns that say which scenario a row is of."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: log returns by asset, what implied volatilities are multiplied by, and what they were made from."""

    move: Floats
    price_shock: float
    vol_shock: float = 1.0
    correlation: float = 1.0
    own: float = 0.0


def scenario_grid(
    assets: Assets,
    lead: str,
    price_shocks: Sequence[float],
    *,
    vol_shocks: Sequence[float] = (1.0,),
    correlations: Sequence[tuple[float, float]] = ((1.0, 0.0),),
    betas: Mapping[str, float] | None = None,
) -> list[Scenario]:
    """All scenarios of some shocks, prices slowest.

    Parameters
    ----------
    lead
        The asset whose price is shocked.
    price_shocks
        Relative changes of its price, above -1.
    vol_shocks
        What implied volatilities are multiplied by.
    correlations
        Pairs of rho and `own`.
    betas
        Of the other assets to the lead, 1 where none is given.

    Raises
    ------
    KeyError
        An asset is unknown.
    ValueError
        A shock is out of range.
    """
    _check(price_shocks, vol_shocks, correlations)
    first = assets.place(lead)
    beta = assets.vector(betas or {}, 1.0)
    made = []
    for price, vol, (rho, own) in product(price_shocks, vol_shocks, correlations):
        x = float(np.log1p(price))
        move = beta * (rho * x + own * np.sqrt(1.0 - rho**2) * abs(x))
        move[first] = x
        made.append(Scenario(move, price, vol, rho, own))
    return made


def _check(
    price_shocks: Sequence[float], vol_shocks: Sequence[float], correlations: Sequence[tuple[float, float]]
) -> None:  # fmt: skip
    for price in price_shocks:
        if not -1.0 < price < np.inf:
            raise ValueError(f"price shock must be above -1 and finite, got {price}")
    for vol in vol_shocks:
        if not 0.0 < vol < np.inf:
            raise ValueError(f"vol shock must be > 0 and finite, got {vol}")
    for rho, own in correlations:
        if not -1.0 <= rho <= 1.0:
            raise ValueError(f"correlation must be from -1 to 1, got {rho}")
        if not np.isfinite(own):
            raise ValueError(f"own shock must be finite, got {own}")


def stress(book: Book, scenarios: Sequence[Scenario]) -> pl.DataFrame:
    """One row a scenario and account.

    `account` is the ledger's id; `equity`, `margin_equity`, `mm`, `free_margin` and `deficit` (what equity is below zero)
    in the settlement asset.  Accounts of the protocol itself are never liquidatable.
    """
    frames = []
    for label, _, view, liquidatable in _views(book, scenarios):
        frames.append(
            pl.DataFrame(
                {
                    "account": book.ledger.id[book.rows],
                    "equity": view.equity,
                    "margin_equity": view.margin_equity,
                    "mm": view.mm,
                    "free_margin": view.free_margin,
                    "liquidatable": liquidatable,
                    "insolvent": view.equity < 0.0,
                    "deficit": np.maximum(-view.equity, 0.0),
                }
            ).select(*(pl.lit(value).alias(name) for name, value in label.items()), pl.all())
        )
    return pl.concat(frames) if frames else pl.DataFrame()


def stress_totals(book: Book, scenarios: Sequence[Scenario]) -> pl.DataFrame:
    """One row a scenario, over all accounts but the protocol's own.

    `accounts`, `liquidatable`, `insolvent` are numbers, `*_share` parts of all accounts; `liquidatable_notional` USD,
    `notional_share` its part of all notional at the scenario's prices, both settled in USD as `deficit` is, the sum of what
    equities are below zero; `worst_health` is the least margin equity over maintenance, null where none has to have any.
    """
    people = np.flatnonzero(book.people)
    some = book.some(people)
    rows = [{**label, **_totals(terms, view, hit)} for label, terms, view, hit in _views(some, scenarios)]
    return pl.DataFrame(rows)


def _totals(terms: Terms, view: Assessment, liquidatable: NDArray[np.bool_]) -> dict[str, float | None]:
    count, insolvent = len(liquidatable), view.equity < 0.0
    dollar = terms.known.settlement_price
    notional, hit = float(view.notional.sum()), float(view.notional[liquidatable].sum())
    needed = view.mm > 0.0
    return {
        "accounts": count,
        "liquidatable": int(liquidatable.sum()),
        "insolvent": int(insolvent.sum()),
        "liquidatable_share": float(liquidatable.sum()) / max(count, 1),
        "insolvent_share": float(insolvent.sum()) / max(count, 1),
        "liquidatable_notional": hit * dollar,
        "notional_share": hit / notional if notional > 0.0 else 0.0,
        "deficit": float(np.maximum(-view.equity, 0.0).sum()) * dollar,
        "worst_health": float((view.margin_equity[needed] / view.mm[needed]).min()) if needed.any() else None,
    }


Labelled = tuple[dict[str, float], Terms, Assessment, NDArray[np.bool_]]


def _views(book: Book, scenarios: Sequence[Scenario]) -> Iterator[Labelled]:
    """Of each scenario its columns, its terms, the accounts as they are then, and which can be liquidated."""
    everyone = np.arange(len(book))
    for number, s in enumerate(scenarios):
        terms = book.at(s.move, s.vol_shock)
        label = dict(
            zip(SCENARIO, (number, s.price_shock, s.vol_shock, s.correlation, s.own), strict=True)
        )  # fmt: skip
        yield label, terms, book.assess(terms), book.value("free_margin", terms, everyone) < 0.0
