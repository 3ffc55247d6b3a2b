"""The endogenous share: how much of the breaches earlier liquidations had, defined here and nowhere else.

The endogenous share of one breach is the part of its fall of free margin that would be missing without the price moves
that earlier liquidations made: sum_i W_ij, which is its channels `impact` and `small`, whatever was liquidated, the
owner's own included.  It is net of support.  Not in it is what others did in answer to those prices: depth that makers
withdrew (`depth`), trades and stops (`trades`), and arbitrage that carried a price to another venue (`arbitrage`).

An account that is liquidated in part can breach again in the same fall, so a mean over breaches counts it as often as its
engine needs executions.  Events are therefore first breaches of an account in an episode; shares over all breaches stand
beside.  Weighted by notional at the breach a share says of which part of the dollars that came into breach liquidations
were the cause; unweighted, of which part of the accounts.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.contagion.exposure import Exposure
from abm.contagion.response import Floats
from abm.record import Record

__all__ = ["VIEWS", "endogenous_share", "endogenous_shares", "first_breaches", "view_weights"]

VIEWS = ("first_usd", "first", "all_usd", "all")
"""The four ways to take a mean over breaches: over first ones or all, by notional at the breach or each the same."""


def endogenous_shares(exposure: Exposure) -> Floats:
    """W' 1 by rank: the share of each breach that earlier liquidations' price moves had, f8[breaches]."""
    return exposure.share("impact")


def first_breaches(breaches: pl.DataFrame) -> NDArray[np.bool_]:
    """Whether each row of the table `breaches` is the first of its account in its episode."""
    first = pl.col("breach") == pl.col("breach").min().over("protocol", "account", "episode")
    return breaches.select(first).to_series().to_numpy()


def view_weights(record: Record) -> dict[str, Floats]:
    """Weights of the rows of `breaches` in each of VIEWS, f8[breaches]; they sum to one, or are zero without any."""
    breaches = record["breaches"]
    first, notional = first_breaches(breaches), breaches["notional"].to_numpy()
    raw = (first * notional, first * 1.0, notional, np.ones(len(breaches)))
    return {
        view: w / total if (total := float(w.sum())) > 0.0 else np.zeros(len(w))
        for view, w in zip(VIEWS, raw, strict=True)
    }


def endogenous_share(record: Record, shares: Floats) -> dict[str, float]:
    """Mean endogenous share in each of VIEWS, fraction; 0 without a breach.

    `shares` is that of each row of `breaches` (`Attribution.endogenous`).  No branching ratio: in any large cascade, near
    critical or not, most breaches have liquidations before them.
    """
    return {view: float(weight @ shares) for view, weight in view_weights(record).items()}
