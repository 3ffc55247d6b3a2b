"""Liquidation pro rata: what share of a whole account to hand over so that its margin is restored.

A bidder takes a share of everything that an account has, cash and collateral with it, for a part of the share's mark to
market (Derive's solvent Dutch auction; https://github.com/derivexyz/v2-core, src/liquidation/DutchAuction.sol,
_getMaxProportion).  Hedges are closed with what they hedge, so a share is never worse than the whole was; where the
requirement is homogeneous in the sizes the share is B / (B - d E), with B < 0 the margin that is to be restored, E equity
and d the part paid.
"""

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Engine, Terms

__all__ = ["hand_over", "share_to_hand_over"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HALVINGS = 52
"""As many as a double has digits."""


def hand_over(ledger: Ledger, rows: Ints, share: Floats, paid: Floats) -> Ledger:
    """Some of the accounts without a share of all they had, and with what was paid for it, in the settlement asset."""
    made = ledger.copy(rows)
    left = 1.0 - share
    made.quote = made.quote * left + paid
    for name in ("slot_size", "leg_size", "coins"):
        setattr(made, name, getattr(made, name) * left[:, None])
    return made


def share_to_hand_over(
    engine: Engine, ledger: Ledger, terms: Terms, rows: Ints, *, price: float = 1.0, buffer: float = 0.0
) -> Floats:
    """float64[rows]: the least share after which free margin is at least `buffer` times all that is kept back of equity.

    0 where that is so already, 1 (the whole) where nothing less restores it: an account without equity.

    Parameters
    ----------
    price
        Part of its mark to market that is paid for a share, above 0 and at most 1.
    buffer
        0: maintenance is met; what is kept back is requirement and haircuts.

    Raises
    ------
    ValueError
        `price` or `buffer` is out of range.
    """
    if not 0.0 < price <= 1.0:
        raise ValueError(f"price must be above 0 and at most 1, got {price}")
    if buffer < 0.0:
        raise ValueError(f"buffer must be >= 0, got {buffer}")
    rows = np.asarray(rows, np.int64)
    worth = np.maximum(engine.assess(ledger, terms, rows).equity, 0.0) * price
    everyone = np.arange(len(rows))

    def restored(share: Floats) -> NDArray[np.bool_]:
        view = engine.assess(hand_over(ledger, rows, share, share * worth), terms, everyone)
        return np.asarray(view.free_margin >= buffer * (view.equity - view.free_margin))

    low, high = np.zeros(len(rows)), np.ones(len(rows))
    well = restored(low)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        enough = restored(middle)
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return np.where(well, 0.0, high)
